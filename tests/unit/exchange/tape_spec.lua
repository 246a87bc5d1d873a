local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local NEVER = 0x7fffffffffffffffLL

describe("the tape", function()
  local function with_tape(use)
    local tape, input = ffi.new "tl_tape", ffi.new "uint32_t[1]"
    C.tl_tape_init(tape)
    use(tape, function()
      assert.equal(0, tonumber(C.tl_tape_add(tape, input)))
      return input[0]
    end)
    C.tl_tape_close(tape)
  end

  it("merges by time, then rank, then order of adding, as sorting does", function()
    local seed = 5
    math.randomseed(seed)
    with_tape(function(tape, add)
      local inputs = {}
      for i = 1, 37 do
        inputs[i] = { input = add(), at = math.random(20), rank = math.random(0, 2), left = 50 }
        C.tl_tape_set(tape, inputs[i].input, inputs[i].at, inputs[i].rank)
      end
      local function before(a, b)
        if a.at ~= b.at then return a.at < b.at end
        if a.rank ~= b.rank then return a.rank < b.rank end
        return a.input < b.input
      end
      for _ = 1, 37 * 51 do
        local first
        for _, one in ipairs(inputs) do if one.left > 0 and (not first or before(one, first)) then first = one end end
        if not first then break end
        local top = tape.heap[0]
        assert.same({ first.input, first.at, first.rank }, { top.input, tonumber(top.ts_ns), top.rank })
        first.left, first.at, first.rank = first.left - 1, first.at + math.random(0, 5), math.random(0, 2)
        C.tl_tape_set(tape, first.input, first.left > 0 and first.at or NEVER, first.rank)
      end
      assert.is_true(tape.heap[0].ts_ns == NEVER)
    end)
  end)
end)

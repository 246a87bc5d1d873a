local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("a heap of timers", function()
  it("gives what a sorted list gives, equal instants in the order of setting", function()
    local seed = 99
    math.randomseed(seed)
    local heap, id = ffi.new "tl_timer_heap", ffi.new "uint32_t[1]"
    native.check(C.tl_timer_heap_init(heap, 200))
    local model, serial, now = {}, 0, 0
    for step = 1, 20000 do
      local name = ("seed %d step %d"):format(seed, step)
      local which, kind = math.random(0, 199), math.random(10)
      if kind <= 6 then
        serial = serial + 1
        model[which] = { due = now + math.random(0, 50), serial = serial, id = which }
        C.tl_timer_heap_set(heap, which, model[which].due)
      elseif kind <= 8 then
        model[which] = nil
        C.tl_timer_heap_clear(heap, which)
      else
        now = now + math.random(0, 5)
        local due = {}
        for _, one in pairs(model) do if one.due <= now then due[#due + 1] = one end end
        table.sort(due, function(a, b) return a.due < b.due or (a.due == b.due and a.serial < b.serial) end)
        for _, one in ipairs(due) do
          assert.equal(one.due, tonumber(C.tl_timer_heap_next_ns(heap)), name)
          assert.is_true(C.tl_timer_heap_take(heap, now, id), name)
          assert.equal(one.id, id[0], name)
          model[one.id] = nil
        end
        assert.is_false(C.tl_timer_heap_take(heap, now, id), name)
      end
    end
    C.tl_timer_heap_close(heap)
  end)
end)

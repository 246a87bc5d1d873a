local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function new(capacity)
  local log = ffi.new "tl_input_log"
  native.check(C.tl_input_log_init(log, capacity))
  return ffi.gc(log, C.tl_input_log_close)
end

local function append(log, kind, word, tail)
  return C.tl_input_log_append(log, ffi.new("tl_event", { kind = kind, w = { word } }), tail and ffi.new("tl_event_tail", { w = { tail } }))
end

local function consume(log)
  local records = {}
  while log.begin < log["end"] do
    local slot = log.slots + bit.band(log.begin, log.mask)
    local slots = (slot.kind == C.TL_EVENT_BAR or slot.kind == C.TL_EVENT_REPORT or slot.kind == C.TL_EVENT_ACTION) and 2 or 1
    if slot.kind ~= C.TL_EVENT_NONE then
      local tail = slots == 2 and tonumber(ffi.cast("tl_event_tail *", slot + 1).w[0]) or nil
      records[#records + 1] = { tonumber(slot.sequence), tonumber(slot.w[0]), tail }
    end
    log.begin = log.begin + slots
  end
  return records
end

describe("the input log", function()
  it("keeps the order of what is appended and numbers it from 1", function()
    local log = new(8)
    append(log, C.TL_EVENT_QUOTE, 7)
    append(log, C.TL_EVENT_BAR, 8, 80)
    append(log, C.TL_EVENT_TRADE, 9)
    assert.same({ { 1, 7 }, { 2, 8, 80 }, { 3, 9 } }, consume(log))
  end)

  it("never parts a record from its tail, and refuses what does not fit", function()
    local log = new(4)
    for _ = 1, 3 do assert.is_true(append(log, C.TL_EVENT_QUOTE, 1)) end
    assert.is_false(append(log, C.TL_EVENT_BAR, 1, 1))
    assert.equal(3, #consume(log))
    assert.is_true(append(log, C.TL_EVENT_BAR, 5, 50)) -- skips the last place
    assert.same({ { 4, 5, 50 } }, consume(log))
  end)

  it("takes back what was not consumed, and gives its sequences again", function()
    local log = new(8)
    for i = 1, 3 do append(log, C.TL_EVENT_QUOTE, i) end
    log.begin = log.begin + 1
    append(log, C.TL_EVENT_BAR, 4, 40)
    assert.equal(3, C.tl_input_log_retract(log))
    assert.equal(0, C.tl_input_log_retract(log))
    append(log, C.TL_EVENT_TRADE, 9)
    assert.same({ { 2, 9 } }, consume(log))
  end)

  it("loses nothing over many rounds of records of both sizes", function()
    local seed = os.time()
    math.randomseed(seed)
    local log, sent, next_sequence = new(64), 0, 1
    for round = 1, 5000 do
      for _ = 1, math.random(0, 5) do
        local two = math.random() < 0.4
        if append(log, two and C.TL_EVENT_BAR or C.TL_EVENT_QUOTE, sent, sent) then sent = sent + 1 end
      end
      if round % 2 == 0 then
        for _, record in ipairs(consume(log)) do
          assert.equal(next_sequence, record[1], "seed " .. seed)
          assert.equal(next_sequence - 1, record[2], "seed " .. seed)
          next_sequence = next_sequence + 1
        end
      end
    end
    consume(log)
    assert.equal(sent + 1, tonumber(log.next_sequence))
  end)

  it("takes capacities that are powers of two only", function()
    local log = ffi.new "tl_input_log"
    for _, capacity in ipairs { 0, 1, 3, 100, 2 ^ 62 } do assert.are_not.equal(0, tonumber(C.tl_input_log_init(log, capacity))) end
  end)
end)

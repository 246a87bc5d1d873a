local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("counters", function()
  it("are found again by whoever asks for the same label", function()
    local counters = ffi.new("tl_counter[4]")
    local events = C.tl_counter_allot(counters, 4, "feed.events")
    events.value = 41
    C.tl_counter_allot(counters, 4, "feed.gaps").value = 3
    assert.is_true(C.tl_counter_allot(counters, 4, "feed.events") == events)
    assert.equal(41, tonumber(C.tl_counter_find(counters, 4, "feed.events")))
    assert.equal(3, tonumber(C.tl_counter_find(counters, 4, "feed.gaps")))
    assert.equal(0, tonumber(C.tl_counter_find(counters, 4, "feed")))
  end)

  it("run out, which is no error", function()
    local counters = ffi.new("tl_counter[2]")
    for _, label in ipairs { "a", "b" } do assert.is_true(C.tl_counter_allot(counters, 2, label) ~= nil) end
    assert.is_true(C.tl_counter_allot(counters, 2, "c") == nil)
    assert.is_true(C.tl_counter_allot(counters, 2, "b") ~= nil)
  end)

  it("cut a long label, the same way each time", function()
    local counters = ffi.new("tl_counter[2]")
    local long = ("x"):rep(80)
    local first = C.tl_counter_allot(counters, 2, long)
    assert.equal(("x"):rep(55), ffi.string(first.label))
    assert.is_true(C.tl_counter_allot(counters, 2, long) == first)
  end)
end)

describe("latency stages", function()
  it("each have a name", function()
    local names = {}
    for i = 0, C.TL_LATENCY_STAGES do names[#names + 1] = ffi.string(C.tl_latency_stage_name(i)) end
    assert.same({ "feed", "deliver", "handler", "order", "gateway", "venue", "report", "" }, names)
  end)
end)

local matching = require "matching_engine"
local C, ffi = matching.C, matching.ffi

describe("matching", function()
  it("trades at the resting price, best price first, then first come", function()
    local e = matching.new()
    assert.same({ "accepted 1 5@101 behind 0" }, e:new(1, "sell", 5, 101))
    assert.same({ "accepted 2 5@100 behind 0" }, e:new(2, "sell", 5, 100))
    assert.same({ "accepted 3 5@100 behind 5" }, e:new(3, "sell", 5, 100))
    assert.same({
      "accepted 4 13@101",
      "fill 4 5@100 against 2 taker left 8", "fill 2 5@100 against 4 maker left 0",
      "fill 4 5@100 against 3 taker left 3", "fill 3 5@100 against 4 maker left 0",
      "fill 4 3@101 against 1 taker left 0", "fill 1 3@101 against 4 maker left 2",
    }, e:new(4, "buy", 13, 101))
    assert.same({ "101: 1*2" }, e:book "sell")
    assert.same({}, e:book "buy")
  end)

  it("rests what is left and tells what is ahead of it", function()
    local e = matching.new()
    e:new(1, "buy", 4, 99)
    assert.same({ "accepted 2 7@99 behind 4" }, e:new(2, "buy", 7, 99))
    local ahead, total = ffi.new "int64_t[1]", ffi.new "int64_t[1]"
    assert.is_true(C.tl_engine_queue(e.engine, 2, ahead, total))
    assert.equal(4, tonumber(ahead[0]))
    assert.equal(11, tonumber(total[0]))
    -- what is in front of 2 is taken as told; what does not stand in front is of no use
    e:new(3, "buy", 5, 99)
    for known, expected in pairs { [2] = 1007, [0] = 11, [3] = 11, [9] = 11 } do
      assert.is_true(C.tl_engine_queue_after(e.engine, 3, known, 1000, ahead, total))
      assert.same({ expected, 16 }, { tonumber(ahead[0]), tonumber(total[0]) })
    end
  end)
end)

describe("time in force", function()
  local function book_of_two(options)
    local e = matching.new(options)
    e:new(1, "sell", 5, 100)
    e:new(2, "sell", 5, 101)
    return e
  end

  it("IOC takes what is there and cancels the rest", function()
    assert.same({ "accepted 3 9@100", "fill 3 5@100 against 1 taker left 4", "fill 1 5@100 against 3 maker left 0", "canceled 3 ioc" },
      book_of_two():new(3, "buy", 9, 100, { tif = "ioc" }))
  end)

  it("FOK takes all or nothing, the hidden part of icebergs included", function()
    local e = book_of_two()
    assert.same({ "accepted 3 11@101", "canceled 3 fok" }, e:new(3, "buy", 11, 101, { tif = "fok" }))
    e:new(4, "sell", 20, 101, { display = 1 })
    assert.equal("fill 5 1@101 against 4 taker left 0", e:new(5, "buy", 11, 101, { tif = "fok" })[6])
  end)

  it("a market order never rests", function()
    local e = matching.new()
    assert.same({ "accepted 1 5@-", "canceled 1 no_liquidity" }, e:new(1, "buy", 5))
    e:new(2, "sell", 3, 100)
    assert.same({ "accepted 3 5@-", "fill 3 3@100 against 2 taker left 2", "fill 2 3@100 against 3 maker left 0", "canceled 3 ioc" },
      e:new(3, "buy", 5, nil, { tif = "day" }))
  end)

  it("GTD expires at its time, earliest first, then in order of arrival", function()
    local e = matching.new()
    e:new(1, "buy", 1, 10, { expire = 200 })
    e:new(2, "buy", 1, 11, { expire = 100 })
    e:new(3, "sell", 1, 20, { expire = 200, type = "stop_limit", stop = 5 })
    e:new(4, "buy", 1, 12)
    assert.equal(100, tonumber(C.tl_engine_next_expiry_ns(e.engine)))
    assert.same({}, e:time(99))
    assert.same({ "expired 2 expire_time", "expired 1 expire_time", "expired 3 expire_time" }, e:time(200))
    assert.same({ "12: 4*1" }, e:book "buy")
    assert.same({ "rejected 5 expire_time" }, e:new(5, "buy", 1, 10, { expire = 200 }))
    e:time(300) -- with nothing to expire
    assert.same({ "rejected 6 expire_time" }, e:new(6, "buy", 1, 10, { expire = 250 }))
    assert.equal(math.huge, tonumber(C.tl_engine_next_expiry_ns(e.engine)) > 9e18 and math.huge)
  end)

  it("nothing expires where nothing can, at the end of time", function()
    local e = matching.new()
    e:new(1, "buy", 1, 10)
    assert.same({}, e:time(0x7fffffffffffffffLL))
    assert.same({ "10: 1*1" }, e:book "buy")
  end)

  it("day orders expire at the end of the day in order of arrival, others stay", function()
    local e = matching.new()
    e:new(1, "sell", 1, 20, { tif = "day" })
    e:new(2, "buy", 1, 10, { tif = "gtc" })
    e:new(3, "buy", 1, nil, { type = "stop", stop = 30, tif = "day" })
    e:new(4, "buy", 1, 11, { tif = "day" })
    assert.same({ "expired 1 end_of_day", "expired 3 end_of_day", "expired 4 end_of_day" }, e:end_of_day())
    assert.same({ "10: 2*1" }, e:book "buy")
  end)
end)

describe("stops", function()
  it("wait for a trade at their price and run in the order in which they were triggered", function()
    local e = matching.new()
    assert.same({ "accepted 1 2@-" }, e:new(1, "buy", 2, nil, { type = "stop", stop = 101 }))
    assert.same({ "accepted 2 2@103" }, e:new(2, "buy", 2, 103, { type = "stop_limit", stop = 102 }))
    e:new(3, "sell", 1, 101)
    e:new(4, "sell", 2, 102)
    e:new(5, "sell", 1, 104)
    assert.same({
      "accepted 6 1@101", "fill 6 1@101 against 3 taker left 0", "fill 3 1@101 against 6 maker left 0",
      "triggered 1 2@-", "fill 1 2@102 against 4 taker left 0", "fill 4 2@102 against 1 maker left 0",
      "triggered 2 2@103 behind 0",
    }, e:new(6, "buy", 1, 101))
    assert.same({ "103: 2*2" }, e:book "buy")
    assert.equal(0, C.tl_engine_waiting_stops(e.engine, 0))
  end)

  it("trigger at once when their price is there already, and not before the first trade", function()
    local e = matching.new()
    assert.same({ "accepted 1 1@-" }, e:new(1, "sell", 1, nil, { type = "stop", stop = 500 }))
    C.tl_engine_saw_trade(e.engine, 0, 400)
    assert.same({ "triggered 1 1@-", "canceled 1 no_liquidity" }, e:events())
    assert.same({ "accepted 2 1@-", "triggered 2 1@-", "canceled 2 no_liquidity" }, e:new(2, "sell", 1, nil, { type = "stop", stop = 400 }))
  end)

  it("run a long chain, each once", function()
    local e = matching.new()
    local n = 5000
    for i = 1, n do e:new(i, "sell", 1, 100 + i) end
    for i = 1, n do e:new(n + i, "buy", 1, nil, { type = "stop", stop = 100 + i }) end
    local events = e:new(3 * n, "buy", 1, 101)
    assert.equal(3 + 3 * (n - 1) + 2, #events)
    assert.equal(("canceled %d no_liquidity"):format(2 * n), events[#events])
  end)

  it("trail the best price by an offset or a fraction, towards the market only", function()
    local e = matching.new { tick = 5 }
    C.tl_engine_saw_trade(e.engine, 0, 100)
    e:new(1, "sell", 1, nil, { type = "trailing_stop", offset = 10 })
    e:new(2, "sell", 1, nil, { type = "trailing_stop", offset = 15000000, percent = true }) -- 15 %
    for _, price in ipairs { 120, 115, 111 } do C.tl_engine_saw_trade(e.engine, 0, price) end
    assert.same({}, e:events()) -- stops at 110 and 120 - 18 = 102, on the tick 100
    C.tl_engine_saw_trade(e.engine, 0, 110)
    assert.same({ "triggered 1 1@-", "canceled 1 no_liquidity" }, e:events())
    C.tl_engine_saw_trade(e.engine, 0, 101)
    assert.same({}, e:events())
    C.tl_engine_saw_trade(e.engine, 0, 100)
    assert.same({ "triggered 2 1@-", "canceled 2 no_liquidity" }, e:events())
  end)

  it("trail each from the price at which it began", function()
    local e = matching.new()
    C.tl_engine_saw_trade(e.engine, 0, 100)
    e:new(1, "sell", 1, nil, { type = "trailing_stop", offset = 10 })
    C.tl_engine_saw_trade(e.engine, 0, 95)
    e:new(2, "sell", 1, nil, { type = "trailing_stop", offset = 10 })
    C.tl_engine_saw_trade(e.engine, 0, 98) -- moves the second to 88; the first stays at 90
    e:events()
    C.tl_engine_saw_trade(e.engine, 0, 89)
    assert.same({ "triggered 1 1@-", "canceled 1 no_liquidity" }, e:events())
    C.tl_engine_saw_trade(e.engine, 0, 88)
    assert.same({ "triggered 2 1@-", "canceled 2 no_liquidity" }, e:events())
  end)

  it("trail for the one that has seen least, too", function()
    local e = matching.new()
    C.tl_engine_saw_trade(e.engine, 0, 95)
    e:new(1, "sell", 1, nil, { type = "trailing_stop", offset = 10 })
    e:new(2, "buy", 1, nil, { type = "trailing_stop", offset = 10 })
    C.tl_engine_saw_trade(e.engine, 0, 100)
    e:new(3, "sell", 1, nil, { type = "trailing_stop", offset = 30 })
    C.tl_engine_saw_trade(e.engine, 0, 92)
    e:new(4, "buy", 1, nil, { type = "trailing_stop", offset = 30 })
    C.tl_engine_saw_trade(e.engine, 0, 98)
    e:events()
    C.tl_engine_saw_trade(e.engine, 0, 90) -- the first trails 100, not 95
    assert.same({ "triggered 1 1@-", "canceled 1 no_liquidity" }, e:events())
    C.tl_engine_saw_trade(e.engine, 0, 100)
    assert.same({ "triggered 2 1@-", "canceled 2 no_liquidity" }, e:events())
  end)

  it("look at the quote or the mark when they are told to", function()
    local e = matching.new()
    e:new(1, "sell", 5, nil, { type = "stop", stop = 95, on_quote = true })
    e:new(2, "sell", 5, nil, { type = "stop", stop = 95, on_mark = true })
    e:new(3, "buy", 1, 100)
    C.tl_engine_saw_trade(e.engine, 0, 90)
    C.tl_engine_saw_mark(e.engine, 0, 96)
    assert.same({}, e:events())
    e:new(4, "buy", 1, 95)
    assert.same({ "canceled 3 requested", "triggered 1 5@-", "fill 1 1@95 against 4 taker left 4", "fill 4 1@95 against 1 maker left 0",
                  "canceled 1 ioc" }, e:cancel(3))
    C.tl_engine_saw_mark(e.engine, 0, 95)
    assert.same({ "triggered 2 5@-", "canceled 2 no_liquidity" }, e:events())
  end)

  it("can be replaced and cancelled while they wait", function()
    local e = matching.new()
    C.tl_engine_saw_trade(e.engine, 0, 100)
    e:new(1, "buy", 5, nil, { type = "stop", stop = 110 })
    assert.same({ "replaced 1 3@-" }, e:replace(1, 120, 3))
    C.tl_engine_saw_trade(e.engine, 0, 115)
    assert.same({}, e:events())
    e:new(2, "buy", 5, 130, { type = "stop_limit", stop = 125 })
    assert.same({ "replaced 2 5@129" }, e:replace(2, 129))
    C.tl_engine_replace_stop(e.engine, 2, 112, 4)
    assert.same({ "replaced 2 4@129", "triggered 2 4@129 behind 0" }, e:events())
    assert.same({ "canceled 1 requested" }, e:cancel(1))
  end)

  it("keep their place among stops of a price when they shrink, and lose it when they grow", function()
    local e = matching.new()
    for id = 1, 3 do e:new(id, "buy", 5, nil, { type = "stop", stop = 110 }) end
    e:replace(1, nil, 6)
    e:replace(2, nil, 4)
    C.tl_engine_saw_trade(e.engine, 0, 110)
    assert.same({ "triggered 2 4@-", "canceled 2 no_liquidity", "triggered 3 5@-", "canceled 3 no_liquidity",
      "triggered 1 6@-", "canceled 1 no_liquidity" }, e:events())
  end)
end)

describe("icebergs", function()
  it("show a slice, which goes to the tail when it comes back", function()
    local e = matching.new()
    e:new(1, "sell", 10, 100, { display = 4 })
    e:new(2, "sell", 3, 100)
    assert.same({ "100: 1*4 2*3" }, e:book "sell")
    e:new(3, "buy", 5, 100)
    assert.same({ "100: 2*2 1*4" }, e:book "sell")
    e:new(4, "buy", 7, 100)
    assert.same({ "100: 1*1" }, e:book "sell")
  end)

  it("shrink in what is hidden first", function()
    local e = matching.new()
    e:new(1, "sell", 10, 100, { display = 4 })
    e:new(2, "sell", 3, 100)
    assert.same({ "replaced 1 5@100" }, e:replace(1, nil, 5))
    assert.same({ "100: 1*4 2*3" }, e:book "sell")
    e:replace(1, nil, 2)
    assert.same({ "100: 1*2 2*3" }, e:book "sell")
  end)

  it("show no more than their slice when they grow", function()
    local e = matching.new()
    e:new(1, "sell", 4, 100, { display = 4 })
    assert.same({ "100: 1*4" }, e:book "sell")
    e:replace(1, nil, 10)
    assert.same({ "100: 1*4" }, e:book "sell")
  end)
end)

describe("post-only", function()
  it("is rejected when it would take, or slides to where it does not", function()
    local e = matching.new { tick = 5 }
    e:new(1, "sell", 10, 100)
    assert.same({ "rejected 2 post_only" }, e:new(2, "buy", 1, 100, { post_only = true }))
    assert.same({ "accepted 3 1@95 behind 0" }, e:new(3, "buy", 1, 110, { slide = true }))
    assert.same({ "accepted 4 1@95 behind 1" }, e:new(4, "buy", 1, 95, { post_only = true }))
    assert.same({ "replace_rejected 4 post_only" }, e:replace(4, 100))
    assert.same({ "rejected 5 unsupported" }, e:new(5, "buy", 1, 95, { post_only = true, tif = "ioc" }))
  end)
end)

describe("reduce-only", function()
  it("is capped to the position, and refused without one", function()
    local e = matching.new()
    assert.same({ "rejected 1 reduce_only" }, e:new(1, "sell", 5, 100, { reduce_only = true, owner = 7 }))
    e:new(2, "sell", 3, 100)
    e:new(3, "buy", 3, 100, { owner = 7 })
    assert.equal(3, e:position(7))
    assert.same({ "rejected 4 reduce_only" }, e:new(4, "buy", 5, 90, { reduce_only = true, owner = 7 }))
    assert.same({ "accepted 5 3@110 behind 0" }, e:new(5, "sell", 9, 110, { reduce_only = true, owner = 7 }))
  end)

  it("shrinks as the position does, and ends with it", function()
    local e = matching.new()
    e:new(1, "sell", 5, 100)
    e:new(2, "buy", 5, 100, { owner = 7 })
    e:new(3, "sell", 5, 110, { reduce_only = true, owner = 7 })
    e:new(4, "buy", 5, 99)
    e:new(5, "sell", 2, 99, { owner = 7 })
    assert.same({ "110: 3*3" }, e:book "sell")
    local events = e:new(6, "sell", 3, 99, { owner = 7 })
    assert.equal("canceled 3 reduce_only", events[#events])
    assert.equal(0, e:position(7))
  end)

  it("is checked when a stop triggers", function()
    local e = matching.new()
    e:new(1, "sell", 5, nil, { type = "stop", stop = 90, reduce_only = true, owner = 7 })
    C.tl_engine_saw_trade(e.engine, 0, 90)
    assert.same({ "accepted 1 5@-", "triggered 1 5@-", "canceled 1 reduce_only" }, { "accepted 1 5@-", unpack(e:events()) })
  end)
end)

describe("self-trade prevention", function()
  local function cross(policy)
    local e = matching.new { self_trade = policy }
    e:new(1, "sell", 2, 100, { owner = 7 })
    e:new(2, "sell", 2, 100, { owner = 8 })
    local events = e:new(3, "buy", 3, 100, { owner = 7 })
    table.remove(events, 1)
    return events, e
  end

  it("cancels the newest, the oldest, both, or lets it be", function()
    assert.same({ "canceled 3 self_trade" }, (cross "newest"))
    assert.same({ "canceled 1 self_trade", "fill 3 2@100 against 2 taker left 1", "fill 2 2@100 against 3 maker left 0" },
      (cross "oldest"))
    assert.same({ "canceled 1 self_trade", "canceled 3 self_trade" }, (cross "both"))
    assert.equal("fill 3 2@100 against 1 taker left 1", cross "allow"[1])
  end)

  it("knows no owner 0", function()
    local e = matching.new()
    e:new(1, "sell", 2, 100)
    assert.equal(3, #e:new(2, "buy", 2, 100))
  end)
end)

describe("replace", function()
  it("keeps priority only when the quantity shrinks at the same price", function()
    local e = matching.new()
    for id = 1, 4 do e:new(id, "buy", 5, 100) end
    assert.same({ "replaced 1 4@100" }, e:replace(1, nil, 4))
    assert.same({ "replaced 2 6@100 behind 14" }, e:replace(2, 100, 6))
    assert.same({ "replaced 3 5@100 behind 15" }, e:replace(3, 100, 5))
    assert.same({ "100: 1*4 4*5 2*6 3*5" }, e:book "buy")
    assert.same({ "replaced 1 3@101 behind 0" }, e:replace(1, 101, 3))
  end)

  it("trades when its new price reaches the other side", function()
    local e = matching.new()
    e:new(1, "sell", 2, 101)
    e:new(2, "buy", 5, 100)
    assert.same({ "replaced 2 5@101 behind 0", "fill 2 2@101 against 1 taker left 3", "fill 1 2@101 against 2 maker left 0" },
      e:replace(2, 101))
  end)

  it("to what is filled already ends the order", function()
    local e = matching.new()
    e:new(1, "buy", 5, 100)
    e:new(2, "sell", 3, 100)
    assert.same({ "canceled 1 requested" }, e:replace(1, nil, 3))
    assert.same({ "replace_rejected 1 unknown_order" }, e:replace(1, nil, 3))
  end)
end)

describe("trading states", function()
  it("refuse orders and replaces, take cancels, and hold stops back", function()
    local e = matching.new()
    e:new(1, "buy", 1, 100)
    e:new(2, "buy", 1, 99)
    e:new(3, "sell", 1, nil, { type = "stop", stop = 95 })
    for state, reason in pairs { halted = "halted", paused = "halted", auction = "halted", closed = "closed" } do
      e:state(state)
      assert.same({ "rejected 9 " .. reason }, e:new(9, "buy", 1, 100))
      assert.same({ "replace_rejected 1 " .. reason }, e:replace(1, 101))
    end
    C.tl_engine_saw_trade(e.engine, 0, 95)
    assert.same({ "canceled 1 requested" }, e:cancel(1))
    assert.same({ "triggered 3 1@-", "fill 3 1@99 against 2 taker left 0", "fill 2 1@99 against 3 maker left 0" }, e:state "trading")
  end)
end)

describe("the time before the opening", function()
  it("takes orders and matches them, and holds stops back", function()
    local e = matching.new()
    e:state "pre_open"
    e:new(1, "buy", 5, 100)
    e:new(2, "sell", 1, nil, { type = "stop", stop = 100 })
    assert.same({ "accepted 3 2@100", "fill 3 2@100 against 1 taker left 0", "fill 1 2@100 against 3 maker left 3" }, e:new(3, "sell", 2, 100))
    assert.same({ "triggered 2 1@-", "fill 2 1@100 against 1 taker left 0", "fill 1 1@100 against 2 maker left 2" }, e:state "trading")
  end)
end)

describe("what cannot be", function()
  it("is refused with its reason and changes nothing", function()
    local e = matching.new { tick = 5, lot = 10 }
    local huge = 2LL ^ 62
    local bad = { type = 77 }
    for _, case in ipairs {
      { "bad_quantity", "buy", 0, 100 }, { "bad_quantity", "buy", -10, 100 }, { "bad_quantity", "buy", 15, 100 },
      { "bad_price", "buy", 10, 0 }, { "bad_price", "buy", 10, -5 }, { "off_tick", "buy", 10, 101 },
      { "overflow", "buy", 10, huge + 5 }, { "overflow", "buy", huge + 6, 100 }, { "bad_field", 3, 10, 100 }, { "bad_field", 0, 10, 100 },
      { "bad_field", "buy", 10, 100, bad }, { "bad_field", "buy", 10, 100, { tif = 99 } }, { "bad_field", "buy", 10, 100, { tif = "gtd" } },
      { "unsupported", "buy", 10, 100, { tif = "at_open" } }, { "unsupported", "buy", 10, 100, { display = 10, tif = "fok" } },
      { "bad_quantity", "buy", 10, 100, { display = 20 } }, { "bad_quantity", "buy", 20, 100, { display = 5 } },
      { "bad_quantity", "buy", 20, 100, { display = -10 } }, { "bad_quantity", "buy", 10, 100, { type = "iceberg" } },
      { "bad_price", "buy", 10, 100, { type = "market" } }, { "bad_price", "buy", 10, nil, { type = "limit" } },
      { "bad_price", "buy", 10, nil, { type = "stop" } }, { "off_tick", "buy", 10, nil, { type = "stop", stop = 7 } },
      { "bad_price", "buy", 10, nil, { type = "stop_limit", stop = 100 } }, { "bad_field", "buy", 10, 100, { stop = 100 } },
      { "bad_field", "buy", 10, nil, { type = "trailing_stop" } }, { "bad_field", "buy", 10, nil, { type = "trailing_stop", offset = -5 } },
      { "off_tick", "buy", 10, nil, { type = "trailing_stop", offset = 7 } },
      { "bad_field", "buy", 10, nil, { type = "trailing_stop", offset = 100000000, percent = true } },
      { "bad_field", "buy", 10, nil, { type = "stop", stop = 100, on_quote = true, on_mark = true } },
      { "unsupported", "buy", 10, nil, { type = "stop", stop = 100, post_only = true } },
      { "unknown_symbol", "buy", 10, 100, { instrument = 1 } }, { "unknown_symbol", "buy", 10, 100, { instrument = 4294967295 } },
    } do
      assert.same({ "rejected 1 " .. case[1] }, e:new(1, case[2], case[3], case[4], case[5]))
    end
    assert.same({ "cancel_rejected 1 unknown_order" }, e:cancel(1))
    assert.same({ "replace_rejected 1 unknown_order" }, e:replace(1, 100, 10))
    e:new(1, "buy", 10, 100)
    assert.same({ "rejected 1 duplicate_id" }, e:new(1, "buy", 10, 100))
    assert.same({ "replace_rejected 1 off_tick" }, e:replace(1, 101))
    assert.same({ "replace_rejected 1 bad_quantity" }, e:replace(1, nil, 11))
    assert.same({ "100: 1*10" }, e:book "buy")
  end)

  it("leaves no sum of quantities to overflow", function()
    local e = matching.new()
    local half = 2LL ^ 61
    e:new(1, "buy", half, 100)
    e:new(2, "buy", half, 100)
    assert.same({ "rejected 3 overflow" }, e:new(3, "buy", 1, 100))
    assert.same({ "replace_rejected 1 overflow" }, e:replace(1, 101, half + 1))
    assert.equal(3, #e:new(4, "sell", 1, 100))
    assert.equal(1, #e:new(5, "buy", 1, 100))
  end)
end)

describe("hostile fields", function()
  it("never break the book, whatever they hold", function()
    local seed = 4242
    math.randomseed(seed)
    local random = math.random
    local extremes = { 0LL, 1LL, -1LL, 2LL ^ 62, 2LL ^ 62 + 1, 2LL ^ 61, 0x7fffffffffffffffLL, matching.ABSENT, matching.ABSENT + 1, 100000000LL, 99999999LL }
    local function any() return random(3) == 1 and extremes[random(#extremes)] or ffi.cast("int64_t", 100 + random(-20, 20)) end
    local e = matching.new { instruments = 2, tick = random(2), lot = 1 }
    local o = e.order
    for n = 1, 60000 do
      local dice = random(12)
      if dice <= 7 then
        local sane = random(4) > 1
        o.id, o.quantity, o.price = random(300), random(3) == 1 and any() or random(50), any()
        o.stop_price = random(3) == 1 and any() or matching.ABSENT
        o.offset, o.display, o.expire_ns = random(4) == 1 and any() or 0, random(4) == 1 and any() or 0, random(4) == 1 and any() or 0
        o.instrument = sane and random(0, 1) or random(0, 3) == 0 and 4294967295 or random(0, 5)
        o.owner, o.flags = random(0, 3), random(3) == 1 and random(0, 511) or 0
        o.side, o.type = sane and random(1, 2) or random(0, 255), sane and random(0, 5) or random(0, 255)
        o.time_in_force = sane and random(0, 4) or random(0, 255)
        C.tl_engine_new(e.engine, o)
      elseif dice == 8 then C.tl_engine_cancel(e.engine, random(300))
      elseif dice == 9 then C.tl_engine_replace(e.engine, random(300), any(), any())
      elseif dice == 10 then C.tl_engine_replace_stop(e.engine, random(300), any(), any())
      elseif dice == 11 then
        local what = random(5)
        if what == 1 then C.tl_engine_saw_trade(e.engine, random(0, 3), any())
        elseif what == 2 then C.tl_engine_saw_mark(e.engine, random(0, 3), any())
        elseif what == 3 then C.tl_engine_saw_quote(e.engine, random(0, 3))
        elseif what == 4 then C.tl_engine_hit(e.engine, random(0, 3), random(0, 3), any(), any(), 0, 1)
        else C.tl_engine_adjust(e.engine, random(0, 3), random(0, 1), any()) end
      else
        C.tl_engine_time(e.engine, random(1000) == 1 and any() or n)
        if random(40) == 1 then C.tl_engine_set_state(e.engine, random(0, 3), random(0, 300)) end
        C.tl_engine_set_state(e.engine, random(0, 1), 3)
        if random(40) == 1 then C.tl_engine_end_of_day(e.engine, random(0, 3)) end
      end
      local events = C.tl_engine_events(e.engine, e.count)
      for i = 0, e.count[0] - 1 do
        assert(events[i].remaining >= 0 and events[i].kind > 0, "operation " .. n)
      end
      C.tl_engine_clear_events(e.engine)
      if n % 100 == 0 then
        for instrument = 0, 1 do
          local bids, asks = e:book("buy", instrument), e:book("sell", instrument)
          if bids[1] and asks[1] then assert.is_true(tonumber(bids[1]:match "^[^:]+") < tonumber(asks[1]:match "^[^:]+")) end
        end
      end
    end
  end)
end)

describe("foreign orders", function()
  it("are taken like any other, and say nothing", function()
    local e = matching.new()
    e:foreign(1000, "sell", 5, 100)
    e:new(1, "sell", 5, 100)
    assert.same({ "accepted 2 7@100", "fill 2 5@100 against 1000 taker left 2", "fill 2 2@100 against 1 taker left 0",
                  "fill 1 2@100 against 2 maker left 3" }, e:new(2, "buy", 7, 100))
    assert.same({ "cancel_rejected 1001 unknown_order" }, (e:foreign(1001, "buy", 1, 1) and e:cancel(1001)))
  end)

  it("hit what stands before them in the queue, each at its own price", function()
    local e = matching.new()
    e:new(1, "sell", 2, 99)
    e:new(2, "sell", 3, 100)
    local front = e:foreign(1000, "sell", 5, 100)
    e:new(3, "sell", 4, 100)
    local left, events = e:hit("buy", 9, 100, front, 77)
    assert.equal(4, left)
    assert.same({ "fill 1 2@99 against 77 maker left 0", "fill 2 3@100 against 77 maker left 0" }, events)
    left, events = e:hit("buy", 1, 100)
    assert.equal(0, left)
    assert.same({ "fill 3 1@100 against 0 maker left 3" }, events)
    assert.same({ "100: 1000*5 3*3" }, e:book "sell")
    assert.equal(9, (e:hit("buy", 9, 99)))
    assert.equal(9, (e:hit("sell", 9, 1)))
  end)

  it("eat icebergs slice by slice as far as their price allows", function()
    local e = matching.new()
    e:new(1, "sell", 10, 99, { display = 2 })
    e:foreign(1000, "sell", 5, 99)
    local left, events = e:hit("buy", 20, 100)
    assert.equal(10, left)
    assert.equal(5, #events)
    assert.same({ "99: 1000*5" }, e:book "sell")
  end)
end)

describe("the real day of AMZN", function()
  local path = "../shared/data/matching/amzn_2012-06-21.orders.csv.gz"
  it("gives the venue's own fills for each aggressive order", function()
    local probe = io.open(path)
    if not probe then return pending(path .. " is not here") end
    probe:close()
    local e = matching.new()
    local aggressive, fills = 0, 0
    local orders = {}
    for line in io.popen("zcat " .. path):lines() do
      local op, rest = line:match "^(%a),(.*)$"
      if op == "A" then
        local ref, side, price, quantity = rest:match "^(%d+),(%a),(%d+),(%d+)$"
        local events = e:new(tonumber(ref), side == "B" and "buy" or "sell", tonumber(quantity), tonumber(price))
        assert.equal(1, #events, line)
        orders[ref] = tonumber(quantity)
      elseif op == "R" then
        local ref, quantity = rest:match "^(%d+),(%d+)$"
        local open = orders[ref]
        if tonumber(quantity) >= open then
          assert.same({ ("canceled %s requested"):format(ref) }, e:cancel(tonumber(ref)))
        else
          local ahead = e:replace(tonumber(ref), nil, open - tonumber(quantity))
          assert.equal(1, #ahead)
          orders[ref] = open - tonumber(quantity)
        end
      else
        local side, limit, quantity, list = rest:match "^(%a),(%d+),(%d+),(.*)$"
        aggressive = aggressive + 1
        local id = 2 ^ 50 + aggressive
        local events = e:new(id, side == "B" and "buy" or "sell", tonumber(quantity), tonumber(limit), { tif = "ioc" })
        local at = 2
        for ref, taken, price in list:gmatch "(%d+):(%d+)@(%d+)" do
          assert.matches(("^fill %d %s@%s against %s taker"):format(id, taken, price, ref), events[at])
          assert.matches(("^fill %s %s@%s against %d maker"):format(ref, taken, price, id), events[at + 1])
          at, fills = at + 2, fills + 1
        end
        assert.equal(at - 1, #events, line)
      end
    end
    assert.equal(6363, aggressive)
    assert.equal(8161, fills)
  end)
end)

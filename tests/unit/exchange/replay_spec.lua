local venue = require "simulated_venue"

local SECOND = 1e9

local function quiet(run) return table.concat(run.report, "; ") end

local function filled(run) -- all fills so far
  local all = {}
  for _, text in ipairs(run.said) do if text:match "^fill" then all[#all + 1] = text end end
  return table.concat(all, "; ")
end

--- 10.00 x 300 in three orders (1, 2, 3), 10.02 x 200 in two (4, 5).
local function two_sided()
  return venue.history():directory(1)
    :add(10, 1, "buy", 100000, 100):add(11, 2, "buy", 100000, 100):add(12, 3, "buy", 100000, 100)
    :add(13, 4, "sell", 100200, 100):add(14, 5, "sell", 100200, 100)
end

describe("a replayed day", function()
  it("says trade, levels, quote, book and flow, in this order, and only what changed", function()
    local run = venue.run { history = two_sided():execute(20, 1, 40):delete(30, 4):delete(40, 5) }
    run:play(14)
    run:step()
    assert.same({ "trade 40@100000 sell normal", "level buy 260@100000 (3)", "quote 260 x 100000 / 100200 x 200", "book",
                  "flow execute 1 buy 40@100000" }, run.event)
    run:step()
    assert.same({ "level sell 100@100200 (1)", "quote 260 x 100000 / 100200 x 100", "book", "flow delete 4 sell 100@100200" }, run.event)
    run:step()
    assert.same({ "level sell 0@100200 (0)", "quote 260 x 100000 / - x 0", "book", "flow delete 5 sell 100@100200" }, run.event)
  end)

  it("says nothing of what nobody asked for", function()
    local run = venue.run { history = two_sided():execute(20, 1, 40), want = venue.WANT.trades }
    run:play()
    assert.same({ "trade 40@100000 sell normal" }, run.said)
    local silent = venue.run { history = two_sided():execute(20, 1, 40), want = 0 }
    silent:play()
    assert.same({}, silent.said)
    assert.equal(7, tonumber(silent:counts().messages))
  end)

  it("puts an own order behind what is displayed and lets it fill in its turn", function()
    local history = two_sided():execute(30, 1, 100):execute(31, 2, 100):add(32, 6, "buy", 100000, 500):execute(33, 3, 150)
    local run = venue.run { history = history }
    run:play(14):send(20, { id = 7, side = "buy", quantity = 50, price = 100000 })
    assert.same({ "accepted 7" }, run.report)
    assert.same({ "level buy 350@100000 (4)", "queue 7 300 of 350", "book" }, run.event)
    run:step()
    assert.equal("queue 7 200 of 250", run.event[3])
    run:play(32)
    assert.equal("", filled(run))
    run:step() -- order 3 had 100: 50 more than it has is a fault of the data, and nothing for us
    assert.equal("", filled(run))
    assert.equal(1, #run:problems())
    assert.matches("1 x over_executed", run:problems()[1])
  end)

  it("fills an own order in front of the executed one first, and history goes on unchanged", function()
    local run = venue.run { history = two_sided():delete(15, 1):add(30, 6, "buy", 100000, 500):execute(40, 2, 100):execute(41, 3, 100)
      :execute(42, 6, 30) }
    run:play(15):send(20, { id = 7, side = "buy", quantity = 50, price = 100000 }):play(41)
    assert.equal("", filled(run))
    run:step()
    assert.equal("fill 7 30@100000 maker", filled(run))
    assert.same({ "trade 30@100000 sell normal", "level buy 490@100000 (2)", "queue 7 0 of 490", "quote 470 x 100000 / 100200 x 200",
                  "book", "flow execute 6 buy 30@100000" }, run.event)
  end)

  it("fills own orders at better prices first", function()
    local run = venue.run { history = two_sided():execute(30, 1, 80) }
    run:play(14):send(20, { id = 7, side = "buy", quantity = 50, price = 100100 }):play()
    assert.equal("fill 7 50@100100 maker", filled(run))
    assert.equal(0, #run:problems())
  end)

  it("trades with an order of history that crosses own ones, and its rest rests", function()
    local run = venue.run { history = two_sided():add(30, 6, "sell", 100100, 120):execute(40, 6, 60):delete(50, 6) }
    run:play(14):send(20, { id = 7, side = "buy", quantity = 50, price = 100100 }):play(30)
    assert.equal("fill 7 50@100100 maker", filled(run))
    assert.same({ "trade 50@100100 sell normal", "level buy 0@100100 (0)", "level sell 70@100100 (1)", "quote 300 x 100000 / 100100 x 70",
                  "book", "flow add 6 sell 120@100100" }, run.event)
    run:step()
    assert.equal("level sell 10@100100 (1)", run.event[2])
    run:play()
    assert.equal(0, #run:problems())
  end)

  it("keeps taken what an own aggressive order took, and counts nothing of that as a fault", function()
    local run = venue.run { history = two_sided():execute(30, 4, 100):cancel(31, 5, 50):delete(32, 5) }
    run:play(14):send(20, { id = 7, side = "buy", quantity = 150, price = 100200 })
    assert.equal("accepted 7; fill 7 100@100200 taker; fill 7 50@100200 taker", quiet(run))
    assert.equal("level sell 50@100200 (1)", run.event[3])
    run:step() -- order 4 is not there: history's trade is printed all the same
    assert.same({ "trade 100@100200 buy normal", "flow execute 4 sell 100@100200" }, run.event)
    run:step() -- its cancel of 50 leaves nothing
    assert.equal("level sell 0@100200 (0)", run.event[1])
    run:play()
    assert.equal(0, #run:problems())
  end)

  it("passes on to own orders right behind what a taken order cannot give", function()
    -- Another own order sells at the same price behind order 4; when history executes 4, which strategy 0 took, it trades instead.
    local run = venue.run { history = two_sided():execute(30, 4, 100):execute(31, 5, 100) }
    run:play(13):send(13, { id = 8, side = "sell", quantity = 70, price = 100200 })
    run:play(14):send(20, { id = 7, side = "buy", quantity = 100, price = 100200, tif = "ioc" })
    assert.equal("fill 7 100@100200 taker", filled(run))
    run:play()
    assert.equal("fill 7 100@100200 taker; fill 8 70@100200 maker", filled(run))
    assert.equal(0, #run:problems())
  end)

  it("takes from a replaced order what was taken from the old one", function()
    local run = venue.run { history = two_sided():replace(30, 4, 9, 100300, 150):execute(40, 9, 150) }
    run:play(14):send(20, { id = 7, side = "buy", quantity = 60, price = 100200 }):step()
    assert.same({ "level sell 100@100200 (1)", "level sell 90@100300 (1)", "quote 300 x 100000 / 100200 x 100", "book",
                  "flow replace 4 sell 40@100200", "flow add 9 sell 150@100300" }, run.event)
    run:play()
    assert.equal(0, #run:problems())
  end)

  it("fills own orders that a hidden trade would have met first", function()
    local run = venue.run { history = two_sided():hidden(30, "buy", 100050, 80):hidden(40, "buy", 100100, 80) }
    run:play(14):send(20, { id = 7, side = "buy", quantity = 100, price = 100100 }):step()
    assert.equal("fill 7 80@100100 maker", filled(run))
    assert.equal("trade 80@100050 sell hidden", run.event[1])
    run:step() -- at the same price: who knows
    assert.equal("fill 7 80@100100 maker", filled(run))
  end)

  it("leaves own orders alone in executions that belong to a cross", function()
    local run = venue.run { history = two_sided():execute_at(30, 1, 100, 100100, "N"):execute_at(31, 2, 100, 99900, "Y") }
    run:play(14):send(20, { id = 7, side = "buy", quantity = 10, price = 100100 }):step()
    assert.equal("", filled(run))
    assert.equal("level buy 200@100000 (2)", run.event[1])
    run:step()
    assert.equal("trade 100@99900 sell normal", run.event[1])
    assert.equal("fill 7 10@100100 maker", filled(run))
  end)

  it("halts and resumes: orders are refused meanwhile, cancels pass, what crossed then trades", function()
    local run = venue.run { history = two_sided():action(20, "T"):action(30, "H", "T1"):add(31, 6, "sell", 99900, 40):action(50, "T") }
    run:play(20)
    assert.same({ "status trading" }, run.event)
    run:send(25, { id = 1, side = "buy", quantity = 10, price = 100100 }):send(25, { id = 2, side = "buy", quantity = 10, price = 100000 })
    run:play(31)
    assert.equal("", filled(run))
    run:send(40, { id = 3, side = "buy", quantity = 10, price = 100000 })
    assert.equal("rejected 3 halted", quiet(run))
    run:cancel(41, 2)
    assert.equal("canceled 2 requested", quiet(run))
    run:play()
    assert.equal("fill 1 10@100100 maker", filled(run))
    assert.equal("status trading", run.event[1])
    run:send(60, { id = 4, side = "buy", quantity = 10, price = 100100, post_only = true })
    assert.equal("rejected 4 post_only", quiet(run))
  end)

  it("takes at-open and at-close orders into the crosses, and resting ones that the cross price passes", function()
    local open, close = 34200 * SECOND, 57600 * SECOND
    local history = venue.history():directory(1):system(2, "S"):add(10, 1, "buy", 100000, 500):add(11, 2, "sell", 100400, 500)
      :system(open, "Q"):cross(open + 1, "O", 100200, 100):system(close, "M"):cross(close + 5, "C", 100100, 1000):system(close + 9, "E")
    local run = venue.run { history = history, config = { self_trade = 3 } }
    run:play(11)
    run:send(20, { id = 1, side = "buy", quantity = 80, price = 100300, tif = "at_open" })
    run:send(20, { id = 2, side = "buy", quantity = 80, tif = "at_open" })
    run:send(20, { id = 3, side = "buy", quantity = 80, price = 100100, tif = "at_open" })
    run:send(20, { id = 4, side = "sell", quantity = 30, tif = "at_close" })
    assert.equal("accepted 4", quiet(run))
    run:send(21, { id = 9, side = "buy", quantity = 30, price = 100000 })
    assert.equal("accepted 9", quiet(run)) -- early hours are traded
    run:cancel(22, 9)
    assert.equal("canceled 9 requested", quiet(run))
    run:play(open + 1)
    assert.equal("fill 1 80@100200 auction; fill 2 20@100200 auction; expired 2 no_liquidity; expired 3 no_liquidity", quiet(run))
    assert.same({ "trade 100@100200 none cross" }, run.event)
    run:send(open + 2, { id = 5, side = "buy", quantity = 10, tif = "at_open" })
    assert.equal("rejected 5 closed", quiet(run))
    run:send(open + 3, { id = 6, side = "buy", quantity = 40, price = 100200, tif = "gtc" })
    run:send(open + 3, { id = 7, side = "buy", quantity = 40, price = 100000 })
    run:send(open + 3, { id = 8, side = "buy", quantity = 40, price = 100100, tif = "gtc" }) -- at the closing cross's price: nothing is assumed
    run:play(close)
    assert.equal("expired 7 end_of_day", quiet(run))
    run:play()
    assert.equal("fill 6 40@100100 auction; fill 4 30@100100 auction", filled(run):match("fill 6.*"))
  end)

  it("ends day orders by the calendar in a file without system events", function()
    local run = venue.run { history = two_sided():add(57601 * SECOND, 9, "buy", 90000, 10) }
    run:play(14):send(20, { id = 1, side = "buy", quantity = 10, price = 100000 })
    assert.equal(57600 * SECOND, (run:next()))
    run:step()
    assert.same({ "expired 1 end_of_day" }, run.report)
    assert.equal("status closed", run.event[1])
    local short = venue.run { history = two_sided() }
    short:play(13):send(13, { id = 1, side = "buy", quantity = 10, price = 100000 }):play()
    assert.same({ "expired 1 end_of_day" }, short.report)
  end)

  it("expires what has a time, at that time, in front of history of the same time", function()
    local run = venue.run { history = two_sided():execute(40, 1, 100):execute(41, 2, 100):execute(50, 3, 100) }
    run:play(14):send(20, { id = 7, side = "buy", quantity = 100, price = 100100, tif = "gtd", expire = 40 })
    assert.equal(40, (run:next()))
    run:step()
    assert.same({ "expired 7 expire_time" }, run.report)
    assert.equal(40, (run:next()))
    run:play()
    assert.equal("", filled(run))
  end)

  it("says each fill once when an expiry triggers a stop and another stop waits", function()
    local history = venue.history():directory(1):add(10, 1, "buy", 100000, 10):add(11, 2, "buy", 99000, 100):add(12, 3, "sell", 100500, 100)
      :execute(60, 2, 1)
    local run = venue.run { history = history }
    run:play(12):send(20, { id = 7, side = "buy", quantity = 5, price = 100100, tif = "gtd", expire = 40 })
    run:send(21, { id = 8, side = "sell", quantity = 20, price = 99500, type = "stop_limit", stop_price = 100000, on_quote = true })
    run:send(22, { id = 9, side = "buy", quantity = 20, type = "stop", stop_price = 110000, on_quote = true })
    run:step()
    assert.equal("expired 7 expire_time; triggered 8; fill 8 10@100000 taker", quiet(run))
  end)

  it("triggers stops by history's trades, also one that came after the last of them", function()
    local run = venue.run { history = two_sided():execute(20, 1, 10):execute(30, 4, 10) }
    run:play(20):send(21, { id = 1, side = "sell", quantity = 10, type = "stop", stop_price = 100000 })
    assert.equal("accepted 1; triggered 1; fill 1 10@100000 taker", quiet(run))
    run:send(22, { id = 2, side = "buy", quantity = 20, type = "stop", stop_price = 100200 })
    assert.equal("accepted 2", quiet(run))
    run:step()
    assert.equal("triggered 2; fill 2 20@100200 taker", quiet(run))
    assert.equal("level sell 170@100200 (2)", run.event[3])
  end)

  it("begins a new day with empty books, and day orders end", function()
    local second = venue.history():directory(1):add(10, 1, "buy", 90000, 10):delete(20, 1)
    local run = venue.run { history = { two_sided(), second } }
    run:play(14):send(20, { id = 1, side = "buy", quantity = 10, price = 100100 })
    run:send(20, { id = 2, side = "buy", quantity = 10, price = 100000, tif = "gtc" })
    run:step()
    assert.same({ "expired 1 end_of_day" }, run.report)
    assert.same({ "level buy 0@100100 (0)", "book", "level buy 10@100000 (1)", "level sell 0@100200 (0)",
                  "queue 2 0 of 10", "quote 0 x - / - x 0", "book" }, run.event)
    run:play()
    assert.equal(0, #run:problems())
  end)

  it("shows the picture at `from`, and nothing of before", function()
    local run = venue.run { history = two_sided():execute(20, 1, 40):execute(30, 1, 10), from = 25, to = 30 }
    assert.equal(25, (run:next()))
    run:step()
    assert.same({ "level buy 260@100000 (3)", "level sell 200@100200 (2)", "quote 260 x 100000 / 100200 x 200", "book" }, run.event)
    assert.is_nil(run:next())
  end)

  it("passes over instruments that nobody wants, and follows one that is asked for later", function()
    local history = two_sided()
    local function both(ts)
      history.symbol, history.locate = "BBB", 2
      history:add(ts, 1000 + ts, "buy", 500000, 10)
      history.symbol, history.locate = "AAA", 1
      history:execute(ts + 1, 1, 1)
    end
    history.symbol, history.locate = "BBB", 2
    history:directory(16)
    for i = 1, 40 do both(20 + 10 * i) end
    local run = venue.run { history = history }
    run:play(229)
    assert.equal(7 + 41, tonumber(run:counts().messages)) -- the one of BBB that comes next is passed over already
    local other = venue.C.tl_instruments_find(run.instruments, "BBB")
    venue.C.tl_simulator_want(run.simulator, other, 5)
    run:take()
    assert.same({ "level buy 200@500000 (20)", "quote 200 x 500000 / - x 0", "book" }, run.event)
    run:step()
    assert.same({ "level buy 210@500000 (21)", "quote 210 x 500000 / - x 0", "book" }, run.event)
    run:play()
    assert.equal(7 + 80, tonumber(run:counts().messages))
    assert.equal(0, #run:problems())
  end)

  it("gives an instrument that is asked for late the book that it would have", function()
    local run = venue.run { history = two_sided():execute(20, 1, 40):system(25, "Q"):execute(30, 1, 10), want = 0 }
    run:play(25)
    venue.C.tl_simulator_want(run.simulator, run.instrument, 7)
    run:take()
    assert.same({ "status trading", "level buy 260@100000 (3)", "level sell 200@100200 (2)", "quote 260 x 100000 / 100200 x 200", "book" },
      run.event)
    run:play()
    assert.equal("trade 10@100000 sell normal", run.event[1])
    assert.equal(0, #run:problems())
  end)

  it("keeps the book of an instrument that is traded though nobody watches it", function()
    local run = venue.run { history = two_sided():execute(20, 1, 40):execute(30, 1, 60):execute(31, 2, 100):execute(32, 3, 110), want = 0 }
    run:play(14) -- nothing comes: no message matters
    run:send(25, { id = 7, side = "buy", quantity = 10, price = 100000 })
    run:play()
    assert.same({ "accepted 7" }, { run.said[1] })
  end)

  it("refuses what has no day and what can be read only once", function()
    local run = venue.run {}
    assert.are_not.equal(0, tonumber(venue.C.tl_simulator_add_itch(run.simulator, "-", 20120621)))
    assert.are_not.equal(0, tonumber(venue.C.tl_simulator_add_itch(run.simulator, "/tmp/nothing.itch", 0)))
    assert.matches("which day", venue.ffi.string(venue.C.tl_error_text()))
    assert.are_not.equal(0, tonumber(venue.C.tl_simulator_add_itch(run.simulator, "/nowhere/20120621.itch", 0)))
  end)
end)

local sim = require "tidelock.testing"

local function script(text)
  local path = os.tmpname()
  local file = assert(io.open(path .. ".lua", "w"))
  os.remove(path)
  file:write(text)
  file:close()
  finally(function() os.remove(path .. ".lua") end)
  return path .. ".lua"
end

local HEAD = [[
local strategy, order, snapshot, timeout, log = require "strategy", require "order", require "snapshot", require "timeout", require "log"
]]

describe("a test run of the shipped market maker", function()
  it("pulls its bid at the position limit", function()
    local run = sim.load("scripts/market_maker.lua", { params = { max_position = 100 } })
    run:quote("AAPL", 150.00, 150.10)
    local bids = run:open_orders { side = "buy" }
    assert.equal(1, #bids)
    assert.same({ 150.03, 100, "mm" }, { bids[1].price, bids[1].quantity, bids[1].tag })
    run:fill(bids[1], 100)
    run:quote("AAPL", 150.00, 150.12)
    assert.equal(0, #run:open_orders { side = "buy" })
    assert.equal(1, #run:open_orders { side = "sell" })
    assert.equal(100, run:position("AAPL").quantity)
  end)

  it("takes both quotes back when a side of the market is empty", function()
    local run = sim.load "scripts/market_maker.lua"
    run:quote("AAPL", 150.00, 150.10)
    assert.equal(2, #run:open_orders())
    run:quote("AAPL", nil, 150.10)
    assert.equal(0, #run:open_orders())
  end)
end)

describe("a test run", function()
  it("lets reports arrive at the next call", function()
    local run = sim.load(script(HEAD .. [[
      local s = strategy {}
      function s:on_quote(q) if order.count() == 0 then order.buy(q.symbol, 10, q.bid) end end
      function s:on_order(o, r) log.info("%s %s %s", r.kind, o.status, tostring(r.reason)) end
      function s:on_fill(o, f) log.info("fill %g at %g, position %g", f.quantity, f.price, snapshot.position(f.symbol).quantity) end
      return s
    ]]))
    run:quote("AAPL", 10, 10.02)
    local o = run:open_orders()[1]
    assert.equal("new", o.status)
    run:fill(o, 4, 9.99)
    local logs = run:logs()
    assert.equal("accepted new nil", logs[1].text)
    assert.equal("fill 4 at 9.99, position 4", logs[2].text)
    assert.equal("fill partially_filled nil", logs[3].text)
    assert.same({ 4, 6, 9.99 }, { o.filled, o.remaining, o.average_price })
    run:cancel(o, "end_of_day")
    assert.equal("canceled", run:orders()[1].status)
    assert.equal("canceled canceled end_of_day", run:logs()[4].text)
    run:quote("AAPL", 10, 10.02)
    run:reject(run:open_orders()[1], "post_only")
    assert.equal("rejected", run:orders { status = "rejected" }[1].status)
    assert.equal("post_only", run:orders()[2].reason)
    assert.equal(4, run:position("AAPL").quantity)
    assert.equal(9.99, run:position("AAPL").average_price)
  end)

  it("races: a fill crosses a cancel", function()
    local run = sim.load(script(HEAD .. [[
      local s = strategy {}
      function s:on_quote(q)
        if q.bid == 10 then order.buy(q.symbol, 10, q.bid) else order.cancel_all() end
      end
      function s:on_order(o, r) log.info("%s %s", r.kind, o.status) end
      return s
    ]]))
    run:quote("AAPL", 10, 10.02)
    local o = run:open_orders()[1]
    run:fill(o, 4)
    run:quote("AAPL", 11, 11.02)
    run:fill(o, 6) -- the cancel is on its way
    run:now()
    assert.same({ "filled", 10 }, { o.status, o.filled })
    assert.equal("cancel_rejected filled", run:logs()[4].text)
  end)

  it("feeds every kind of event", function()
    local run = sim.load(script(HEAD .. [[
      local s = strategy { symbols = { "A", "B" }, depth = 3, bars = { "1m" }, data = { "fear" } }
      function s:on_start(why) log.info("start %s %s", why, self.phase) timeout.every("10s", "tick") end
      function s:on_stop(why) log.info("stop %s", why) end
      function s:on_quote(q) log.info("quote %s %s %s", q.symbol, tostring(q.bid), tostring(q.ask)) end
      function s:on_trade(t) log.info("trade %g %g %s %s", t.price, t.size, tostring(t.aggressor), t.kind) end
      function s:on_book(b) log.info("book %g %g %d", b:bid(1), b:ask(1), b.depth) end
      function s:on_bar(b) log.info("bar %s %g %g %g %g %g", b.symbol, b.open, b.high, b.low, b.close, b.volume) end
      function s:on_bars(interval) log.info("bars %s", interval) end
      function s:on_status(symbol, status) log.info("status %s %s", symbol, status) end
      function s:on_action(a) log.info("action %s %g", a.kind, a.ratio) end
      function s:on_data(d) log.info("data %g", d.value) end
      function s:on_timer(name, ts, missed) log.info("timer %s", name) end
      return s
    ]]), { data = { fear = { "value" } } })
    run:quote("A", 1, 2)
    run:trade("A", 1.5, 30, "buy")
    run:book("B", { { 5, 10 }, { 4, 20, 2 } }, { { 6, 10 } })
    run:book("B", { { 5, 10 } }, { { 7, 10 } })
    run:advance("25s")
    run:bar("A", { open = 1, high = 3, low = 0.5, close = 2, volume = 500 })
    run:bar("B", { close = 5 })
    run:status("A", "halted")
    run:action("A", { kind = "split", ratio = 2 })
    run:data("fear", { value = 17 })
    run:stop()
    local seen = {}
    for i, line in ipairs(run:logs()) do seen[i] = line.text end
    assert.same({
      "start start live", "quote A 1 2", "trade 1.5 30 buy normal", "quote B 5 6", "book 5 6 2", "quote B 5 7", "book 5 7 1", "timer tick", "timer tick",
      "timer tick", "timer tick", "timer tick", "timer tick", "bar A 1 3 0.5 2 500", "bar B 5 5 5 5 0", "bars 1m", "status A halted", "action split 2",
      "data 17", "stop stop",
    }, seen)
  end)

  it("fails the spec where a handler raises, unless the strategy deals with it", function()
    local body = [[
      local s = strategy {}
      function s:on_quote(q) return q.bdi end
    ]]
    local run = sim.load(script(HEAD .. body .. "return s"))
    local ok, why = pcall(run.quote, run, "AAPL", 1, 2)
    assert.is_false(ok)
    assert.matches("on_quote raised: .*unknown field of a quote 'bdi'; did you mean 'bid'", why)
    run = sim.load(script(HEAD .. body .. "function s:on_error(e) log.warn('%s', e.handler) end return s"))
    run:quote("AAPL", 1, 2)
    assert.equal(1, run:errors())
    assert.equal("warn", run:logs("^on_quote$")[1].level)
  end)

  it("shows that a record was kept without a copy", function()
    local run = sim.load(script(HEAD .. [[
      local s, kept = strategy {}, nil
      function s:on_quote(q)
        if kept then log.info("%s", tostring(kept.bid)) end
        kept = kept or q
      end
      return s
    ]]))
    run:quote("AAPL", 1, 2)
    run:quote("AAPL", 3, 4)
    local kept = run:logs()
    assert.is_true(#kept == 0 or kept[1].text ~= "1")
  end)

  it("keeps to the instrument that the spec describes", function()
    local run = sim.load(script(HEAD .. [[
      local s = strategy { symbols = { "BTC" } }
      function s:on_quote(q)
        local _, err = order.buy("BTC", 0.00015, 1)
        log.info("%s", tostring(err))
        log.info("%s", tostring(order.buy("BTC", 0.0002, 100.5).price))
      end
      return s
    ]]), { instruments = { BTC = { tick = 0.5, lot = 0.0001, calendar = "24x7" } } })
    run:quote("BTC", 100, 101)
    assert.equal("quantity 0.00015 of BTC is not a multiple of the lot 0.0001", run:logs()[1].text)
    assert.equal("100.5", run:logs()[2].text)
  end)

  it("says what is wrong with the spec", function()
    local function raises(pattern, fn, ...)
      local ok, why = pcall(fn, ...)
      assert.is_false(ok)
      assert.matches(pattern, why)
    end
    raises("no such file", sim.load, "/nowhere/x.lua")
    raises("unknown option of sim.load 'parms'; did you mean 'params'", sim.load, "scripts/market_maker.lua", { parms = {} })
    raises("unknown param 'haf_spread'; did you mean 'half_spread'", sim.load, "scripts/market_maker.lua", { params = { haf_spread = 1 } })
    raises("unknown field of an instrument 'tik'", function()
      sim.load("scripts/market_maker.lua", { symbols = { "A" }, instruments = { A = { tik = 1 } } })
    end)
    local run = sim.load("scripts/market_maker.lua", { symbols = { "AAPL" } })
    raises("unknown symbol 'APPL'; did you mean 'AAPL'", function() run:quote("APPL", 1, 2) end)
    raises("unknown method of a run 'qoute'; did you mean 'quote'", function() run:qoute("AAPL", 1, 2) end)
    raises("bid is a number", function() run:quote("AAPL", "1", 2) end)
    raises("unknown filter 'sied'; did you mean 'side'", function() run:orders { sied = "buy" } end)
    raises("an order of this run is wanted", function() run:fill({}) end)
    run:quote("AAPL", 150, 150.10)
    local bid = run:open_orders { side = "buy" }[1]
    raises("more than the 100 that are open", function() run:fill(bid, 101) end)
    raises("is no reason", function() run:reject(bid, "post_olny") end)
    raises("unknown field of an order 'pirce'; did you mean 'price'", function() return bid.pirce end)
    run:fill(bid)
    raises("is closed at the venue", function() run:fill(bid) end)
  end)

  it("ends an OCO pair and a bracket's legs together", function()
    local run = sim.load(script(HEAD .. [[
      local s = strategy {}
      function s:on_quote(q)
        if order.count() > 0 then return end
        order.bracket { entry = { symbol = q.symbol, side = "buy", quantity = 10, price = q.bid }, take_profit = q.bid + 1, stop_loss = q.bid - 1 }
      end
      return s
    ]]))
    run:quote("AAPL", 10, 10.02)
    local entry, profit, loss = unpack(run:open_orders())
    run:fill(entry)
    run:fill(profit)
    assert.equal(0, #run:open_orders())
    assert.same({ "filled", "canceled", "oco" }, { profit.status, loss.status, loss.reason })
    assert.equal(0, run:position("AAPL").quantity)
  end)
end)

local context = require "tidelock.runtime.context"
local world = require "support.mirror_world"
local C = context.C

local w, order
local now = context.now_ns

--- A fresh mirror behind the module, as a host would have attached it.
local function fresh(list)
  w = world.new(list or { { symbol = "AAPL" }, { symbol = "MSFT", lot = 10, min_quantity = 20, max_quantity = 1000 } })
  context.attach { mirror = w.mirror, view = w.view, instruments = w.instruments }
  context.now_ns = function() return w.now end
  order = require "tidelock.order"
end

local function code(order_, err)
  assert.is_nil(order_)
  return err.code, err.field, err.limit, err.value
end

local function sent()
  local list = w:take()
  assert.equal(1, #list)
  return list[1]
end

describe("order", function()
  before_each(function() fresh() end)
  teardown(function() context.now_ns = now end)

  it("sends limit orders and shows them at once", function()
    local o = order.buy("AAPL", 100, 150.10)
    assert.equal("pending_new", o.status)
    assert.same({ "AAPL", "buy", "limit", "day", 150.1, 100, 0, 100, 150.1, 100 },
      { o.symbol, o.side, o.type, o.time_in_force, o.price, o.quantity, o.filled, o.remaining, o.wanted_price, o.wanted_quantity })
    assert.same({ true, true, false }, { o.is_open, o.pending, o.adopted })
    assert.same({}, { o.average_price, o.tag, o.stop_price, o.queue_ahead, o.display, o.expire, o.deadline, o.reason })
    assert.equal(7 * 2 ^ 40 + 1, o.id)
    local s = order.sell("AAPL", 50, 150.20)
    assert.equal("sell", s.side)
    assert.equal(2, order.count())
    w:settle()
    assert.same({ "new", false }, { o.status, o.pending })
    w:trade(w:at_venue(o.slot_n), 40)
    w:settle()
    assert.same({ "partially_filled", 40, 60, 150.1 }, { o.status, o.filled, o.remaining, o.average_price })
    w:event(5000)
    assert.is_true(o:age() > 5000)
    w:trade(w:at_venue(o.slot_n), 60)
    w:settle()
    assert.same({ "filled", false, 0 }, { o.status, o.is_open, o.remaining })
  end)

  it("gives handles that are equal when they mean the same order, and print", function()
    local o = order.buy("AAPL", 100, 150.10)
    assert.is_true(o == order.find { id = o.id })
    assert.is_false(o == order.buy("AAPL", 100, 150.10))
    assert.is_false(o == nil)
    assert.equal("order 7696581394433 buy 100 AAPL at 150.1: pending_new, 0 filled", tostring(o))
  end)

  it("is read-only and names the nearest of a misspelt field", function()
    local o = order.buy("AAPL", 100, 150.10)
    assert.has_error(function() return o.pirce end, nil)
    local _, why = pcall(function() return o.quanttiy end)
    assert.matches("order_spec.lua:%d+: unknown field of an order 'quanttiy'; did you mean 'quantity'%?", why)
    _, why = pcall(function() o.price = 3 end)
    assert.matches("order_spec.lua:%d+: order.price cannot be set", why)
    assert.is_false(pcall(function() o.slot_n = 3 end))
    _, why = pcall(function() return order.byu end)
    assert.matches("did you mean 'buy'", why)
  end)

  it("returns an error for what the strategy's inputs forbid", function()
    assert.same({ "off_tick", "price", 0.01, 150.105 }, { code(order.buy("AAPL", 100, 150.105)) })
    local _, err = order.buy("AAPL", 100, 150.105)
    assert.equal("price 150.105 of AAPL is not a multiple of the tick 0.01", tostring(err))
    assert.same({ "bad_price", "price" }, { code(order.buy("AAPL", 100, nil)) })
    _, err = order.sell("AAPL", 100, nil)
    assert.equal("price is missing; a price is a number above 0", tostring(err))
    assert.equal("bad_price", (code(order.buy("AAPL", 100, 0 / 0))))
    _, err = order.buy("AAPL", 100, 0 / 0)
    assert.equal("price nan of AAPL is no price; a price is a number above 0", tostring(err))
    assert.same({ "bad_quantity", "quantity", 0, 0 }, { code(order.buy("AAPL", 0, 150)) })
    _, err = order.buy("AAPL", -5, 150)
    assert.equal("quantity -5 of AAPL is no quantity; a quantity is a number above 0", tostring(err))
    _, err = order.buy("MSFT", 25, 150)
    assert.equal("quantity 25 of MSFT is not a multiple of the lot 10", tostring(err))
    _, err = order.buy("MSFT", 10, 150)
    assert.equal("quantity 10 of MSFT is less than the least, 20", tostring(err))
    _, err = order.buy("MSFT", 2000, 150)
    assert.equal("quantity 2000 of MSFT is more than the most, 1000", tostring(err))
    assert.same({ "unknown_symbol", "symbol", nil, "APPL" }, { code(order.buy("APPL", 1, 1)) })
    _, err = order.buy("APPL", 1, 1)
    assert.equal("unknown symbol 'APPL'; did you mean 'AAPL'?", tostring(err))
    assert.equal("overflow", (code(order.buy("AAPL", 1, 1e14))))
    C.tl_view_at(w.view, 0).state = C.TL_STATE_HALTED
    _, err = order.buy("AAPL", 1, 1)
    assert.same({ "halted", "trading of AAPL is halted" }, { err.code, tostring(err) })
    C.tl_mirror_warming(w.mirror, true)
    assert.equal("warming_up", (code(order.buy("MSFT", 20, 1))))
    assert.equal(0, #w:take())
  end)

  it("makes no new error object for each refusal", function()
    local _, a = order.buy("AAPL", 0, 150)
    local _, b = order.buy("AAPL", -1, 150)
    assert.is_true(rawequal(a, b))
    assert.equal(-1, b.value)
  end)

  it("raises for mistakes of the program, at the script's line", function()
    local function raises(pattern, fn, ...)
      local ok, why = pcall(fn, ...)
      assert.is_false(ok)
      assert.matches(pattern, why)
    end
    local here = "order_spec.lua:%d+: "
    raises(here .. "order.buy: quantity is a number, not a string", function() order.buy("AAPL", "100", 1) end)
    raises(here .. "order.buy: quantity is a number, not a nil", function() order.buy("AAPL", nil, 1) end)
    raises(here .. "order.sell: price is a number, not a string", function() order.sell("AAPL", 1, "1") end)
    raises(here .. "order.buy: options are made once", function() order.buy("AAPL", 1, 1, { tag = "x" }) end)
    raises("a symbol is a string", function() order.buy(5, 1, 1) end)
    raises(here .. "order.quote: side is", function() order.quote("AAPL", "bid", 1, 1) end)
    raises(here .. "unknown option 'post_olny'; did you mean 'post_only'%?", function() order.options { post_olny = true } end)
    raises(here .. "order.options: price is given with each order", function() order.options { price = 1 } end)
    raises(here .. "unknown time_in_force 'icc'; did you mean 'ioc'%?", function() order.options { time_in_force = "icc" } end)
    raises(here .. "unknown round 'pasive'; did you mean 'passive'", function() order.options { round = "pasive" } end)
    raises(here .. "post_only is true or false", function() order.options { post_only = 1 } end)
    raises(here .. "unknown post_only 'slid'; did you mean 'slide'", function() order.options { post_only = "slid" } end)
    raises(here .. "unknown trigger 'quotes'; did you mean 'quote'", function() order.options { trigger = "quotes" } end)
    raises(here .. ".*nanoseconds is surely meant", function() order.options { deadline = 5 } end)
    raises(here .. ".*is no duration", function() order.options { deadline = "250 us" } end)
    raises(here .. "tag is a string", function() order.options { tag = 5 } end)
    raises(here .. ".*cannot be post_only", function() order.options { time_in_force = "ioc", post_only = true } end)
    raises(here .. "order.quote keeps plain limit orders", function() order.quote("AAPL", "buy", 1, 1, order.options { display = 1 }) end)
    raises(here .. "order.quote keeps orders that rest", function() order.quote("AAPL", "buy", 1, 1, order.options { time_in_force = "fok" }) end)
    raises(here .. "unknown field of an order 'qauntity'", function() order.limit { symbol = "AAPL", side = "buy", qauntity = 1, price = 1 } end)
    raises(here .. "side is \"buy\" or \"sell\", not nil", function() order.market { symbol = "AAPL", quantity = 1 } end)
    raises(here .. "a market order takes no price", function() order.market { symbol = "AAPL", side = "buy", quantity = 1, price = 1 } end)
    raises(here .. "a stop order needs stop_price", function() order.stop { symbol = "AAPL", side = "buy", quantity = 1 } end)
    raises(here .. "a trailing stop needs", function() order.trailing_stop { symbol = "AAPL", side = "buy", quantity = 1 } end)
    raises(here .. "an? iceberg order needs display", function() order.iceberg { symbol = "AAPL", side = "buy", quantity = 1, price = 1 } end)
    raises(here .. "unknown field of order.cancel_all 'sybmol'", function() order.cancel_all { sybmol = "AAPL" } end)
    raises(here .. "side is", function() order.count("AAPL", "bids") end)
    raises(here .. "replace%(price, quantity%): price is a number", function() order.buy("AAPL", 1, 1):replace "x" end)
    raises(here .. "call it as a method: order:cancel%(%)", function() order.buy("AAPL", 1, 1).cancel() end)
    context.bound = false
    raises(here .. "order.buy: orders are sent from handlers", function() order.buy("AAPL", 1, 1) end)
  end)

  it("carries options that were checked once", function()
    local options = order.options { post_only = true, reduce_only = true, round = true, deadline = "250us", tag = "mm", trigger = "mark",
                                    time_in_force = "gtc" }
    local o = order.buy("AAPL", 100, 150.107, options)
    local c = sent()
    assert.equal(C.TL_FLAG_POST_ONLY + C.TL_FLAG_REDUCE_ONLY + C.TL_FLAG_TRIGGER_MARK, c.flags)
    assert.same({ 1501000, w.now + 250000, C.TL_TIF_GTC }, { tonumber(c.price), tonumber(c.deadline_ns), c.time_in_force })
    assert.same({ "mm", true, true, "passive", "mark", "gtc", w.now + 250000 },
      { o.tag, o.post_only, o.reduce_only, o.round, o.trigger, o.time_in_force, o.deadline })
    assert.is_nil(order.buy("AAPL", 1, 1).round)
    assert.is_false(pcall(function() options.flags = 0 end))
    o = order.buy("AAPL", 100, 150.107, options)
    assert.equal("slide", order.buy("AAPL", 1, 1, order.options { post_only = "slide" }).post_only)
    w:settle()
    assert.is_true(o:replace(150.128)) -- rounded as the order was
    w:settle()
    assert.equal(150.12, o.price)
  end)

  it("says that an order without a limit has no price to be replaced", function()
    local o = order.stop { symbol = "AAPL", side = "sell", quantity = 10, stop_price = 140 }
    w:settle()
    local done, err = o:replace(139)
    assert.is_nil(done)
    assert.same({ "bad_price", "price", 139 }, { err.code, err.field, err.value })
    assert.equal("price 139 of AAPL: the order has no limit price to be replaced; cancel it and send another", tostring(err))
    assert.is_true(o:replace(nil, 20))
  end)

  it("takes an expiry as a duration or as a time", function()
    order.buy("AAPL", 1, 1, order.options { expire = "1s" })
    local c = sent()
    assert.same({ w.now + 1e9, C.TL_TIF_GTD }, { tonumber(c.expire_ns), c.time_in_force })
    local o = order.buy("AAPL", 1, 1, order.options { expire = 1.7e18 })
    assert.same({ 1.7e18, 1.7e18, "gtd" }, { tonumber(sent().expire_ns), o.expire, o.time_in_force })
    assert.equal("bad_field", (code(order.buy("AAPL", 1, 1, order.options { time_in_force = "gtd" }))))
  end)

  it("sends each type with named fields", function()
    local o = order.market { symbol = "AAPL", side = "sell", quantity = 10 }
    assert.same({ "market", "sell" }, { o.type, o.side })
    assert.is_nil(o.price)
    o = order.limit { symbol = "AAPL", side = "buy", quantity = 10, price = 1, tag = "x" }
    assert.same({ "limit", 1, "x" }, { o.type, o.price, o.tag })
    o = order.stop { symbol = "AAPL", side = "sell", quantity = 10, stop_price = 0.5 }
    assert.same({ "stop", 0.5 }, { o.type, o.stop_price })
    o = order.stop_limit { symbol = "AAPL", side = "sell", quantity = 10, stop_price = 0.5, price = 0.4 }
    assert.same({ "stop_limit", 0.5, 0.4 }, { o.type, o.stop_price, o.price })
    o = order.trailing_stop { symbol = "AAPL", side = "sell", quantity = 10, offset = 0.25 }
    assert.same({ "trailing_stop", 0.25 }, { o.type, o.offset })
    o = order.trailing_stop { symbol = "AAPL", side = "sell", quantity = 10, percent = 2.5 }
    assert.same({ "trailing_stop", 2.5 }, { o.type, o.percent })
    assert.is_nil(o.offset)
    o = order.iceberg { symbol = "AAPL", side = "sell", quantity = 10, price = 1, display = 2 }
    assert.same({ "iceberg", 2 }, { o.type, o.display })
    assert.same({ "bad_price", "price" }, { code(order.limit { symbol = "AAPL", side = "buy", quantity = 10 }) })
    assert.equal("unknown_symbol", (code(order.limit { symbol = "X", side = "buy", quantity = 10, price = 1 })))
    assert.same({ "bad_quantity", "display", 1, 2 }, { code(order.iceberg { symbol = "AAPL", side = "buy", quantity = 1, price = 1, display = 2 }) })
  end)

  it("keeps one quote per symbol, side and tag", function()
    local a = order.quote("AAPL", "buy", 100, 150)
    assert.is_true(a == order.quote("AAPL", "buy", 100, 150))
    w:settle()
    assert.is_true(a == order.quote("AAPL", "buy", 100, 150.01))
    assert.same({ "pending_replace", 150, 150.01 }, { a.status, a.price, a.wanted_price })
    w:settle()
    assert.equal(150.01, a.price)
    local b = order.quote("AAPL", "buy", 100, 150.01, order.options { tag = "other" })
    assert.is_false(a == b)
    assert.is_true(a == order.quote("AAPL", "buy", 0))
    w:settle()
    assert.equal("canceled", a.status)
    assert.is_true(order.quote("AAPL", "buy", 0, nil))
    assert.equal(1, order.count())
    assert.same({ "bad_price", "price" }, { code(order.quote("AAPL", "sell", 1, nil)) })
    assert.equal("unknown_symbol", (code(order.quote("APPL", "sell", 1, 1))))
    assert.equal("off_tick", (code(order.quote("AAPL", "sell", 1, 1.001))))
  end)

  it("cancels and replaces through the order", function()
    local o = order.buy("AAPL", 100, 150)
    w:settle()
    assert.is_true(o:replace(151, 80))
    assert.is_true(o:replace(151, 80))
    assert.same({ "off_tick", "price", 0.01, 151.001 }, { code(o:replace(151.001)) })
    assert.equal("bad_price", (code(o:replace(0 / 0))))
    w:settle()
    assert.same({ "replaced", 151, 80 }, { o.status, o.price, o.quantity })
    assert.is_true(o:cancel())
    assert.equal("pending_cancel", o.status)
    w:settle()
    local _, err = o:cancel()
    assert.same({ "order_closed", ("order %.0f is closed"):format(o.id) }, { err.code, tostring(err) })
    assert.equal("order_closed", (code(o:replace(1))))
    o = order.market { symbol = "AAPL", side = "buy", quantity = 1 }
    assert.equal("bad_price", (code(o:replace(5))))
  end)

  it("raises when a closed order is read after 65,536 further ones have closed", function()
    local o = order.buy("AAPL", 1, 1)
    o:cancel()
    w:settle()
    for _ = 1, 65537 do
      order.buy("AAPL", 1, 1)
      w:report { order_id = C.tl_mirror_last_id(w.mirror), kind = C.TL_REPORT_REJECTED }
      C.tl_mirror_clear_commands(w.mirror)
    end
    local _, why = pcall(function() return o.status end)
    assert.matches("order_spec.lua:%d+: this order closed long ago", why)
    assert.equal("order_closed", (code(o:cancel())))
  end)

  it("lists open orders in order of creation", function()
    local a, b = order.buy("AAPL", 1, 1), order.sell("AAPL", 2, 2)
    local c = order.buy("MSFT", 20, 1, order.options { tag = "t" })
    local function ids(symbol, side)
      local list = {}
      for i, o in order.each(symbol, side) do list[i] = o.id end
      return list
    end
    assert.same({ a.id, b.id, c.id }, ids())
    assert.same({ a.id, b.id }, ids "AAPL")
    assert.same({ a.id, c.id }, ids(nil, "buy"))
    assert.same({ b.id }, ids("AAPL", "sell"))
    assert.same({}, ids "XXXX")
    assert.same({ 3, 2, 1 }, { order.count(), order.count "AAPL", order.count("AAPL", "sell") })
    assert.equal("unknown_symbol", (code(order.count "XXXX")))
    assert.is_true(c == order.find { tag = "t" })
    assert.is_true(b == order.find { symbol = "AAPL", side = "sell" })
    assert.is_nil(order.find { tag = "never used" })
    assert.is_nil(order.find { id = 5 })
    local visited = 0
    for _, o in order.each() do
      visited = visited + 1
      order.buy("AAPL", 1, 1)
      o:cancel()
    end
    assert.equal(3, visited)
  end)

  it("cannot be led astray by a walk that a script has written into", function()
    order.buy("AAPL", 1, 1)
    local step, walk = order.each()
    for _, slot in ipairs { 2, 70000, 131074, 4294967295 } do
      walk.slot = slot
      assert.is_nil((step(walk, 0)))
    end
    step, walk = order.each()
    walk.instrument, walk.side = 65535, 4294967295
    assert.equal(1, (step(walk, 0)))
    assert.is_false(pcall(step, {}, 0))
    assert.is_false(pcall(step, nil, 0))
  end)

  it("cancels by symbol, side and tag", function()
    for _, tag in ipairs { "a", "b" } do
      local options = order.options { tag = tag }
      order.buy("AAPL", 1, 1, options)
      order.sell("AAPL", 1, 2, options)
      order.buy("MSFT", 20, 1, options)
    end
    assert.equal(0, order.cancel_all { tag = "c" })
    assert.equal("unknown_symbol", (code(order.cancel_all { symbol = "X" })))
    assert.equal(1, order.cancel_all { symbol = "AAPL", side = "buy", tag = "a" })
    assert.equal(3, order.cancel_all { symbol = "AAPL" })
    assert.equal(2, order.cancel_all())
    w:settle()
    assert.equal(0, order.count())
  end)

  it("sends pairs and brackets wholly or not at all", function()
    local a, b = order.oco({ symbol = "AAPL", side = "sell", quantity = 10, price = 160 },
      { symbol = "AAPL", side = "sell", quantity = 10, stop_price = 140 })
    assert.same({ "limit", "stop" }, { a.type, b.type })
    local c, d = unpack(w:take())
    assert.same({ C.TL_LINK_OCO, C.TL_LINK_OCO, true }, { c.link, d.link, c.group == d.group and c.group > 0 })
    assert.same({ "off_tick", "stop_price", 0.01, 140.001 },
      { code(order.oco({ symbol = "AAPL", side = "sell", quantity = 10, price = 160 },
        { symbol = "AAPL", side = "sell", quantity = 10, stop_price = 140.001 })) })
    assert.equal(0, #w:take())
    local entry, profit, loss = order.bracket {
      entry = { symbol = "AAPL", side = "buy", quantity = 10, price = 150 }, take_profit = 155,
      stop_loss = { stop_price = 145, price = 144, time_in_force = "gtc" },
    }
    assert.same({ "buy", "sell", "sell", "limit", "limit", "stop_limit", 10, "gtc" },
      { entry.side, profit.side, loss.side, entry.type, profit.type, loss.type, loss.quantity, loss.time_in_force })
    local list = w:take()
    assert.same({ C.TL_LINK_BRACKET_ENTRY, C.TL_LINK_BRACKET_LEG, C.TL_LINK_BRACKET_LEG }, { list[1].link, list[2].link, list[3].link })
    assert.is_true(list[1].group ~= c.group and list[1].group == list[3].group)
    entry, profit, loss = order.bracket { entry = { symbol = "AAPL", side = "buy", quantity = 10, price = 150 }, stop_loss = 145 }
    assert.is_truthy(entry)
    assert.is_nil(profit)
    assert.equal("stop", loss.type)
    assert.equal("bad_quantity", (code(order.bracket { entry = { symbol = "AAPL", side = "buy", quantity = -1, price = 150 }, stop_loss = 145 })))
    local ok, why = pcall(order.bracket, { entry = { symbol = "AAPL", side = "buy", quantity = 1, price = 150 } })
    assert.is_false(ok)
    assert.matches("needs take_profit or stop_loss", why)
  end)

  it("sends the difference to a wanted position", function()
    local function fill_all() w:settle() for _, o in ipairs(w.venue) do if o.open then w:trade(o, tonumber(o.quantity) - o.filled) end end w:settle() end
    local o = order.target { symbol = "AAPL", quantity = 100 }
    assert.same({ "market", "buy", 100 }, { o.type, o.side, o.quantity })
    assert.is_true(order.target { symbol = "AAPL", quantity = 100 }) -- an open order counts
    fill_all()
    assert.is_true(order.target { symbol = "AAPL", quantity = 100 })
    assert.is_true(order.target { symbol = "AAPL", quantity = 105, band = 5 })
    o = order.target { symbol = "AAPL", quantity = -20, type = "limit", price = 150, tag = "t" }
    assert.same({ "sell", 120, "limit", 150, "t" }, { o.side, o.quantity, o.type, o.price, o.tag })
    fill_all()
    assert.equal(-20, C.tl_view_at(w.view, 0).position.quantity_n)
    order.target { symbol = "AAPL", quantity = 80, type = "limit", price = 150 }
    w:settle()
    w:trade(w.venue[#w.venue], 40)
    w:settle()
    assert.is_true(order.target { symbol = "AAPL", quantity = 80 }) -- of a partly filled order its rest counts
    fill_all()
    order.target { symbol = "AAPL", quantity = -20 }
    fill_all()
    o = order.target { symbol = "MSFT", quantity = 39 } -- to the lot toward zero
    assert.equal(30, o.quantity)
    assert.equal("unknown_symbol", (code(order.target { symbol = "X", quantity = 1 })))
    assert.equal("bad_quantity", (code(order.target { symbol = "AAPL", quantity = 0 / 0 })))
    local _, why = pcall(order.target, { symbol = "AAPL" })
    assert.matches("quantity or weight", why)
    _, why = pcall(order.target, { symbol = "AAPL", quantity = 1, wieght = 2 })
    assert.matches("did you mean 'weight'", why)
  end)

  it("flattens once, whatever is on its way", function()
    order.buy("AAPL", 100, 150)
    w:settle()
    w:trade(w.venue[1], 60)
    w:settle()
    order.stop { symbol = "AAPL", side = "sell", quantity = 60, stop_price = 140 }
    w:settle()
    assert.equal(1, order.flatten { symbol = "AAPL" })
    assert.equal(0, order.flatten { symbol = "AAPL" })
    w:settle()
    local open = w:open()
    assert.equal(1, #open)
    local o = w.orders[open[1]]
    assert.same({ 60, C.TL_TYPE_MARKET, 2 }, { o.quantity_n, o.type_n, o.side_n })
    w:trade(w:at_venue(open[1]), 60)
    w:settle()
    assert.equal(0, order.flatten())
    assert.equal(0, C.tl_view_at(w.view, 0).position.quantity_n)
    assert.equal("unknown_symbol", (code(order.flatten { symbol = "X" })))
  end)
end)

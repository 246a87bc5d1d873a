local native = require "tidelock.native"
local world = require "support.mirror_world"
local C, ffi = native.C, native.ffi
local BUY, SELL, NAN = world.BUY, world.SELL, world.NAN

local allocations = require "allocations"

local function ns(value) return tonumber(value) end

describe("a mirror's send", function()
  it("makes a command with all that the gateway needs to know", function()
    local w = world.new()
    local view = C.tl_view_at(w.view, 0)
    view.quote.bid_n, view.quote.ask_n = 1500900, 1501000
    w:event()
    local slot = w:send(BUY, 100, 150.10, world.options { tag = 3, flags = C.TL_FLAG_POST_ONLY, deadline_timeout_ns = 250000 })
    local second = w:send(SELL, 50, 150.20)
    local c, d = unpack(w:take())
    assert.equal(7 * 2 ^ 40 + 1, tonumber(c.order_id))
    assert.same({ 2, 0, 2, 1 }, { ns(c.input_sequence), c.index, ns(d.input_sequence), d.index })
    assert.same({ 7, 1, 0, 1 }, { c.strategy, c.epoch, c.instrument, c.kind })
    assert.same({ 1501000, 100 }, { ns(c.price), ns(c.quantity) })
    assert.same({ w.now, w.now + 250000, 0 }, { ns(c.ts_ns), ns(c.deadline_ns), ns(d.deadline_ns) })
    assert.same({ 3, C.TL_FLAG_POST_ONLY, BUY, SELL }, { c.tag, c.flags, c.side, d.side })
    assert.equal(3001900, ns(c.arrival_price))
    assert.equal("pending_new", w:status(slot))
    assert.same({ slot, second }, w:open())
    w:event()
    w:send(BUY, 1, 1)
    assert.equal(0, w:take()[1].index)
  end)

  it("knows no arrival price while a side of the quote is missing", function()
    local w = world.new()
    w:send(BUY, 100, 150.10)
    assert.is_true(w:take()[1].arrival_price == world.ABSENT)
  end)

  it("refuses what the strategy's own inputs forbid, and says what stood against it", function()
    local w = world.new { { symbol = "AAPL", lot = 10, min_quantity = 20, max_quantity = 1000 }, { symbol = "MSFT" } }
    local function refused(code, field, limit, value, ...)
      local slot, got, err = w:send(...)
      assert.is_nil(slot)
      assert.same({ code, field }, { got, err.field })
      if limit then assert.equal(limit, err.limit) end
      if value then assert.equal(value, err.value) end
      assert.equal(0, #w:take())
    end
    refused("bad_quantity", 2, 10, 15, BUY, 15, 150)
    refused("bad_quantity", 2, 20, 10, BUY, 10, 150)
    refused("bad_quantity", 2, 1000, 1010, BUY, 1010, 150)
    for _, quantity in ipairs { 0, -20, NAN, 1 / 0, -1 / 0 } do refused("bad_quantity", 2, 0, nil, BUY, quantity, 150) end
    for _, price in ipairs { 0, -1, NAN, 1 / 0 } do refused("bad_price", 3, nil, nil, BUY, 20, price) end
    refused("off_tick", 3, 0.01, 150.105, BUY, 20, 150.105)
    refused("overflow", 3, nil, nil, BUY, 20, 1e13)
    refused("overflow", 2, nil, nil, BUY, 1e17, 150)
    refused("unknown_symbol", 1, nil, nil, BUY, 20, 150, nil, 2)
    refused("bad_price", 4, nil, nil, BUY, 20, NAN, world.options { type = C.TL_TYPE_STOP })
    refused("bad_quantity", 5, 20, 30, BUY, 20, 150, world.options { display = 30 })
    refused("bad_quantity", 5, 10, 25, BUY, 30, 150, world.options { display = 25 })
    refused("deadline_passed", 6, nil, nil, BUY, 20, 150, world.options { deadline_at_ns = w.now })
    refused("bad_field", 7, nil, nil, BUY, 20, 150, world.options { expire_at_ns = w.now - 1 })
    refused("bad_field", 7, nil, nil, BUY, 20, 150, world.options { time_in_force = C.TL_TIF_GTD })
    refused("bad_price", 8, nil, nil, BUY, 20, NAN, world.options { type = C.TL_TYPE_TRAILING_STOP })
    for _, state in ipairs { C.TL_STATE_HALTED, C.TL_STATE_PAUSED } do
      C.tl_view_at(w.view, 0).state = state
      refused("halted", 1, nil, nil, BUY, 20, 150)
      assert.truthy(w:send(BUY, 20, 150, nil, 1))
      w:take()
    end
    C.tl_view_at(w.view, 0).state = C.TL_STATE_TRADING
    C.tl_mirror_warming(w.mirror, true)
    refused("warming_up", 0, nil, nil, BUY, 20, 150)
    C.tl_mirror_warming(w.mirror, false)
    assert.truthy(w:send(BUY, 20, 150))
  end)

  it("takes the nearer of the scope's and the order's own deadline", function()
    local w = world.new()
    local function deadline(options)
      assert(w:send(BUY, 1, 1, options))
      return ns(w:take()[1].deadline_ns)
    end
    C.tl_mirror_scope(w.mirror, w.now + 500)
    assert.equal(w.now + 500, deadline())
    assert.equal(w.now + 300, deadline(world.options { deadline_timeout_ns = 300 }))
    assert.equal(w.now + 500, deadline(world.options { deadline_timeout_ns = 900 }))
    assert.equal(w.now + 200, deadline(world.options { deadline_timeout_ns = 300, deadline_at_ns = w.now + 200 }))
    C.tl_mirror_scope(w.mirror, w.now - 1)
    assert.same({ nil, "deadline_passed" }, { (function() local a, b = w:send(BUY, 1, 1) return a, b end)() })
    C.tl_mirror_scope(w.mirror, 0)
    assert.equal(0, deadline())
  end)

  it("turns an expiry into GTD and counts a duration from now", function()
    local w = world.new()
    w:send(BUY, 1, 1, world.options { expire_after_ns = 5000 })
    w:send(BUY, 1, 1, world.options { expire_at_ns = w.now + 9, time_in_force = C.TL_TIF_GTC })
    local a, b = unpack(w:take())
    assert.same({ C.TL_TIF_GTD, w.now + 5000, C.TL_FLAG_HAS_EXPIRE }, { a.time_in_force, ns(a.expire_ns), a.flags })
    assert.same({ C.TL_TIF_GTD, w.now + 9 }, { b.time_in_force, ns(b.expire_ns) })
  end)

  it("carries what each type needs and nothing else", function()
    local w = world.new()
    local function sent(price, fields)
      assert(w:send(BUY, 100, price, world.options(fields)))
      return w:take()[1]
    end
    local c = sent(150, { type = C.TL_TYPE_MARKET })
    assert.is_true(c.price == world.ABSENT and c.stop_price == world.ABSENT)
    c = sent(NAN, { type = C.TL_TYPE_STOP, stop_price = 151 })
    assert.is_true(c.price == world.ABSENT and c.stop_price == 1510000)
    c = sent(152, { type = C.TL_TYPE_STOP_LIMIT, stop_price = 151 })
    assert.is_true(c.price == 1520000 and c.stop_price == 1510000)
    c = sent(NAN, { type = C.TL_TYPE_TRAILING_STOP, offset = 0.5 })
    assert.is_true(c.offset == 5000 and c.flags == 0)
    c = sent(NAN, { type = C.TL_TYPE_TRAILING_STOP, percent = 1.5 })
    assert.is_true(c.offset == 1500000 and c.flags == C.TL_FLAG_TRAIL_PERCENT)
    c = sent(150, { display = 10 })
    assert.is_true(c.display == 10 and c.type == C.TL_TYPE_ICEBERG)
    c = sent(150.107, { rounding = C.TL_ROUND_PASSIVE })
    assert.is_true(c.price == 1501000)
  end)
end)

describe("an order's life", function()
  it("goes from sent to filled, and the position with it", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    local order = w.orders[slot]
    w:collect()
    w:arrive()
    local _, shown = w:deliver()
    assert.same({ "new", C.TL_REPORT_ACCEPTED, slot }, { w:status(slot), shown.kind_n, shown.slot_n })
    local at = w:at_venue(slot)
    w:trade(at, 40, 1000)
    _, shown = w:deliver()
    assert.same({ "partially_filled", 40, 1500000, 1000 }, { w:status(slot), shown.quantity_n, shown.price_n, shown.fee_n })
    local position = C.tl_view_at(w.view, 0).position
    assert.same({ 40, 150, 0.00001 }, { position.quantity_n, position.average, position.fees })
    w:trade(at, 60)
    w:deliver()
    assert.same({ "filled", 100, 150000000 }, { w:status(slot), order.filled_n, order.cost_n })
    assert.equal(100, position.quantity_n)
    assert.same({}, w:open())
    assert.same({ nil, "order_closed" }, { w:cancel(slot) })
    assert.same({ nil, "order_closed" }, { w:replace(slot, 151) })
  end)

  it("ends as the venue or the gateway says", function()
    for kind, status in pairs { [C.TL_REPORT_REJECTED] = "rejected", [C.TL_REPORT_DENIED] = "denied", [C.TL_REPORT_EXPIRED] = "expired",
                                [C.TL_REPORT_CANCELED] = "canceled" } do
      local w = world.new()
      local slot = w:send(BUY, 100, 150)
      local shown = w:report { order_id = w:take()[1].order_id, kind = kind, reason = C.TL_REASON_RISK_POSITION, limit = 50, value = 100 }
      assert.equal(status, w:status(slot))
      assert.same({ C.TL_REASON_RISK_POSITION, 50, 100 }, { shown.reason_n, shown.limit_n, shown.value_n })
      assert.equal(0, C.tl_mirror_open_count(w.mirror, 0, 0))
    end
  end)

  it("shows limits in the units of scripts", function()
    for reason, unit in pairs { RISK_PRICE_COLLAR = 1e4, RISK_POSITION = 100, RISK_BUYING_POWER = 1e8, RISK_OPEN_ORDERS = 1, OFF_TICK = 1e4 } do
      local w = world.new { { symbol = "A", quantity_exponent = -2 } }
      w:send(BUY, 1, 1)
      local shown = w:report { order_id = w:take()[1].order_id, kind = C.TL_REPORT_DENIED, reason = C["TL_REASON_" .. reason], limit = 5e8, value = 6e8 }
      assert.same({ 5e8 / unit, 6e8 / unit }, { shown.limit_n, shown.value_n })
    end
  end)

  it("keeps acknowledged and wanted apart", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    local order = w.orders[slot]
    w:settle()
    assert.is_true(w:replace(slot, 151, 80))
    assert.same({ "pending_replace", 1500000, 100, 1510000, 80 },
      { w:status(slot), order.price_n, order.quantity_n, order.wanted_price_n, order.wanted_quantity_n })
    w:settle()
    assert.same({ "replaced", 1510000, 80 }, { w:status(slot), order.price_n, order.quantity_n })
    w:replace(slot, 152)
    w:collect()
    w:arrive(true)
    w:deliver()
    assert.same({ "replaced", 1510000, 1510000 }, { w:status(slot), order.price_n, order.wanted_price_n })
  end)

  it("does nothing when asked for what is already asked", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    assert.is_true(w:replace(slot, 150, 100))
    w:settle()
    assert.is_true(w:replace(slot, 150, 100))
    assert.is_true(w:replace(slot))
    assert.equal(0, #w:take())
    assert.is_true(w:replace(slot, 151))
    assert.equal(1, #w:take())
    assert.is_true(w:replace(slot, 151))
    assert.is_true(w:replace(slot, 151, 100))
    assert.equal(0, #w:take())
    w:report { order_id = w.orders[slot].id_n, kind = C.TL_REPORT_REPLACED, price = 1510000, quantity = 100 }
    assert.equal(0, #w:take())
    assert.is_true(w:cancel(slot))
    assert.is_true(w:cancel(slot))
    assert.equal(1, #w:take())
  end)

  it("lets the latest further request wait its turn", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    local order = w.orders[slot]
    w:replace(slot, 151)
    w:replace(slot, 152, 90)
    w:collect()
    assert.equal(1, #w.wire)
    w:arrive()
    w:deliver()
    assert.equal("pending_replace", w:status(slot))
    assert.same({ C.TL_COMMAND_REPLACE, 1520000, 90 }, { w.wire[1].kind, ns(w.wire[1].price), ns(w.wire[1].quantity) })
    w:replace(slot, 153)
    w:cancel(slot)
    w:collect()
    assert.equal(1, #w.wire) -- the cancel waits for the answer to the replace
    w:arrive()
    w:deliver()
    assert.same({ "pending_cancel", C.TL_COMMAND_CANCEL }, { w:status(slot), w.wire[1].kind })
    assert.equal(1520000, order.wanted_price_n)
    w:settle()
    assert.equal("canceled", w:status(slot))
  end)

  it("drops a waiting request that goes back to what is in flight", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:settle()
    w:replace(slot, 151)
    w:replace(slot, 152)
    w:replace(slot, 151)
    w:settle()
    assert.equal(1510000, w.orders[slot].price_n)
    assert.equal(1510000, ns(w:at_venue(slot).price))
    assert.equal(2, w.seq - 1) -- two reports: accepted, replaced
  end)

  it("sends a waiting replace after a refused cancel, and forgets it when the order is gone", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:settle()
    w:cancel(slot)
    w:replace(slot, 151)
    w:collect()
    w:arrive(true)
    w:settle()
    assert.same({ "replaced", 1510000 }, { w:status(slot), w.orders[slot].price_n })
    w:cancel(slot)
    w:replace(slot, 152)
    w:settle()
    assert.equal("canceled", w:status(slot))
    assert.same({}, w:open())
  end)

  it("cancels instead of a waiting replace to no more than was filled meanwhile", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:replace(slot, 150, 50)
    w:collect()
    w:arrive()
    w:trade(w:at_venue(slot), 60)
    w:deliver()
    assert.equal(C.TL_COMMAND_REPLACE, w.wire[1].kind)
    w = world.new()
    slot = w:send(BUY, 100, 150)
    w:settle()
    w:replace(slot, 151)
    w:replace(slot, 152, 50)
    w:trade(w:at_venue(slot), 60)
    w:deliver()
    w:arrive()
    w:deliver()
    assert.equal(C.TL_COMMAND_CANCEL, w.wire[1].kind)
    w:settle()
    assert.equal("canceled", w:status(slot))
    assert.equal(60, C.tl_view_at(w.view, 0).position.quantity_n)
  end)

  it("refuses a new total that is filled already", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:settle()
    w:trade(w:at_venue(slot), 60)
    w:settle()
    assert.same({ nil, "bad_quantity" }, { w:replace(slot, nil, 60) })
    assert.equal(60, C.tl_mirror_error(w.mirror).limit)
    assert.is_true(w:replace(slot, nil, 70))
  end)

  it("survives a fill that crosses a cancel and one that crosses a replace", function()
    local w = world.new()
    local slot = w:send(SELL, 100, 150)
    w:settle()
    w:cancel(slot)
    w:collect()
    w:trade(w:at_venue(slot), 100)
    w:arrive()
    w:deliver()
    assert.equal("filled", w:status(slot))
    w:deliver() -- the cancel is rejected
    assert.equal("filled", w:status(slot))
    assert.equal(-100, C.tl_view_at(w.view, 0).position.quantity_n)

    slot = w:send(SELL, 100, 150)
    w:settle()
    w:replace(slot, 149)
    w:collect()
    w:trade(w:at_venue(slot), 30)
    w:arrive()
    w:deliver()
    assert.equal("pending_replace", w:status(slot))
    assert.equal(30, w.orders[slot].filled_n)
    w:deliver()
    assert.equal("partially_filled", w:status(slot))
    assert.equal(1490000, w.orders[slot].price_n)
    assert.equal(0, ns(C.tl_mirror_illegal_transitions(w.mirror)))
  end)

  it("takes a fill as the acknowledgement where the venue skips it", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:replace(slot, 151)
    w:report { order_id = w:take()[1].order_id, kind = C.TL_REPORT_FILL, price = 1500000, quantity = 10 }
    assert.equal("pending_replace", w:status(slot))
    assert.equal(C.TL_COMMAND_REPLACE, w:take()[1].kind)
  end)

  it("is cancelled before it is acknowledged without waiting", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:replace(slot, 151)
    assert.is_true(w:cancel(slot))
    assert.same({ "pending_cancel", 1500000 }, { w:status(slot), w.orders[slot].wanted_price_n })
    w:collect()
    assert.equal(2, #w.wire)
    w:arrive()
    w:deliver()
    assert.equal("pending_cancel", w:status(slot))
    w:settle()
    assert.equal("canceled", w:status(slot))
  end)

  it("is pending again when its cancel overtook it", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:cancel(slot)
    w:take()
    local id = w.orders[slot].id_n
    w:report { order_id = id, kind = C.TL_REPORT_CANCEL_REJECTED, reason = C.TL_REASON_UNKNOWN_ORDER }
    assert.equal("pending_new", w:status(slot))
    w:replace(slot, 151)
    assert.equal(0, #w:take())
    w:report { order_id = id, kind = C.TL_REPORT_ACCEPTED, price = 1500000, quantity = 100 }
    assert.equal(C.TL_COMMAND_REPLACE, w:take()[1].kind)
    assert.is_true(w:cancel(slot))
  end)

  it("is refused while its cancel is on its way", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:cancel(slot)
    w:collect()
    w:arrive(true)
    w:settle()
    assert.equal("rejected", w:status(slot))
    assert.equal(0, ns(C.tl_mirror_illegal_transitions(w.mirror)))
  end)

  it("counts a report that does not fit and keeps what it had", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:settle()
    w:report { order_id = w.orders[slot].id_n, kind = C.TL_REPORT_ACCEPTED, price = 1, quantity = 1 }
    assert.same({ "new", 1500000, 100 }, { w:status(slot), w.orders[slot].price_n, w.orders[slot].quantity_n })
    assert.equal(1, ns(C.tl_mirror_illegal_transitions(w.mirror)))
    for _, quantity in ipairs { 0, -5 } do
      w:report { order_id = w.orders[slot].id_n, kind = C.TL_REPORT_FILL, price = 1500000, quantity = quantity }
    end
    w:report { order_id = w.orders[slot].id_n, kind = C.TL_REPORT_FILL, quantity = 5 } -- no price
    w:report { order_id = w.orders[slot].id_n, kind = 77 }
    assert.same({ "new", 0 }, { w:status(slot), w.orders[slot].filled_n })
    assert.equal(5, ns(C.tl_mirror_illegal_transitions(w.mirror)))
    local _, unknown = w:report { order_id = 12345, kind = C.TL_REPORT_FILL, price = 1, quantity = 1 }
    assert.equal(0, unknown)
    w:cancel(slot)
    w:settle()
    w:report { order_id = w.orders[slot].id_n, kind = C.TL_REPORT_FILL, price = 1500000, quantity = 10 }
    assert.equal("canceled", w:status(slot))
    assert.equal(10, C.tl_view_at(w.view, 0).position.quantity_n)
  end)

  it("shows a place in the queue as far as it is known", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    assert.is_true(w.orders[slot].queue_ahead_n ~= w.orders[slot].queue_ahead_n)
    w:report { order_id = w:take()[1].order_id, kind = C.TL_REPORT_ACCEPTED, price = 1500000, quantity = 100, queue_ahead = 700 }
    assert.equal(700, w.orders[slot].queue_ahead_n)
    local event = ffi.new("tl_event", { kind = C.TL_EVENT_QUEUE })
    event.w[0], event.w[1], event.w[2] = w.orders[slot].id_n, 300, 900
    C.tl_mirror_queue_place(w.mirror, event)
    assert.same({ 300, 900 }, { w.orders[slot].queue_ahead_n, w.orders[slot].queue_total_n })
  end)

  it("follows a venue that changes the order by itself", function()
    local w = world.new()
    local slot = w:send(BUY, 100, 150)
    w:settle()
    w:report { order_id = w.orders[slot].id_n, kind = C.TL_REPORT_RESTATED, price = 1499900, quantity = 100 }
    assert.same({ 1499900, 1500000 }, { w.orders[slot].price_n, w.orders[slot].wanted_price_n })
    assert.is_true(w:replace(slot, 150)) -- what is asked already
    assert.equal(0, #w:take())
    assert.is_true(w:replace(slot, 149.99))
    assert.equal(0, #w:take()) -- what it is already
  end)
end)

describe("open orders", function()
  it("are listed in order of creation, by instrument and side, whatever closes in between", function()
    local w = world.new { { symbol = "A" }, { symbol = "B" } }
    local a1, b1 = w:send(BUY, 1, 1, nil, 0), w:send(BUY, 1, 1, nil, 1)
    local a2, a3 = w:send(SELL, 2, 2, nil, 0), w:send(BUY, 4, 1, nil, 0)
    local b2 = w:send(SELL, 1, 2, nil, 1)
    w:settle()
    assert.same({ a1, b1, a2, a3, b2 }, w:open())
    assert.same({ a1, a2, a3 }, w:open(0))
    assert.same({ a1, a3 }, w:open(0, BUY))
    assert.same({ a2, b2 }, w:open(nil, SELL))
    assert.same({ 5, 3, 2, 1, 2 }, { C.tl_mirror_open_count(w.mirror, 0xffffffff, 0), C.tl_mirror_open_count(w.mirror, 0, 0),
      C.tl_mirror_open_count(w.mirror, 0, BUY), C.tl_mirror_open_count(w.mirror, 1, SELL), C.tl_mirror_open_count(w.mirror, 0xffffffff, SELL) })
    assert.equal(5, C.tl_mirror_open_quantity(w.mirror, 0, BUY))
    w:cancel(a2)
    w:cancel(a1)
    w:settle()
    assert.same({ b1, a3, b2 }, w:open())
    assert.same({ a3 }, w:open(0))
    local a4 = w:send(BUY, 1, 1, nil, 0)
    assert.same({ a3, a4 }, w:open(0, BUY))
    assert.equal(a4, C.tl_mirror_by_id(w.mirror, w.orders[a4].id_n))
    assert.equal(a1, C.tl_mirror_by_id(w.mirror, w.orders[a1].id_n))
    for _, id in ipairs { 0, -1, NAN, 1e300, 12345.5 } do assert.equal(0, C.tl_mirror_by_id(w.mirror, id)) end
  end)

  it("are cancelled together by instrument, side and tag", function()
    local w = world.new { { symbol = "A" }, { symbol = "B" } }
    local function filled_book()
      C.tl_mirror_cancel_all(w.mirror, 0xffffffff, 0, 0)
      w:settle()
      for instrument = 0, 1 do
        for side = BUY, SELL do
          for tag = 0, 2 do w:send(side, 1, 1, world.options { tag = tag }, instrument) end
        end
      end
      w:settle()
    end
    for _, case in ipairs { { 0xffffffff, 0, 0, 12 }, { 0, 0, 0, 6 }, { 0, SELL, 0, 3 }, { 0xffffffff, 0, 2, 4 }, { 1, BUY, 1, 1 } } do
      filled_book()
      assert.equal(case[4], C.tl_mirror_cancel_all(w.mirror, case[1], case[2], case[3]))
      assert.equal(0, C.tl_mirror_cancel_all(w.mirror, case[1], case[2], case[3]))
      w:settle()
      assert.equal(12 - case[4], #w:open())
    end
  end)

  it("may be walked while they are cancelled at once", function()
    local w = world.new()
    for _ = 1, 100 do w:send(BUY, 1, 1) end
    w:settle()
    local slot, seen = C.tl_mirror_first(w.mirror, 0, 0), 0
    while slot ~= 0 do
      w:report { order_id = w.orders[slot].id_n, kind = C.TL_REPORT_CANCELED }
      seen, slot = seen + 1, C.tl_mirror_next(w.mirror, slot, 0, 0)
    end
    assert.equal(100, seen)
    assert.same({}, w:open())
  end)

  it("keep their slots readable until 65,536 further ones have closed", function()
    local w = world.new()
    local stays = w:send(BUY, 1, 1)
    local first = w:send(BUY, 1, 1)
    local id, generation = w.orders[first].id_n, w.orders[first].generation_n
    local report, shown = ffi.new "tl_report", ffi.new "tl_shown_report"
    report.kind = C.TL_REPORT_REJECTED
    local function close(slot)
      report.order_id = w.orders[slot].id_n
      C.tl_mirror_report(w.mirror, report, w.now, w.seq, shown)
    end
    close(first)
    for _ = 1, 65536 do
      close(C.tl_mirror_send(w.mirror, 0, BUY, 1, 1, nil))
      C.tl_mirror_clear_commands(w.mirror)
    end
    assert.same({ generation, id }, { w.orders[first].generation_n, w.orders[first].id_n })
    assert.equal(first, C.tl_mirror_by_id(w.mirror, id))
    local again = w:send(BUY, 1, 1)
    assert.equal(first, again)
    assert.equal(generation + 1, w.orders[first].generation_n)
    assert.equal(0, C.tl_mirror_by_id(w.mirror, id))
    assert.is_false(C.tl_mirror_cancel(w.mirror, first, generation))
    assert.equal("order_closed", w:code())
    assert.is_true(C.tl_mirror_cancel(w.mirror, first, generation + 1))
    assert.same({ stays, again }, w:open())
  end)

  it("are refused past 65,536", function()
    local w = world.new()
    for _ = 1, 65536 do assert(C.tl_mirror_send(w.mirror, 0, BUY, 1, 1, nil) ~= 0) end
    local slot, code = w:send(BUY, 1, 1)
    assert.same({ nil, "too_many_orders" }, { slot, code })
    assert.equal(65536, C.tl_mirror_cancel_all(w.mirror, 0, 0, 0))
    w:report { order_id = w:take()[1].order_id, kind = C.TL_REPORT_REJECTED }
    assert.truthy(w:send(BUY, 1, 1))
  end)
end)

describe("a quote", function()
  local function open_price(w) return w.orders[w:open()[1]].price_n end

  it("is sent once, replaced on a change of tick, and cancelled at quantity 0", function()
    local w = world.new()
    local rounded = world.options { rounding = C.TL_ROUND_PASSIVE }
    local slot = w:quote(BUY, 100, 150.104, rounded)
    assert.equal(slot, w:quote(BUY, 100, 150.104, rounded))
    w:settle()
    assert.equal(slot, w:quote(BUY, 100, 150.109, rounded)) -- the same tick
    assert.equal(0, #w:take())
    assert.equal(slot, w:quote(BUY, 100, 150.111, rounded))
    w:settle()
    assert.equal(1501100, open_price(w))
    assert.equal(slot, w:quote(BUY, 50, 150.111, rounded))
    w:settle()
    assert.equal(50, w.orders[slot].quantity_n)
    assert.equal(slot, w:quote(BUY, 0, NAN, rounded))
    w:settle()
    assert.same({}, w:open())
    assert.equal(0, w:quote(BUY, 0, NAN, rounded))
    assert.equal(0, #w:take())
  end)

  it("is refused as often as it is asked wrongly, also for a price that passed with another rounding", function()
    local w = world.new()
    local passive, aggressive = world.options { rounding = C.TL_ROUND_PASSIVE }, world.options { rounding = C.TL_ROUND_AGGRESSIVE }
    local function refused(code, ...)
      for _ = 1, 2 do
        local slot, got = w:quote(...)
        assert.same({ code }, { slot or got })
      end
    end
    refused("bad_price", BUY, 100, 0)
    refused("bad_quantity", BUY, 0.5, 150)
    local slot = w:quote(BUY, 100, 150.104, passive)
    w:settle()
    assert.equal(1501000, open_price(w))
    refused("off_tick", BUY, 100, 150.104)
    refused("bad_quantity", BUY, 0.5, 150.104, passive)
    refused("bad_price", BUY, 100, 0, passive)
    assert.equal(slot, w:quote(BUY, 100, 150.104, passive))
    assert.equal(0, #w:take())
    w:quote(BUY, 100, 150.104, aggressive)
    w:settle()
    assert.equal(1501100, open_price(w))
  end)

  it("is one for each instrument, side and tag", function()
    local w = world.new { { symbol = "A" }, { symbol = "B" } }
    for _ = 1, 3 do
      for instrument = 0, 1 do
        for side = BUY, SELL do
          for tag = 0, 2 do assert(w:quote(side, 10, 20 + side, world.options { tag = tag }, instrument)) end
        end
      end
      w:settle()
    end
    assert.equal(12, #w:open())
  end)

  it("waits while a request is in flight and then sends the latest", function()
    local w = world.new()
    w:quote(BUY, 100, 150)
    w:quote(BUY, 100, 151)
    w:quote(BUY, 80, 152)
    w:quote(BUY, 80, 152)
    w:collect()
    assert.equal(1, #w.wire)
    w:settle()
    local order = w.orders[w:open()[1]]
    assert.same({ 1520000, 80 }, { order.price_n, order.quantity_n })
  end)

  it("keeps a partly filled order in its place until price or quantity change", function()
    local w = world.new()
    local slot = w:quote(BUY, 100, 150)
    w:settle()
    w:trade(w:at_venue(slot), 40)
    w:settle()
    w:quote(BUY, 100, 150)
    assert.equal(0, #w:take())
    w:quote(BUY, 100, 151)
    assert.equal(140, ns(w:take()[1].quantity)) -- 100 of it open
    w:report { order_id = w.orders[slot].id_n, kind = C.TL_REPORT_REPLACED, price = 1510000, quantity = 140 }
    w:quote(BUY, 60, 151)
    assert.equal(100, ns(w:take()[1].quantity))
  end)

  it("is sent anew after a complete fill, a refusal or an expiry, when it is asked for again", function()
    local w = world.new()
    local slot = w:quote(BUY, 100, 150)
    w:settle()
    w:trade(w:at_venue(slot), 100)
    w:settle()
    assert.same({}, w:open())
    slot = w:quote(BUY, 100, 150)
    w:collect()
    w:arrive(true)
    w:settle()
    assert.equal("rejected", w:status(slot))
    slot = w:quote(BUY, 100, 150)
    w:settle()
    w:expire(w:at_venue(slot))
    w:settle()
    assert.same({}, w:open())
    assert.truthy(w:quote(BUY, 100, 150))
    w:settle()
    assert.equal(1, #w:open())
  end)

  it("asked for while its cancel is in flight is sent when the cancel is answered, less what was filled meanwhile", function()
    local w = world.new()
    local slot = w:quote(BUY, 100, 150)
    w:settle()
    w:quote(BUY, 0)
    w:collect()
    w:quote(BUY, 50, 151)
    assert.equal(1, #w.wire)
    w:trade(w:at_venue(slot), 20)
    w:settle()
    local order = w.orders[w:open()[1]]
    assert.equal("canceled", w:status(slot))
    assert.same({ 1510000, 30, 1 }, { order.price_n, order.quantity_n, #w:open() })
  end)

  it("sends nothing anew when the cancel is asked for again, by any door", function()
    for _, door in ipairs { "quote", "cancel", "cancel_all" } do
      local w = world.new()
      local slot = w:quote(BUY, 100, 150)
      w:settle()
      w:quote(BUY, 0)
      w:quote(BUY, 50, 151)
      if door == "quote" then w:quote(BUY, 0) elseif door == "cancel" then w:cancel(slot)
      else C.tl_mirror_cancel_all(w.mirror, 0, 0, 0) end
      w:settle()
      assert.same({}, w:open(), door)
    end
  end)

  it("whose cancel crosses a complete fill is gone, and nothing follows by itself", function()
    local w = world.new()
    local slot = w:quote(BUY, 100, 150)
    w:settle()
    w:quote(BUY, 0)
    w:quote(BUY, 100, 151)
    w:collect()
    w:trade(w:at_venue(slot), 100)
    w:settle()
    assert.equal("filled", w:status(slot))
    assert.same({}, w:open())
  end)

  it("whose cancel is refused is asked for again", function()
    local w = world.new()
    local slot = w:quote(BUY, 100, 150)
    w:settle()
    w:quote(BUY, 0)
    w:collect()
    w:arrive(true)
    w:settle()
    assert.equal("new", w:status(slot))
    w:quote(BUY, 0)
    w:settle()
    assert.equal("canceled", w:status(slot))
  end)

  it("whose replace is refused is tried again by the next ask", function()
    local w = world.new()
    local slot = w:quote(BUY, 100, 150)
    w:settle()
    w:quote(BUY, 100, 151)
    w:collect()
    w:arrive(true)
    w:settle()
    assert.equal(1500000, w.orders[slot].price_n)
    w:quote(BUY, 100, 151)
    w:settle()
    assert.equal(1510000, w.orders[slot].price_n)
    for try = 1, 2 do
      w:quote(BUY, 60, 151)
      w:collect()
      w:arrive(try == 1)
      w:settle()
    end
    assert.equal(60, w.orders[slot].quantity_n)
  end)

  it("whose replace is refused as all that it asked was filled on the way takes the rest back", function()
    local w = world.new()
    local slot = w:quote(BUY, 100, 150)
    w:settle()
    w:quote(BUY, 40, 151)
    w:take()
    local id = w.orders[slot].id_n
    w:report { order_id = id, kind = C.TL_REPORT_FILL, price = 1500000, quantity = 50 }
    assert.equal(0, #w:take())
    w:report { order_id = id, kind = C.TL_REPORT_REPLACE_REJECTED, reason = C.TL_REASON_BAD_QUANTITY }
    local commands = w:take()
    assert.equal(1, #commands)
    assert.equal(C.TL_COMMAND_CANCEL, commands[1].kind)
    assert.equal("pending_cancel", w:status(slot))
  end)

  it("that was replaced by hand is brought back", function()
    local w = world.new()
    local slot = w:quote(BUY, 100, 150)
    w:settle()
    w:replace(slot, nil, 50)
    w:settle()
    w:quote(BUY, 100, 150)
    w:settle()
    assert.equal(100, w.orders[slot].quantity_n)
  end)

  it("that the venue slid stays where it is while the same price is asked", function()
    local w = world.new()
    local slot = w:quote(BUY, 100, 150)
    w:collect()
    w:take()
    w:report { order_id = w.orders[slot].id_n, kind = C.TL_REPORT_ACCEPTED, price = 1499900, quantity = 100 }
    w:quote(BUY, 100, 150)
    assert.equal(0, #w:take())
    w:quote(BUY, 100, 149)
    assert.equal(1, #w:take())
  end)

  it("is refused for the reasons of an order, but may always be taken back", function()
    local w = world.new()
    assert.same({ nil, "bad_quantity" }, { w:quote(BUY, -1, 150) })
    assert.same({ nil, "bad_quantity" }, { w:quote(BUY, NAN, 150) })
    assert.same({ nil, "bad_price" }, { w:quote(BUY, 1, NAN) })
    assert.same({ nil, "off_tick" }, { w:quote(BUY, 1, 150.001) })
    assert.same({ nil, "unknown_symbol" }, { w:quote(BUY, 1, 150, nil, 9) })
    w:quote(BUY, 100, 150)
    w:settle()
    C.tl_view_at(w.view, 0).state = C.TL_STATE_HALTED
    assert.same({ nil, "halted" }, { w:quote(SELL, 1, 151) })
    assert.same({ nil, "halted" }, { w:quote(BUY, 1, 151) })
    assert.truthy(w:quote(BUY, 0))
    w:settle()
    assert.same({}, w:open())
  end)
end)

describe("a mirror after many random steps", function()
  local seed = tonumber(os.getenv "TIDELOCK_SEED") or 20261124
  local state
  local function random(n) -- 1..n, the same everywhere
    state = (state * 1103515245 + 12345) % 2147483648
    return math.floor(state / 65536) % n + 1
  end

  it("equals the venue's truth, and positions equal the sum of fills (seed " .. seed .. ")", function()
    state = seed
    local steps = os.getenv "TIDELOCK_SOAK" and 2000000 or 60000
    local w = world.new { { symbol = "A" }, { symbol = "B", price_exponent = -2, tick = 5, lot = 10 } }
    local sums = { [0] = 0, 0 }
    local function some_open()
      local list = w:open()
      return list[1] and list[random(#list)]
    end
    local function resting()
      for _ = 1, 4 do
        local order = #w.venue > 0 and w.venue[math.max(1, #w.venue - random(40) + 1)]
        if order and order.open then return order end
      end
    end
    for step = 1, steps do
      if step % 7 == 0 then w:event() end
      local roll, instrument, side = random(100), random(2) - 1, random(2)
      local quantity, price = random(8) * 10, random(20)
      if roll <= 12 and #w:open() < 60 then w:send(side, quantity, price, nil, instrument)
      elseif roll <= 30 then w:quote(side, random(3) == 1 and 0 or quantity, price, world.options { tag = random(2) }, instrument)
      elseif roll <= 36 then local slot = some_open() if slot then w:cancel(slot) end
      elseif roll <= 46 then local slot = some_open() if slot then w:replace(slot, price, quantity) end
      elseif roll == 47 then C.tl_mirror_cancel_all(w.mirror, instrument, side, 0)
      elseif roll <= 68 then w:collect() w:arrive(random(8) == 1)
      elseif roll <= 76 then
        local order = resting()
        if order then
          local most = tonumber(order.quantity) - order.filled
          local n = random(3) == 1 and most or math.max(1, math.floor(most / 2))
          w:trade(order, n)
          sums[order.instrument] = sums[order.instrument] + (order.side == BUY and n or -n)
        end
      elseif roll == 77 then local order = resting() if order then w:expire(order) end
      else w:deliver() end
    end
    w:settle()
    local open = 0
    for _, order in ipairs(w.venue) do
      local slot = C.tl_mirror_by_id(w.mirror, tonumber(order.id))
      if slot ~= 0 then
        local mine = w.orders[slot]
        assert.equal(order.filled, mine.filled_n)
        assert.equal(order.open, mine.status_n < C.TL_ORDER_FILLED)
        if order.open then
          open = open + 1
          assert.same({ tonumber(order.price), tonumber(order.quantity) }, { mine.price_n, mine.quantity_n })
          assert.same({ mine.price_n, mine.quantity_n, 0, 0 }, { mine.wanted_price_n, mine.wanted_quantity_n, mine.request_n, mine.queued_n })
        elseif order.status ~= "new" then
          assert.equal(order.status, w:status(slot))
        end
      end
    end
    assert.is_true(#w.venue > steps / 20)
    assert.equal(open, #w:open())
    for instrument = 0, 1 do assert.equal(sums[instrument], C.tl_view_at(w.view, instrument).position.quantity_n) end
    local kept = {}
    for _, slot in ipairs(w:open()) do
      local o = w.orders[slot]
      if o.quoted_n == 1 then
        local key = ("%d/%d/%d"):format(o.instrument_n, o.side_n, o.tag_n)
        assert.is_nil(kept[key], "two working quotes for " .. key)
        kept[key] = true
      end
    end
    assert.equal(0, ns(C.tl_mirror_illegal_transitions(w.mirror)))
  end)
end)

describe("the mirror's memory", function()
  it("is touched, never asked for: no call of a running strategy allocates", function()
    if not allocations.known() then pending "the process's heap is not jemalloc" return end
    local w = world.new()
    local options, report, shown = world.options { tag = 1 }, ffi.new "tl_report", ffi.new "tl_shown_report"
    local m = w.mirror
    local function round(i)
      C.tl_mirror_event(m, i, i)
      local slot = C.tl_mirror_quote(m, 0, BUY, 100, 150, options)
      C.tl_mirror_send(m, 0, SELL, 100, 151, nil)
      report.order_id, report.kind, report.price, report.quantity = w.orders[slot].id_n, C.TL_REPORT_ACCEPTED, 1500000, 100
      C.tl_mirror_report(m, report, i, i, shown)
      C.tl_mirror_quote(m, 0, BUY, 100, 149, options)
      C.tl_mirror_replace(m, slot, w.orders[slot].generation_n, 148, 50, 0)
      report.kind, report.price, report.quantity = C.TL_REPORT_FILL, 1490000, 100
      C.tl_mirror_report(m, report, i, i, shown)
      C.tl_mirror_cancel_all(m, 0, 0, 0)
      report.order_id, report.kind = C.tl_mirror_last_id(m), C.TL_REPORT_CANCELED
      C.tl_mirror_report(m, report, i, i, shown)
      C.tl_mirror_quote(m, 0, BUY, -1, 149, options)
      C.tl_mirror_clear_commands(m)
    end
    local function rounds(from, to) for i = from, to do round(i) end end
    jit.off(round) -- registering machine code with the unwinder takes memory of its own
    jit.off(rounds)
    rounds(1, 100)
    assert.equal(0, allocations.of(function() rounds(101, 5100) end))
  end)
end)

describe("a corporate action", function()
  local function action(w, kind, ratio, amount)
    local event = ffi.new("tl_event", { kind = C.TL_EVENT_ACTION, w = { kind, ratio * 1e8, amount * 1e8 } })
    C.tl_mirror_action(w.mirror, event)
    return C.tl_view_at(w.view, 0).position
  end

  it("moves the position and what it is valued at", function()
    local w = world.new()
    w:send(BUY, 101, 150)
    w:settle()
    w:trade(w.venue[1], 101)
    w:settle()
    C.tl_view_at(w.view, 0).position.mark_n = 1600000
    C.tl_view_at(w.view, 0).last_price = 1600000
    local position = action(w, C.TL_ACTION_SPLIT, 2, 0)
    assert.same({ 202, 75, 0, 800000 }, { position.quantity_n, position.average, position.realized, position.mark_n })
    assert.equal(800000, ns(C.tl_view_at(w.view, 0).last_price))
    position = action(w, C.TL_ACTION_SPLIT, 0.25, 0) -- 50.5: the half is paid out at 320, for a cost of 300
    assert.same({ 50, 300, 10 }, { position.quantity_n, position.average, position.realized })
    position = action(w, C.TL_ACTION_DIVIDEND, 1, 0.5)
    assert.equal(-25, position.funding)
    position = action(w, C.TL_ACTION_FUNDING, 1, 0.1)
    assert.equal(-20, position.funding)
    action(w, C.TL_ACTION_LISTING, 1, 1)
    action(w, C.TL_ACTION_SPLIT, 0, 0)
    action(w, C.TL_ACTION_SPLIT, -1, 0)
    assert.equal(50, position.quantity_n)
  end)
end)

describe("tags", function()
  it("are numbered from 1 in the order of their first use, and named again", function()
    local w = world.new()
    for round = 1, 2 do
      for i = 1, 1000 do assert.equal(i, C.tl_mirror_tag(w.mirror, "tag " .. i), "round " .. round) end
    end
    assert.equal(7, C.tl_mirror_tag_find(w.mirror, "tag 7"))
    assert.equal(0, C.tl_mirror_tag_find(w.mirror, "other"))
    assert.equal("tag 1000", ffi.string(C.tl_mirror_tag_name(w.mirror, 1000)))
    for _, none in ipairs { 0, 1001, 4e9 } do assert.equal("", ffi.string(C.tl_mirror_tag_name(w.mirror, none))) end
  end)
end)

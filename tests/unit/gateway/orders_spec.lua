local bench = require "unit.gateway.bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("an order at the gateway", function()
  it("goes to the venue, is accepted, fills and moves the position before its report", function()
    local b = bench.new { fees = { maker = 0.001 } }
    b:quote(99.99, 100.01)
    local id = b:send("buy", 100, 100)
    assert.equal("> new 100", b:take())
    assert.equal("pending_new", b:status(id))
    b:accept(id)
    b:fill(id, 40, 100)
    assert.equal("accepted, fill", b:take())
    assert.equal("partially_filled", b:status(id))
    b:fill(id, 60, 100)
    assert.equal("filled", b:status(id))
    assert.equal(100, tonumber(b:position().quantity))
    local account = b:account()
    assert.equal(10, account.fees)
    assert.equal(1e6 - 10000 - 10, account.cash)
    assert.equal(1e6 - 10, account.equity)
    assert.equal(0, account.open_orders)
  end)

  it("cancels, also before it is acknowledged, and a fill may cross the cancel", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 100, 100)
    b:cancel(id)
    assert.equal("> new 100, > cancel", b:take())
    b:accept(id)
    b:fill(id, 30, 100)
    assert.equal("pending_cancel", b:status(id))
    b:report(id, "canceled", { reason = "requested" })
    assert.equal("accepted, fill, canceled requested", b:take())
    assert.equal("canceled", b:status(id))
    b:cancel(id)
    assert.equal("cancel_rejected order_closed", b:take())
    b:cancel(id + 1)
    assert.equal("cancel_rejected unknown_order", b:take())
  end)

  it("is told that its cancel came too late when the last fill crossed it", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 100, 100)
    b:accept(id)
    b:cancel(id)
    b:fill(id, 100, 100)
    b:take()
    b:report(id, "cancel_rejected", { reason = "order_closed" })
    assert.equal("cancel_rejected order_closed", b:take())
    assert.equal("filled", b:status(id))
    b:report(id, "cancel_rejected", { reason = "order_closed" })
    assert.equal("", b:take())
    assert.equal(1, tonumber(C.tl_gateway_illegal_transitions(b.gateway)))
  end)

  it("is replaced one request at a time", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 100, 100)
    b:accept(id)
    b:replace(id, 99, 200)
    assert.equal("pending_replace", b:status(id))
    b:replace(id, 98, 200)
    b:cancel(id)
    assert.equal("accepted, replace_rejected illegal_state, cancel_rejected illegal_state, > new 100, > replace 200", b:take())
    b:report(id, "replaced", { price = 99, quantity = 200 })
    assert.equal("replaced", b:status(id))
    local record = C.tl_gateway_order(b.gateway, id)
    assert.equal(990000, tonumber(record.last.price))
    assert.equal(200, tonumber(record.last.quantity))
    b:replace(id, 98, 200)
    b:report(id, "replace_rejected", { reason = "unsupported" })
    assert.equal("replaced", b:status(id))
    assert.equal(990000, tonumber(record.wanted_price))
    assert.equal("replaced, replace_rejected unsupported, > replace 200", b:take())
  end)

  it("tells the acknowledged terms with a refused request, whatever the venue puts there", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 100, 100)
    b:accept(id)
    b:replace(id, 99, 200)
    b:clear()
    b:report(id, "replace_rejected", { reason = "unsupported", price = 99, quantity = 200 })
    assert.same({ 1000000, 100 }, { tonumber(b.reports[1].price), b.reports[1].quantity })
    b:cancel(id)
    b:clear()
    b:report(id, "cancel_rejected", { reason = "unsupported" })
    assert.same({ 1000000, 100 }, { tonumber(b.reports[1].price), b.reports[1].quantity })
  end)

  it("takes the terms that the venue states when it accepts or restates", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 100, 101, { flags = C.TL_FLAG_POST_SLIDE })
    b:report(id, "accepted", { price = 100, quantity = 100 }) -- slid
    assert.equal(1000000, tonumber(b.reports[1].price))
    local record = C.tl_gateway_order(b.gateway, id)
    assert.same({ 1000000, 1000000 }, { tonumber(record.last.price), tonumber(record.wanted_price) })
    assert.equal(1e6 - 10000, b:account().buying_power)
    b:report(id, "restated", { price = 100, quantity = 60, reason = "reduce_only" })
    assert.equal(60, tonumber(record.last.quantity))
    b:fill(id, 60, 100)
    assert.equal("filled", b:status(id))
    id = b:send("buy", 100, 101)
    b:clear()
    b:report(id, "accepted", { price = 101, quantity = 101 }) -- more than was ordered
    assert.equal("", b:take())
    b:report(id, "accepted")
    assert.equal(100, b.reports[1].quantity)
  end)

  it("cancels all by instrument, side and tag", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    b:quote(99.99, 100.01, 1)
    b:send("buy", 1, 99)
    b:send("sell", 2, 101, { tag = 7 })
    b:send("buy", 3, 99, { instrument = 1, tag = 7 })
    b:take()
    b:command(b:make("cancel_all", { instrument = 1 }))
    assert.equal("> cancel", b:take())
    b:command(b:make("cancel_all", { instrument = -1, side = "sell", tag = 7 }))
    assert.equal("> cancel", b:take())
    b:command(b:make("cancel_all", { instrument = -1 }))
    assert.equal("> cancel", b:take())
  end)

  it("drops commands that are not newer than the last one", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local c = b:make("new", { order_id = 3 * 2 ^ 40 + 1, side = "buy", quantity = 1, price = 100 })
    b:command(c)
    b:command(c)
    c.order_id, c.index = c.order_id + 1, 1
    b:command(c)
    c.order_id, c.index, c.epoch = c.order_id + 1, 0, 0
    b:command(c)
    -- a successor that works through its log again says it under its own epoch
    c.epoch, c.order_id, c.index = 2, c.order_id - 1, 1
    b:command(c)
    c.input_sequence = 0
    b:command(c)
    assert.equal("> new 1, > new 1", b:take())
    assert.equal(4, tonumber(b:counts().commands_repeated))
    c.order_id, c.index, c.input_sequence = c.order_id + 1, 2, 1
    b:command(c)
    assert.equal("> new 1", b:take())
    c.order_id, c.index, c.epoch = c.order_id + 1, 3, 1
    b:command(c)
    assert.equal("", b:take())
    assert.equal(5, tonumber(b:counts().commands_repeated))
    assert.equal(3, tonumber(b:counts().commands))
  end)

  it("books each fill once", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 100, 100)
    b:accept(id)
    b:fill(id, 10, 100, { execution_id = 5 })
    b:fill(id, 10, 100, { execution_id = 5 })
    assert.equal(10, tonumber(b:position().quantity))
    assert.equal(1, tonumber(b:counts().duplicate_fills))
    b:fill(id, 10, 100, { execution_id = 6 })
    b.now = b.now + 86400000000000LL -- the venue's numbers begin anew each day
    b:fill(id, 10, 100, { execution_id = 5 })
    assert.equal(30, tonumber(b:position().quantity))
  end)

  it("forgets closed orders when many more have closed", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local first = b:send("buy", 1, 100)
    b:report(first, "canceled")
    local last
    for _ = 1, C.TL_GATEWAY_CLOSED_KEPT do
      last = b:send("buy", 1, 100)
      b:report(last, "canceled")
      b:clear()
    end
    assert.is_nil(b:status(first))
    assert.equal("canceled", b:status(last))
    b:report(first, "canceled")
    assert.equal(1, tonumber(b:counts().reports_unknown))
  end)

  it("allocates nothing in the steady state", function()
    if os.getenv "TIDELOCK_SAN" then return pending("sanitizers bring their own allocator") end
    pcall(ffi.cdef, "int mallctl(const char *, void *, size_t *, void *, size_t);")
    local found, mallctl = pcall(function() return ffi.C.mallctl end)
    if not found then return pending("jemalloc is not preloaded") end
    local b = bench.new { fees = { taker = 0.001 } }
    local c, r, event = b:make("new", { side = "buy", quantity = 10, price = 100 }), ffi.new "tl_report", ffi.new "tl_event"
    event.kind = C.TL_EVENT_QUOTE
    local function round(i)
      c.order_id, c.input_sequence, c.kind = 3 * 2 ^ 40 + i, 2 * i, C.TL_COMMAND_NEW
      c.deadline_ns = b.now + 1
      c.side = i % 2 == 0 and C.TL_SIDE_BUY or C.TL_SIDE_SELL
      c.link, c.group = i % 4 == 0 and C.TL_LINK_OCO or 0, i % 4 == 0 and i or 0
      C.tl_gateway_command(b.gateway, c, b.now)
      r.order_id, r.kind, r.quantity, r.price = c.order_id, C.TL_REPORT_ACCEPTED, 10, 1000000
      C.tl_gateway_report(b.gateway, r, b.now)
      r.kind, r.quantity, r.execution_id, r.liquidity = C.TL_REPORT_FILL, 1, i, 2
      C.tl_gateway_report(b.gateway, r, b.now)
      event.w[0], event.w[1] = 999900 + i % 7, 1000100 + i % 7
      C.tl_gateway_market(b.gateway, event, nil)
      c.input_sequence, c.kind = 2 * i + 1, C.TL_COMMAND_CANCEL
      C.tl_gateway_command(b.gateway, c, b.now)
      r.kind, r.quantity = C.TL_REPORT_CANCELED, 10
      C.tl_gateway_report(b.gateway, r, b.now)
      C.tl_gateway_clear_output(b.gateway)
    end
    local function allocated()
      local bytes, size = ffi.new "uint64_t[1]", ffi.new("size_t[1]", 8)
      assert.equal(0, mallctl("thread.allocated", bytes, size, nil, 0))
      return tonumber(bytes[0])
    end
    for i = 1, 10000 do round(i) end
    collectgarbage() -- what other specs left is taken away now
    local before = allocated()
    for i = 10001, 30000 do round(i) end
    assert.equal(before, allocated())
    assert.equal(30000, tonumber(b:position().fills))
  end)
end)

local bench = require "unit.gateway.bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("a generation at the gateway", function()
  it("that begins ends the older ones", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    assert.is_true(C.tl_gateway_attach(b.gateway, 3, 2))
    assert.is_true(C.tl_gateway_attach(b.gateway, 3, 2))
    assert.is_false(C.tl_gateway_attach(b.gateway, 3, 1))
    assert.is_false(C.tl_gateway_attach(b.gateway, 99, 1))
    b:send("buy", 1, 100)
    assert.equal("", b:take())
    b:send("buy", 1, 100, { epoch = 2 })
    assert.equal("> new 1", b:take())
  end)

  it("that ended is refused, and its orders are cancelled when they are to be", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 1, 99)
    b:accept(id)
    local mine = b:send("buy", 1, 98, { epoch = 2 })
    b:accept(mine)
    b:clear()
    C.tl_gateway_strategy_ended(b.gateway, 3, 1, false, b.now)
    b:drain()
    assert.equal("", b:take())
    C.tl_gateway_strategy_ended(b.gateway, 3, 1, true, b.now)
    b:drain()
    assert.equal("> cancel", b:take())
    b:report(id, "canceled")
    assert.equal("stop", b.reports[#b.reports].reason)
    assert.equal(1, C.tl_gateway_open_orders(b.gateway, 3))
    b:send("buy", 1, 97)
    assert.equal(1, C.tl_gateway_open_orders(b.gateway, 3))
    b:clear()
    -- whatever it was
    C.tl_gateway_strategy_ended(b.gateway, 3, 0, true, b.now)
    b:drain()
    assert.equal("> cancel", b:take())
  end)

  it("may be refused from outside, and its groups with it", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local first = b:send("buy", 1, 99, { group = 5, link = "oco" })
    b:accept(first)
    b:clear()
    local c = b:make("new", { order_id = first + 1, side = "buy", quantity = 1, price = 98, group = 5, link = "oco" })
    C.tl_gateway_refuse(b.gateway, c, C.TL_REASON_REPORTS_BEHIND, 10, 11, b.now)
    b:drain()
    assert.equal("reports_behind", b.reports[1].reason)
    assert.same({ 10, 11 }, { tonumber(b.reports[1].limit), tonumber(b.reports[1].value) })
    assert.equal("denied reports_behind, > cancel", b:take())
    assert.equal(1, tonumber(C.tl_gateway_denied(b.gateway, C.TL_REASON_REPORTS_BEHIND)))
  end)
end)

describe("a limit", function()
  it("is set by its name, of a strategy and of an account", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local function set(target, name, value) return C.tl_gateway_limit_named(b.gateway, target, name, value) end
    native.check(set(3, "max_order_quantity", 10))
    b:send("buy", 11, 100)
    assert.equal("denied risk_order_quantity", b:take())
    native.check(set(3, "max_order_quantity", 0))
    native.check(set(-1, "max_order_notional", 999.5))
    b:clear()
    b:send("buy", 10, 100)
    assert.equal("risk_order_notional", b.reports[1].reason)
    assert.equal(99950000000, tonumber(b.reports[1].limit))
    b:clear()
    native.check(set(-1, "max_order_notional", 0))
    native.check(set(3, "max_open_orders", 1))
    b:send("buy", 10, 100)
    b:send("buy", 10, 99)
    assert.equal("denied risk_open_orders, > new 10", b:take())
    for name, value in pairs { max_order_quantity = -1, max_position = 0 / 0, nonsense = 1, max_open_orders = 1e12 } do
      assert.are_not.equal(C.TL_OK, tonumber(set(3, name, value)))
    end
    assert.are_not.equal(C.TL_OK, tonumber(set(9, "max_position", 1)))
    assert.are_not.equal(C.TL_OK, tonumber(set(-9, "max_position", 1)))
    set(3, "nonsense", 1)
    assert.equal("there is no limit nonsense", ffi.string(C.tl_error_text()))
  end)
end)

describe("the marks of a gateway", function()
  -- Two gateways: one sees each quote, the other only the marks that were taken from the first.
  local mark = ffi.new "tl_gateway_mark"
  local function carry(from, to, instrument)
    C.tl_gateway_mark_take(from.gateway, instrument, mark)
    C.tl_gateway_mark_set(to.gateway, instrument, mark)
  end
  local function moved(b)
    local count = ffi.new "uint32_t[1]"
    local list = C.tl_gateway_moved(b.gateway, count)
    local all = {}
    for i = 0, count[0] - 1 do all[#all + 1] = list[i] end
    return all
  end

  it("tell all that its market is for what is decided next", function()
    local whole, marks = bench.new(), bench.new()
    local function both(f) f(whole) f(marks) end
    whole:quote(99.99, 100.01)
    carry(whole, marks, 0)
    both(function(b) b:fill(b:send("buy", 10, 100), 10, 100) end)
    assert.same({}, moved(whole))
    for i = 1, 200 do
      whole:quote(95 + i % 7, i % 3 == 0 and nil or 95.5 + i % 11)
      if i % 50 == 0 then
        assert.same({ 0 }, moved(whole))
        carry(whole, marks, 0)
        assert.same({}, moved(whole))
        local a, b = whole:account(), marks:account()
        assert.same(a, b)
        assert.are_not.equal(0, a.unrealized)
      end
    end
  end)

  it("are listed once they matter", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    assert.same({}, moved(b))
    assert.is_true(C.tl_gateway_has_moved(b.gateway, 0))
    local id = b:send("buy", 10, 100)
    b:fill(id, 10, 100)
    assert.same({ 0 }, moved(b))
    C.tl_gateway_mark_take(b.gateway, 0, mark)
    assert.same({}, moved(b))
    assert.is_false(C.tl_gateway_has_moved(b.gateway, 0))
  end)

  it("are not all of a market event when a day of a holder ends, or at a corporate action", function()
    local b = bench.new()
    local event = ffi.new("tl_event", { kind = C.TL_EVENT_QUOTE, ts_recv_ns = b.now })
    b:quote(99.99, 100.01)
    local id = b:send("buy", 10, 100)
    b:fill(id, 10, 100)
    assert.is_true(C.tl_gateway_is_mark(b.gateway, event))
    event.ts_recv_ns = b.now + 86400000000000
    assert.is_false(C.tl_gateway_is_mark(b.gateway, event))
    event.kind, event.ts_recv_ns = C.TL_EVENT_ACTION, b.now
    assert.is_false(C.tl_gateway_is_mark(b.gateway, event))
  end)
end)

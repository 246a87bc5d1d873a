local bench = require "unit.gateway.bench"
local native = require "tidelock.native"
local C = native.C

local FOREVER = 9223372036854775807LL

local function open(opts)
  local b = bench.new(opts)
  b:quote(99.99, 100.01)
  return b
end

describe("a deadline", function()
  it("that has passed before the wire denies the order", function()
    local b = open()
    b:send("buy", 1, 100, { deadline_ns = b.now - 1 })
    b:send("buy", 1, 100, { deadline_ns = b.now })
    assert.equal("denied deadline_passed, denied deadline_passed", b:take())
    b:send("buy", 1, 100, { deadline_ns = b.now + 1 })
    assert.equal("> new 1", b:take())
  end)

  it("cancels what is not acknowledged at it, and says why", function()
    local b = open()
    local id = b:send("buy", 1, 100, { deadline_ns = b.now + 1000 })
    assert.equal(b.now + 1000, C.tl_gateway_next_timer_ns(b.gateway))
    b:take()
    b:time(999)
    assert.equal("", b:take())
    b:time(1)
    assert.equal("> cancel", b:take())
    assert.equal(FOREVER, C.tl_gateway_next_timer_ns(b.gateway))
    b:accept(id)
    b:report(id, "canceled", { reason = "requested" })
    assert.equal("accepted, canceled deadline_passed", b:take())
  end)

  it("does not touch an order that rests", function()
    local b = open()
    local id = b:send("buy", 1, 100, { deadline_ns = b.now + 1000 })
    b:accept(id)
    assert.equal(FOREVER, C.tl_gateway_next_timer_ns(b.gateway))
    local other = b:send("buy", 2, 100, { deadline_ns = b.now + 1000 })
    b:fill(other, 1, 100) -- acknowledged by its fill
    b:clear()
    b:time(2000)
    assert.equal("", b:take())
  end)

  it("ends IOC, FOK and saga orders even when they were acknowledged", function()
    for _, fields in ipairs { { time_in_force = "ioc" }, { time_in_force = "fok" }, { flags = C.TL_FLAG_SAGA } } do
      local b = open()
      fields.deadline_ns = b.now + 1000
      local id = b:send("buy", 1, 100, fields)
      b:accept(id)
      b:clear()
      b:time(1000)
      assert.equal("> cancel", b:take())
    end
  end)

  it("leaves it to the strategy's cancel that is on its way, and cancels again when that was refused", function()
    local b = open()
    local id = b:send("buy", 1, 100, { deadline_ns = b.now + 1000 })
    b:cancel(id)
    b:clear()
    b:time(1000)
    assert.equal("", b:take())
    b:report(id, "cancel_rejected", { reason = "unknown_order" })
    assert.equal("cancel_rejected unknown_order, > cancel", b:take())
    b:report(id, "cancel_rejected", { reason = "unknown_order" })
    assert.equal("", b:take()) -- its strategy did not ask for this one
  end)

  it("that the gateway's own cancel serves answers the strategy's too", function()
    local b = open()
    local id = b:send("buy", 1, 100, { deadline_ns = b.now + 1000 })
    b:time(1000)
    b:clear()
    b:cancel(id)
    assert.equal("", b:take())
    assert.equal("pending_cancel", b:status(id))
    b:report(id, "cancel_rejected", { reason = "unsupported" })
    assert.equal("cancel_rejected unsupported", b:take())
    assert.equal("pending_new", b:status(id))
  end)

  it("refuses a replace that comes after it", function()
    local b = open()
    local id = b:send("buy", 1, 100)
    b:accept(id)
    b:clear()
    b:command(b:make("replace", { order_id = id, price = 99, quantity = 1, deadline_ns = b.now }))
    assert.equal("replace_rejected deadline_passed", b:take())
  end)
end)

describe("deadlines under load", function()
  it("of thousands of orders at one instant are all kept, in the order in which they were sent", function()
    local b = open()
    local ids, due = {}, b.now + 250000
    for i = 1, 5000 do ids[i] = b:send("buy", 1, 90 + i % 10, { deadline_ns = due }) end
    for i = 1, 5000, 5 do b:accept(ids[i]) end
    b:clear()
    b:time(249999)
    assert.equal(0, #b.commands)
    assert.equal(due, C.tl_gateway_next_timer_ns(b.gateway))
    b:time(1)
    assert.equal(4000, #b.commands)
    local at = 0
    for i = 1, 5000 do
      if i % 5 ~= 1 then
        at = at + 1
        assert.equal(tostring(ids[i]), tostring(b.commands[at].id))
        assert.equal("cancel", b.commands[at].kind)
      end
    end
    assert.equal(FOREVER, C.tl_gateway_next_timer_ns(b.gateway))
  end)

  it("that pass before the wire reach no venue, and are counted", function()
    local b = open { limits = { denies_per_second = 1000000 } }
    for i = 1, 2000 do b:send("buy", 1, 90, { deadline_ns = b.now + (i % 2 == 0 and 1 or 0) }) end
    assert.equal(1000, #b.commands)
    assert.equal(1000, tonumber(C.tl_gateway_denied(b.gateway, C.TL_REASON_DEADLINE_PASSED)))
    local r = b.reports[1]
    assert.same({ "denied", "deadline_passed", b.now, b.now }, { r.kind, r.reason, r.limit, r.value })
  end)
end)

describe("an expiry", function()
  it("behind a deadline that was met is an expiry", function()
    local b = open()
    local id = b:send("buy", 2, 100, { flags = C.TL_FLAG_HAS_EXPIRE, expire_ns = b.now + 5000, deadline_ns = b.now + 1000 })
    b:accept(id)
    b:time(5000)
    b:report(id, "canceled", { reason = "requested" })
    assert.equal("accepted, expired expire_time, > new 2, > cancel", b:take())
  end)

  it("cancels at its time, and the order ends as expired", function()
    local b = open()
    local id = b:send("buy", 2, 100, { flags = C.TL_FLAG_HAS_EXPIRE, time_in_force = "gtd", expire_ns = b.now + 5000 })
    b:accept(id)
    b:fill(id, 1, 100)
    assert.equal(b.now + 5000, C.tl_gateway_next_timer_ns(b.gateway))
    b:clear()
    b:time(5000)
    assert.equal("> cancel", b:take())
    b:report(id, "canceled", { reason = "requested" })
    assert.equal("expired expire_time", b:take())
    assert.equal("expired", b:status(id))
  end)

  it("comes after the deadline of the same order", function()
    local b = open()
    local id = b:send("buy", 2, 100, { flags = C.TL_FLAG_HAS_EXPIRE, expire_ns = b.now + 5000, deadline_ns = b.now + 1000 })
    assert.equal(b.now + 1000, C.tl_gateway_next_timer_ns(b.gateway))
    b:accept(id)
    assert.equal(b.now + 5000, C.tl_gateway_next_timer_ns(b.gateway))
    b:cancel(id)
    b:report(id, "canceled", { reason = "requested" })
    assert.equal(FOREVER, C.tl_gateway_next_timer_ns(b.gateway))
  end)

  it("is left to the venue where that can", function()
    local b = open()
    b:send("buy", 2, 100, { time_in_force = "gtd", expire_ns = b.now + 5000 })
    assert.equal(FOREVER, C.tl_gateway_next_timer_ns(b.gateway))
  end)

  it("must lie ahead, and be meant", function()
    local b = open()
    b:send("buy", 1, 100, { time_in_force = "gtd", expire_ns = b.now })
    b:send("buy", 1, 100, { time_in_force = "gtd" })
    b:send("buy", 1, 100, { expire_ns = b.now + 1 })
    b:send("buy", 1, 100, { flags = C.TL_FLAG_HAS_EXPIRE, expire_ns = b.now })
    assert.equal("denied bad_field, denied bad_field, denied bad_field, denied bad_field", b:take())
  end)

  it("of many orders comes in the order of their times", function()
    local b = open()
    local due = {}
    math.randomseed(7)
    for i = 1, 300 do
      due[i] = math.random(1, 100000)
      b:send("buy", i, 10, { flags = C.TL_FLAG_HAS_EXPIRE, expire_ns = b.now + due[i] })
    end
    for i = 1, 300, 3 do b:report(bit.lshift(3ULL, 40) + i, "canceled") end
    b:clear()
    local last, seen = 0, 0
    while C.tl_gateway_next_timer_ns(b.gateway) ~= FOREVER do
      local at = tonumber(C.tl_gateway_next_timer_ns(b.gateway) - 1700000000000000000LL)
      b:time(at - tonumber(b.now - 1700000000000000000LL))
      assert.is_true(at >= last and #b.commands > 0)
      for _, c in ipairs(b.commands) do assert.equal(at, due[c.quantity]) end
      seen, last = seen + #b.commands, at
      b:clear()
    end
    assert.equal(200, seen)
  end)
end)

local bench = require "unit.gateway.bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function open(opts)
  local b = bench.new(opts)
  b:quote(99.99, 100.01)
  b:quote(99.99, 100.01, 1)
  return b
end

--- What became of an order: "new", or why it was denied.
local function outcome(b, ...)
  b:clear()
  local id = b:send(...)
  local words = b:take()
  return words:match "^> new" and "new" or words, id
end

--- Runs `check(b)` with the limit on the strategy, then on its account.
local function on_both(limits, check, opts)
  for _, where in ipairs { "limits", "account_limits" } do
    local all = { [where] = limits }
    for k, v in pairs(opts or {}) do all[k] = v end
    check(open(all), where)
  end
end

describe("a risk limit of a strategy or an account", function()
  it("bounds an order's quantity", function()
    on_both({ max_order_quantity = 100 }, function(b)
      assert.equal("new", outcome(b, "buy", 99, 100))
      assert.equal("new", outcome(b, "buy", 100, 100))
      assert.equal("denied risk_order_quantity", outcome(b, "buy", 101, 100))
    end)
    local b = open { limits = { max_order_quantity = 0.29 }, quantity_exponent = -8 }
    assert.equal("new", outcome(b, "buy", 29000000, 100))
    b:send("buy", 29000001, 100)
    local r = b.reports[#b.reports]
    assert.same({ "denied", "risk_order_quantity", 29000000, 29000001 }, { r.kind, r.reason, tonumber(r.limit), tonumber(r.value) })
  end)

  it("bounds what is open of an order, not what was filled besides", function()
    on_both({ max_order_quantity = 100, max_order_notional_e8 = 1000000000000 }, function(b)
      local _, id = outcome(b, "buy", 100, 100)
      b:accept(id)
      b:fill(id, 40, 100)
      b:clear()
      b:replace(id, 99, 141)
      assert.equal("replace_rejected risk_order_quantity", b:take())
      b:replace(id, 99, 140)
      assert.equal("> replace 140", b:take())
    end)
  end)

  it("bounds an order's notional, of a market order at what it would pay", function()
    on_both({ max_order_notional_e8 = 1000000000000 }, function(b)
      assert.equal("new", outcome(b, "buy", 100, 99.99))
      assert.equal("new", outcome(b, "buy", 100, 100))
      assert.equal("denied risk_order_notional", outcome(b, "buy", 100, 100.01))
      assert.equal("denied risk_order_notional", outcome(b, "buy", 100)) -- the ask is 100.01
      assert.equal("new", outcome(b, "sell", 100)) -- the bid is 99.99
    end)
  end)

  it("bounds a position with the open orders that would add to it", function()
    on_both({ max_position = 100 }, function(b)
      local _, id = outcome(b, "buy", 60, 100)
      b:accept(id)
      b:fill(id, 60, 100)
      assert.equal("new", outcome(b, "buy", 39, 99))
      assert.equal("new", outcome(b, "buy", 1, 99))
      assert.equal("denied risk_position", outcome(b, "buy", 1, 99))
      assert.equal("new", outcome(b, "sell", 160, 101)) -- to 100 short
      assert.equal("denied risk_position", outcome(b, "sell", 1, 101))
      assert.equal("new", outcome(b, "buy", 100, 99, { instrument = 1 }))
    end)
  end)

  it("lets a position beyond it be reduced", function()
    local b = open()
    local _, id = outcome(b, "buy", 100, 100)
    b:fill(id, 100, 100)
    local limits = ffi.new "tl_risk_limits"
    limits.max_position = 50
    native.check(C.tl_gateway_limit_strategy(b.gateway, 3, limits))
    assert.equal("denied risk_position", outcome(b, "buy", 1, 100))
    assert.equal("new", outcome(b, "sell", 10, 100))
  end)

  it("bounds the gross exposure, open orders included", function()
    on_both({ max_gross_exposure_e8 = 2000000000000 }, function(b)
      local _, id = outcome(b, "buy", 100, 100)
      b:fill(id, 100, 100)
      assert.equal("new", outcome(b, "buy", 50, 100, { instrument = 1 }))
      assert.equal("new", outcome(b, "buy", 50, 100, { instrument = 1 }))
      assert.equal("denied risk_exposure", outcome(b, "buy", 1, 100, { instrument = 1 }))
      assert.equal("new", outcome(b, "sell", 100, 100)) -- reduces
      assert.equal("new", outcome(b, "sell", 100, 100)) -- as much on the other side
      assert.equal("denied risk_exposure", outcome(b, "sell", 1, 100))
    end)
    on_both({ max_gross_exposure_e8 = 1000000000000 }, function(b)
      local _, id = outcome(b, "buy", 90, 100)
      b:fill(id, 90, 100)
      b:quote(119.99, 120.01)
      assert.equal("denied risk_exposure", outcome(b, "buy", 1, 120))
      assert.equal("new", outcome(b, "sell", 90, 120)) -- the mark alone broke the limit: what reduces passes
    end)
  end)

  it("bounds the number of open orders", function()
    on_both({ max_open_orders = 2 }, function(b)
      local _, first = outcome(b, "buy", 1, 99)
      assert.equal("new", outcome(b, "buy", 2, 99))
      assert.equal("denied risk_open_orders", outcome(b, "buy", 3, 99))
      b:report(first, "canceled")
      assert.equal("new", outcome(b, "buy", 3, 99))
    end)
  end)

  it("keeps prices near the last trade, else the middle", function()
    on_both({ price_collar = 0.1 }, function(b)
      assert.equal("new", outcome(b, "buy", 1, 110))
      assert.equal("new", outcome(b, "sell", 1, 90))
      assert.equal("denied risk_price_collar", outcome(b, "buy", 1, 110.01))
      assert.equal("denied risk_price_collar", outcome(b, "sell", 1, 89.99))
      b:trade(50)
      assert.equal("new", outcome(b, "buy", 1, 55))
      assert.equal("denied risk_price_collar", outcome(b, "buy", 1, 55.01))
      local r = b.reports[#b.reports] or {}
      assert.is_nil(r.kind)
    end)
    local b = bench.new { limits = { price_collar = 0.1 } }
    assert.equal("new", outcome(b, "buy", 1, 5)) -- there is nothing to compare it with
  end)

  it("bounds the rate of orders and replaces by a token bucket; cancels pass", function()
    on_both({ max_orders_per_second = 10, order_burst = 3 }, function(b)
      local _, id = outcome(b, "buy", 1, 99)
      assert.equal("new", outcome(b, "buy", 2, 99))
      assert.equal("new", outcome(b, "buy", 3, 99))
      assert.equal("denied risk_rate", outcome(b, "buy", 4, 99))
      b:replace(id, 98, 1)
      b:cancel(id)
      assert.equal("replace_rejected risk_rate, > cancel", b:take())
      b.now = b.now + 99999999
      assert.equal("denied risk_rate", outcome(b, "buy", 4, 99))
      b.now = b.now + 1
      assert.equal("new", outcome(b, "buy", 4, 99))
      assert.equal("denied risk_rate", outcome(b, "buy", 5, 99))
    end)
    local b = open { limits = { max_orders_per_second = 4 } } -- the burst is the rate
    for _ = 1, 4 do assert.equal("new", outcome(b, "buy", 1, 99)) end
    assert.equal("denied risk_rate", outcome(b, "buy", 1, 99))
  end)

  it("denies a second order of the same kind within a millisecond", function()
    on_both({ deny_duplicates = 1 }, function(b)
      assert.equal("new", outcome(b, "buy", 1, 99))
      b.now = b.now + 999999
      assert.equal("denied risk_duplicate", outcome(b, "buy", 1, 99))
      assert.equal("new", outcome(b, "buy", 2, 99))
      assert.equal("new", outcome(b, "buy", 1, 98))
      assert.equal("new", outcome(b, "sell", 1, 101))
      assert.equal("new", outcome(b, "buy", 1, 99, { instrument = 1 }))
      b.now = b.now + 1
      assert.equal("new", outcome(b, "buy", 1, 99))
    end)
  end)

  it("denies what would meet an own resting order of the account", function()
    on_both({ prevent_self_trade = 1 }, function(b)
      local _, ask = outcome(b, "sell", 1, 101)
      local _, far = outcome(b, "sell", 1, 102)
      assert.equal("new", outcome(b, "buy", 1, 100.99))
      assert.equal("denied risk_self_trade", outcome(b, "buy", 1, 101))
      assert.equal("denied risk_self_trade", outcome(b, "buy", 1))
      assert.equal("new", outcome(b, "buy", 1, 105, { instrument = 1 }))
      assert.equal("new", outcome(b, "buy", 1, nil, { type = "stop", stop_price = 103 }))
      b:report(ask, "canceled")
      assert.equal("new", outcome(b, "buy", 1, 101))
      assert.equal("denied risk_self_trade", outcome(b, "buy", 1, 102))
      b:accept(far)
      b:replace(far, 103, 1) -- until it is answered it may rest at either
      assert.equal("replace", b.commands[#b.commands].kind)
      assert.equal("denied risk_self_trade", outcome(b, "buy", 1, 102))
      b:report(far, "replaced", { price = 103, quantity = 1 })
      assert.equal("new", outcome(b, "buy", 1, 102))
    end)
    local b = bench.new { account_limits = { prevent_self_trade = 1 }, strategies = 2 }
    b:quote(99.99, 100.01)
    b:send("sell", 1, 101)
    b.strategy = 4
    assert.equal("denied risk_self_trade", outcome(b, "buy", 1, 101))
  end)

  it("kills at a daily loss and lets go when the next day begins", function()
    on_both({ max_daily_loss_e8 = 10000000000 }, function(b, where)
      local _, id = outcome(b, "buy", 100, 100)
      b:fill(id, 100, 100)
      local _, resting = outcome(b, "buy", 1, 90)
      b:clear()
      b:quote(98.99, 99.01) -- lost 100
      assert.equal("", b:take())
      b:quote(98.98, 99.00)
      assert.equal("> cancel", b:take())
      assert.equal(where == "account_limits", b:account().killed)
      b:report(resting, "canceled", { reason = "requested" })
      assert.equal("canceled risk_daily_loss", b:take())
      assert.equal("denied risk_daily_loss", outcome(b, "buy", 1, 90))
      b.now = b.now + 86400000000000LL
      assert.equal("new", outcome(b, "buy", 1, 90))
      b:quote(98.00, 98.02) -- 98 of a new day's 100
      assert.equal("new", outcome(b, "buy", 1, 90))
      b:quote(97.96, 97.98)
      assert.equal("denied risk_daily_loss", outcome(b, "buy", 1, 90))
      C.tl_gateway_kill(b.gateway, -1, false, b.now)
      assert.equal("new", outcome(b, "buy", 1, 90))
    end)
  end)

  it("counts a day's loss from one session to the next, by the instrument's calendar", function()
    local calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
    local b = bench.new { calendars = calendars, calendar = C.TL_CALENDAR_XNAS, limits = { max_daily_loss_e8 = 10000000000 } }
    local function at(date, hour) b.now = C.tl_calendars_instant(calendars, C.TL_CALENDAR_XNAS, date, hour * 3600 * 1000000000LL) end
    at(20240314, 15)
    b:quote(99.99, 100.01)
    local _, id = outcome(b, "buy", 100, 100)
    b:fill(id, 100, 100)
    at(20240314, 19.9) -- still the day
    b:quote(99.09, 99.11)
    assert.equal("new", outcome(b, "buy", 1, 90))
    at(20240315, 3.9) -- night: no new session yet
    b:quote(98.98, 99.00)
    assert.equal("denied risk_daily_loss", outcome(b, "buy", 1, 90))
    at(20240315, 4)
    assert.equal("new", outcome(b, "buy", 1, 90))
    at(20240315, 19)
    b:quote(98.00, 98.02)
    at(20240318, 3) -- a weekend later
    b:quote(97.95, 97.97)
    assert.equal("denied risk_daily_loss", outcome(b, "buy", 1, 90))
    at(20240318, 5)
    assert.equal("new", outcome(b, "buy", 1, 90))
  end)

  it("is refused when it is no limit", function()
    local b = open()
    local limits = ffi.new "tl_risk_limits"
    for _, wrong in ipairs { -1, 0 / 0, 1 / 0 } do
      limits.max_position = wrong
      assert.are_not.equal(0, tonumber(C.tl_gateway_limit_account(b.gateway, 0, limits)))
    end
    assert.are_not.equal(0, tonumber(C.tl_gateway_limit_account(b.gateway, 7, limits)))
    assert.are_not.equal(0, tonumber(C.tl_gateway_limit_strategy(b.gateway, 99, limits)))
  end)
end)

describe("a deny names its limit and the value that broke it", function()
  local E8 = 100000000

  --- The last order of `act` is denied for `reason` with these figures, whoever has the limit.
  local function names(reason, limits, limit, value, act, opts)
    it("as " .. reason, function()
      on_both(limits, function(b)
        act(b)
        local r = b.reports[#b.reports]
        assert.same({ reason, limit, value }, { r.reason, tonumber(r.limit), tonumber(r.value) })
      end, opts)
    end)
  end

  names("risk_order_quantity", { max_order_quantity = 10 }, 10, 12, function(b) b:send("buy", 12, 100) end)
  names("risk_order_notional", { max_order_notional_e8 = 1000 * E8 }, 1000 * E8, 1200 * E8, function(b) b:send("buy", 12, 100) end)
  names("risk_position", { max_position = 10 }, 10, 13, function(b)
    b:send("buy", 9, 100)
    b:send("buy", 4, 100)
  end)
  names("risk_exposure", { max_gross_exposure_e8 = 1000 * E8 }, 1000 * E8, 1300 * E8, function(b)
    b:send("buy", 9, 100)
    b:send("buy", 4, 100, { instrument = 1 })
  end)
  names("risk_open_orders", { max_open_orders = 1 }, 1, 2, function(b)
    b:send("buy", 1, 99)
    b:send("buy", 2, 99)
  end)
  names("risk_price_collar", { price_collar = 0.1 }, 1100000, 1100100, function(b) b:send("buy", 1, 110.01) end)
  names("risk_price_collar", { price_collar = 0.1 }, 900000, 899900, function(b) b:send("sell", 1, 89.99) end)
  names("risk_rate", { max_orders_per_second = 10, order_burst = 2 }, 100000000, 200000000, function(b)
    for i = 1, 3 do b:send("buy", i, 99) end
  end)
  names("risk_duplicate", { deny_duplicates = 1 }, 1000000, 1000, function(b)
    b:send("buy", 1, 99)
    b.now = b.now + 1000
    b:send("buy", 1, 99)
  end)
  names("risk_self_trade", { prevent_self_trade = 1 }, 1010000, 1020000, function(b)
    b:send("sell", 1, 101)
    b:send("buy", 1, 102)
  end)
  names("risk_self_trade", { prevent_self_trade = 1 }, 1000000, 1000100, function(b)
    b:send("sell", 1, 100)
    b:send("buy", 1) -- a market order, at the ask
  end)
  names("risk_daily_loss", { max_daily_loss_e8 = 100 * E8 }, 100 * E8, 150 * E8, function(b)
    local id = b:send("buy", 100, 100)
    b:fill(id, 100, 100)
    b:quote(98.49, 98.51)
    b:send("buy", 1, 90)
  end)
  names("risk_buying_power", {}, 500 * E8, 600 * E8, function(b)
    b:send("buy", 5, 100)
    b:send("buy", 6, 100)
  end, { cash = 1000 })
  names("risk_short", {}, 3, 5, function(b)
    local id = b:send("buy", 3, 100)
    b:fill(id, 3, 100)
    b:send("sell", 5, 100)
  end, { short = false })
  names("reduce_only", {}, 3, 5, function(b)
    local id = b:send("buy", 3, 100)
    b:fill(id, 3, 100)
    b:send("sell", 5, 100, { flags = C.TL_FLAG_REDUCE_ONLY })
  end)

  it("as risk_rate, when a strategy was denied too often", function()
    local b = open { limits = { max_order_quantity = 10, denies_per_second = 2 } }
    for _ = 1, 2 do b:send("buy", 11, 100) end
    b:send("buy", 1, 100)
    local r = b.reports[#b.reports]
    assert.same({ "risk_rate", 2, 2 }, { r.reason, tonumber(r.limit), tonumber(r.value) })
  end)
end)

describe("the gateway", function()
  it("does not trade a restricted instrument", function()
    local b = open()
    C.tl_gateway_restrict(b.gateway, 0, true)
    assert.equal("denied risk_restricted", outcome(b, "buy", 1, 100))
    assert.equal("new", outcome(b, "buy", 1, 100, { instrument = 1 }))
    C.tl_gateway_restrict(b.gateway, 0, false)
    assert.equal("new", outcome(b, "buy", 1, 100))
  end)

  it("refuses what is new while an instrument is halted, and lets cancels pass", function()
    local b = open()
    local _, id = outcome(b, "buy", 1, 100)
    b:accept(id)
    for _, state in ipairs { C.TL_STATE_HALTED, C.TL_STATE_PAUSED } do
      b:market("status", { tonumber(state) })
      assert.equal("denied halted", outcome(b, "buy", 1, 100))
      b:clear()
      b:replace(id, 99, 1)
      assert.equal("replace_rejected halted", b:take())
    end
    b:cancel(id)
    assert.equal("> cancel", b:take())
    b:market("status", { tonumber(C.TL_STATE_TRADING) })
    assert.equal("new", outcome(b, "buy", 1, 100))
  end)

  it("cancels everything at the kill switch and denies until it is lifted", function()
    local b = open()
    local _, first = outcome(b, "buy", 1, 100)
    local _, second = outcome(b, "sell", 1, 101, { instrument = 1 })
    b:clear()
    C.tl_gateway_kill(b.gateway, 0, true, b.now)
    b:drain()
    assert.equal("> cancel, > cancel", b:take())
    b:report(first, "canceled", { reason = "requested" })
    b:fill(second, 1, 101)
    b:report(second, "cancel_rejected", { reason = "order_closed" })
    assert.equal("canceled risk_kill_switch, fill", b:take())
    assert.is_true(b:account().killed)
    assert.equal("denied risk_kill_switch", outcome(b, "buy", 1, 100))
    b.now = b.now + 2 * 86400000000000LL
    assert.equal("denied risk_kill_switch", outcome(b, "buy", 1, 100))
    C.tl_gateway_kill(b.gateway, -1, false, b.now)
    assert.equal("new", outcome(b, "buy", 1, 100))
    assert.equal(2, tonumber(C.tl_gateway_denied(b.gateway, C.TL_REASON_RISK_KILL_SWITCH)))
  end)

  it("stops a strategy that is denied a hundred times within a second, for the rest of it", function()
    local b = open { limits = { max_order_quantity = 10 } }
    for _ = 1, 99 do assert.equal("denied risk_order_quantity", outcome(b, "buy", 11, 100)) end
    assert.equal("new", outcome(b, "buy", 10, 100))
    assert.equal("denied risk_order_quantity", outcome(b, "buy", 11, 100))
    assert.equal("denied risk_rate", outcome(b, "buy", 10, 100))
    b.now = b.now + 1000000000
    assert.equal("new", outcome(b, "buy", 10, 100))
    b = open { limits = { max_order_quantity = 10, denies_per_second = 2 } }
    outcome(b, "buy", 11, 100)
    outcome(b, "buy", 11, 100)
    assert.equal("denied risk_rate", outcome(b, "buy", 10, 100))
  end)

  it("takes no instrument's word for its quantities", function()
    local b = open { min_quantity = 10, max_quantity = 100, lot = 5, min_notional_e8 = 150000000000 }
    assert.equal("denied bad_quantity", outcome(b, "buy", 5, 100))
    assert.equal("denied bad_quantity", outcome(b, "buy", 10, 100)) -- worth 1000 of 1500
    assert.equal("new", outcome(b, "buy", 15, 100))
    assert.equal("denied bad_quantity", outcome(b, "buy", 16, 100))
    assert.equal("new", outcome(b, "buy", 100, 100))
    assert.equal("denied bad_quantity", outcome(b, "buy", 105, 100))
    assert.equal("denied off_tick", outcome(b, "buy", 20, 100.005))
  end)
end)

describe("buying power", function()
  it("of a cash account is its cash, less what open buys and their fees may take", function()
    local b = open { cash = 10010, short = false, fees = { taker = 0.001 } }
    assert.equal(10010, b:account().buying_power)
    local _, id = outcome(b, "buy", 100, 100)
    assert.equal(0, b:account().buying_power)
    assert.equal("denied risk_buying_power", outcome(b, "buy", 1, 1))
    b:report(id, "canceled")
    assert.equal(10010, b:account().buying_power)
    assert.equal("denied risk_buying_power", outcome(b, "buy", 100, 100.01))
    assert.equal("denied risk_buying_power", outcome(b, "buy", 100)) -- the ask is 100.01
    b:quote(99.98, 100)
    assert.equal("new", outcome(b, "buy", 100))
  end)

  it("lets sells of what is held pass, and no more without permission to sell short", function()
    local b = open { cash = 10000, short = false }
    assert.equal("denied risk_short", outcome(b, "sell", 1, 101))
    local _, id = outcome(b, "buy", 100, 100)
    b:fill(id, 100, 100)
    assert.equal(0, b:account().cash)
    assert.equal("new", outcome(b, "sell", 60, 101))
    assert.equal("denied risk_short", outcome(b, "sell", 41, 101))
    assert.equal("new", outcome(b, "sell", 40, 101))
    assert.equal("denied risk_short", outcome(b, "sell", 1, 101))
  end)

  it("lets a position be turned within it", function()
    local b = open { cash = 10000 }
    local _, id = outcome(b, "buy", 100, 100)
    b:fill(id, 100, 100)
    b:quote(100, 100.02)
    assert.equal("denied risk_buying_power", outcome(b, "buy", 1, 100))
    assert.equal("denied risk_buying_power", outcome(b, "sell", 202, 100))
    assert.equal("new", outcome(b, "sell", 200, 100))
  end)

  it("is equity times leverage, less what is held and open", function()
    local b = open { cash = 10000, leverage = 2.5 }
    local _, id = outcome(b, "buy", 100, 100)
    b:fill(id, 100, 100)
    b:quote(109.99, 110.01)
    local account = b:account()
    assert.equal(11000, account.equity)
    assert.equal(0, account.cash)
    assert.equal(11000 * 2.5 - 11000, account.buying_power)
    assert.equal(11000 / 2.5, account.margin_used)
    assert.equal("new", outcome(b, "buy", 150, 110))
    assert.equal("denied risk_buying_power", outcome(b, "buy", 1, 1))
  end)

  it("is freed by a market order that reduces, as soon as it is sent", function()
    local b = open { cash = 10000 }
    local _, id = outcome(b, "buy", 100, 100)
    b:fill(id, 100, 100)
    b:quote(100, 100)
    assert.equal(0, b:account().buying_power)
    local _, limit = outcome(b, "sell", 100, 100)
    assert.equal(0, b:account().buying_power)
    b:report(limit, "canceled", { reason = "requested" })
    local _, sale = outcome(b, "sell", 60)
    assert.equal(6000, b:account().buying_power)
    assert.equal("denied risk_buying_power", outcome(b, "buy", 61, 100))
    b:quote(110, 110)
    assert.equal(6600, b:account().buying_power)
    assert.equal("new", outcome(b, "buy", 60, 110))
    b:report(sale, "rejected", { reason = "halted" })
    assert.equal(-6600, b:account().buying_power)
    assert.equal("denied risk_buying_power", outcome(b, "buy", 1, 1))
    assert.equal("new", outcome(b, "sell", 200))
    assert.equal(0, b:account().buying_power)
  end)

  it("counts margined instruments by their margin", function()
    local b = open { cash = 10000, margin_e8 = 100000000000, multiplier_e8 = 5000000000 }
    local _, id = outcome(b, "buy", 4, 100)
    b:accept(id)
    assert.equal(6000, b:account().buying_power)
    b:fill(id, 4, 100)
    b:quote(100.99, 101.01)
    local account = b:account()
    assert.equal(10000 + 4 * 50, account.equity)
    assert.equal(10000, account.cash) -- nothing was bought, only pledged
    assert.equal(4 * 101 * 50, account.gross_exposure)
    assert.equal(4000, account.margin_used)
    assert.equal("new", outcome(b, "buy", 6, 101))
    assert.equal("denied risk_buying_power", outcome(b, "buy", 1, 101))
    assert.equal("new", outcome(b, "sell", 14, 101)) -- ten short are no more than ten long
    assert.equal("denied risk_buying_power", outcome(b, "sell", 1, 101))
  end)

  it("needs a price: a market order before there is any is denied", function()
    local b = bench.new()
    assert.equal("denied bad_price", outcome(b, "buy", 1))
    b:trade(100)
    assert.equal("new", outcome(b, "buy", 1))
  end)

  it("comes back when orders are gone, whatever happened to them", function()
    local b = open { cash = 100000, fees = { taker = 0.001, per_unit_e8 = 1000000 } }
    local _, id = outcome(b, "buy", 100, 100)
    b:accept(id)
    b:replace(id, 101, 300)
    assert.is_true(b:account().buying_power < 100000 - 30300)
    b:report(id, "replace_rejected", { reason = "unsupported" })
    assert.equal(100000 - 10000 - 10 - 1, b:account().buying_power)
    b:replace(id, 99, 50)
    b:report(id, "replaced", { price = 99, quantity = 50 })
    assert.equal(100000 - 4950 - 4.95 - 0.5, b:account().buying_power)
    b:report(id, "restated", { price = 98, quantity = 50 })
    assert.equal(100000 - 4900 - 4.9 - 0.5, b:account().buying_power)
    b:report(id, "expired", { reason = "end_of_day" })
    assert.equal(100000, b:account().buying_power)
    assert.equal(0, b:account().margin_used)
  end)
end)

describe("a reduce-only order", function()
  it("may only bring the position nearer to zero", function()
    local b = open()
    local reduce = { flags = C.TL_FLAG_REDUCE_ONLY }
    assert.equal("denied reduce_only", outcome(b, "sell", 1, 101, reduce))
    local _, id = outcome(b, "buy", 10, 100)
    b:fill(id, 10, 100)
    assert.equal("denied reduce_only", outcome(b, "buy", 1, 100, reduce))
    assert.equal("denied reduce_only", outcome(b, "sell", 11, 101, reduce))
    assert.equal("new", outcome(b, "sell", 10, 101, reduce))
  end)
end)

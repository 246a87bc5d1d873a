local bench = require "unit.gateway.bench"
local exact = require "unit.order.bignum"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi
local big, divide = exact.big, exact.divide_half_even

local function money(m) return big(m.high) * big "18446744073709551616" + big(m.low) end

local function state_of(b)
  local state = ffi.new "tl_account_state"
  C.tl_gateway_account(b.gateway, 0, state)
  return state
end

local SHAPES = {
  shares = { price_exponent = -4, quantity_exponent = 0, tick = 1, cash = 1e6 },
  coins = { price_exponent = -8, quantity_exponent = -8, tick = 1, cash = 1e6 },
  futures = { price_exponent = -2, quantity_exponent = 0, tick = 1, multiplier_e8 = 5000000000, margin_e8 = 100000000000, cash = 1e6 },
}

describe("an account's equity", function()
  for shape, opts in pairs(SHAPES) do
    it("is cash at the start + realised + unrealised - fees - funding to the last 1e-8, for " .. shape, function()
      local seed = 31337
      math.randomseed(seed)
      local all = { leverage = 50, strategies = 2, fees = { maker = -0.00005, taker = 0.00035, auction = 0.0001, per_unit_e8 = 12345 } }
      for k, v in pairs(opts) do all[k] = v end
      local b = bench.new(all)
      local scale = big("1" .. ("0"):rep(-(all.price_exponent + all.quantity_exponent)))
      local multiplier = big(all.multiplier_e8 or 100000000)
      local quantity_unit = big("1" .. ("0"):rep(-all.quantity_exponent))
      local rates = { [0] = big(350000000), big(-50000000), big(350000000), big(100000000) }
      local fees = big(0)
      local flow = { [0] = big(0), big(0) } -- sum of price x signed quantity, in mantissas: exact
      local twice = {}
      for instrument = 0, 1 do
        twice[instrument] = 2 * 1000000
        b:market("quote", { 999999, 1000001, 1, 1, instrument = instrument })
      end
      for step = 1, 400 do
        local name = ("seed %d step %d"):format(seed, step)
        b.strategy = math.random(3, 4)
        local instrument = math.random(0, 1)
        if math.random() < 0.6 then
          local quantity = math.random(1, 1000) * (all.quantity_exponent < 0 and math.random(1, 99999) or 1)
          local side = math.random() < 0.5 and "buy" or "sell"
          local id = b:send(side, quantity, nil, { instrument = instrument, type = "limit", price = 1000000LL })
          if b:status(id) then
            local price, liquidity = math.random(900000, 1100000), math.random(0, 3)
            b:fill(id, quantity, ffi.cast("int64_t", price), { liquidity = liquidity })
            local value = divide(big(price) * big(quantity) * multiplier, scale)
            fees = fees + divide(value * rates[liquidity], big "1000000000000") + divide(big(quantity) * big(12345), quantity_unit)
            flow[instrument] = flow[instrument] + big(price) * big(side == "buy" and quantity or -quantity)
          end
        elseif math.random() < 0.1 then
          b:market("action", { tonumber(C.TL_ACTION_FUNDING), 0, math.random(-1000000, 1000000), instrument = instrument })
        else
          local bid = math.random(800000, 1200000)
          local ask = bid + math.random(1, 99)
          twice[instrument] = bid + ask
          b:market("quote", { bid, ask, 1, 1, instrument = instrument })
        end
        b:clear()
        local state = state_of(b)
        local total, unrealized, funding = big(all.cash * 1e8), big(0), big(0)
        local exposure_cost = big(0)
        local value = ffi.new "int64_t[1]"
        for strategy = 3, 4 do
          for i = 0, 1 do
            local p, one = C.tl_gateway_position(b.gateway, strategy, i), C.tl_instruments_at(b.instruments, i)
            native.check(C.tl_position_unrealized_e8(p, one, twice[i], value))
            unrealized, funding = unrealized + big(value[0]), funding + money(p.funding_e8)
            total = total + money(p.realized_e8) + big(value[0]) - money(p.fees_e8) - money(p.funding_e8)
            exposure_cost = exposure_cost + divide(money(p.cost) * multiplier, scale)
          end
        end
        assert.equal(tostring(total), tostring(big(state.equity_e8)), name)
        assert.equal(tostring(unrealized), tostring(big(state.unrealized_e8)), name)
        assert.equal(tostring(fees), tostring(big(state.fees_e8)), name)
        assert.equal(tostring(big(all.cash * 1e8) + big(state.realized_e8) - fees - funding - (all.margin_e8 and big(0) or exposure_cost)),
          tostring(big(state.cash_e8)), name)
        if shape ~= "coins" then
          -- where money is exact in mantissas, equity is what the flows of cash and the positions at the mark say, with no position known
          local plain = big(all.cash * 1e8) - fees - funding
          for i = 0, 1 do
            local held = C.tl_gateway_position(b.gateway, 3, i).quantity + C.tl_gateway_position(b.gateway, 4, i).quantity
            plain = plain + divide((big(twice[i]) * big(held) - flow[i] - flow[i]) * multiplier, scale * big(2))
          end
          local difference = plain - big(state.equity_e8)
          -- each of four positions may round half of 1e-8 on its own
          assert.is_true(#difference == 0 or (#difference == 1 and difference[1] <= 2), name .. " " .. tostring(difference))
        end
      end
    end)
  end

  it("pays dividends and takes funding by the unit", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 100, 100)
    b:fill(id, 100, 100)
    b:market("action", { tonumber(C.TL_ACTION_DIVIDEND), 0, 50000000 })
    assert.equal(1e6 + 50, b:account().equity)
    b:market("action", { tonumber(C.TL_ACTION_FUNDING), 0, 10000000 })
    assert.equal(1e6 + 40, b:account().equity)
    assert.equal("-4000000000", tostring(money(b:position().funding_e8)))
  end)

  it("does not move at a split, which adjusts position and average price and ends open orders", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 101, 99)
    b:fill(id, 101, 99)
    local resting = b:send("sell", 1, 110)
    b:clear()
    local equity = b:account().equity
    b:market("action", { tonumber(C.TL_ACTION_SPLIT), 200000000, 0 })
    assert.equal("> cancel", b:take())
    b:report(resting, "canceled", { reason = "requested" })
    assert.equal(202, tonumber(b:position().quantity))
    assert.equal(49.5, C.tl_position_average_price(b:position(), C.tl_instruments_at(b.instruments, 0)))
    assert.equal(equity, b:account().equity)
    -- one for three: the 1/3 share that is left over is paid out at the mark
    b:market("action", { tonumber(C.TL_ACTION_SPLIT), 33333333, 0 })
    assert.equal(67, tonumber(b:position().quantity))
    assert.is_true(math.abs(equity - b:account().equity) < 0.01)
  end)

  it("is marked at the middle, else the last price; stub quotes and empty sides do not count", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 100, 100)
    b:fill(id, 100, 100)
    b:trade(105)
    assert.equal(0, b:account().unrealized)
    b:quote(nil, 101)
    assert.equal(500, b:account().unrealized)
    b:quote(100, 102)
    assert.equal(100, b:account().unrealized)
    b:quote(1, 5000)
    assert.equal(500, b:account().unrealized)
    b:market("bar", { 0, 0, 0, 1030000 })
    assert.equal(300, b:account().unrealized)
    b:market("mark", { 1070000 })
    assert.equal(700, b:account().unrealized)
    b:quote(100, 102)
    assert.equal(700, b:account().unrealized)
  end)

  it("takes a fill's price for a mark when there is no other", function()
    local b = bench.new()
    local id = b:send("buy", 100, 100)
    b:fill(id, 100, 99)
    assert.equal(0, b:account().unrealized)
    assert.equal(9900, b:account().gross_exposure)
  end)

  it("takes the last trade where the quote is wider than half its middle", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    b:fill(b:send("buy", 100, 100), 100, 100)
    b:trade(100)
    b:quote(80, 134)
    assert.equal(0, b:account().unrealized)
    b:quote(82, 132) -- 50 of 107
    assert.equal(700, b:account().unrealized)
    b:quote(75, 126) -- 51 of 100.5
    assert.equal(0, b:account().unrealized)
  end)

  it("is each account's own where two hold different quantities of one instrument", function()
    local b = bench.new()
    local config, index, state = ffi.new("tl_account_config", { name = "second", currency = "USD", cash_e8 = 1e14, leverage = 1 }), ffi.new "uint32_t[1]",
      ffi.new "tl_account_state"
    native.check(C.tl_gateway_add_account(b.gateway, config, index))
    native.check(C.tl_gateway_add_strategy(b.gateway, 4, index[0], nil))
    b:quote(99.99, 100.01)
    b:fill(b:send("buy", 10, 100), 10, 100)
    b.strategy = 4
    b:fill(b:send("buy", 5, 100), 5, 100)
    b:quote(109.99, 110.01)
    C.tl_gateway_account(b.gateway, 1, state)
    assert.equal(1100, b:account().gross_exposure)
    assert.equal(550e8, tonumber(state.gross_exposure_e8))
  end)
end)

describe("a fee", function()
  it("is a rate of the value and an amount a unit, half to even, and at least the least", function()
    local b = bench.new { fees = { maker = -0.0001, taker = 0.0003, auction = 0.0002, per_unit_e8 = 1000, minimum_e8 = 0 } }
    b:quote(99.99, 100.01)
    local function fee(liquidity, quantity, price)
      local id = b:send("buy", quantity, 100)
      b:clear()
      b:fill(id, quantity, price, { liquidity = liquidity })
      return b.reports[1].fee
    end
    assert.equal(-0.0001 * 10000e8 + 100000, fee(1, 100, 100))
    assert.equal(0.0003 * 10000e8 + 100000, fee(2, 100, 100))
    assert.equal(0.0002 * 10000e8 + 100000, fee(3, 100, 100))
    assert.equal(0.0003 * 10000e8 + 100000, fee(0, 100, 100))
    b = bench.new { fees = { taker = 0.0003, maker = -0.0001, minimum_e8 = 100000000 } }
    b:quote(99.99, 100.01)
    assert.equal(1e8, fee(2, 1, 100))
    assert.equal(3e8, fee(2, 100, 100))
    assert.equal(-1e6, fee(1, 1, 100)) -- a rebate is not turned into a fee
  end)
end)

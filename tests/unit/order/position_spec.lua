local native = require "tidelock.native"
local exact = require "unit.order.bignum"
local C, ffi = native.C, native.ffi
local big, divide = exact.big, exact.divide_half_even

local function instrument(fields)
  local one = ffi.new "tl_instrument"
  ffi.copy(one.symbol, "X")
  one.price_exponent, one.quantity_exponent, one.multiplier_e8 = -4, 0, 100000000
  for k, v in pairs(fields or {}) do one[k] = v end
  return one
end

local function money(m) return big(m.high) * big "18446744073709551616" + big(m.low) end

local function fill(position, one, side, quantity, price, fee)
  return tonumber(C.tl_position_fill(position, one, side == "buy" and C.TL_SIDE_BUY or C.TL_SIDE_SELL, quantity, price, fee or 0))
end

--- What a position is worth, worked out in whole numbers of any size straight from the definition.
local Model = {}
Model.__index = Model
local function model(one)
  return setmetatable({ one = one, quantity = big(0), cost = big(0), realized = big(0), traded = big(0),
    power = big("1" .. ("0"):rep(-(one.price_exponent + one.quantity_exponent))) }, Model)
end
function Model:value(product, parts) return divide(product * big(self.one.multiplier_e8), self.power * big(parts or 1)) end
function Model:fill(side, quantity, price)
  local signed = side == "buy" and big(quantity) or -big(quantity)
  local held = self.quantity
  local closing = big(0)
  if #held > 0 and held.sign ~= signed.sign then
    local size, wanted = held * big(held.sign), big(quantity)
    closing = (size - wanted).sign < 0 and size or wanted
    local closed_cost = divide(self.cost * closing, size)
    self.realized = self.realized + self:value(big(price) * closing * big(held.sign) - closed_cost)
    self.cost = self.cost - closed_cost
  end
  self.cost = self.cost + big(price) * (signed - closing * big(signed.sign))
  self.quantity = held + signed
  local value = self:value(big(price) * big(quantity))
  self.traded = self.traded + value * big(value.sign)
end
function Model:unrealized(twice) return self:value(big(twice) * self.quantity - self.cost - self.cost, 2) end

describe("a position", function()
  it("averages what adds to it and realises what closes it", function()
    local p, one = ffi.new "tl_position", instrument()
    assert.equal(0, fill(p, one, "buy", 100, 1000000, 500))
    assert.equal(0, fill(p, one, "buy", 100, 1020000))
    assert.equal(101, C.tl_position_average_price(p, one))
    assert.equal(0, fill(p, one, "sell", 50, 1030000, -200))
    assert.equal("10000000000", tostring(money(p.realized_e8))) -- 50 x 2
    assert.equal(150, tonumber(p.quantity))
    assert.equal(101, C.tl_position_average_price(p, one))
    assert.equal("300", tostring(money(p.fees_e8)))
    assert.equal(3, tonumber(p.fills))
  end)

  it("goes through zero at the price of the fill that took it there", function()
    local p, one = ffi.new "tl_position", instrument()
    fill(p, one, "sell", 100, 1000000)
    assert.equal(100, C.tl_position_average_price(p, one))
    fill(p, one, "buy", 250, 990000)
    assert.equal("10000000000", tostring(money(p.realized_e8)))
    assert.equal(150, tonumber(p.quantity))
    assert.equal(99, C.tl_position_average_price(p, one))
    local value = ffi.new "int64_t[1]"
    assert.equal(0, tonumber(C.tl_position_unrealized_e8(p, one, 2 * 1000000 + 1, value)))
    assert.equal(150 * 1e8 + 150 * 0.5 * 1e4, tonumber(value[0]))
    fill(p, one, "sell", 150, 990000)
    assert.equal(0, C.tl_position_average_price(p, one))
    assert.equal("0", tostring(money(p.cost)))
  end)

  it("rounds half to even", function()
    local one = instrument { price_exponent = -8, quantity_exponent = -1 }
    local value = ffi.new "int64_t[1]"
    for quantity, expected in pairs { [5] = 0, [15] = 2, [25] = 2, [26] = 3, [-5] = 0, [-15] = -2, [-25] = -2, [-26] = -3 } do
      C.tl_notional_e8(one, quantity, 1, value)
      assert.equal(expected, tonumber(value[0]), quantity)
    end
    -- a middle of half a mantissa unit, without a division
    one = instrument { price_exponent = -8 }
    local p = ffi.new "tl_position"
    p.quantity = 1
    for twice, expected in pairs { [1] = 0, [3] = 2, [5] = 2, [-1] = 0, [-3] = -2, [-5] = -2 } do
      C.tl_position_unrealized_e8(p, one, twice, value)
      assert.equal(expected, tonumber(value[0]), twice)
    end
  end)

  it("shares its cost half to even with what closes, and keeps the rest", function()
    local one = instrument { price_exponent = -8 }
    for _, case in ipairs { { 1, 2, "2", "1" }, { 2, 3, "2", "3" }, { -1, -2, "-2", "-1" } } do
      local p = ffi.new "tl_position"
      fill(p, one, "buy", 1, case[1])
      fill(p, one, "buy", 1, case[2])
      fill(p, one, "sell", 1, 0)
      assert.equal(tostring(-big(case[3])), tostring(money(p.realized_e8)))
      assert.equal(case[4], tostring(money(p.cost)))
    end
  end)

  it("refuses what does not fit and stays as it was", function()
    local one = instrument { price_exponent = 0 }
    local p = ffi.new "tl_position"
    local huge = 9223372036854775807LL
    fill(p, one, "buy", 1000, 1000)
    local before = ffi.string(p, ffi.sizeof(p))
    for _, case in ipairs { { huge, huge }, { huge, 1 }, { 1, huge }, { 1000, huge }, { 10, -huge } } do
      for _, side in ipairs { "buy", "sell" } do
        assert.equal(tonumber(C.TL_ERR_OVERFLOW), fill(p, one, side, case[1], case[2]))
        assert.equal(before, ffi.string(p, ffi.sizeof(p)))
      end
    end
    assert.matches("X: .* does not fit", ffi.string(C.tl_error_text()))
    assert.equal(tonumber(C.TL_ERR_ARGUMENT), fill(p, one, "buy", 0, 1))
    assert.equal(tonumber(C.TL_ERR_ARGUMENT), fill(p, one, "buy", -5, 1))
    assert.equal(tonumber(C.TL_ERR_ARGUMENT), fill(p, one, "buy", 5, -huge - 1))
    assert.equal(before, ffi.string(p, ffi.sizeof(p)))
  end)

  it("agrees with whole numbers of any size on random fills", function()
    local seed = 20240611
    math.randomseed(seed)
    local shapes = {
      { price_exponent = -4, quantity_exponent = 0 },
      { price_exponent = -8, quantity_exponent = -8 },
      { price_exponent = -2, quantity_exponent = 0, multiplier_e8 = 5000000000 },
      { price_exponent = -12, quantity_exponent = -12, multiplier_e8 = 123456789 },
      { price_exponent = -5, quantity_exponent = -6, multiplier_e8 = 99999999 },
    }
    local value = ffi.new "int64_t[1]"
    for number, shape in ipairs(shapes) do
      local one = instrument(shape)
      local p, m = ffi.new "tl_position", model(one)
      local reach = number == 4 and 1e13 or number == 3 and 1e5 or 1e6
      for step = 1, 150 do
        local side = math.random() < 0.5 and "buy" or "sell"
        local quantity = math.random(1, reach)
        -- now and then to zero exactly
        if math.random() < 0.1 and p.quantity ~= 0 then
          side, quantity = p.quantity > 0 and "sell" or "buy", math.abs(tonumber(p.quantity))
        end
        local price = math.random(-reach / 10, reach)
        local name = ("seed %d, shape %d, step %d"):format(seed, number, step)
        assert.equal(0, fill(p, one, side, quantity, price, 3), name)
        m:fill(side, quantity, price)
        assert.equal(tostring(m.quantity), tostring(big(p.quantity)), name)
        assert.equal(tostring(m.cost), tostring(money(p.cost)), name)
        assert.equal(tostring(m.realized), tostring(money(p.realized_e8)), name)
        assert.equal(tostring(m.traded), tostring(money(p.traded_e8)), name)
        local twice = math.random(1, 2 * reach)
        assert.equal(0, tonumber(C.tl_position_unrealized_e8(p, one, twice, value)), name)
        assert.equal(tostring(m:unrealized(twice)), tostring(big(value[0])), name)
      end
      assert.equal("450", tostring(money(p.fees_e8)))
    end
  end)
end)

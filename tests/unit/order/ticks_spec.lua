local native = require "tidelock.native"
local C, ffi = native.C, native.ffi
local BUY, SELL = 1, 2
local NONE, PASSIVE, NEAREST, AGGRESSIVE = 0, 1, 2, 3

local function instrument(fields)
  local one = ffi.new "tl_instrument"
  one.price_exponent, one.tick, one.lot = -4, 100, 1
  for name, value in pairs(fields or {}) do one[name] = value end
  return one
end

--- The mantissa as a number, or nil and the code.
local function price(one, value, rounding, side)
  local out = ffi.new "int64_t[1]"
  local reason = C.tl_ticks_price(one, value, rounding or NONE, side or BUY, out)
  if reason ~= 0 then return nil, ffi.string(C.tl_reason_code(reason)) end
  return tonumber(out[0])
end

local function quantity(one, value)
  local out, limit = ffi.new "int64_t[1]", ffi.new "double[1]"
  local reason = C.tl_ticks_quantity(one, value, out, limit)
  if reason ~= 0 then return nil, ffi.string(C.tl_reason_code(reason)), limit[0] end
  return tonumber(out[0])
end

--- The double `n` representable numbers above a positive one.
local function ulps_above(value, n)
  local bits = ffi.new("union { double d; int64_t i; }")
  bits.d = value
  bits.i = bits.i + n
  return bits.d
end

describe("prices on a grid", function()
  it("takes literals and sums of literals that mean a tick", function()
    local cents = instrument()
    assert.equal(1501000, price(cents, 150.10))
    assert.equal(3000, price(cents, 0.1 + 0.2))
    assert.equal(100, price(cents, 0.01))
    for cent = 1, 20000 do assert.equal(cent * 100, price(cents, cent / 100)) end
    local sum = 0
    for _ = 1, 1000 do sum = sum + 0.01 end -- 9.999999999999831
    assert.equal(100000, price(cents, sum))
  end)

  it("refuses what lies between two ticks, at 1e-6 of a tick", function()
    local cents = instrument()
    assert.same({ nil, "off_tick" }, { price(cents, 150.105) })
    assert.same({ nil, "off_tick" }, { price(cents, 150.10 + 0.01 * 1.1e-6) })
    assert.equal(1501000, price(cents, 150.10 + 0.01 * 0.9e-6))
    assert.equal(1501000, price(cents, 150.10 - 0.01 * 0.9e-6))
  end)

  it("takes up to 4 ulp and refuses 5 where those are wider than 1e-6 of a tick", function()
    local fine = instrument { price_exponent = -8, tick = 1 }
    local large = 40000000.12345678 -- an ulp of 7.45e-9 is three quarters of a tick
    local exact = price(fine, large)
    assert.equal(4000000012345678, exact)
    -- 1e6: an ulp of 1.16e-10 is about a hundredth of a tick
    local million = 1000000.00000001
    assert.equal(100000000000001, price(fine, million))
    assert.equal(100000000000001, price(fine, ulps_above(million, 3)))
    assert.equal(100000000000001, price(fine, ulps_above(million, -3)))
    assert.same({ nil, "off_tick" }, { price(fine, ulps_above(million, 5)) })
    assert.same({ nil, "off_tick" }, { price(fine, ulps_above(million, -5)) })
  end)

  it("rounds a price between ticks as it is told, and only such a price", function()
    local cents = instrument()
    assert.equal(1501000, price(cents, 150.107, PASSIVE, BUY))
    assert.equal(1501100, price(cents, 150.103, PASSIVE, SELL))
    assert.equal(1501100, price(cents, 150.103, AGGRESSIVE, BUY))
    assert.equal(1501000, price(cents, 150.107, AGGRESSIVE, SELL))
    assert.equal(1501100, price(cents, 150.107, NEAREST, BUY))
    assert.equal(1501000, price(cents, 150.103, NEAREST, SELL))
    for _, rounding in ipairs { PASSIVE, NEAREST, AGGRESSIVE } do
      for _, side in ipairs { BUY, SELL } do
        assert.equal(3000, price(cents, 0.1 + 0.2, rounding, side))
        assert.equal(1501000, price(cents, 150.10, rounding, side))
      end
    end
  end)

  it("refuses what is no price", function()
    local cents = instrument()
    for _, value in ipairs { 0, -1, 0 / 0, 1 / 0, -1 / 0, 1e-9 } do
      assert.same({ nil, "bad_price" }, { price(cents, value) })
    end
    assert.same({ nil, "bad_price" }, { price(cents, 0.004, PASSIVE, BUY) })
    assert.equal(100, price(cents, 0.004, PASSIVE, SELL))
    assert.same({ nil, "overflow" }, { price(cents, 1e12) })
    assert.same({ nil, "overflow" }, { price(cents, 1e300) })
  end)

  it("works for ticks that are no power of ten", function()
    local bond = instrument { price_exponent = -6, tick = 15625 } -- 1/64
    assert.equal(100 * 1000000 + 15625, price(bond, 100 + 1 / 64))
    assert.same({ nil, "off_tick" }, { price(bond, 100 + 1 / 128) })
    local nickel = instrument { price_exponent = -2, tick = 5 }
    for n = 1, 1000 do assert.equal(n * 5, price(nickel, n * 0.05)) end
  end)

  it("rounds for scripts", function()
    local cents = instrument()
    assert.equal(150.1, C.tl_ticks_round_price(cents, 150.107, PASSIVE, BUY))
    assert.is_true(C.tl_ticks_round_price(cents, -1, PASSIVE, BUY) ~= C.tl_ticks_round_price(cents, -1, PASSIVE, BUY))
    local lots = instrument { quantity_exponent = -2, lot = 50 }
    assert.equal(1.5, C.tl_ticks_round_quantity(lots, 1.99))
    assert.equal(-1.5, C.tl_ticks_round_quantity(lots, -1.99))
    assert.equal(2, C.tl_ticks_round_quantity(lots, 2))
    assert.equal(0, C.tl_ticks_round_quantity(lots, 0.3))
  end)
end)

describe("quantities on a grid", function()
  it("takes whole lots within the instrument's bounds", function()
    local lots = instrument { quantity_exponent = -8, lot = 10000000, min_quantity = 20000000, max_quantity = 1000000000 }
    assert.equal(30000000, quantity(lots, 0.1 + 0.2))
    assert.same({ nil, "bad_quantity", 0.1 }, { quantity(lots, 0.25) })
    assert.same({ nil, "bad_quantity", 0.2 }, { quantity(lots, 0.1) })
    assert.same({ nil, "bad_quantity", 10 }, { quantity(lots, 10.1) })
    assert.equal(1000000000, quantity(lots, 10))
  end)

  it("refuses zero, negative, what is not a number, and what does not fit", function()
    local shares = instrument()
    for _, value in ipairs { 0, -1, -0.5, 0 / 0, 1 / 0, -1 / 0 } do
      assert.same({ nil, "bad_quantity", 0 }, { quantity(shares, value) })
    end
    assert.same({ nil, "bad_quantity", 1 }, { quantity(shares, 1e-9) })
    assert.same({ nil, "bad_quantity", 1 }, { quantity(shares, 1.5) })
    assert.same({ nil, "overflow" }, { (function() local a, b = quantity(shares, 1e18) return a, b end)() })
  end)
end)

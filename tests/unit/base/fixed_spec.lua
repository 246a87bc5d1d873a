local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function parse(text, exponent)
  local out = ffi.new "int64_t[1]"
  local status = C.tl_fixed_parse(text, #text, exponent or -8, out)
  return tonumber(status) == 0 and tonumber(out[0]) or nil, ffi.string(C.tl_error_text())
end

local function format(mantissa, exponent)
  local text = ffi.new "char[48]"
  local n = C.tl_fixed_format(mantissa, exponent, text)
  return ffi.string(text, n)
end

describe("fixed point", function()
  it("reads decimals exactly", function()
    assert.equal(15010000000, parse "150.10")
    assert.equal(-1, parse("-0.0001", -4))
    assert.equal(1250000000, parse "1.25e1")
    assert.equal(3, parse("3", 0))
    assert.equal(12, parse("1200", 2))
  end)

  it("refuses what is no number, names it, and never rounds", function()
    for _, text in ipairs { "", "-", ".", "1.2.3", "abc", "1e", "0x10", "nan", "1 " } do
      local value, err = parse(text)
      assert.is_nil(value, text)
      assert.truthy(err:find(text, 1, true), err)
    end
    assert.is_nil((parse("0.00001", -4)))
    assert.is_nil((parse "92233720368.54775808"))
    assert.is_nil((parse(("9"):rep(60))))
  end)

  it("prints what it reads", function()
    assert.equal("150.1", format(15010000000LL, -8))
    assert.equal("-0.0001", format(-1LL, -4))
    assert.equal("0", format(0LL, -8))
    assert.equal("1200", format(12LL, 2))
    assert.equal("-9223372036854775808", format(-9223372036854775807LL - 1, 0))
  end)
end)

local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function instrument(symbol, fields)
  local one = ffi.new "tl_instrument"
  ffi.copy(one.symbol, symbol, math.min(#symbol, 24))
  for name, value in pairs(fields or {}) do one[name] = value end
  return one
end

local id = ffi.new "uint32_t[1]"

describe("the instrument table", function()
  local instruments

  before_each(function() instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy) end)

  it("gives dense ids and finds them by symbol", function()
    for i = 0, 4999 do
      assert.equal(0, tonumber(C.tl_instruments_add(instruments, instrument("S" .. i), id)))
      assert.equal(i, id[0])
    end
    assert.equal(5000, C.tl_instruments_count(instruments))
    for i = 0, 4999 do
      assert.equal(i, C.tl_instruments_find(instruments, "S" .. i))
      assert.equal("S" .. i, ffi.string(C.tl_instruments_at(instruments, i).symbol))
      assert.equal(i, C.tl_instruments_at(instruments, i).id)
    end
    for _, unknown in ipairs { "S5000", "", "s1", "S1 " } do
      assert.equal(4294967295, C.tl_instruments_find(instruments, unknown))
    end
  end)

  it("fills in what was left out", function()
    assert.equal(0, tonumber(C.tl_instruments_add(instruments, instrument "A", nil)))
    local one = C.tl_instruments_at(instruments, 0)
    assert.equal(1, tonumber(one.tick))
    assert.equal(1, tonumber(one.lot))
    assert.equal(100000000, tonumber(one.multiplier_e8))
    assert.equal("USD", ffi.string(one.quote))
    assert.equal("USD", ffi.string(one.settle))
    assert.equal(0, tonumber(C.tl_instruments_add(instruments, instrument("B", { quote = "EUR", tick = 5 }), nil)))
    assert.equal("EUR", ffi.string(C.tl_instruments_at(instruments, 1).settle))
    assert.equal(5, tonumber(C.tl_instruments_at(instruments, 1).tick))
  end)

  it("keeps records where they are, and lets their owner change them", function()
    C.tl_instruments_add(instruments, instrument "A", nil)
    local first = C.tl_instruments_at(instruments, 0)
    for i = 1, 3000 do C.tl_instruments_add(instruments, instrument("S" .. i), nil) end
    assert.equal(first, C.tl_instruments_at(instruments, 0))
    C.tl_instruments_edit(instruments, 0).tick = 7
    assert.equal(7, tonumber(first.tick))
  end)

  it("refuses with the symbol, the limit and the value", function()
    local function refused(status, sentence, one)
      assert.equal(status, tonumber(C.tl_instruments_add(instruments, one, id)))
      assert.equal(sentence, ffi.string(C.tl_error_text()))
    end
    C.tl_instruments_add(instruments, instrument "A", nil)
    refused(tonumber(C.TL_ERR_EXISTS), "instrument A is already there", instrument "A")
    refused(tonumber(C.TL_ERR_ARGUMENT), "an instrument has no symbol", instrument "")
    refused(tonumber(C.TL_ERR_ARGUMENT), "symbol 'ABCDEFGHIJKLMNOPQRSTUVWX' is longer than 23 bytes",
      instrument "ABCDEFGHIJKLMNOPQRSTUVWX")
    refused(tonumber(C.TL_ERR_ARGUMENT), "instrument B: exponents 1 and 0, and they go from -12 to 0", instrument("B", { price_exponent = 1 }))
    refused(tonumber(C.TL_ERR_ARGUMENT), "instrument B: exponents 0 and -13, and they go from -12 to 0",
      instrument("B", { quantity_exponent = -13 }))
    assert.equal(1, C.tl_instruments_count(instruments))
  end)
end)

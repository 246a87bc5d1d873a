local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("holdings", function()
  it("have one record an owner and instrument, which stays where it is as more come", function()
    local holdings = ffi.new "tl_holdings"
    native.check(C.tl_holdings_init(holdings))
    local index = {}
    for owner = 1, 300 do
      for instrument = 0, 19 do
        local i = C.tl_holdings_of(holdings, owner, instrument)
        assert(i ~= 0 and not index[i])
        index[i] = owner * 100 + instrument
        holdings.all[i].quantity = index[i]
      end
    end
    for owner = 1, 300 do
      for instrument = 0, 19 do
        local i = C.tl_holdings_of(holdings, owner, instrument)
        assert(i == C.tl_holdings_find(holdings, owner, instrument))
        assert(holdings.all[i].quantity == owner * 100 + instrument)
      end
    end
    assert.equal(0, C.tl_holdings_find(holdings, 301, 0))
    C.tl_holdings_close(holdings)
  end)
end)

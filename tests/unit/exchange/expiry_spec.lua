local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("the expiry heap", function()
  it("gives orders by time, then by sequence, whatever was taken out meanwhile", function()
    math.randomseed(11)
    local random = math.random
    local expiry = ffi.new "tl_expiry"
    native.check(C.tl_expiry_init(expiry, 1000))
    local live, out = {}, ffi.new "uint32_t[1]"
    for sequence = 1, 20000 do
      local order = random(999)
      if live[order] then
        C.tl_expiry_remove(expiry, order)
        live[order] = nil
      else
        live[order] = { at = random(50), sequence = sequence }
        C.tl_expiry_add(expiry, order, live[order].at, sequence)
      end
      if sequence % 50 == 0 then
        local first
        for o, e in pairs(live) do
          local best = live[first]
          if not best or e.at < best.at or (e.at == best.at and e.sequence < best.sequence) then first = o end
        end
        assert.equal(first and live[first].at or nil, first and tonumber(C.tl_expiry_first(expiry, out)))
        if first then assert.equal(first, out[0]) end
      end
    end
    for order in pairs(live) do C.tl_expiry_remove(expiry, order) end
    C.tl_expiry_remove(expiry, 5)
    assert.is_true(C.tl_expiry_first(expiry, nil) == 0x7fffffffffffffffLL)
    C.tl_expiry_close(expiry)
  end)
end)

local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("a displayed side", function()
  for side = 1, 2 do
    it("is kept best last: side " .. side, function()
      local seed = 4
      math.randomseed(seed)
      local ladder, naive = ffi.new "tl_ladder", {}
      for _ = 1, 5000 do
        local price = math.random(1, 60)
        if math.random(3) > 1 then
          local rung = C.tl_ladder_make(ladder, side, price)
          assert.equal(naive[price] or 0, tonumber(rung.size))
          naive[price] = math.random(1, 99)
          rung.size = naive[price]
        else
          local rung = C.tl_ladder_find(ladder, side, price)
          assert.equal(naive[price] ~= nil, rung ~= nil)
          if rung ~= nil then C.tl_ladder_remove(ladder, rung) end
          naive[price] = nil
        end
        local prices = {}
        for p in pairs(naive) do prices[#prices + 1] = p end
        table.sort(prices, function(a, b) if side == 1 then return a < b end return a > b end)
        assert.equal(#prices, ladder.count)
        for i, p in ipairs(prices) do assert.equal(p, tonumber(ladder.rungs[i - 1].price)) end
      end
      C.tl_ladder_close(ladder)
    end)
  end
end)

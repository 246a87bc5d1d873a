local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local BUY, SELL = 1, 2

local function listed(levels)
  local list, i = {}, 0
  while true do
    local level = C.tl_levels_at(levels, i)
    if level == nil then return list end
    list[#list + 1] = ("%d:%d:%d"):format(tonumber(level.price), tonumber(level.size), tonumber(level.count))
    i = i + 1
  end
end

describe("levels", function()
  local levels
  before_each(function() levels = ffi.gc(ffi.new "tl_levels", C.tl_levels_close) end)

  it("give bids from the highest and asks from the lowest", function()
    for _, price in ipairs { 100, 102, 101 } do assert.is_true(C.tl_levels_set(levels, BUY, price, price * 10, 1)) end
    assert.same({ "102:1020:1", "101:1010:1", "100:1000:1" }, listed(levels))
    local asks = ffi.gc(ffi.new "tl_levels", C.tl_levels_close)
    for _, price in ipairs { 104, 103, 105 } do assert.is_true(C.tl_levels_set(asks, SELL, price, 7, 2)) end
    assert.same({ "103:7:2", "104:7:2", "105:7:2" }, listed(asks))
  end)

  it("change in place, and go at size 0, also when they are not there", function()
    for _, price in ipairs { 100, 102, 101 } do C.tl_levels_set(levels, BUY, price, 5, 1) end
    C.tl_levels_set(levels, BUY, 101, 9, 3)
    C.tl_levels_set(levels, BUY, 102, 0, 0)
    C.tl_levels_set(levels, BUY, 99, 0, 0)
    assert.same({ "101:9:3", "100:5:1" }, listed(levels))
  end)

  it("are those of a plain table after many random changes", function()
    local seed = os.time()
    math.randomseed(seed)
    for side = BUY, SELL do
      local truth, tested = {}, ffi.gc(ffi.new "tl_levels", C.tl_levels_close)
      for _ = 1, 5000 do
        local price, size = math.random(1, 80), math.random(0, 3)
        truth[price] = size > 0 and size or nil
        assert.is_true(C.tl_levels_set(tested, side, price, size, size))
      end
      local prices, want = {}, {}
      for price in pairs(truth) do prices[#prices + 1] = price end
      table.sort(prices, function(a, b) if side == BUY then return a > b end return a < b end)
      for i, price in ipairs(prices) do want[i] = ("%d:%d:%d"):format(price, truth[price], truth[price]) end
      assert.same(want, listed(tested), "seed " .. seed)
    end
  end)
end)

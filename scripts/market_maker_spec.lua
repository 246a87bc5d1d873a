local sim = require "tidelock.testing"

local function prices(run, symbol)
  local bid, ask = run:open_orders { symbol = symbol, side = "buy" }, run:open_orders { symbol = symbol, side = "sell" }
  assert.is_true(#bid <= 1 and #ask <= 1)
  return { bid[1] and bid[1].price, ask[1] and ask[1].price }
end

describe("market_maker", function()
  local run
  before_each(function() run = sim.load("scripts/market_maker.lua", { symbols = { "AAPL", "MSFT" }, params = { size = 50, max_position = 100 } }) end)

  it("quotes both sides of the middle at half its spread, passively", function()
    run:quote("AAPL", 150.00, 150.10)
    assert.same({ 150.03, 150.07 }, prices(run, "AAPL"))
    for _, o in ipairs(run:open_orders()) do
      assert.same({ 50, true, "mm" }, { o.quantity, o.post_only, o.tag })
    end
  end)

  it("rounds away from the market when the middle is between two ticks", function()
    run:quote("AAPL", 150.00, 150.05)
    assert.same({ 150.00, 150.05 }, prices(run, "AAPL"))
  end)

  it("moves its two orders with the market, and leaves them alone while the middle stands", function()
    run:quote("AAPL", 150.00, 150.10)
    local bid = run:open_orders { side = "buy" }[1]
    run:quote("AAPL", 150.20, 150.30)
    assert.same({ 150.23, 150.27 }, prices(run, "AAPL"))
    assert.equal(150.23, bid.price)
    local moved = bid.updated
    run:quote("AAPL", 150.19, 150.31)
    run:quote("AAPL", 150.20, 150.30)
    assert.equal(moved, bid.updated)
    assert.equal(2, #run:orders())
  end)

  it("pulls the side that would add to a full position, and brings it back", function()
    run:quote("AAPL", 150.00, 150.10)
    run:fill(run:open_orders { side = "buy" }[1])
    run:quote("AAPL", 150.00, 150.10)
    run:fill(run:open_orders { side = "buy" }[1])
    run:quote("AAPL", 150.00, 150.10)
    assert.equal(100, run:position("AAPL").quantity)
    assert.same({ nil, 150.07 }, prices(run, "AAPL"))
    run:fill(run:open_orders { side = "sell" }[1])
    run:quote("AAPL", 150.00, 150.10)
    assert.same({ 150.03, 150.07 }, prices(run, "AAPL"))
  end)

  it("is as careful when short", function()
    for _ = 1, 2 do
      run:quote("AAPL", 150.00, 150.10)
      run:fill(run:open_orders { side = "sell" }[1])
    end
    run:quote("AAPL", 150.00, 150.10)
    assert.equal(-100, run:position("AAPL").quantity)
    assert.same({ 150.03 }, prices(run, "AAPL"))
  end)

  it("withdraws from a symbol with an empty side, and from no other", function()
    run:quote("AAPL", 150.00, 150.10)
    run:quote("MSFT", 300.00, 300.10)
    run:quote("AAPL", 150.00, nil)
    assert.same({}, prices(run, "AAPL"))
    assert.same({ 300.03, 300.07 }, prices(run, "MSFT"))
  end)
end)

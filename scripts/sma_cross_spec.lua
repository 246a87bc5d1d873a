local sim = require "tidelock.testing"

local PARAMS = { fast = 2, slow = 3, weight = 0.5 }

describe("sma_cross", function()
  local run

  local function closes(...)
    for _, close in ipairs { ... } do run:bar("SPY", { close = close }) end
  end

  before_each(function() run = sim.load("scripts/sma_cross.lua", { symbols = { "SPY" }, params = PARAMS, cash = 100000 }) end)

  it("waits until the slow average is full", function()
    closes(100, 200)
    assert.equal(0, #run:orders())
  end)

  it("buys its share of the equity when the fast average is above the slow one", function()
    closes(100, 110, 125)
    local bought = run:open_orders()
    assert.equal(1, #bought)
    assert.same({ "buy", "market", 400 }, { bought[1].side, bought[1].type, bought[1].quantity })
  end)

  it("holds while the averages keep their order", function()
    closes(100, 110, 125)
    run:fill(run:open_orders()[1])
    closes(130, 140, 150)
    assert.equal(1, #run:orders())
  end)

  it("sells all when the averages cross back", function()
    closes(100, 110, 125)
    run:fill(run:open_orders()[1])
    closes(100, 90)
    local sold = run:open_orders()
    assert.equal(1, #sold)
    assert.same({ "sell", 400 }, { sold[1].side, sold[1].quantity })
    run:fill(sold[1])
    assert.equal(0, run:position("SPY").quantity)
  end)

  it("stays out of a market that stands or falls", function()
    closes(100, 100, 100, 100, 90, 80, 70)
    assert.equal(0, #run:orders())
  end)

  it("splits the share over its symbols", function()
    run = sim.load("scripts/sma_cross.lua", { symbols = { "SPY", "QQQ" }, params = PARAMS, cash = 100000 })
    for _, close in ipairs { 100, 110, 125 } do
      run:bar("SPY", { close = close })
      run:bar("QQQ", { close = 2 * close })
    end
    assert.equal(200, run:open_orders { symbol = "SPY" }[1].quantity)
    assert.equal(100, run:open_orders { symbol = "QQQ" }[1].quantity)
  end)

  it("refuses a fast average that is not faster", function()
    local ok, why = pcall(sim.load, "scripts/sma_cross.lua", { symbols = { "SPY" }, params = { fast = 20, slow = 20 } })
    assert.is_false(ok)
    assert.matches("fast must be below slow", why)
  end)
end)

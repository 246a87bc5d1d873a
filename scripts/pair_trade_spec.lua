local sim = require "tidelock.testing"

describe("pair_trade", function()
  local run

  local function quotes(one, other)
    run:quote("KO", one - 0.01, one + 0.01)
    run:quote("PEP", other - 0.02, other + 0.02)
  end

  --- Quotes around a ratio of 60 to 170, then one of which the first symbol is dear.
  local function until_dear()
    for i = 1, 40 do quotes(60 + 0.01 * (i % 2), 170) end
    quotes(61, 170)
  end

  before_each(function()
    run = sim.load("scripts/pair_trade.lua", { symbols = { "KO", "PEP" }, params = { window = 20, entry = 3, exit = 0.5, size = 100, patience = "50ms" } })
  end)

  local function fill_next()
    run:fill(run:open_orders()[1])
  end

  it("sells the dear one, then buys the cheap one for as much money", function()
    until_dear()
    local sent = run:open_orders()
    assert.same({ 1, "KO", "sell", 100, 60.99 }, { #sent, sent[1].symbol, sent[1].side, sent[1].quantity, sent[1].price })
    fill_next()
    sent = run:open_orders()
    assert.same({ 1, "PEP", "buy", 36, 170.02 }, { #sent, sent[1].symbol, sent[1].side, sent[1].quantity, sent[1].price })
    fill_next()
    assert.same({ -100, 36 }, { run:position("KO").quantity, run:position("PEP").quantity })
    assert.equal(0, #run:open_orders())
  end)

  it("turns both back when the ratio is near its mean again", function()
    until_dear()
    fill_next()
    fill_next()
    for _ = 1, 30 do quotes(61, 170) end
    fill_next()
    fill_next()
    assert.same({ 0, 0 }, { run:position("KO").quantity, run:position("PEP").quantity })
  end)

  it("is unwound when the second order fails", function()
    until_dear()
    fill_next()
    run:reject(run:open_orders()[1], "no_liquidity")
    local undo = run:open_orders()
    assert.same({ 1, "KO", "buy", "market", 100, true }, { #undo, undo[1].symbol, undo[1].side, undo[1].type, undo[1].quantity, undo[1].undo })
    run:fill(undo[1])
    assert.equal(0, run:position("KO").quantity)
    assert.equal("pair: undone, as no_liquidity", run:logs()[1].text)
  end)

  it("is unwound when the second order is not filled in time, for what was filled", function()
    until_dear()
    fill_next()
    run:fill(run:open_orders()[1], 10)
    run:advance "44ms" -- the reserve is a tenth of 50 ms
    assert.same({ "PEP" }, { run:open_orders()[1].symbol })
    run:advance "1ms"
    local undos = run:open_orders()
    assert.same({ 2, "sell", 10, "buy", 100 }, { #undos, undos[1].side, undos[1].quantity, undos[2].side, undos[2].quantity })
    run:fill(undos[1])
    run:fill(undos[2])
    assert.same({ 0, 0 }, { run:position("KO").quantity, run:position("PEP").quantity })
    assert.equal("pair: undone, as deadline_passed", run:logs()[1].text)
  end)

  it("starts one pair at a time", function()
    until_dear()
    quotes(62, 170)
    quotes(63, 170)
    assert.equal(1, #run:orders())
  end)

  it("waits while a side of a quote is empty", function()
    for i = 1, 40 do quotes(60 + 0.01 * (i % 2), 170) end
    run:quote("PEP", nil, 170.02)
    run:quote("KO", 60.99, 61.01)
    assert.equal(0, #run:orders())
  end)

  it("refuses an exit that is not below the entry", function()
    local ok, why = pcall(sim.load, "scripts/pair_trade.lua", { params = { entry = 1, exit = 1 } })
    assert.is_false(ok)
    assert.matches("exit must be below entry", why)
  end)
end)

local sim = require "tidelock.testing"

describe("imbalance_taker", function()
  local run

  local function book(bid_size, ask_size, symbol)
    run:book(symbol or "AAPL", { { 150.00, bid_size }, { 149.99, bid_size } }, { { 150.02, ask_size }, { 150.03, ask_size } })
  end

  before_each(function() run = sim.load("scripts/imbalance_taker.lua", { symbols = { "AAPL", "MSFT" }, params = { threshold = 0.5, hold = "2s" } }) end)

  it("takes the ask when the bids outweigh the asks", function()
    book(900, 100)
    local sent = run:open_orders()
    assert.equal(1, #sent)
    assert.same({ "buy", 100, 150.02, "ioc" }, { sent[1].side, sent[1].quantity, sent[1].price, sent[1].time_in_force })
  end)

  it("hits the bid when the asks outweigh the bids", function()
    book(100, 900)
    local sent = run:open_orders()
    assert.equal(1, #sent)
    assert.same({ "sell", 100, 150.00, "ioc" }, { sent[1].side, sent[1].quantity, sent[1].price, sent[1].time_in_force })
  end)

  it("lets a lean at or below the threshold pass", function()
    book(300, 100)
    book(100, 300)
    assert.equal(0, #run:orders())
  end)

  it("looks at the levels that it was told to look at", function()
    run = sim.load("scripts/imbalance_taker.lua", { symbols = { "AAPL" }, params = { threshold = 0.5, levels = 1 } })
    run:book("AAPL", { { 150.00, 100 }, { 149.99, 5000 } }, { { 150.02, 100 }, { 150.03, 100 } })
    assert.equal(0, #run:orders())
  end)

  it("enters a symbol once at a time", function()
    book(900, 100)
    book(950, 100)
    assert.equal(1, #run:orders())
    run:fill(run:open_orders()[1])
    book(900, 100)
    assert.equal(1, #run:orders())
    book(900, 100, "MSFT")
    assert.equal(2, #run:orders())
  end)

  it("tries again after an order that found nothing", function()
    book(900, 100)
    run:cancel(run:open_orders()[1])
    book(900, 100)
    assert.equal(2, #run:orders())
  end)

  it("leaves after the holding time, the whole of what it holds", function()
    book(900, 100)
    run:fill(run:open_orders()[1], 60)
    run:cancel(run:open_orders()[1])
    run:advance("1900ms")
    assert.equal(0, #run:open_orders())
    run:advance("200ms")
    local left = run:open_orders()
    assert.equal(1, #left)
    assert.same({ "sell", "market", 60 }, { left[1].side, left[1].type, left[1].quantity })
  end)

  it("leaves at the end of the run", function()
    book(100, 900)
    run:fill(run:open_orders()[1])
    run:stop()
    assert.same({ "buy", 100 }, { run:open_orders()[1].side, run:open_orders()[1].quantity })
  end)
end)

local native = require "tidelock.native"
local fixture = require "report_fixture"
local trades = require "tidelock.report.trades"
local report = require "tidelock.report"
local ffi = native.ffi

local BUY, SELL = 1, 2

local function pair(steps, instruments)
  instruments = instruments or fixture.instruments()
  local source = fixture.source(steps, 100000000000LL, instruments)
  return trades.pair(source.fills, source.fill_count, instruments), source
end

local function fill(at, side, quantity, price, fee_e8, instrument)
  return { at = at, fill = { side = side, quantity = quantity, price = price, fee_e8 = fee_e8, instrument = instrument } }
end

describe("round trips", function()
  it("close the oldest lots first and share fees by quantity", function()
    local list = pair { fill(1, BUY, 100, 1000, 100), fill(2, BUY, 100, 1100, 200), fill(3, SELL, 150, 1200, 300) }
    assert.equal(2, list.n)
    local first, second = list.at[0], list.at[1]
    assert.equal(100, tonumber(first.quantity))
    assert.equal(1000, tonumber(first.entry_price))
    assert.equal(20000000000LL, first.gross_e8)
    assert.equal(300, tonumber(first.fees_e8))
    assert.equal(50, tonumber(second.quantity))
    assert.equal(5000000000LL, second.gross_e8)
    assert.equal(200, tonumber(second.fees_e8))
    assert.equal(1, #list.open)
    assert.equal(50, tonumber(list.open[1].quantity))
  end)

  it("share a fee that cannot be divided so that its parts still add up", function()
    local list = pair { fill(1, BUY, 300, 1000, 100), fill(2, SELL, 100, 1000), fill(3, SELL, 100, 1000), fill(4, SELL, 100, 1000, 1) }
    assert.same({ 33, 34, 34 }, { tonumber(list.at[0].fees_e8), tonumber(list.at[1].fees_e8), tonumber(list.at[2].fees_e8) })
    local rebate = pair { fill(1, BUY, 300, 1000, -100), fill(2, SELL, 100, 1000), fill(3, SELL, 200, 1000) }
    assert.equal(-100, tonumber(rebate.at[0].fees_e8 + rebate.at[1].fees_e8))
    local closing = pair { fill(1, BUY, 100, 1000), fill(2, BUY, 100, 1000), fill(3, BUY, 100, 1000), fill(4, SELL, 300, 1000, 100) }
    assert.same({ 33, 34, 33 }, { tonumber(closing.at[0].fees_e8), tonumber(closing.at[1].fees_e8), tonumber(closing.at[2].fees_e8) })
  end)

  it("turn a position: what is left of a closing fill opens the other side", function()
    local list = pair { fill(1, SELL, 100, 1000), fill(2, BUY, 250, 900), fill(3, SELL, 150, 950) }
    assert.equal(2, list.n)
    assert.equal(-1, list.at[0].direction)
    assert.equal(10000000000LL, list.at[0].gross_e8)
    assert.equal(1, list.at[1].direction)
    assert.equal(150, tonumber(list.at[1].quantity))
    assert.equal(7500000000LL, list.at[1].gross_e8)
    assert.equal(0, #list.open)
  end)

  it("keep instruments apart and use their multiplier", function()
    local instruments = fixture.instruments({ "A", "B" }, function(one) one.multiplier_e8 = 1000000000LL end)
    local list = pair({ fill(1, BUY, 1, 1000, 0, 0), fill(2, SELL, 1, 500, 0, 1), fill(3, SELL, 1, 1100, 0, 0) }, instruments)
    assert.equal(1, list.n)
    assert.equal(1000000000LL, list.at[0].gross_e8)
    assert.equal(10000000000LL, list.at[0].entry_value_e8)
    assert.equal(1, list.open[1].instrument)
    assert.equal(-1, tonumber(list.open[1].quantity))
  end)

  it("lose nothing: trades and open lots add up to the net result, share by share, fee by fee", function()
    local seed = os.time()
    print("trades seed " .. seed)
    math.randomseed(seed)
    local instruments = fixture.instruments()
    for _ = 1, 20 do
      local steps = fixture.random_steps(math.random, 600, 1000000000LL)
      local source = fixture.source(steps, 100000000000000LL, instruments)
      local list = trades.pair(source.fills, source.fill_count, instruments)
      -- the naive way: a queue of single hundreds
      local queue, direction, naive, closed = {}, 0, 0, 0
      for i = 0, source.fill_count - 1 do
        local f = source.fills[i]
        local way = f.side == BUY and 1 or -1
        for _ = 1, tonumber(f.quantity) / 100 do
          if #queue > 0 and way ~= direction then
            naive = naive + (tonumber(f.price) - table.remove(queue, 1)) * direction * 100
            closed = closed + 100
          else
            direction = way
            queue[#queue + 1] = tonumber(f.price)
          end
        end
      end
      local gross, fees, quantity = 0LL, 0LL, 0LL
      for i = 0, list.n - 1 do
        gross, fees, quantity = gross + list.at[i].gross_e8, fees + list.at[i].fees_e8, quantity + list.at[i].quantity
        assert.is_true(list.at[i].exit_ns >= list.at[i].entry_ns)
      end
      assert.equal(naive, tonumber(gross / 1000000))
      assert.equal(closed, tonumber(quantity))
      -- with the open lots at the last price, and all fees, it is the account's result
      local last = tonumber(source.marks[source.mark_count - 1].equity_e8 - 100000000000000LL)
      local price, open = steps[#steps].price or steps[#steps].fill.price, 0
      for _, entry in ipairs(queue) do open = open + (price - entry) * direction * 100 end
      assert.equal(last, (naive + open) * 1e6 - tonumber(source.fees_e8))
      local results = report.build { source = source, instruments = instruments, initial_cash = 1000000 }
      local net = 0
      for i = 0, list.n - 1 do net = net + tonumber(list.at[i].gross_e8 - list.at[i].fees_e8) / 1e8 end
      assert.is_true(math.abs(results.statistics.net_pnl - net - results.statistics.open_pnl) < 1e-6)
      if #queue == 0 then assert.equal(source.fees_e8, fees) end
      assert.is_true(ffi.istype("int64_t", fees))
    end
  end)
end)

-- A run of another engine, published with its test: 255 daily bars, one share, fills at the next open, no cost.
local cjson = require "cjson"
local cli = require "integration.cli"

local data = "../shared/data/bars/2006-day-001.txt"
local script = "tests/conformance/close_over_average.lua"

local buys = { 3643.35, 3801.03, 3872.37, 3863.57, 3845.32, 3656.43, 3542.65, 3639.65, 3799.86, 3840.20, 4047.63, 4052.55 }
local sells = { 3763.95, 3811.85, 3822.35, 3822.57, 3829.82, 3598.58, 3545.92, 3766.80, 3782.15, 3979.73, 4045.05 }

local function backtest(arguments)
  local file = io.open(data)
  if not file then pending(data .. " is not here") return end
  file:close()
  local folder = cli.folder()
  local code, out, err = cli.run(("backtest %s --data DAY@1d=%s --quiet --json --trades %s/trades.csv --equity %s/equity.csv %s"):format(
    script, data, folder, folder, arguments(folder)))
  assert.equal(0, code, err)
  local result = { json = cjson.decode(out), trades = {}, equity = {} }
  for _, name in ipairs { "trades", "equity" } do
    local header
    for line in io.lines(folder .. "/" .. name .. ".csv") do
      local cells = {}
      for cell in (line .. ","):gmatch "([^,]*)," do cells[#cells + 1] = cell end
      if not header then
        header = cells
      else
        local row = {}
        for i, key in ipairs(header) do row[key] = tonumber(cells[i]) or cells[i] end
        table.insert(result[name], row)
      end
    end
  end
  cli.remove(folder)
  return result
end

describe("backtrader's sample", function()
  it("gives the same fills, cash and value, to the cent", function()
    local result = backtest(function() return "--cash 10000" end)
    if not result then return end
    local s = result.json.statistics
    assert.equal("10284.10", ("%.2f"):format(s.equity_final))
    assert.equal("6164.16", ("%.2f"):format(result.equity[#result.equity].cash))
    assert.equal(23, result.json.fills)
    assert.equal(11, s.trades)
    for i, price in ipairs(sells) do
      assert.equal(buys[i], result.trades[i].entry_price)
      assert.equal(price, result.trades[i].exit_price)
    end
    local gain = 0
    for i, price in ipairs(sells) do gain = gain + price - buys[i] end
    assert.is_true(math.abs(s.realized_pnl - gain) < 1e-6)
    assert.is_true(math.abs(s.open_pnl - (284.10 - gain)) < 1e-6)
    assert.equal(0, s.fees)
    -- the last close of the file against the last buy
    assert.is_true(math.abs(s.open_pnl - (4119.94 - buys[12])) < 1e-6)
  end)

  it("gives the same value as a future: multiplier 10, margin 1,000, 2 a side", function()
    local result = backtest(function(folder)
      return "--config " .. cli.write(folder .. "/future.lua", [[
        return { accounts = { main = { cash = 10000 } }, fees = { per_unit = 2 }, instruments = { DAY = { multiplier = 10, margin = 1000 } } }
      ]])
    end)
    if not result then return end
    local s = result.json.statistics
    assert.equal("12795.00", ("%.2f"):format(s.equity_final))
    assert.equal(46, s.fees)
    assert.is_true(math.abs(s.gross_pnl - 2841) < 1e-6)
  end)
end)

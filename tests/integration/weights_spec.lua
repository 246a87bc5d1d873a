local cli = require "integration.cli"
local json = require "cjson"

local HEADER = "time,open,high,low,close,volume\n"

local function rows(list)
  local lines = { HEADER }
  for i, row in ipairs(list) do
    lines[#lines + 1] = ("2024-01-%02d,%.2f,%.2f,%.2f,%.2f,1000\n"):format(i + 1, row[1], math.max(row[1], row[2]), math.min(row[1], row[2]), row[2])
  end
  return table.concat(lines)
end

local SCRIPT = [[
  local strategy, order, snapshot, record = require "strategy", require "order", require "snapshot", require "record"
  local s = strategy { name = "weights", symbols = "*", bars = { "1d" } }
  local n = 0
  function s:on_bars()
    n = n + 1
    BODY
  end
  function s:on_fill(o, f)
    log.info("%s %s %g at %g", f.side, f.symbol, f.quantity, f.price)
    record.result("power", snapshot.account().buying_power)
  end
  function s:on_order(o, r) if r.kind == "denied" then log.info("denied %s", r.reason) end end
  return s]]

describe("weights", function()
  local folder

  setup(function() folder = cli.folder() end)
  teardown(function() cli.remove(folder) end)

  local function run(body, config, ...)
    local script = cli.write(folder .. "/weights.lua", (SCRIPT:gsub("BODY", function() return body end)))
    cli.write(folder .. "/config.lua", "return { " .. config .. " }")
    local data = {}
    for i, list in ipairs { ... } do data[i] = ("%s=%s"):format(i == 1 and "ONE" or "TWO", cli.write(("%s/%d.csv"):format(folder, i), rows(list))) end
    local args = ("backtest %s --config %s/config.lua --json --data %s"):format(script, folder, table.concat(data, " "))
    local code, out, err = cli.run(args)
    assert.equal(0, code, err)
    local said = {}
    for text in err:gmatch "info ([^\n]+)" do said[#said + 1] = text end
    return said, json.decode(out)
  end

  it("of 1 leave room for the taker's fee", function()
    local bars = { { 100, 100 }, { 100, 100 }, { 110, 110 } }
    local said, result = run('if n == 1 then order.target { symbol = "ONE", weight = 1 } end',
      "fees = { taker = 0.002 }, accounts = { main = { cash = 10000 } }", bars)
    assert.same({ "buy ONE 99 at 100" }, said) -- 99 x 100 x 1.002 = 9,919.80, and 100 would be 10,020
    assert.near(10000 - 99 * 100 * 1.002 + 99 * 110, result.statistics.equity_final, 1e-9)
    assert.near(10000 - 99 * 100 * 1.002, result.custom.power, 1e-9)
    said = run('if n == 1 then order.target { symbol = "ONE", weight = -1 } end',
      "fees = { taker = 0.01, per_unit = 0.5, minimum = 1 }, accounts = { main = { cash = 10000 } }", bars)
    assert.same({ "sell ONE 98 at 100" }, said) -- 98 x (100 + 1 + 0.5) = 9,947
  end)

  it("below 1, and quantities, are what was asked", function()
    local bars = { { 100, 100 }, { 100, 100 }, { 100, 100 } }
    assert.same({ "buy ONE 90 at 100" }, (run('if n == 1 then order.target { symbol = "ONE", weight = 0.9 } end',
      "fees = { taker = 0.002 }, accounts = { main = { cash = 10000 } }", bars)))
    assert.same({ "denied risk_buying_power" }, (run('if n == 1 then order.target { symbol = "ONE", quantity = 100 } end',
      "fees = { taker = 0.002 }, accounts = { main = { cash = 10000 } }", bars)))
  end)

  it("that stay the same send nothing", function()
    local bars = { { 100, 100 }, { 100, 100 }, { 100, 100 }, { 100, 100 }, { 100, 100 } }
    assert.same({ "buy ONE 99 at 100" }, (run('order.target { symbol = "ONE", weight = 1 }',
      "fees = { taker = 0.002 }, accounts = { main = { cash = 10000 } }", bars)))
  end)

  it("of 1 and -1 turn a position within what can be paid", function()
    local bars = { { 100, 100 }, { 100, 100 }, { 100, 100 } }
    assert.same({ "buy ONE 99 at 100", "sell ONE 197 at 100" }, (run('order.target { symbol = "ONE", weight = n == 1 and 1 or -1 }',
      "fees = { taker = 0.004 }, accounts = { main = { cash = 10000 } }", bars)))
  end)

  it("move from one instrument to another at one open", function()
    local flat = { { 100, 100 }, { 100, 100 }, { 100, 100 }, { 100, 100 } }
    local said = run('order.rebalance { weights = n % 2 == 1 and { ONE = 1 } or { TWO = 1 } }',
      "fees = { taker = 0.002 }, accounts = { main = { cash = 10000 } }", flat, flat)
    assert.equal("buy ONE 99 at 100", said[1])
    table.sort(said)
    for _, text in ipairs(said) do assert.not_matches("denied", text) end
    said = run('if n == 1 then order.rebalance { weights = { ONE = 0.5, TWO = 0.5 } } end',
      "fees = { taker = 0.002 }, accounts = { main = { cash = 10000 } }", flat, flat)
    assert.same({ "buy ONE 50 at 100", "buy TWO 49 at 100" }, said)
  end)
end)

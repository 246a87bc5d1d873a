-- What a run leaves on disk agrees with what it prints, and is the same every time.
local cjson = require "cjson"
local cli = require "integration.cli"

local folder

--- Ninety daily bars of a wave with some noise.
local function bars(path)
  local rows, state, close = { "date,open,high,low,close,volume" }, 7, 100
  for day = 0, 89 do
    state = (state * 1103515245 + 12345) % 2147483648
    local open = close
    close = 100 + 10 * math.sin(day / 7) + math.floor(state / 65536) % 100 / 50
    rows[#rows + 1] = ("%s,%.2f,%.2f,%.2f,%.2f,1000"):format(os.date("!%Y-%m-%d", 1704153600 + day * 86400), open, math.max(open, close) + 0.5,
      math.min(open, close) - 0.5, close)
  end
  return cli.write(path, table.concat(rows, "\n") .. "\n")
end

local function rows_of(path)
  local header, rows = nil, {}
  for line in cli.read(path):gmatch "[^\n]+" do
    local cells = {}
    for cell in (line .. ","):gmatch "([^,]*)," do cells[#cells + 1] = cell end
    if header then
      local row = {}
      for i, name in ipairs(header) do row[name] = tonumber(cells[i]) or cells[i] end
      rows[#rows + 1] = row
    else
      header = cells
    end
  end
  return rows
end

local function run(name, more)
  local files = {}
  for _, kind in ipairs { "trades", "equity", "report" } do files[kind] = ("%s/%s.%s"):format(folder, name, kind) end
  local code, out, err = cli.run(("backtest scripts/sma_cross.lua --data UP@1d=%s/bars.csv --calendar 24x7 --param fast=2 --param slow=5 "
    .. "--config %s/fees.lua --quiet --trades %s --equity %s --report %s %s"):format(folder, folder, files.trades, files.equity, files.report, more or ""))
  assert.equal(0, code, err)
  return out, files
end

describe("the results of a backtest", function()
  setup(function()
    folder = cli.folder()
    bars(folder .. "/bars.csv")
    cli.write(folder .. "/fees.lua", "return { accounts = { main = { cash = 50000 } }, fees = { taker = 0.0005 } }")
  end)
  teardown(function() cli.remove(folder) end)

  it("agree with each other: JSON, trades, marks and report", function()
    local out, files = run("a", "--json")
    local json = cjson.decode(out)
    local s, trades, marks = json.statistics, rows_of(files.trades), rows_of(files.equity)
    assert.is_true(s.trades > 3)
    assert.equal(s.trades, #trades)
    local net, fees = 0, 0
    for _, trade in ipairs(trades) do net, fees = net + trade.net_pnl, fees + trade.fees end
    assert.is_true(math.abs(net + s.open_pnl - s.net_pnl) < 1e-6)
    assert.is_true(fees <= s.fees + 1e-9 and s.fees > 0)
    assert.is_true(math.abs(s.fees - s.traded_value * 0.0005) < 1e-4)
    assert.equal(s.equity_final, marks[#marks].equity)
    assert.equal(90, s.days)
    assert.is_true(s.sharpe ~= cjson.null and s.max_drawdown < 0)
    local page = cli.read(files.report)
    assert.matches("<h1>sma_cross</h1>", page)
    assert.matches(json.decisions_hash, page)
    local series = cjson.decode((page:match '<script type="application/json" id="data">(.-)</script>')).series
    assert.same({ "fast", "slow" }, { series[1].name, series[2].name })
  end)

  it("have the strategy's metrics", function()
    local script = cli.write(folder .. "/metrics.lua", [[
      local s = require "strategy" { name = "metrics", symbols = "*", bars = { "1d" } }
      function s:on_bar() metric.counter("bars"):add() metric.gauge("two"):set(2) metric.histogram("h"):record(0.5) end
      return s]])
    local code, out, err = cli.run(("backtest %s --data WALK=%s/bars.csv --json"):format(script, folder))
    assert.equal(0, code, err)
    assert.same({ bars = 90, two = 2, h = { count = 90, sum = 45 } }, cjson.decode(out).metrics)
  end)

  it("have the recorded series as CSV", function()
    run("s", ("--json --series %s/series.csv"):format(folder))
    local text = cli.read(folder .. "/series.csv")
    assert.matches("^name,time,value\nfast,%d+%-%d+%-%d+T%d+:%d+:%d+Z,[%d%.]+\n", text)
    assert.matches("\nslow,", text)
    for value in text:gmatch ",([%d%.]+)\n" do
      local short = ("%.15g"):format(tonumber(value))
      if tonumber(short) == tonumber(value) then assert.equal(short, value) end
    end
  end)

  it("are the same, byte for byte, in another process, interpreted, at another batch", function()
    local _, first = run("b", "--json")
    for name, more in pairs { c = "--json", d = "--json --no-jit --batch 1", e = "--json --batch 3" } do
      local _, other = run(name, more)
      for kind, path in pairs(first) do assert.is_true(cli.read(path) == cli.read(other[kind]), kind .. " differs with " .. more) end
    end
  end)

  it("are summed up on the terminal", function()
    local out, files = run "f"
    assert.matches("Round trips +%d", out)
    assert.matches("on_bar +90 +0", out)
    assert.matches("Report: " .. files.report:gsub("%p", "%%%0"), out)
    for line in out:gmatch "[^\n]+" do assert.is_true(#line <= 96 or line:find "^Report:" ~= nil, line) end
  end)

  it("say where a file cannot be written, and exit with 1", function()
    local code, _, err = cli.run(("backtest scripts/sma_cross.lua --data UP@1d=%s/bars.csv --quiet --report /no/such/folder/r.html"):format(folder))
    assert.equal(1, code)
    assert.matches("tidelock: backtest: cannot write /no/such/folder/r.html: No such file or directory", err, 1, true)
  end)
end)

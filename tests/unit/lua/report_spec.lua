local native = require "tidelock.native"
local fixture = require "report_fixture"
local report = require "tidelock.report"
local csv = require "tidelock.report.csv"
local format = require "tidelock.report.format"
local json = require "tidelock.report.json"
local execution = require "tidelock.report.execution"
local cjson = require "cjson"
local ffi = native.ffi

local HOUR = 3600000000000LL

local function random_run(change, count)
  local state = 12345
  local function random(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return math.floor(state / 65536) % n + 1
  end
  local instruments = fixture.instruments()
  local run = { source = fixture.source(fixture.random_steps(random, count or 800, HOUR), 100000000000000LL, instruments), instruments = instruments,
    initial_cash = 1000000, strategy = "market_maker", seed = 7, events = 800, wall_seconds = 0.5, messages = 900, problems = 2,
      params = { { name = "size", value = 100 } },
    handlers = { { name = "on_quote", calls = 10, errors = 1, p50_ns = 100, p99_ns = 200, p999_ns = 0 / 0 } } }
  for key, value in pairs(change or {}) do run[key] = value end
  return run
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  os.remove(path)
  return text
end

local function split(line)
  local cells = {}
  for cell in (line .. ","):gmatch "([^,]*)," do cells[#cells + 1] = cell end
  return cells
end

describe("text of numbers", function()
  it("groups thousands, keeps small amounts and says nothing of nothing", function()
    assert.equal("1,234,567.89", format.money(1234567.891))
    assert.equal("-0.0012", format.number(-0.00123, 4))
    assert.equal("0.00", format.number(-0.001, 2))
    assert.equal("-", format.percent(nil))
    assert.equal("-12.50 %", format.percent(-0.125))
    assert.equal("0.0012 %", format.percent(0.0000123))
    assert.equal("999", format.count(999))
    assert.equal("1,000", format.count(1000))
  end)

  it("shows durations by two units and instants with all digits", function()
    assert.equal("0", format.duration(0))
    assert.equal("350 us", format.duration(350000))
    assert.equal("1.5 ms", format.duration(1.5e6):gsub("0 ms", " ms"))
    assert.equal("2 d 3 h", format.duration(2 * 86400e9 + 3 * 3600e9))
    assert.equal("2012-06-21T13:30:00.000000001Z", format.iso(1340285400000000001LL))
    assert.equal("1969-12-31T23:59:59.5Z", format.iso(-500000000LL))
    assert.equal("2000-02-29T00:00:00Z", format.iso(951782400000000000LL))
    assert.equal(19700101, format.utc_date(0LL))
    assert.equal("100.005", format.half(20001LL, -2))
  end)
end)

describe("JSON", function()
  it("writes what reads back the same, in the same order every time", function()
    local text = json.encode { b = 0.1, a = { 1, 2.5, -3e-9 }, c = 'x"</script>\n', d = true, e = 0 / 0, f = 9007199254740993LL }
    assert.equal('{"a":[1,2.5,-3e-09],"b":0.1,"c":"x\\"\\u003c/script\\u003e\\n","d":true,"e":null,"f":9007199254740993}', text)
    assert.equal(1 / 3, cjson.decode(json.encode { 1 / 3 })[1])
    assert.equal('"a\239\191\189b"', json.encode "a\255b") -- a byte that is not UTF-8
    assert.equal("[]", json.encode(json.list {}))
    assert.equal('{"y":null,"x":1}', json.encode(json.ordered({ x = 1 }, { "y", "x" })))
  end)

  it("of a run has the keys that later checks read, with null for what is not defined", function()
    local run = random_run()
    local object = cjson.decode(report.to_json(report.build(run)))
    for _, key in ipairs { "events", "wall_seconds", "events_per_second", "orders", "fills", "decisions_hash", "seed", "statistics", "execution",
      "handlers", "data" } do
      assert.not_nil(object[key], key)
    end
    for _, key in ipairs { "equity_final", "equity_peak", "return", "buy_and_hold_return", "cagr", "volatility_annual", "sharpe", "sortino", "calmar",
      "max_drawdown",
      "max_drawdown_duration_ns", "trades", "win_rate", "profit_factor", "expectancy", "sqn", "best_trade", "worst_trade", "exposure_time", "turnover",
        "fees" } do
      assert.is_number(object.statistics[key], key)
    end
    for _, key in ipairs { "fill_ratio", "maker_share", "order_to_trade", "queue_time_ns", "slippage", "markouts", "denies", "rejects" } do
      assert.not_nil(object.execution[key], key)
    end
    assert.is_number(object.execution.markouts["100ms"])
    assert.equal(cjson.null, object.execution.markouts["10s"])
    assert.equal(10, object.handlers.on_quote.calls)
    assert.equal(1, object.handlers.on_quote.errors)
    assert.equal(cjson.null, object.handlers.on_quote.p999_ns)
    assert.equal(900, object.data.messages)
    assert.equal(2, object.data.problems)
    assert.equal(1600, object.events_per_second)
    assert.equal(7, object.seed)
  end)

  it("of a run without a trade or a mark is whole", function()
    local instruments = fixture.instruments()
    local source = fixture.source({}, 100000000000LL, instruments)
    local object = cjson.decode(report.to_json(report.build { source = source, instruments = instruments, initial_cash = 1000 }))
    assert.equal(1000, object.statistics.equity_final)
    assert.equal(0, object.statistics["return"])
    assert.equal(0, object.statistics.trades)
    assert.equal(cjson.null, object.statistics.sharpe)
    assert.equal(cjson.null, object.statistics.win_rate)
    assert.equal(cjson.null, object.execution.fill_ratio)
  end)
end)

describe("execution quality", function()
  local instruments = fixture.instruments()

  it("is signed: slippage is what was paid, markouts what was gained", function()
    local steps = {
      -- bought at 100.10, decided at a middle of 100.05; 100 ms later the middle is 100.20, 1 s later 100.00
      { at = 5, fill = { side = 1, quantity = 100, price = 10010, arrival = 20010, marks = { 20040, 20000, fixture.ABSENT }, liquidity = 2 } },
      -- sold at 100.30, decided at 100.20: better by 0.10
      { at = 9, fill = { side = 2, quantity = 300, price = 10030, arrival = 20040, marks = { 20040, 20100, fixture.ABSENT }, liquidity = 1, waited = 4 } },
    }
    local source = fixture.source(steps, 100000000000LL, instruments)
    local e = execution.build(source, instruments)
    local value = 100 * 100.10 + 300 * 100.30
    assert.is_true(math.abs(e.slippage - (100 * 0.05 - 300 * 0.10) / 400) < 1e-12)
    assert.is_true(math.abs(e.slippage_bps - (100 * 0.05 - 300 * 0.10) / value * 1e4) < 1e-9)
    assert.is_true(math.abs(e.markouts["100ms"] - (100 * 0.10 + 300 * 0.10) / value * 1e4) < 1e-9)
    assert.is_true(math.abs(e.markouts["1s"] - (-100 * 0.10 - 300 * 0.20) / value * 1e4) < 1e-9)
    assert.is_nil(e.markouts["10s"])
    assert.is_true(math.abs(e.maker_share - 300 * 100.30 / value) < 1e-12)
    assert.equal(1, e.fill_ratio)
    source.orders[0].quantity = 200 -- half of it traded
    assert.equal(400 / 500, execution.build(source, instruments).fill_ratio)
    source.orders[0].status = native.C.TL_ORDER_DENIED -- what the gateway refused was never offered
    assert.equal(1, execution.build(source, instruments).fill_ratio)
    assert.equal(1, e.order_to_trade)
    assert.equal(4, e.queue_time_ns)
    assert.equal(4, e.queue_time_p50_ns)
  end)

  it("takes medians as sorting would", function()
    math.randomseed(3)
    for n = 1, 60 do
      local values, sorted = ffi.new("double[?]", n), {}
      for i = 1, n do
        values[i - 1] = math.random(20)
        sorted[i] = values[i - 1]
      end
      table.sort(sorted)
      local expected = n % 2 == 1 and sorted[(n + 1) / 2] or (sorted[n / 2] + sorted[n / 2 + 1]) / 2
      assert.equal(expected, execution.median(values, n))
    end
    assert.is_nil(execution.median(ffi.new "double[1]", 0))
  end)
end)

describe("the summary", function()
  it("fits 96 columns, whatever the names", function()
    local text = report.text(report.build(random_run { strategy = ("x"):rep(200) .. "\27[2J", problem_list = { ("y"):rep(300), ("word "):rep(60) },
      files = { ("z"):rep(300) } }))
    for line in text:gmatch "[^\n]+" do assert.is_true(#line <= 96, line) end
    assert.is_nil(text:find "\27")
    assert.matches("Sharpe +%-?%d", text)
    assert.matches("on_quote +10 +1 +100 ns +200 ns +%-", text)
    assert.matches("Net P&L +[-%d,.]+", text)
  end)
end)

describe("CSV", function()
  it("of trades reads back to the statistics", function()
    local results = report.build(random_run())
    local path = os.tmpname()
    report.write_trades(results, path)
    local lines = {}
    for line in read(path):gmatch "[^\n]+" do lines[#lines + 1] = split(line) end
    assert.same(csv.trade_columns, lines[1])
    assert.equal(results.statistics.trades, #lines - 1)
    local column = {}
    for i, name in ipairs(lines[1]) do column[name] = i end
    local net, wins = 0, 0
    for i = 2, #lines do
      local row = lines[i]
      net = net + tonumber(row[column.net_pnl])
      if tonumber(row[column.net_pnl]) > 0 then wins = wins + 1 end
      assert.is_true(math.abs(tonumber(row[column.gross_pnl]) - tonumber(row[column.fees]) - tonumber(row[column.net_pnl])) < 1e-7)
      local sign = row[column.side] == "long" and 1 or -1
      local gross = (tonumber(row[column.exit_price]) - tonumber(row[column.entry_price])) * tonumber(row[column.quantity]) * sign
      assert.is_true(math.abs(gross - tonumber(row[column.gross_pnl])) < 1e-6)
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", row[column.entry_time])
    end
    assert.is_true(math.abs(net + results.statistics.open_pnl - results.statistics.net_pnl) < 1e-5)
    assert.equal(results.statistics.win_rate, wins / (#lines - 1))
  end)

  it("of equity holds every mark", function()
    local results = report.build(random_run())
    local path = os.tmpname()
    report.write_equity(results, path)
    local lines, worst = {}, 0
    for line in read(path):gmatch "[^\n]+" do lines[#lines + 1] = split(line) end
    assert.same(csv.equity_columns, lines[1])
    assert.equal(results.source.mark_count, #lines - 1)
    assert.equal(("%.8f"):format(results.statistics.equity_final), ("%.8f"):format(tonumber(lines[#lines][3])))
    for i = 2, #lines do worst = math.min(worst, tonumber(lines[i][6])) end
    assert.is_true(math.abs(worst - results.statistics.max_drawdown) < 1e-9)
  end)

  it("quotes what must be quoted and says where it cannot write", function()
    local results = report.build(random_run { series = { { name = 'a,"b"', ts = { 1000000000LL }, value = { 1.5 } }, { name = "=1+1", ts = { 0LL },
      value = { 2 } } } })
    local path = os.tmpname()
    report.write_series(results, path)
    assert.equal('name,time,value\n"a,""b""",1970-01-01T00:00:01Z,1.5\n\'=1+1,1970-01-01T00:00:00Z,2\n', read(path))
    local ok, err = pcall(report.write_trades, results, "/no/such/folder/trades.csv")
    assert.is_false(ok)
    assert.equal("cannot write /no/such/folder/trades.csv: No such file or directory", err)
  end)
end)

local cli = require "integration.cli"
local json = require "cjson"

local function backtest(args)
  local code, out, err = cli.run("backtest " .. args .. " --json --quiet")
  assert.equal("", err)
  assert.equal(0, code)
  return json.decode(out)
end

local LATENCY = [[return { latency = { feed = "50us", compute = { kind = "exponential", base = "2us", mean = "3us" },
  entry = { kind = "lognormal", base = "20us", median = "60us", p99 = "500us" }, report = { kind = "uniform", min = "30us", max = "90us" } },
  fees = { maker = -0.0001, taker = 0.0003 } }]]

local BARS_HEADER = "time,open,high,low,close,volume\n"

-- A walk of daily bars: deterministic, without the library's random numbers.
local function daily_bars(count, seed)
  local lines, price, state = { BARS_HEADER }, 100, seed
  local function draw()
    state = (state * 1103515245 + 12345) % 2147483648
    return state / 2147483648
  end
  local day = 0
  for i = 1, count do
    local t = os.date("!*t", 946857600 + day * 86400) -- from 2000-01-03
    while t.wday == 1 or t.wday == 7 do
      day = day + 1
      t = os.date("!*t", 946857600 + day * 86400)
    end
    local open = price * (1 + (draw() - 0.5) * 0.01)
    local close = open * (1 + (draw() - 0.5) * 0.03)
    local high, low = math.max(open, close) * (1 + draw() * 0.01), math.min(open, close) * (1 - draw() * 0.01)
    lines[#lines + 1] = ("%04d-%02d-%02d,%.2f,%.2f,%.2f,%.2f,%d\n"):format(t.year, t.month, t.day, open, high, low, close, 1000 + i)
    price, day = close, day + 1
  end
  return lines
end

describe("tidelock backtest", function()
  local folder, session, bars, latency

  setup(function()
    folder = cli.folder()
    session = folder .. "/session.itch"
    assert.equal(0, (cli.run(("generate --seed 5 --symbols 2 --messages 40000 --out %s"):format(session))))
    bars = cli.write(folder .. "/walk.csv", table.concat(daily_bars(300, 7)))
    latency = cli.write(folder .. "/latency.lua", LATENCY)
  end)

  teardown(function() cli.remove(folder) end)

  local function runs()
    return {
      market_maker = "scripts/market_maker.lua --data " .. session,
      market_maker_late = ("scripts/market_maker.lua --config %s --data %s"):format(latency, session),
      imbalance_taker = ("scripts/imbalance_taker.lua --config %s --data %s"):format(latency, session),
      sma_cross = "scripts/sma_cross.lua --data WALK=" .. bars,
    }
  end

  it("decides the same in every process, interpreted or compiled, at any batch", function()
    for name, args in pairs(runs()) do
      local first = backtest(args .. " --seed 9")
      assert.is_true(first.orders > 0, name .. " sends orders")
      assert.is_true(first.fills > 0, name .. " trades")
      assert.equal(9, first.seed)
      for _, mode in ipairs { "", "--no-jit", "--batch 1", "--batch 3", "--batch 64", "--no-jit --batch 3", "--poison" } do
        local again = backtest(args .. " --seed 9 " .. mode)
        assert.equal(first.decisions_hash, again.decisions_hash, name .. " " .. mode)
        assert.same(first.statistics, again.statistics, name .. " " .. mode)
        assert.same(first.execution, again.execution, name .. " " .. mode)
        assert.equal(first.events, again.events, name .. " " .. mode)
      end
    end
  end)

  it("takes the same compute times at any batch, also where a timer sends records of a batch back", function()
    local script = cli.write(folder .. "/late.lua", [[
      local strategy, order, timeout = require "strategy", require "order", require "timeout"
      local s = strategy { name = "late", symbols = "*" }
      local rounded = order.options { round = true }
      function s:on_trade(t)
        local symbol, price = t.symbol, t.price
        timeout.once("400us", function() order.buy(symbol, 1, price * 0.99, rounded) end)
      end
      return s]])
    local slow = cli.write(folder .. "/slow.lua", [[return { latency = { feed = "20ms", compute = { kind = "exponential", base = "2us", mean = "30us" },
      entry = "2ms", report = "2ms" } }]])
    local first
    for _, batch in ipairs { 1, 3, 64 } do
      local file = folder .. "/decisions.csv"
      backtest(("%s --config %s --data %s --batch %d --decisions %s"):format(script, slow, session, batch, file))
      local text = cli.read(file)
      first = first or text
      assert.is_true(#first > 1000)
      assert.is_true(text == first, ("batch %d"):format(batch))
    end
  end)

  it("never decides by what comes later: data that ends early changes nothing before", function()
    local whole = folder .. "/whole.csv"
    backtest(("scripts/sma_cross.lua --data WALK=%s --decisions %s"):format(bars, whole))
    local all = cli.read(whole)
    local lines = daily_bars(300, 7)
    local state = 17
    for _ = 1, 6 do
      state = (state * 1103515245 + 12345) % 2147483648
      local count = 30 + state % 260
      local cut = cli.write(folder .. "/cut.csv", table.concat(lines, "", 1, count + 1))
      local some = folder .. "/some.csv"
      backtest(("scripts/sma_cross.lua --data WALK=%s --decisions %s"):format(cut, some))
      local text = cli.read(some)
      assert.equal(all:sub(1, #text), text, ("cut after %d bars"):format(count))
    end
  end)

  it("never decides by what comes later on order-by-order data", function()
    local bytes = cli.read(session)
    local whole, some = folder .. "/whole.csv", folder .. "/some.csv"
    local args = ("scripts/market_maker.lua --date 2024-01-02 --config %s"):format(latency)
    backtest(("%s --data %s --decisions %s"):format(args, session, whole))
    local all = cli.read(whole)
    for _, share in ipairs { 0.31, 0.52, 0.77 } do
      -- cut at a message: the framing is a length and a body
      local at, stop = 1, math.floor(#bytes * share)
      while at < stop do at = at + 2 + bytes:byte(at) * 256 + bytes:byte(at + 1) end
      local cut = cli.write(folder .. "/cut.itch", bytes:sub(1, at - 1))
      backtest(("%s --data %s --decisions %s"):format(args, cut, some))
      local text = cli.read(some)
      assert.is_true(#text > 1000)
      assert.equal(all:sub(1, #text), text)
    end
  end)

  it("gives the statistics, execution quality, handlers and data that programs read", function()
    local result = backtest("scripts/market_maker.lua --data " .. session)
    for _, key in ipairs { "events", "wall_seconds", "events_per_second", "orders", "fills", "decisions_hash", "seed" } do
      assert.is_not_nil(result[key], key)
    end
    for _, key in ipairs { "equity_final", "equity_peak", "return", "buy_and_hold_return", "cagr", "volatility_annual", "sharpe", "sortino", "calmar",
      "max_drawdown", "max_drawdown_duration_ns", "trades", "win_rate", "profit_factor", "expectancy", "sqn", "best_trade", "worst_trade",
      "exposure_time", "turnover", "fees" } do
      assert.is_not_nil(result.statistics[key], key)
    end
    for _, key in ipairs { "fill_ratio", "maker_share", "order_to_trade", "queue_time_ns", "slippage", "markouts", "denies", "rejects" } do
      assert.is_not_nil(result.execution[key], key)
    end
    assert.is_true(result.handlers.on_quote.calls > 0)
    assert.is_true(result.data.messages >= 40000)
    assert.equal(0, result.data.problems)
  end)

  it("gives a strategy the very numbers of its configuration", function()
    local script = cli.write(folder .. "/third.lua", [[
      local strategy, record = require "strategy", require "record"
      local s = strategy { symbols = "*", params = { third = 0.5 } }
      function s:on_start() record.result("exact", self.params.third == 1 / 3) end
      return s]])
    local config = cli.write(folder .. "/third_config.lua", "return { strategies = { { script = '" .. script .. "', params = { third = 1 / 3 } } } }")
    assert.is_true(backtest(("%s --config %s --data %s"):format(script, config, session)).custom.exact)
  end)

  it("shows bars of one close in the order in which the strategy names its symbols", function()
    local rows = { "time,open,high,low,close,volume\n" }
    for minute = 30, 40 do rows[#rows + 1] = ("2024-01-02 09:%d:00,10.00,10.10,9.90,10.00,100\n"):format(minute) end
    local a, b = cli.write(folder .. "/a.csv", table.concat(rows)), cli.write(folder .. "/b.csv", table.concat(rows))
    local script = cli.write(folder .. "/order.lua", [[
      local strategy, record = require "strategy", require "record"
      local s = strategy { symbols = { "B", "A" }, bars = { "1m", "5m" } }
      local seen = ""
      function s:on_bar(b) seen = seen .. b.symbol .. b.interval .. " " end
      function s:on_bars(interval) record.result(interval, seen) seen = "" end
      return s]])
    local result = backtest(("%s --data A=%s --data B=%s --bar-time open"):format(script, a, b))
    assert.same({ ["1m"] = "B1m A1m ", ["5m"] = "B5m A5m " }, result.custom)
  end)

  it("shows one close of an interval once, whole and in order, whatever its bars come from", function()
    local minutes, trades = { "time,open,high,low,close,volume\n" }, { "time,symbol,price,size\n" }
    for minute = 30, 33 do
      minutes[#minutes + 1] = ("2024-01-02 09:%d:00,10.00,10.10,9.90,10.00,100\n"):format(minute)
      for _, second in ipairs { 0, 20 } do trades[#trades + 1] = ("2024-01-02 09:%d:%02d,B,10.00,50\n"):format(minute, second) end
    end
    local a, b = "A@1m=" .. cli.write(folder .. "/a1.csv", table.concat(minutes)), cli.write(folder .. "/b1.csv", table.concat(trades))
    local script = cli.write(folder .. "/mixed.lua", [[
      local strategy, record = require "strategy", require "record"
      local s = strategy { symbols = { "B", "A" }, bars = { "1m", "2m" } }
      local seen = ""
      function s:on_bar(b) seen = seen .. ("%s%d "):format(b.symbol, b.volume) end
      function s:on_bars(interval, ts)
        seen = seen .. interval .. " "
        if interval == "2m" then record.result("seen", seen) seen = "" end
      end
      return s]])
    for _, data in ipairs { a .. " " .. b, b .. " " .. a } do
      local result = backtest(("%s --data %s --bar-time open"):format(script, data))
      assert.same({ seen = "B100 A100 1m B100 A100 1m B200 A200 2m " }, result.custom)
    end
  end)

  it("never shows a bar before the trades that it is built from, however late these are", function()
    local trades = { "time,symbol,price,size\n" }
    for second = 0, 599 do
      trades[#trades + 1] = ("2024-01-02 09:%02d:%02d,A,10.00,100\n"):format(30 + math.floor(second / 60), second % 60)
    end
    local file = cli.write(folder .. "/many_trades.csv", table.concat(trades))
    local slow = cli.write(folder .. "/jitter.lua", [[return { latency = { feed = { kind = "uniform", min = 0, max = "20s" } } }]])
    local script = cli.write(folder .. "/early.lua", [[
      local strategy, record = require "strategy", require "record"
      local s = strategy { symbols = { "A" }, bars = { "1m" } }
      local seen, shown = 0, 0
      function s:on_trade() seen = seen + 1 end
      function s:on_bar(b)
        shown = shown + b.trades
        record.result("bars", shown)
        if shown > seen then record.result("early", b:iso()) end
      end
      return s]])
    assert.same({ bars = 600 }, backtest(("%s --config %s --data %s"):format(script, slow, file)).custom)
  end)

  it("builds bars of a symbol that a handler subscribes to, and fills a series where it is asked to", function()
    local trades = { "time,symbol,price,size\n" }
    for _, at in ipairs { "09:30:10", "09:33:20", "09:36:00" } do
      for _, symbol in ipairs { "A", "B" } do trades[#trades + 1] = ("2024-01-02 %s,%s,10.00,100\n"):format(at, symbol) end
    end
    local file = cli.write(folder .. "/trades.csv", table.concat(trades))
    local function bars_seen(declared)
      local script = cli.write(folder .. "/bars.lua", ([[
        local strategy, record = require "strategy", require "record"
        local s = strategy { symbols = { "A" }, bars = %s }
        local seen = { A = "", B = "" }
        function s:on_start() self:subscribe("B") end
        function s:on_bar(b)
          seen[b.symbol] = seen[b.symbol] .. (" %%d"):format(b.volume)
          record.result(b.symbol, seen[b.symbol]:sub(1, 20))
        end
        return s]]):format(declared))
      return backtest(("%s --data %s"):format(script, file)).custom
    end
    assert.same({ A = " 100 100 100", B = " 100 100 100" }, bars_seen '{ "1m" }')
    assert.same({ A = " 100 0 0 100 0 0 100", B = " 100 0 0 100 0 0 100" }, bars_seen '{ "1m", fill = true }')
  end)

  it("tells the bars that a whole ITCH day leaves open, and not those of a day that breaks off", function()
    local function unhex(text)
      return (text:gsub("%s", ""):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
    end
    local trade = unhex "002c 50 0001 0000 1f1acfe45901 0000000000000000 42 0000000a 5445535420202020 00002742 0000000000000001" -- 09:30
    local last = unhex "000c 53 0000 0000 1f1acfe45902 43"
    local script = cli.write(folder .. "/open_bars.lua", [[
      local strategy, record = require "strategy", require "record"
      local s = strategy { symbols = { "TEST" }, bars = { "3h", "1d", fill = true } }
      local seen = ""
      function s:on_bar(b)
        seen = seen .. (" %s %d at %s"):format(b.interval, b.volume, b:iso():sub(12, 16))
        record.result("seen", seen)
      end
      return s]])
    local whole, cut = cli.write(folder .. "/whole_2024-01-02.itch", trade .. last), cli.write(folder .. "/cut_2024-01-02.itch", trade)
    local seen = backtest(("%s --data %s"):format(script, whole)).custom.seen
    assert.equal(" 3h 10 at 17:00 3h 0 at 20:00 1d 10 at 21:00", seen)
    assert.is_nil(backtest(("%s --data %s"):format(script, cut)).custom.seen)
  end)

  it("says in one sentence what is wrong", function()
    local function fails(args, code, pattern)
      local got, out, err = cli.run("backtest " .. args)
      assert.equal(code, got, args)
      assert.equal("", out)
      assert.matches(pattern, err)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
    end
    fails("scripts/market_maker.lua", 1, "^tidelock: backtest: no data: name files with %-%-data")
    fails("scripts/market_maker.lua --data /nonexistent.itch", 1, "cannot open /nonexistent.itch")
    fails("/nonexistent.lua --data " .. session, 1, "nonexistent.lua")
    fails("scripts/market_maker.lua --data " .. session .. " --param sise=3", 1, "did you mean 'size'")
    fails("scripts/market_maker.lua --data " .. session .. " --param size", 2, "write NAME=VALUE")
    fails("scripts/market_maker.lua --data " .. session .. " --param size=5000", 1, "size.*5000.*1000")
    fails("scripts/market_maker.lua --data " .. session .. " --symbols APPL", 1, "did you mean 'AAPL'")
    fails("scripts/market_maker.lua --dta x", 2, "unknown option")
    local bad = cli.write(folder .. "/bad.lua", [[
      local strategy = require "strategy"
      local s = strategy { name = "bad", symbols = "*" }
      function s:on_qoute() end
      return s]])
    fails(bad .. " --data " .. session, 1, "on_qoute.*did you mean 'on_quote'")
  end)

  it("meets the same problems as tidelock data in a file that begins mid-day", function()
    local bytes = cli.read(session)
    local at, stop = 1, math.floor(#bytes * 0.6)
    while at < stop do at = at + 2 + bytes:byte(at) * 256 + bytes:byte(at + 1) end
    local cut = cli.write(folder .. "/mid_2024-01-02.itch", bytes:sub(at))
    local _, out = cli.run(("data %s --json"):format(cut))
    local known = json.decode(out)
    assert.is_true(known.problem_count > 100)
    local played = backtest("scripts/market_maker.lua --data " .. cut)
    assert.equal(known.problem_count, played.data.problems)
    assert.matches(("first at byte %d %%(message %d%%)"):format(known.first_problem.first_offset, known.first_problem.first_ordinal),
      table.concat(played.data.problem_list, "\n"))
  end)

  it("notes symbols of the configuration that the data does not have", function()
    local file = cli.write(folder .. "/names.lua", 'return { risk = { restricted = { "APPL", "AAPL" } }, instruments = { GOGO = { tick = 0.01 } } }')
    local code, out = cli.run(("backtest scripts/market_maker.lua --symbols AAPL --data %s --config %s --quiet"):format(session, file))
    assert.equal(0, code)
    assert.matches("instruments names 'GOGO', which is not in the data", out, 1, true)
    assert.matches("risk.restricted names 'APPL', which is not in the data", out, 1, true)
    assert.matches("risk_restricted", out)
  end)

  it("goes on after an error in a handler and stops past the budget", function()
    local script = cli.write(folder .. "/raises.lua", [[
      local strategy = require "strategy"
      local s = strategy { name = "raises", symbols = "*" }
      local n = 0
      function s:on_quote(q)
        n = n + 1
        if n % 50 == 0 then error("every fiftieth") end
      end
      return s]])
    local code, _, err = cli.run(("backtest %s --data %s --json"):format(script, session))
    assert.equal(1, code)
    assert.matches("every fiftieth", err)
    assert.matches("error budget", err)
  end)

  it("ends a strategy that is out of memory with a sentence", function()
    local script = cli.write(folder .. "/hoards.lua", [[
      local strategy = require "strategy"
      local s = strategy { name = "hoards", symbols = "*", tier = "L1" }
      local kept = {}
      function s:on_quote(q)
        for i = 1, 1000 do kept[#kept + 1] = { i } end
      end
      return s]])
    local code, _, err = cli.run(("backtest %s --data %s --json"):format(script, session))
    assert.equal(1, code)
    assert.matches("memory", err)
  end)
end)

local native = require "tidelock.native"
local fixture = require "report_fixture"
local statistics = require "tidelock.report.statistics"
local report = require "tidelock.report"
local C, ffi = native.C, native.ffi

local DAY = fixture.DAY_NS

local function near(expected, actual, tolerance)
  assert.is_number(actual)
  assert.is_true(math.abs(expected - actual) <= (tolerance or 1e-9) * math.max(1, math.abs(expected)), ("expected %.12g, got %.12g"):format(expected, actual))
end

--- Marks at the end of each UTC day.
local function marks_of(equities, step)
  local marks = ffi.new("tl_record_equity[?]", #equities)
  for i, equity in ipairs(equities) do
    marks[i - 1].ts_ns, marks[i - 1].equity_e8 = fixture.START_NS + i * (step or DAY), equity * 1e8
  end
  return marks, #equities
end

local function utc_days(ts_ns)
  local day = (ts_ns - 1) / DAY
  return tonumber(day), (day + 1) * DAY
end

describe("daily statistics", function()
  local marks, count = marks_of { 1100, 990, 1089, 1089 }
  local days = statistics.days(marks, count, 1000, utc_days)

  it("take the last equity of each session and begin from the initial one", function()
    assert.equal(4, #days)
    near(0.1, days[1].ret)
    near(-0.1, days[2].ret)
    near(0.1, days[3].ret)
    assert.equal(0, days[4].ret)
  end)

  it("are Sharpe 4.1451, Sortino 7.9373 and volatility 1.5199 for +10 %, -10 %, +10 %, 0", function()
    local daily = statistics.daily(days, 252)
    near(0.025 / math.sqrt(0.0275 / 3) * math.sqrt(252), daily.sharpe)
    near(4.145096, daily.sharpe, 1e-6)
    near(7.937254, daily.sortino, 1e-6)
    near(1.519868, daily.volatility_annual, 1e-6)
    near(0.1, daily.best_day)
    near(-0.1, daily.worst_day)
    assert.equal(0.5, daily.positive_days)
    near(daily.sharpe * math.sqrt(365 / 252), statistics.daily(days, 365).sharpe)
  end)

  it("are not defined for a single day, nor for days that are all alike", function()
    local one = statistics.daily({ days[1] }, 252)
    assert.is_nil(one.sharpe)
    assert.is_nil(one.sortino)
    assert.is_nil(one.volatility_annual)
    local flat = statistics.daily({ { ret = 0, date = 1 }, { ret = 0, date = 2 } }, 252)
    assert.equal(0, flat.volatility_annual)
    assert.is_nil(flat.sharpe)
    assert.is_nil(flat.sortino)
    assert.is_nil(statistics.cagr(100, 110, 86400e9 * 1, 1))
  end)

  it("give a year's growth by calendar time", function()
    near(0.1, statistics.cagr(100, 110, 365.25 * 86400e9, 250))
    near(1.1 ^ 2 - 1, statistics.cagr(100, 110, 365.25 / 2 * 86400e9, 120))
    assert.is_nil(statistics.cagr(100, -5, 365.25 * 86400e9, 250))
  end)

  it("compound into months and years", function()
    local months = statistics.months { { date = 20231229, ret = 0.1 }, { date = 20240102, ret = 0.1 }, { date = 20240131, ret = -0.1 },
      { date = 20240301, ret = 0.5 } }
    assert.equal(2, #months)
    near(0.1, months[1][12])
    near(-0.01, months[2][1])
    assert.is_nil(months[2][2])
    near(0.99 * 1.5 - 1, months[2].total)
  end)

  it("count a session by its calendar: a date in its zone, and what comes on a day off belongs to the next one", function()
    local calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
    local instruments = fixture.instruments()
    local hour = 3600000000000LL
    -- 2024-01-02 (Tuesday) is where the fixture starts, in UTC. In New York: Tuesday 04:00, 15:00 and 20:05, Friday noon, Saturday noon, Monday noon
    local steps = {}
    for i, at in ipairs { 9, 20, 25, 89, 113, 161 } do steps[i] = { at = at * hour + hour / 12, price = 10000 } end
    local source = fixture.source(steps, 100000000000LL, instruments)
    source.marks[0].ts_ns = source.marks[1].ts_ns
    local results = report.build { source = source, instruments = instruments, initial_cash = 1000, calendars = calendars, calendar = 1 }
    local dates = {}
    for i, day in ipairs(results.days) do dates[i] = day.date end
    assert.same({ 20240102, 20240105, 20240108 }, dates)
    assert.equal("America/New_York", results.zone)
  end)

  it("take data that begins at midnight for the day that begins, and a daily bar that closes then for the day that ends", function()
    local hourly, n = marks_of({ 1000, 1100, 1200 }, DAY / 24)
    for i = 0, 2 do hourly[i].ts_ns = hourly[i].ts_ns - DAY / 24 end
    assert.equal(1, #statistics.days(hourly, n, 1000, utc_days))
    local daily, m = marks_of { 1000, 1100, 1200 }
    assert.equal(3, #statistics.days(daily, m, 1000, utc_days))
  end)
end)

describe("drawdowns", function()
  it("are measured at every mark, the deepest with its dates, the longest with its time", function()
    local marks, count = marks_of { 1000, 1100, 990, 1045, 1100, 1090, 1095, 1096, 1097, 1150, 1140 }
    local down = statistics.drawdowns(marks, count, 1000)
    near(990 / 1100 - 1, down.max_drawdown)
    assert.equal(fixture.START_NS + 2 * DAY, down.peak_ns)
    assert.equal(fixture.START_NS + 3 * DAY, down.trough_ns)
    assert.equal(fixture.START_NS + 5 * DAY, down.recovery_ns)
    assert.equal(tonumber(5 * DAY), down.max_drawdown_duration_ns)
    assert.equal(1150, down.equity_peak)
    near((-0.1 + (1090 / 1100 - 1) + (1140 / 1150 - 1)) / 3, down.average_drawdown)
  end)

  it("go on to the end when they are not made good, and begin at the initial equity", function()
    local marks, count = marks_of { 950, 900, 980 }
    local down = statistics.drawdowns(marks, count, 1000)
    near(-0.1, down.max_drawdown)
    assert.is_nil(down.recovery_ns)
    assert.equal(tonumber(2 * DAY), down.max_drawdown_duration_ns)
    local rising, n = marks_of { 1001, 1002 }
    assert.equal(0, statistics.drawdowns(rising, n, 1000).max_drawdown)
  end)

  it("agree with a naive search over all pairs", function()
    local seed = os.time()
    print("drawdown seed " .. seed)
    math.randomseed(seed)
    local equities, worst = {}, 0
    for i = 1, 400 do equities[i] = (equities[i - 1] or 1000) + math.random(-20, 20) end
    local all = { 1000, unpack(equities) }
    for i = 1, #all do
      for j = i + 1, #all do worst = math.min(worst, all[j] / all[i] - 1) end
    end
    local marks, count = marks_of(equities)
    near(worst, statistics.drawdowns(marks, count, 1000).max_drawdown)
  end)
end)

describe("trade statistics", function()
  local function trades_of(list)
    local at = ffi.new("tl_round_trip[?]", #list)
    for i, t in ipairs(list) do
      at[i - 1].entry_value_e8, at[i - 1].gross_e8, at[i - 1].fees_e8, at[i - 1].exit_ns = t[1] * 1e8, t[2] * 1e8, t[3] * 1e8, t[4] or 0
    end
    return { n = #list, at = at }
  end

  it("are net of fees", function()
    -- entry value, gross, fees: net 90, -60, 40, -10, 0
    local s = statistics.trades(trades_of { { 1000, 100, 10, 10 }, { 2000, -50, 10, 20 }, { 500, 50, 10, 60 }, { 1000, 0, 10, 10 }, { 1000, 10, 10, 0 } })
    assert.equal(5, s.trades)
    near(0.4, s.win_rate)
    near(130 / 70, s.profit_factor)
    near((0.09 - 0.03 + 0.08 - 0.01 + 0) / 5, s.expectancy)
    near(0.09, s.best_trade)
    near(-0.03, s.worst_trade)
    near(12, s.average_trade)
    near(65, s.average_win)
    near(-35, s.average_loss)
    local deviation = math.sqrt((78 ^ 2 + 72 ^ 2 + 28 ^ 2 + 22 ^ 2 + 12 ^ 2) / 4)
    near(math.sqrt(5) * 12 / deviation, s.sqn)
    near(0.4 - 0.6 / (65 / 35), s.kelly)
    assert.equal(20, s.average_trade_duration_ns)
    assert.equal(60, s.max_trade_duration_ns)
    assert.equal(1, s.max_consecutive_wins)
    assert.equal(1, s.max_consecutive_losses)
  end)

  it("leave out what is not defined", function()
    local none = statistics.trades(trades_of {})
    assert.equal(0, none.trades)
    assert.is_nil(none.win_rate)
    local wins = statistics.trades(trades_of { { 100, 5, 0 }, { 100, 5, 0 } })
    assert.is_nil(wins.profit_factor)
    assert.is_nil(wins.sqn)
    assert.is_nil(wins.kelly)
    assert.equal(1, wins.win_rate)
  end)

  it("of holding are the mean of the instruments", function()
    near(0.05, statistics.buy_and_hold { { first = 100, last = 120 }, { first = 50, last = 45 } })
    assert.is_nil(statistics.buy_and_hold {})
  end)
end)

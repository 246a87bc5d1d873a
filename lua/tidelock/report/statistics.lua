--- The figures of a run. Each formula is stated in docs/STATISTICS.md; fractions, not percent; nil where a figure is not defined.
local ffi = require "ffi"

-- Compiled and interpreted Lua round `^` differently; the C library's pow is one function.
ffi.cdef "double pow(double, double);"

local M = {}

local DAY_NS, YEAR_NS = 86400e9, 365.25 * 86400e9

--- Keys of the account's and trades' statistics, in the order in which they are written.
M.keys = {
  "equity_initial", "equity_final", "equity_peak", "net_pnl", "gross_pnl", "realized_pnl", "open_pnl", "fees", "return", "buy_and_hold_return", "cagr",
  "volatility_annual", "sharpe", "sortino", "calmar", "max_drawdown", "max_drawdown_duration_ns", "max_drawdown_peak", "max_drawdown_trough",
  "max_drawdown_recovery", "average_drawdown", "days", "best_day", "worst_day", "best_day_date", "worst_day_date", "positive_days",
  "trades", "win_rate", "profit_factor", "expectancy", "sqn", "kelly", "best_trade", "worst_trade", "average_trade", "average_win", "average_loss",
  "average_trade_duration_ns", "max_trade_duration_ns", "max_consecutive_wins", "max_consecutive_losses", "exposure_time", "turnover", "traded_value",
  "start", "end", "duration_ns",
}

--- Keys of the execution statistics.
M.execution_keys = {
  "orders", "replaces", "cancels", "fills", "fill_ratio", "maker_share", "order_to_trade", "queue_time_ns", "queue_time_p50_ns", "slippage",
  "slippage_bps", "markouts", "denies", "rejects", "cancel_rejects",
}

--- Horizons of markouts, in the order of tl_record_fill.mark.
M.horizons = { "100ms", "1s", "10s" }

local function mean_and_deviation(values)
  local n = #values
  if n == 0 then return nil, nil end
  local sum = 0
  for i = 1, n do sum = sum + values[i] end
  local mean = sum / n
  if n < 2 then return mean, nil end
  local squares = 0
  for i = 1, n do squares = squares + (values[i] - mean) * (values[i] - mean) end
  return mean, math.sqrt(squares / (n - 1))
end

--- a / b, nil when either is missing or b is 0.
local function ratio(a, b)
  if not a or not b or b == 0 then return nil end
  return a / b
end

--- Equity at the end of each session that has a mark, and its return over the session before (the initial equity before the first).
---@param marks ffi.cdata* tl_record_equity array
---@param count integer
---@param initial number equity at the start
---@param session_of fun(ts_ns: ffi.cdata*): integer, ffi.cdata* the date (yyyymmdd) of the session of an instant and the last instant that belongs to it
---@return table[] days `date ts_ns equity ret`
function M.days(marks, count, initial, session_of)
  local days = {}
  local i = 0
  -- data that begins at the very end of a session (midnight) is of the next one, unless it is the close of a daily bar
  if count > 1 and marks[1].ts_ns - marks[0].ts_ns < DAY_NS / 2 then
    local _, last_ns = session_of(marks[0].ts_ns)
    if marks[0].ts_ns == last_ns then i = 1 end
  end
  while i < count do
    local date, last_ns = session_of(marks[i].ts_ns)
    while i + 1 < count and marks[i + 1].ts_ns <= last_ns do i = i + 1 end
    local equity = tonumber(marks[i].equity_e8) / 1e8
    local before = #days > 0 and days[#days].equity or initial
    days[#days + 1] = { date = date, ts_ns = marks[i].ts_ns, equity = equity, ret = before > 0 and equity / before - 1 or 0 }
    i = i + 1
  end
  return days
end

--- Figures that need each mark: peak, drawdowns, the mean of equity over time.
---@return table
function M.drawdowns(marks, count, initial)
  local peak, peak_ns = initial, count > 0 and marks[0].ts_ns or 0LL
  local highest, under, trough, trough_ns = initial, false, 0, 0LL
  local worst = { depth = 0 }
  local longest_ns, total, number = 0, 0, 0
  local weighted = 0
  local function ended(ts_ns, recovered)
    local lasted = tonumber(ts_ns - peak_ns)
    if lasted > longest_ns then longest_ns = lasted end
    total, number = total + trough, number + 1
    if trough < worst.depth then
      worst = { depth = trough, peak_ns = peak_ns, trough_ns = trough_ns, recovery_ns = recovered and ts_ns or nil }
    end
  end
  for i = 0, count - 1 do
    local equity, ts_ns = tonumber(marks[i].equity_e8) / 1e8, marks[i].ts_ns
    if i + 1 < count then weighted = weighted + equity * tonumber(marks[i + 1].ts_ns - ts_ns) end
    if equity >= peak then
      if under then ended(ts_ns, true) end
      peak, peak_ns, under, trough = equity, ts_ns, false, 0
      if equity > highest then highest = equity end
    elseif peak > 0 then
      under = true
      local depth = equity / peak - 1
      if depth < trough then trough, trough_ns = depth, ts_ns end
    end
  end
  if under then ended(marks[count - 1].ts_ns, false) end
  local span = count > 1 and tonumber(marks[count - 1].ts_ns - marks[0].ts_ns) or 0
  return {
    equity_peak = highest,
    max_drawdown = worst.depth,
    max_drawdown_duration_ns = longest_ns,
    peak_ns = worst.peak_ns, trough_ns = worst.trough_ns, recovery_ns = worst.recovery_ns,
    average_drawdown = number > 0 and total / number or 0,
    mean_equity = span > 0 and weighted / span or initial,
  }
end

--- Figures of the daily returns.
---@param days table[] from M.days
---@param sessions_a_year integer 252, or 365 for a market that never closes
function M.daily(days, sessions_a_year)
  local returns = {}
  local best, worst, positive, squares = nil, nil, 0, 0
  for i, day in ipairs(days) do
    returns[i] = day.ret
    if not best or day.ret > best.ret then best = day end
    if not worst or day.ret < worst.ret then worst = day end
    if day.ret > 0 then positive = positive + 1 end
    if day.ret < 0 then squares = squares + day.ret * day.ret end
  end
  local out = { days = #days, positive_days = ratio(positive, #days) }
  if best then
    out.best_day, out.best_day_date = best.ret, best.date
    out.worst_day, out.worst_day_date = worst.ret, worst.date
  end
  if #returns < 2 then return out end
  local mean, deviation = mean_and_deviation(returns)
  local year = math.sqrt(sessions_a_year)
  out.volatility_annual = deviation * year
  -- a deviation that is only rounding is none
  if deviation > 1e-15 then out.sharpe = mean / deviation * year end
  local downside = math.sqrt(squares / #returns)
  if downside > 1e-15 then out.sortino = mean / downside * year end
  return out
end

--- Figures of the round trips.
---@param trades table from trades.pair
function M.trades(trades)
  local n = trades.n
  local out = { trades = n }
  if n == 0 then return out end
  local wins, losses, won, lost = 0, 0, 0, 0
  local returns, net, squares, duration, longest = 0, 0, 0, 0, 0
  local best, worst, gross = -math.huge, math.huge, 0
  local run, run_wins, run_losses = 0, 0, 0
  local valued = 0
  for i = 0, n - 1 do
    local trade = trades.at[i]
    local pnl = tonumber(trade.gross_e8 - trade.fees_e8) / 1e8
    gross = gross + tonumber(trade.gross_e8) / 1e8
    net = net + pnl
    local value = math.abs(tonumber(trade.entry_value_e8) / 1e8)
    if value > 0 then
      local fraction = pnl / value
      returns, valued = returns + fraction, valued + 1
      if fraction > best then best = fraction end
      if fraction < worst then worst = fraction end
    end
    if pnl > 0 then
      wins, won = wins + 1, won + pnl
      run = run > 0 and run + 1 or 1
      run_wins = math.max(run_wins, run)
    elseif pnl < 0 then
      losses, lost = losses + 1, lost - pnl
      run = run < 0 and run - 1 or -1
      run_losses = math.max(run_losses, -run)
    else
      run = 0
    end
    local lasted = tonumber(trade.exit_ns - trade.entry_ns)
    duration, longest = duration + lasted, math.max(longest, lasted)
  end
  local mean = net / n
  for i = 0, n - 1 do
    local off = tonumber(trades.at[i].gross_e8 - trades.at[i].fees_e8) / 1e8 - mean
    squares = squares + off * off
  end
  local deviation = n > 1 and math.sqrt(squares / (n - 1)) or nil
  out.net, out.gross = net, gross
  out.win_rate = wins / n
  out.profit_factor = ratio(won, lost)
  out.expectancy = ratio(returns, valued)
  if valued > 0 then out.best_trade, out.worst_trade = best, worst end
  out.average_trade = mean
  out.average_win, out.average_loss = ratio(won, wins), losses > 0 and -lost / losses or nil
  if deviation and deviation > 1e-12 then out.sqn = math.sqrt(n) * mean / deviation end
  if wins > 0 and losses > 0 then out.kelly = out.win_rate - (1 - out.win_rate) / (out.average_win / -out.average_loss) end
  out.average_trade_duration_ns, out.max_trade_duration_ns = math.floor(duration / n + 0.5), longest
  out.max_consecutive_wins, out.max_consecutive_losses = run_wins, run_losses
  return out
end

--- Compound growth a year, by calendar time. nil for less than two sessions: a day says nothing about a year.
function M.cagr(initial, final, span_ns, days)
  if days < 2 or span_ns < DAY_NS or initial <= 0 or final <= 0 then return nil end
  return ffi.C.pow(final / initial, YEAR_NS / span_ns) - 1
end

--- Returns of months and years, compounded from daily returns: list of { year =, [1..12] =, total = }.
function M.months(days)
  local years, by_year = {}, {}
  for _, day in ipairs(days) do
    local year, month = math.floor(day.date / 10000), math.floor(day.date / 100) % 100
    local row = by_year[year]
    if not row then
      row = { year = year, total = 0 }
      by_year[year] = row
      years[#years + 1] = row
    end
    row[month] = (1 + (row[month] or 0)) * (1 + day.ret) - 1
    row.total = (1 + row.total) * (1 + day.ret) - 1
  end
  return years
end

--- Return of holding the instruments in equal parts from their first to their last price.
---@param spans table[] each { first =, last = }
function M.buy_and_hold(spans)
  local sum, n = 0, 0
  for _, span in ipairs(spans) do
    if span.first and span.last and span.first ~= 0 then sum, n = sum + span.last / span.first - 1, n + 1 end
  end
  return ratio(sum, n)
end

M.ratio = ratio

return M

--- The summary on the terminal: three columns of figures, then execution, handlers, data, and what the run was.
local format = require "tidelock.report.format"
local statistics = require "tidelock.report.statistics"

local M = {}

local WIDTH, GAP, LABEL = 96, 3, 23
local COLUMN = math.floor((WIDTH - 2 * GAP) / 3)

--- Display width: bytes that start a character.
local function width(text)
  local _, n = text:gsub("[^\128-\191]", "")
  return n
end

local function cut(text, room)
  if width(text) <= room then return text end
  local out, n = {}, 0
  for char in text:gmatch "[%z\1-\127\194-\244][\128-\191]*" do
    n = n + 1
    if n > room - 2 then break end
    out[n] = char
  end
  return table.concat(out) .. ".."
end

--- Text from outside without control characters: a name cannot move the cursor.
local function plain(text)
  return (tostring(text):gsub("[%z\1-\31\127]", " "))
end

--- Lines of at most `room` characters, broken at spaces; a word that is longer is cut.
local function wrap(text, room)
  local lines, line = {}, nil
  for word in text:gmatch "%S+" do
    word = cut(word, room)
    if not line then
      line = word
    elseif width(line) + 1 + width(word) <= room then
      line = line .. " " .. word
    else
      lines[#lines + 1] = line
      line = word
    end
  end
  lines[#lines + 1] = line or ""
  return lines
end

local function cell(label, value, room)
  label = cut(label, room - width(value) - 1)
  return label .. (" "):rep(room - width(label) - width(value)) .. value
end

--- Columns of { label, value } side by side below their titles.
local function columns(lines, groups, bold)
  local titles, rows = {}, 0
  for i, group in ipairs(groups) do
    titles[i] = bold(group.title) .. (" "):rep(COLUMN - width(group.title))
    rows = math.max(rows, #group)
  end
  lines[#lines + 1] = (table.concat(titles, (" "):rep(GAP)):gsub("%s+$", ""))
  for row = 1, rows do
    local cells = {}
    for i, group in ipairs(groups) do
      cells[i] = group[row] and cell(group[row][1], group[row][2], COLUMN) or (" "):rep(COLUMN)
    end
    lines[#lines + 1] = (table.concat(cells, (" "):rep(GAP)):gsub("%s+$", ""))
  end
  lines[#lines + 1] = ""
end

local function account_groups(s, dates, currency)
  local f = format
  return {
    { title = "Account (" .. currency .. ")",
      { "Initial equity", f.money(s.equity_initial) }, { "Final equity", f.money(s.equity_final) }, { "Peak equity", f.money(s.equity_peak) },
      { "Net P&L", f.money(s.net_pnl) }, { "Gross P&L", f.money(s.gross_pnl) }, { "Fees", f.money(s.fees) }, { "Open P&L", f.money(s.open_pnl) },
      { "Return", f.percent(s["return"]) }, { "Buy and hold", f.percent(s.buy_and_hold_return) }, { "CAGR", f.percent(s.cagr) },
      { "Exposure", f.percent(s.exposure_time) }, { "Turnover", s.turnover and f.number(s.turnover, 2) .. " x" or "-" } },
    { title = "Risk",
      { "Sharpe", f.ratio(s.sharpe) }, { "Sortino", f.ratio(s.sortino) }, { "Calmar", f.ratio(s.calmar) },
      { "Volatility a year", f.percent(s.volatility_annual) }, { "Max drawdown", f.percent(s.max_drawdown) },
      { "  from", dates.peak or "-" }, { "  trough", dates.trough or "-" }, { "  recovered", dates.recovery or "-" },
      { "Longest drawdown", f.duration(s.max_drawdown_duration_ns) }, { "Days", f.count(s.days) },
      { "Best day", f.percent(s.best_day) }, { "Worst day", f.percent(s.worst_day) } },
    { title = "Trades",
      { "Round trips", f.count(s.trades) }, { "Win rate", f.percent(s.win_rate) }, { "Profit factor", f.ratio(s.profit_factor) },
      { "Expectancy", f.percent(s.expectancy) }, { "SQN", f.ratio(s.sqn) }, { "Average trade", f.money(s.average_trade) },
      { "Average win", f.money(s.average_win) }, { "Average loss", f.money(s.average_loss) },
      { "Best trade", f.percent(s.best_trade) }, { "Worst trade", f.percent(s.worst_trade) },
      { "Average duration", f.duration(s.average_trade_duration_ns) }, { "Longest duration", f.duration(s.max_trade_duration_ns) } },
  }
end

local function execution_groups(e)
  local f = format
  local markouts = { title = "Markouts (in our favour)" }
  for _, name in ipairs(statistics.horizons) do markouts[#markouts + 1] = { "After " .. name:gsub("(%d)(%a)", "%1 %2"), f.bps(e.markouts[name]) } end
  return {
    { title = "Orders", { "Orders", f.count(e.orders) }, { "Replaces", f.count(e.replaces) }, { "Cancels", f.count(e.cancels) }, { "Fills",
      f.count(e.fills) } },
    { title = "Execution",
      { "Fill ratio", f.percent(e.fill_ratio) }, { "Maker share", f.percent(e.maker_share) }, { "Order to trade", f.ratio(e.order_to_trade) },
      { "Queue time, mean", f.duration(e.queue_time_ns) }, { "Queue time, median", f.duration(e.queue_time_p50_ns) },
      { "Slippage", f.bps(e.slippage_bps) } },
    markouts,
  }
end

local function reasons(lines, title, counts)
  local list = {}
  for reason, n in pairs(counts) do list[#list + 1] = { reason, n } end
  if #list == 0 then return false end
  table.sort(list, function(a, b) return a[2] > b[2] or a[2] == b[2] and a[1] < b[1] end)
  for i, one in ipairs(list) do list[i] = one[1] .. " " .. format.count(one[2]) end
  lines[#lines + 1] = cut(("%-" .. LABEL .. "s %s"):format(title, table.concat(list, ", ")), WIDTH)
  return true
end

local function handler_rows(lines, handlers, bold)
  local names = getmetatable(handlers).keys
  if #names == 0 then return end
  lines[#lines + 1] = bold "Handlers" .. (" "):rep(11) .. ("%14s %10s %12s %12s %12s %12s"):format("calls", "errors", "p50", "p99", "p99.9", "max")
  for _, name in ipairs(names) do
    local h = handlers[name]
    lines[#lines + 1] = ("%-19s%14s %10s %12s %12s %12s %12s"):format(cut(plain(name), 18), format.count(h.calls), format.count(h.errors),
      format.duration(h.p50_ns), format.duration(h.p99_ns), format.duration(h.p999_ns), format.duration(h.max_ns))
  end
  lines[#lines + 1] = ""
end

local function value_text(value)
  if type(value) == "number" then return ("%.10g"):format(value) end
  return plain(value)
end

local function latency_text(latency)
  local parts = {}
  for _, leg in ipairs { "feed", "compute", "entry", "report" } do
    local value = latency[leg]
    if value ~= nil then parts[#parts + 1] = leg .. " " .. (type(value) == "string" and plain(value) or format.duration(value)) end
  end
  return table.concat(parts, ", ")
end

local function fee_text(fees)
  local parts = {}
  for _, name in ipairs { "maker", "taker", "auction", "per_unit", "minimum" } do
    local value = fees[name]
    if value and value ~= 0 then parts[#parts + 1] = name:gsub("_", " ") .. " " .. value_text(value) end
  end
  return #parts > 0 and table.concat(parts, ", ") or "none"
end

--- What the run was: list of { label, text }, for the summary and the HTML report. Nothing measured is in it.
function M.settings(results)
  local run, list = results.run, {}
  local function add(label, text) if text and text ~= "" then list[#list + 1] = { label, text } end end
  local params = {}
  for i, param in ipairs(results.params) do params[i] = plain(param.name) .. " " .. value_text(param.value) end
  add("Script", run.script and plain(run.script))
  add("Params", table.concat(params, ", "))
  local files = {}
  for i, file in ipairs(results.files) do files[i] = plain(file) end
  add("Data", table.concat(files, ", "))
  add("Calendar", results.calendar .. " (" .. results.zone .. ")")
  add("Latency", run.latency and latency_text(run.latency))
  add("Fees", run.fees and fee_text(run.fees))
  for _, setting in ipairs(run.settings or {}) do add(plain(setting[1]), value_text(setting[2])) end
  add("Seed", results.seed and value_text(results.seed))
  add("Decisions", results.decisions_hash)
  return list
end

--- The whole summary, lines of at most 96 columns.
---@param results table from report.build
---@param options table|nil `color`: titles in bold
---@return string
function M.text(results, options)
  local color = options and options.color
  local function bold(text) return color and "\27[1m" .. text .. "\27[0m" or text end
  local s = results.statistics
  local lines = { "" }
  local span = results.span
  local title = cut(plain(results.strategy), WIDTH - width(span) - 2)
  lines[#lines + 1] = bold(title) .. (" "):rep(WIDTH - width(title) - width(span)) .. span
  lines[#lines + 1] = ("-"):rep(WIDTH)
  columns(lines, account_groups(s, results.drawdown_dates, plain(results.currency)), bold)
  columns(lines, execution_groups(results.execution), bold)
  local function fact(label, text)
    for _, piece in ipairs(wrap(text, WIDTH - LABEL - 1)) do
      lines[#lines + 1] = ("%-" .. LABEL .. "s %s"):format(cut(label, LABEL), piece)
      label = ""
    end
  end
  local refused = reasons(lines, "Denied", results.execution.denies)
  refused = reasons(lines, "Rejected", results.execution.rejects) or refused
  refused = reasons(lines, "Cancels refused", results.execution.cancel_rejects) or refused
  if refused then lines[#lines + 1] = "" end
  handler_rows(lines, results.handlers, bold)
  for _, setting in ipairs(M.settings(results)) do fact(setting[1], setting[2]) end
  local speed = results.events_per_second and (" in %s, %s a second"):format(format.duration(results.wall_seconds * 1e9),
    format.count(results.events_per_second)) or ""
  fact("Events", format.count(results.events) .. speed)
  fact("Messages", ("%s read, %s %s"):format(format.count(results.data.messages), format.count(results.data.problems),
    results.data.problems == 1 and "problem" or "problems"))
  for _, problem in ipairs(results.data.problem_list) do fact("", plain(problem)) end
  if results.errors > 0 then fact("Handler errors", format.count(results.errors)) end
  if results.failure then fact("Ended early", plain(results.failure)) end
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

return M

--- The HTML report: one file that needs no network. Tables are written here, so that they are there without scripts; charts are drawn by
--- web/report.js from data that stands in the page. Everything that comes from a user is escaped, and a content policy forbids any request.
local native = require "tidelock.native"
local draft = require "tidelock.draft"
local downsample = require "tidelock.report.downsample"
local format = require "tidelock.report.format"
local json = require "tidelock.report.json"
local statistics = require "tidelock.report.statistics"
local summary = require "tidelock.report.summary"
local ffi = native.ffi

local M = {}

-- Bounds of what a page holds.
local INSTRUMENTS, MARKERS, POINTS, TRADE_ROWS = 8, 4000, 5000, 200

local HEAD = [[
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'none'">
<meta name="color-scheme" content="light dark">
]]

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- Text as it may stand in HTML, in an attribute too; control characters become spaces.
function M.escape(text)
  return (tostring(text):gsub("[%z\1-\31\127]", " "):gsub("[&<>\"']", entities))
end
local escape = M.escape

local function signed(value)
  return not value and "" or value > 0 and "up" or value < 0 and "down" or ""
end

local function key(label, value, note, class)
  return ('<div class="key"><span>%s</span><b class="%s">%s</b><em>%s</em></div>'):format(escape(label), class or "", escape(value), escape(note or ""))
end

local function keys(results)
  local s, e, f = results.statistics, results.execution, format
  return '<div class="keys">' .. table.concat {
    key("Net P&L", math.abs(s.net_pnl) < 1e6 and f.money(s.net_pnl) or f.number(s.net_pnl, 0), "fees " .. f.money(s.fees), signed(s.net_pnl)),
    key("Return", f.percent(s["return"]), "held: " .. f.percent(s.buy_and_hold_return), signed(s["return"])),
    key("Sharpe", f.ratio(s.sharpe), "Sortino " .. f.ratio(s.sortino)),
    key("Max drawdown", f.percent(s.max_drawdown), "longest " .. f.duration(s.max_drawdown_duration_ns)),
    key("Round trips", f.count(s.trades), "win rate " .. f.percent(s.win_rate)),
    key("Profit factor", f.ratio(s.profit_factor), "SQN " .. f.ratio(s.sqn)),
    key("Maker share", f.percent(e.maker_share), "fill ratio " .. f.percent(e.fill_ratio)),
    key("Markout 1 s", f.bps(e.markouts["1s"]), "slippage " .. f.bps(e.slippage_bps), signed(e.markouts["1s"])),
  } .. "</div>"
end

local function facts(rows, class)
  local out = { '<div class="scroll"><table class="facts ' .. (class or "") .. '">' }
  for _, row in ipairs(rows) do out[#out + 1] = ("<tr><td>%s</td><td>%s</td></tr>"):format(escape(row[1]), escape(row[2])) end
  out[#out + 1] = "</table></div>"
  return table.concat(out)
end

local function card(class, title, body, note)
  return ('<section class="%s"><h2>%s%s</h2>%s</section>'):format(class, title, note and "<small>" .. escape(note) .. "</small>" or "", body)
end

local month_names = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }

local function heat(value, largest)
  if not value then return "<td></td>" end
  local strength = largest > 0 and 0.08 + 0.42 * math.min(math.abs(value) / largest, 1) or 0
  local paint = value == 0 and "" or (' style="background:rgba(var(--%s),%.2f)"'):format(value > 0 and "gain" or "loss", strength)
  return ("<td%s>%s</td>"):format(paint, format.number(value * 100, 2))
end

local function months(results)
  local largest = 0
  for _, row in ipairs(results.months) do
    for month = 1, 12 do largest = math.max(largest, math.abs(row[month] or 0)) end
  end
  local out = { '<div class="scroll"><table class="months"><thead><tr><th>%</th>' }
  for _, name in ipairs(month_names) do out[#out + 1] = "<th>" .. name .. "</th>" end
  out[#out + 1] = "<th>Year</th></tr></thead>"
  for _, row in ipairs(results.months) do
    out[#out + 1] = ("<tr><td>%d</td>"):format(row.year)
    for month = 1, 12 do out[#out + 1] = heat(row[month], largest) end
    out[#out + 1] = ('<td class="%s"><b>%s</b></td></tr>'):format(signed(row.total), format.number(row.total * 100, 2))
  end
  out[#out + 1] = "</table></div>"
  return table.concat(out)
end

local function chart(id)
  return ('<div class="chart" id="%s"></div>'):format(id)
end

local function account_rows(s)
  local f = format
  return {
    { "Initial equity", f.money(s.equity_initial) }, { "Final equity", f.money(s.equity_final) }, { "Peak equity", f.money(s.equity_peak) },
    { "Net P&L", f.money(s.net_pnl) }, { "Gross P&L", f.money(s.gross_pnl) }, { "Fees", f.money(s.fees) },
    { "Realised P&L, gross", f.money(s.realized_pnl) }, { "Open at the end", f.money(s.open_pnl) },
    { "Return", f.percent(s["return"]) }, { "Buy and hold", f.percent(s.buy_and_hold_return) }, { "CAGR", f.percent(s.cagr) },
    { "Exposure time", f.percent(s.exposure_time) }, { "Turnover", s.turnover and f.number(s.turnover, 2) .. " x" or "-" },
    { "Traded value", f.money(s.traded_value) },
  }
end

local function risk_rows(s, dates)
  local f = format
  return {
    { "Sharpe", f.ratio(s.sharpe) }, { "Sortino", f.ratio(s.sortino) }, { "Calmar", f.ratio(s.calmar) },
    { "Volatility a year", f.percent(s.volatility_annual) },
    { "Max drawdown", f.percent(s.max_drawdown) },
    { "from, trough", (dates.peak or "-") .. ", " .. (dates.trough or "-") }, { "recovered", dates.recovery or "-" },
    { "Longest drawdown", f.duration(s.max_drawdown_duration_ns) }, { "Average drawdown", f.percent(s.average_drawdown) },
    { "Days", f.count(s.days) }, { "Positive days", f.percent(s.positive_days) },
    { "Best day", s.best_day and f.percent(s.best_day) .. ", " .. s.best_day_date or "-" },
    { "Worst day", s.worst_day and f.percent(s.worst_day) .. ", " .. s.worst_day_date or "-" },
  }
end

local function trade_rows(s)
  local f = format
  return {
    { "Round trips", f.count(s.trades) }, { "Win rate", f.percent(s.win_rate) }, { "Profit factor", f.ratio(s.profit_factor) },
    { "Expectancy", f.percent(s.expectancy) }, { "SQN", f.ratio(s.sqn) }, { "Kelly", f.percent(s.kelly) },
    { "Average trade", f.money(s.average_trade) }, { "Average win, loss", f.money(s.average_win) .. ", " .. f.money(s.average_loss) },
    { "Best trade", f.percent(s.best_trade) }, { "Worst trade", f.percent(s.worst_trade) },
    { "Average duration", f.duration(s.average_trade_duration_ns) }, { "Longest duration", f.duration(s.max_trade_duration_ns) },
    { "Wins, losses in a row", f.count(s.max_consecutive_wins) .. ", " .. f.count(s.max_consecutive_losses) },
  }
end

local function execution_rows(e)
  local f = format
  local rows = {
    { "Orders", f.count(e.orders) }, { "Replaces", f.count(e.replaces) }, { "Cancels", f.count(e.cancels) }, { "Fills", f.count(e.fills) },
    { "Fill ratio", f.percent(e.fill_ratio) }, { "Maker share", f.percent(e.maker_share) }, { "Order to trade", f.ratio(e.order_to_trade) },
    { "Queue time, mean", f.duration(e.queue_time_ns) }, { "Queue time, median", f.duration(e.queue_time_p50_ns) },
    { "Slippage against arrival", f.bps(e.slippage_bps) },
  }
  for _, name in ipairs(statistics.horizons) do rows[#rows + 1] = { "Markout " .. name:gsub("(%d)(%a)", "%1 %2"), f.bps(e.markouts[name]) } end
  for _, list in ipairs { { "Denied: ", e.denies }, { "Rejected: ", e.rejects }, { "Cancel refused: ", e.cancel_rejects } } do
    local reasons = {}
    for reason in pairs(list[2]) do reasons[#reasons + 1] = reason end
    table.sort(reasons)
    for _, reason in ipairs(reasons) do rows[#rows + 1] = { list[1] .. reason, f.count(list[2][reason]) } end
  end
  return rows
end

local function handler_table(results)
  local out = { "<table><thead><tr><th>Handler</th><th>Calls</th><th>Errors</th></tr></thead>" }
  for _, name in ipairs(getmetatable(results.handlers).keys) do
    local handler = results.handlers[name]
    out[#out + 1] = ("<tr><td>%s</td><td>%s</td><td>%s</td></tr>"):format(escape(name), format.count(handler.calls), format.count(handler.errors))
  end
  out[#out + 1] = "</table>"
  return table.concat(out)
end

local function trade_table(results)
  local by_id = {}
  for _, instrument in ipairs(results.instruments) do by_id[instrument.id] = instrument end
  local out = { '<div class="scroll"><table><thead><tr><th>Symbol</th><th>Side</th><th>Quantity</th><th>Entry</th><th>Price</th>'
    .. "<th>Exit</th><th>Price</th><th>Held</th><th>Fees</th><th>Net P&amp;L</th><th>Return</th></tr></thead>" }
  local row = "<tr>" .. ("<td>%s</td>"):rep(9) .. '<td class="%s">%s</td><td>%s</td></tr>'
  local trades = results.round_trips
  for i = 0, math.min(trades.n, TRADE_ROWS) - 1 do
    local trade = trades.at[i]
    local instrument = by_id[trade.instrument]
    local net, value = tonumber(trade.gross_e8 - trade.fees_e8) / 1e8, math.abs(tonumber(trade.entry_value_e8)) / 1e8
    out[#out + 1] = row:format(escape(instrument.symbol), trade.direction > 0 and "long" or "short", format.decimal(trade.quantity,
      instrument.quantity_exponent),
        format.iso(trade.entry_ns):sub(1, 19):gsub("T", " "), format.decimal(trade.entry_price, instrument.price_exponent),
        format.iso(trade.exit_ns):sub(1, 19):gsub("T", " "), format.decimal(trade.exit_price, instrument.price_exponent),
        format.duration(trade.exit_ns - trade.entry_ns), format.money(tonumber(trade.fees_e8) / 1e8), signed(net), format.money(net),
        value > 0 and format.percent(net / value) or "-")
  end
  out[#out + 1] = "</table></div>"
  return table.concat(out)
end

--- ms since the start as differences, for the page.
local function deltas(start_ms, stamps)
  local out, before = {}, start_ms
  for i, ts_ns in ipairs(stamps) do
    local ms = math.floor(tonumber(ts_ns / 1000) / 1000 + 0.5)
    out[i] = ms - before
    before = ms
  end
  return json.list(out)
end

--- The bins of a histogram of returns; the outermost hold what lies beyond four deviations.
local function histogram(values)
  local n, sum, squares = #values, 0, 0
  if n < 5 then return nil end
  local low, high = math.huge, -math.huge
  for _, v in ipairs(values) do
    sum, squares = sum + v, squares + v * v
    low, high = math.min(low, v), math.max(high, v)
  end
  local mean = sum / n
  local deviation = math.sqrt(math.max(squares / n - mean * mean, 0))
  if high - low <= 0 then return nil end
  low, high = math.max(low, mean - 4 * deviation), math.min(high, mean + 4 * deviation)
  local bins = math.max(9, math.min(41, math.floor(math.sqrt(n) * 1.6)))
  local counts = {}
  for i = 1, bins do counts[i] = 0 end
  for _, v in ipairs(values) do
    local bin = math.max(1, math.min(bins, math.floor((v - low) / (high - low) * bins) + 1))
    counts[bin] = counts[bin] + 1
  end
  return { low = low, high = high, counts = json.list(counts), mean = mean }
end

local function distribution(results)
  local values, what = {}, "daily returns"
  if #results.days >= 20 then
    for i, day in ipairs(results.days) do values[i] = day.ret end
  else
    what = "returns of round trips"
    for i = 0, results.round_trips.n - 1 do
      local trade = results.round_trips.at[i]
      local value = math.abs(tonumber(trade.entry_value_e8))
      if value > 0 then values[#values + 1] = tonumber(trade.gross_e8 - trade.fees_e8) / value end
    end
  end
  return histogram(values), what
end

--- Decimals that the prices of an instrument's fills need.
local function decimals_of(fills, indices, exponent)
  local places = 0
  for _, i in ipairs(indices) do
    local price = fills[i].price
    while places < -exponent and price % ffi.cast("int64_t", 10 ^ (-exponent - places)) ~= 0 do places = places + 1 end
  end
  return places
end

local function instrument_data(results, instrument, indices, start_ms)
  local source = results.source
  local fills = source.fills
  local stride = math.max(1, math.ceil(#indices / MARKERS))
  local stamps, prices, sides = {}, {}, {}
  for n = 1, #indices, stride do
    local fill = fills[indices[n]]
    local k = #stamps + 1
    stamps[k], prices[k], sides[k] = fill.ts_ns, tonumber(fill.price) / instrument.price_scale, fill.side == 1 and 1 or -1
  end
  local one = {
    symbol = instrument.symbol, decimals = decimals_of(fills, indices, instrument.price_exponent), quantity_decimals = 0,
    fills = { t = deltas(start_ms, stamps), p = json.list(prices), s = json.list(sides) }, drawn = #stamps,
  }
  local at, held = downsample.position(fills, indices, POINTS)
  table.insert(at, 1, source.marks[0].ts_ns)
  table.insert(held, 1, 0)
  at[#at + 1], held[#held + 1] = source.marks[source.mark_count - 1].ts_ns, held[#held]
  for i, quantity in ipairs(held) do
    held[i] = quantity / instrument.quantity_scale
    while one.quantity_decimals < 8 and math.abs(held[i] - tonumber(("%%.%df"):format(one.quantity_decimals):format(held[i]))) > 1e-9 do
      one.quantity_decimals = one.quantity_decimals + 1
    end
  end
  one.position = { t = deltas(start_ms, at), v = json.list(held) }
  local path, count = source.path(instrument.id)
  if count > 0 then
    local times, close, high, low, scale, spread = {}, {}, {}, {}, instrument.price_scale * 2, false
    for i = 0, count - 1 do
      local piece = path[i]
      times[i + 1], close[i + 1] = piece.ts_ns, tonumber(piece.close) / scale
      high[i + 1], low[i + 1] = tonumber(piece.high) / scale, tonumber(piece.low) / scale
      spread = spread or piece.high ~= piece.low
    end
    one.price = { t = deltas(start_ms, times), v = json.list(close) }
    if spread then one.price.h, one.price.l = json.list(high), json.list(low) end
  end
  return one
end

--- The data of the charts, and a list of sentences about what was left out.
local function payload(results)
  local source, notes = results.source, {}
  local start_ns = source.mark_count > 0 and source.marks[0].ts_ns or 0LL
  local start_ms = math.floor(tonumber(start_ns / 1000) / 1000)
  local end_ns = source.mark_count > 0 and source.marks[source.mark_count - 1].ts_ns or 0LL
  local data = { zone = results.zone, start_ms = start_ms, span_s = tonumber(end_ns - start_ns) / 1e9, instruments = {} }
  if source.mark_count > 0 then
    local equity = downsample.equity(source.marks, source.mark_count, results.equity_initial, POINTS)
    data.equity = { t = deltas(start_ms, equity.ts), v = json.list(equity.equity), d = json.list(equity.drawdown) }
    if #equity.ts < source.mark_count then
      notes[#notes + 1] = ("The equity curve shows the lowest and highest of each stretch: %s of %s marks."):format(
        format.count(#equity.ts), format.count(source.mark_count))
    end
  end
  local by_instrument = {}
  for i = 0, source.fill_count - 1 do
    local id = source.fills[i].instrument
    local list = by_instrument[id] or {}
    by_instrument[id] = list
    list[#list + 1] = i
  end
  local chosen = {}
  for _, instrument in ipairs(results.instruments) do
    if by_instrument[instrument.id] then chosen[#chosen + 1] = instrument end
  end
  table.sort(chosen, function(a, b)
    local n, m = #by_instrument[a.id], #by_instrument[b.id]
    return n > m or n == m and a.id < b.id
  end)
  if #chosen > INSTRUMENTS then
    notes[#notes + 1] = ("Charts show the %d instruments with most fills, of %d."):format(INSTRUMENTS, #chosen)
  end
  for n = 1, math.min(#chosen, INSTRUMENTS) do
    local indices = by_instrument[chosen[n].id]
    local one = instrument_data(results, chosen[n], indices, start_ms)
    if one.drawn < #indices then
      notes[#notes + 1] = ("%s: %s of %s fills are drawn."):format(chosen[n].symbol, format.count(one.drawn), format.count(#indices))
    end
    one.drawn = nil
    data.instruments[n] = one
  end
  local symbols = {}
  for _, instrument in ipairs(results.instruments) do symbols[instrument.id] = instrument.symbol end
  data.series = json.list {}
  for n, series in ipairs(results.series) do
    local ts, values = downsample.series(series.ts, series.values, series.count, POINTS)
    local first = data.instruments[1] and data.instruments[1].symbol or ""
    data.series[n] = { name = series.name, pane = series.pane, instrument = symbols[series.instrument] or first,
      t = deltas(start_ms, ts), v = json.list(values) }
  end
  data.instruments = json.list(data.instruments)
  data.histogram = (distribution(results))
  return data, notes
end

local function price_card(data)
  if #data.instruments == 0 then return "" end
  local title = "Trades on the price"
  if #data.instruments == 1 then
    title = title .. "<small>" .. escape(data.instruments[1].symbol) .. "</small>"
  else
    local options = {}
    for i, one in ipairs(data.instruments) do options[i] = ('<option value="%d">%s</option>'):format(i - 1, escape(one.symbol)) end
    title = title .. '<select id="instrument" aria-label="instrument">' .. table.concat(options) .. "</select>"
  end
  return card("", title, chart "price") .. card("", "Position", chart "position")
end

--- The whole page as a string.
---@param results table from report.build
---@param options table|nil `page`: the bundled style, code and chart library (default: what `make` bundled)
---@return string
function M.text(results, options)
  local page = options and options.page or require "tidelock.report_page"
  local s = results.statistics
  local data, notes = payload(results)
  local _, what = distribution(results)
  local symbols = {}
  for i = 1, math.min(#results.instruments, 12) do symbols[i] = results.instruments[i].symbol end
  if #results.instruments > 12 then symbols[#symbols + 1] = ("and %d more"):format(#results.instruments - 12) end
  local out = {}
  local function add(...) for _, text in ipairs { ... } do out[#out + 1] = text end end
  add(HEAD, "<title>", escape(results.strategy), " - backtest</title>\n<style>\n", page.chart_style or "", page.style, "</style>\n</head>\n<body>\n<main>\n")
  add("<header><h1>", escape(results.strategy), "</h1><p>", escape(table.concat(symbols, ", ")), #symbols > 0 and " &middot; " or "", escape(results.span),
    " &middot; ", escape(results.currency), " &middot; times in ", escape(results.zone), "</p></header>\n")
  if results.failure then add('<section class="warn"><h2>Ended early</h2>', escape(results.failure), "</section>\n") end
  add(keys(results), "\n", card("", "Equity", chart "equity"), card("", "Drawdown", chart "drawdown"), "\n", price_card(data), '<div id="panes"></div>\n')
  add('<div class="grid">', card("w4", "Account", facts(account_rows(s))), card("w4", "Risk", facts(risk_rows(s, results.drawdown_dates))),
    card("w4", "Trades", facts(trade_rows(s))), "\n")
  -- one day has no months to compare
  local several = #results.days > 1
  if several then add(card("w8", "Monthly returns", months(results), "compounded from sessions")) end
  add(card(several and "w4" or "w12", "Distribution", data.histogram and chart "histogram" or '<p class="note">Too few ' .. what .. ".</p>", what), "\n")
  add(card("w4", "Execution", facts(execution_rows(results.execution))), card("w8", "Run", facts(summary.settings(results), "words")), "\n")
  if #getmetatable(results.handlers).keys > 0 then add(card("w6", "Handlers", handler_table(results))) end
  local data_rows = { { "Messages read", format.count(results.data.messages) }, { "Events delivered", format.count(results.events) },
    { "Problems", format.count(results.data.problems) } }
  for _, problem in ipairs(results.data.problem_list) do data_rows[#data_rows + 1] = { "", problem } end
  local custom = {}
  for name in pairs(results.custom) do custom[#custom + 1] = name end
  table.sort(custom)
  for _, name in ipairs(custom) do
    local value = results.custom[name]
    data_rows[#data_rows + 1] = { name, type(value) == "number" and ("%.10g"):format(value) or tostring(value) }
  end
  add(card("w6", "Data", facts(data_rows)), "</div>\n")
  local shown = math.min(results.round_trips.n, TRADE_ROWS)
  if shown > 0 then
    local all = format.count(results.round_trips.n)
    add('<section><details><summary>Round trips<small class="dim"> ', shown < results.round_trips.n and ("the first %d of %s"):format(shown, all) or all,
      ", times in UTC</small></summary>", trade_table(results), "</details></section>\n")
  end
  for _, note in ipairs(notes) do add('<p class="note">', escape(note), "</p>\n") end
  add("<footer>Made by Tidelock. Formulas: docs/STATISTICS.md.", page.chart_code and " Charts: uPlot, copyright Leon Sorokin, MIT licence." or "",
    "</footer>\n</main>\n")
  add('<svg id="shape" width="0" height="0" aria-hidden="true"></svg>\n<script type="application/json" id="data">', json.encode(data), "</script>\n")
  if page.chart_code then add("<script>\n/*\n", page.chart_licence, "*/\n", page.chart_code, "</script>\n") end
  add("<script>\n", page.code, "</script>\n</body>\n</html>\n")
  return table.concat(out)
end

--- Writes the report to a file; raises when it cannot.
function M.write(results, path, options)
  local text = M.text(results, options)
  local file = draft.open(path)
  file:write(text)
  file:commit()
end

return M

--- Results of a run: statistics, the summary on the terminal, the HTML report, CSV and JSON.
---
---   local results = report.build(run)
---   report.print(results)                    -- or report.text(results, { color = true })
---   report.write_html(results, "out.html")
---   report.write_trades(results, "trades.csv")
---   report.write_equity(results, "equity.csv")
---   print(report.to_json(results))
---
--- `run` is a plain table. Needed:
---   recorder      tl_recorder*, finished (tl_recorder_finish); it must outlive `results`
---   instruments   tl_instruments*
---   initial_cash  number, in the account's currency (or initial_cash_e8, int64)
--- Wanted; what is missing is shown as "-" or left out:
---   calendars, calendar   tl_calendars* and the id by whose sessions days are counted; without them UTC days, 365 a year
---   subscribed    list of instrument ids, for buy and hold when nothing was traded
---   strategy      name; script: its path; version: of the runtime
---   currency      of the account ("USD")
---   seed          number, integer cdata or string
---   files         list of paths
---   params        list of { name =, value = } in the order to be shown (or a map)
---   latency       { feed =, compute =, entry =, report = }: ns, or text that describes the model
---   fees          { maker =, taker =, auction =, per_unit =, minimum = } as numbers
---   settings      list of { "label", "text" }: anything else that is worth stating (leverage, fill model, queue model, bar path, span)
---   events        market events delivered; wall_seconds: of the run
---   messages, problems    historical records read and problems met; problem_list: list of sentences
---   handlers      list of { name =, calls =, errors =, p50_ns =, p99_ns =, p999_ns =, max_ns = } (NaN: not timed)
---   errors        count of handler errors; first_error: text; failure: why the strategy ended early
---   tag_name      function (tag id) -> text
---   kept          tl_kept* of the strategy: what it recorded by record.series and record.result; or in its place
---   series        list of { name =, pane = "price" or another name, instrument = (id), ts = { ns... }, value = { number... } }
---   custom        map of numbers, texts and truths
---   source        in place of the recorder: what report.source would have read (for tests)
---
--- Nothing measured by a clock of the machine goes into the HTML report, so that equal runs give equal reports.
local native = require "tidelock.native"
local execution = require "tidelock.report.execution"
local format = require "tidelock.report.format"
local json = require "tidelock.report.json"
local source_of = require "tidelock.report.source"
local statistics = require "tidelock.report.statistics"
local trades = require "tidelock.report.trades"
local C, ffi = native.C, native.ffi

local M = {}

local DAY_NS = 86400000000000LL

--- date, last instant of the session that an instant belongs to: a session is a date in the calendar's zone, to midnight; an instant that
--- ends it is still its own. A date without a session belongs to the next one.
local function session_finder(run)
  local session, inside = ffi.new "tl_session", ffi.new "bool[1]"
  local calendars, calendar = run.calendars, run.calendar or 0
  return function(ts_ns)
    local before = ts_ns - 1
    if calendars and (C.tl_calendars_session(calendars, calendar, C.tl_calendars_date(calendars, calendar, before), session)
      or C.tl_calendars_session_at(calendars, calendar, before, session, inside)) then
      return session.date, C.tl_calendars_instant(calendars, calendar, C.tl_date_add(session.date, 1), 0)
    end
    local into = before % DAY_NS
    if into < 0 then into = into + DAY_NS end
    return format.utc_date(before), before - into + DAY_NS
  end
end

local function sessions_a_year(run)
  if not run.calendars then return 365 end
  return ffi.string(C.tl_calendars_name(run.calendars, run.calendar or 0)) == "24x7" and 365 or 252
end

local function describe(id, instruments)
  local one = C.tl_instruments_at(instruments, id)
  return { id = id, symbol = ffi.string(one.symbol), price_exponent = one.price_exponent, quantity_exponent = one.quantity_exponent,
    price_scale = C.tl_power_of_ten(-one.price_exponent), quantity_scale = C.tl_power_of_ten(-one.quantity_exponent) }
end

--- The instruments that had orders, in order of id.
local function traded(source, instruments)
  local seen, ids = {}, {}
  local function add(id)
    if not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
    end
  end
  for i = 0, source.order_count - 1 do add(source.orders[i].instrument) end
  for i = 0, source.fill_count - 1 do add(source.fills[i].instrument) end
  table.sort(ids)
  local list = {}
  for i, id in ipairs(ids) do list[i] = describe(id, instruments) end
  return list
end

local function number_list(params)
  if not params or #params > 0 or next(params) == nil then return params or {} end
  local list = {}
  for name, value in pairs(params) do list[#list + 1] = { name = name, value = value } end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

local function spans(run, source, list)
  local out = {}
  if #list > 0 then
    for i, instrument in ipairs(list) do out[i] = instrument.id end
  else
    out = run.subscribed or {}
  end
  local found = {}
  for _, id in ipairs(out) do
    local first, last = source.price_span(id)
    if first then found[#found + 1] = { first = first, last = last } end
  end
  return found
end

--- The local date of an instant in the calendar's zone, as text.
local function local_date(run, ts_ns)
  if not ts_ns then return nil end
  return format.date(run.calendars and C.tl_calendars_date(run.calendars, run.calendar or 0, ts_ns) or format.utc_date(ts_ns))
end

local function iso(ts_ns)
  return ts_ns and format.iso(ts_ns) or nil
end

local function account_statistics(run, source, results)
  local marks, count, initial = source.marks, source.mark_count, results.equity_initial
  local out = statistics.trades(results.round_trips)
  local daily = statistics.daily(results.days, sessions_a_year(run))
  for key, value in pairs(daily) do out[key] = value end
  local down = statistics.drawdowns(marks, count, initial)
  local initial_e8 = run.initial_cash_e8 or ffi.cast("int64_t", math.floor(initial * 1e8 + 0.5))
  local final_e8 = count > 0 and marks[count - 1].equity_e8 or initial_e8
  local fees_e8, realized_e8 = 0LL, 0LL
  for i = 0, source.fill_count - 1 do
    fees_e8, realized_e8 = fees_e8 + source.fills[i].fee_e8, realized_e8 + source.fills[i].realized_e8
  end
  local span_ns = count > 1 and tonumber(marks[count - 1].ts_ns - marks[0].ts_ns) or 0
  local final = tonumber(final_e8) / 1e8
  out.equity_initial, out.equity_final, out.equity_peak = initial, final, down.equity_peak
  out.fees, out.realized_pnl = tonumber(fees_e8) / 1e8, tonumber(realized_e8) / 1e8
  out.net_pnl = tonumber(final_e8 - initial_e8) / 1e8
  out.gross_pnl = tonumber(final_e8 - initial_e8 + fees_e8) / 1e8
  -- what is in no round trip: open lots, less their share of fees
  local closed_e8 = 0LL
  for i = 0, results.round_trips.n - 1 do closed_e8 = closed_e8 + results.round_trips.at[i].gross_e8 - results.round_trips.at[i].fees_e8 end
  out.open_pnl = #results.round_trips.open > 0 and tonumber(final_e8 - initial_e8 - closed_e8) / 1e8 or 0
  out["return"] = initial > 0 and final / initial - 1 or nil
  out.buy_and_hold_return = statistics.buy_and_hold(spans(run, source, results.instruments))
  out.cagr = statistics.cagr(initial, final, span_ns, #results.days)
  out.max_drawdown, out.max_drawdown_duration_ns, out.average_drawdown = down.max_drawdown, down.max_drawdown_duration_ns, down.average_drawdown
  out.max_drawdown_peak, out.max_drawdown_trough, out.max_drawdown_recovery = iso(down.peak_ns), iso(down.trough_ns), iso(down.recovery_ns)
  out.calmar = out.cagr and statistics.ratio(out.cagr, -down.max_drawdown) or nil
  out.exposure_time = statistics.ratio(source.totals.exposure_ns, tonumber(source.totals.last_ns - source.totals.first_ns))
  out.turnover = down.mean_equity > 0 and results.execution.traded_value / down.mean_equity or nil
  out.traded_value = results.execution.traded_value
  out.best_day_date = out.best_day_date and format.date(out.best_day_date)
  out.worst_day_date = out.worst_day_date and format.date(out.worst_day_date)
  results.drawdown_dates = { peak = local_date(run, down.peak_ns), trough = local_date(run, down.trough_ns), recovery = local_date(run, down.recovery_ns) }
  results.span = "no market data"
  if count > 0 then
    out.start, out["end"], out.duration_ns = iso(marks[0].ts_ns), iso(marks[count - 1].ts_ns), span_ns
    local from, to = local_date(run, marks[0].ts_ns), local_date(run, marks[count - 1].ts_ns)
    results.span = from == to and from or from .. " to " .. to
  end
  return json.ordered(out, statistics.keys)
end

local handler_keys = { "calls", "errors", "p50_ns", "p99_ns", "p999_ns", "max_ns" }

local function handlers_of(run)
  local names, by_name = {}, {}
  for _, handler in ipairs(run.handlers or {}) do
    local one = {}
    for _, key in ipairs(handler_keys) do
      local value = handler[key] and tonumber(handler[key])
      one[key] = value == value and value or nil
    end
    names[#names + 1] = handler.name
    by_name[handler.name] = json.ordered(one, handler_keys)
  end
  return json.ordered(by_name, names)
end

--- What the strategy recorded: series with arrays `ts`, `values` from 0 and their `count`; results by name.
local function recorded(run)
  local series, custom = {}, {}
  if run.kept then
    for i = 0, C.tl_kept_series_count(run.kept) - 1 do
      local one = C.tl_kept_series_at(run.kept, i)
      series[i + 1] = { name = ffi.string(one.name), pane = ffi.string(one.pane), ts = one.ts_ns, values = one.values, count = tonumber(one.count) }
    end
    for i = 0, C.tl_kept_result_count(run.kept) - 1 do
      local one = C.tl_kept_result_at(run.kept, i)
      local value = one.value
      if one.kind == C.TL_RESULT_TRUTH then value = value ~= 0 elseif one.kind == C.TL_RESULT_TEXT then value = ffi.string(one.text) end
      custom[ffi.string(one.name)] = value
    end
  end
  for _, one in ipairs(run.series or {}) do
    local count = #one.value
    series[#series + 1] = { name = one.name, pane = one.pane or one.name, instrument = one.instrument, count = count,
      ts = ffi.new("int64_t[?]", count + 1, one.ts), values = ffi.new("double[?]", count + 1, one.value) }
  end
  for name, value in pairs(run.custom or {}) do custom[name] = value end
  return series, custom
end

--- The strategy's metrics by name: a number, of a histogram how many values there were and their sum.
local function metrics_of(run)
  local metrics = {}
  for i = 0, (run.kept and C.tl_kept_metric_count(run.kept) or 0) - 1 do
    local one = C.tl_kept_metric_at(run.kept, i)
    local histogram = one.kind == C.TL_METRIC_HISTOGRAM
    metrics[ffi.string(one.name)] = histogram and json.ordered({ count = tonumber(one.count), sum = one.value }, { "count", "sum" }) or one.value
  end
  return metrics
end

--- Builds the results of a run from what its recorder holds.
---@param run table as described above
---@return table results with `statistics`, `execution`, `handlers`, `data`, and what the writers need (dates there are the calendar's own)
function M.build(run)
  local source = run.source or source_of.read(run.recorder)
  local results = {
    run = run,
    source = source,
    strategy = run.strategy or "strategy",
    script = run.script,
    currency = run.currency or "USD",
    equity_initial = run.initial_cash_e8 and tonumber(run.initial_cash_e8) / 1e8 or run.initial_cash,
    seed = run.seed and (type(run.seed) == "cdata" and tonumber(run.seed) or run.seed),
    decisions_hash = source.decisions_hash,
    events = tonumber(run.events or 0),
    wall_seconds = run.wall_seconds,
    orders = source.totals.orders,
    fills = source.totals.fills,
    params = number_list(run.params),
    files = run.files or {},
    tag_name = run.tag_name or function(tag) return tag == 0 and "" or tostring(tag) end,
    zone = run.calendars and ffi.string(C.tl_calendars_zone(run.calendars, run.calendar or 0)) or "UTC",
    calendar = run.calendars and ffi.string(C.tl_calendars_name(run.calendars, run.calendar or 0)) or "UTC days",
  }
  results.series, results.custom = recorded(run)
  results.metrics = metrics_of(run)
  results.events_per_second = run.wall_seconds and run.wall_seconds > 0 and results.events / run.wall_seconds or nil
  results.instruments = traded(source, run.instruments)
  results.round_trips = trades.pair(source.fills, source.fill_count, run.instruments)
  results.days = statistics.days(source.marks, source.mark_count, results.equity_initial, session_finder(run))
  results.months = statistics.months(results.days)
  results.execution = json.ordered(execution.build(source, run.instruments), statistics.execution_keys)
  results.execution.markouts = json.ordered(results.execution.markouts, statistics.horizons)
  results.statistics = account_statistics(run, source, results)
  results.handlers = handlers_of(run)
  results.data = json.ordered({ messages = tonumber(run.messages or 0), problems = tonumber(run.problems or 0),
    problem_list = json.list(run.problem_list or {}) }, { "messages", "problems", "problem_list" })
  results.errors = tonumber(run.errors or 0)
  results.failure = run.failure ~= "" and run.failure or nil
  results.first_error = run.first_error ~= "" and run.first_error or nil
  return results
end

local json_keys = {
  "strategy", "script", "events", "wall_seconds", "events_per_second", "orders", "fills", "decisions_hash", "seed", "currency", "calendar",
  "statistics", "execution", "handlers", "data", "params", "files", "custom", "metrics", "errors", "first_error", "failure",
}

--- One JSON object of everything but the series: statistics and execution as docs/STATISTICS.md names them.
---@return string
function M.to_json(results)
  local object = {}
  for _, key in ipairs(json_keys) do object[key] = results[key] end
  local params, names = {}, {}
  for i, param in ipairs(results.params) do
    params[param.name], names[i] = param.value, param.name
  end
  object.params = json.ordered(params, names)
  object.files = json.list(results.files)
  return json.encode(json.ordered(object, json_keys), true)
end

--- The summary as text. Options: `color` (bold titles), `width`.
---@return string
function M.text(results, options)
  return require("tidelock.report.summary").text(results, options)
end

--- Prints the summary on standard output (or `out`).
function M.print(results, out, options)
  (out or io.stdout):write(M.text(results, options))
end

--- Writes the self-contained HTML report. `options.bundle`: path of the chart library's bundle, found by itself when nil.
function M.write_html(results, path, options)
  return require("tidelock.report.html").write(results, path, options)
end

--- Writes the round trips as CSV.
function M.write_trades(results, path)
  return require("tidelock.report.csv").trades(results, path)
end

--- Writes every mark of the account as CSV.
function M.write_equity(results, path)
  return require("tidelock.report.csv").equity(results, path)
end

--- Writes the series that the script recorded as CSV.
function M.write_series(results, path)
  return require("tidelock.report.csv").series(results, path)
end

return M

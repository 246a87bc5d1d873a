--- What is in a CSV file: the part of `tidelock data` that reads rows.
local native = require "tidelock.native"
local json = require "tidelock.cli.json"
local progress = require "tidelock.cli.progress"
local C, ffi = native.C, native.ffi

local M = {}

local CALENDAR = "XNAS" -- as in a backtest that names none
local NO_INSTRUMENT = 4294967295
local DAY_S = 86400
local SHOWN_INSTRUMENTS = 20
local ROWS_A_LOOK = 16384

local KIND_NAMES = {
  [tonumber(C.TL_CSV_BARS)] = "bars", [tonumber(C.TL_CSV_TRADES)] = "trades", [tonumber(C.TL_CSV_QUOTES)] = "quotes",
  [tonumber(C.TL_CSV_DEPTH)] = "depth", [tonumber(C.TL_CSV_DATA)] = "data",
}

--- An instant in ns since the epoch as ISO 8601, UTC.
local function iso_time(ns)
  local s = ns / 1000000000LL
  if ns % 1000000000LL < 0 then s = s - 1 end
  return os.date("!%Y-%m-%dT%H:%M:%S", tonumber(s)) .. string.format(".%09dZ", tonumber(ns - s * 1000000000LL))
end

--- What outside data is called: scores.csv.gz holds scores.
local function name_of(file)
  local stem = file:match "([^/]*)$":match "^([^.]*)"
  return #stem > 0 and stem:sub(1, 23) or "CSV"
end

local function open(file)
  local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  local calendars = C.tl_calendars_create()
  if calendars == nil then error(ffi.string(C.tl_error_text()), 0) end
  ffi.gc(calendars, C.tl_calendars_destroy)
  local slot, why = ffi.new "tl_csv *[1]", nil
  -- What is neither bars, trades, quotes nor depth is outside data. Times of intraday bars are shown as they stand, whatever they mean.
  for _, options in ipairs { {}, { name = name_of(file) } } do
    options.bar_time = C.TL_BAR_TIME_CLOSE
    options.calendar = C.tl_calendars_find(calendars, CALENDAR)
    if C.tl_csv_open(file, ffi.new("tl_csv_options", options), instruments, calendars, slot) == C.TL_OK then
      return ffi.gc(slot[0], C.tl_csv_close), instruments, calendars
    end
    why = why or ffi.string(C.tl_error_text())
    if not why:find("tells no kind of data", 1, true) then break end
  end
  error(why, 0)
end

--- The summary of a file, as `tidelock data --json` prints it.
function M.summary(file)
  local csv, instruments, calendars = open(file)
  local event, tail = ffi.new "tl_event", ffi.new "tl_event_tail"
  local events, counts, first, last = 0, {}, nil, nil
  local bar, seen = progress.new(nil, "rows"), 0
  while true do
    local status = C.tl_csv_next(csv, event, tail)
    if status == C.TL_END then break end
    if status == C.TL_OK then
      events = events + 1
      first = first or event.ts_ns
      last = event.ts_ns
      if event.instrument ~= NO_INSTRUMENT then counts[event.instrument] = (counts[event.instrument] or 0) + 1 end
    end
    seen = seen + 1
    if seen % ROWS_A_LOOK == 0 then
      local rows, read, whole = tonumber(C.tl_csv_rows(csv)), tonumber(C.tl_csv_consumed(csv)), tonumber(C.tl_csv_size(csv))
      if whole > 0 and read > 0 then bar.total = rows * whole / read end
      bar:update(rows)
    end
  end
  bar:finish()
  local kind = KIND_NAMES[C.tl_csv_kind_of(csv)]
  local problems = tonumber(C.tl_csv_problems(csv))
  local list, columns = json.array {}, nil
  for i = 0, C.tl_instruments_count(instruments) - 1 do
    list[#list + 1] = { symbol = ffi.string(C.tl_instruments_at(instruments, i).symbol), events = counts[i] or 0 }
  end
  if kind == "data" then
    list, columns = json.array {}, json.array {}
    for i = 0, C.tl_csv_columns(csv) - 1 do columns[i + 1] = ffi.string(C.tl_csv_column(csv, i)) end
  end
  local interval = tonumber(C.tl_csv_interval_ns(csv))
  local summary = {
    file = file, kind = "csv", format = "CSV " .. kind, csv_kind = kind, rows = tonumber(C.tl_csv_rows(csv)), events = events,
    interval_s = kind == "bars" and interval / 1e9 or nil, columns = columns,
    span = first and { first = iso_time(first), last = iso_time(last) } or nil,
    calendar = CALENDAR,
    instrument_count = #list, instruments = list,
    problem_count = problems, first_problem = problems > 0 and ffi.string(C.tl_csv_first_problem(csv)) or nil,
  }
  if summary.rows == 0 then error(file .. ": " .. (summary.first_problem or "no rows in it"), 0) end
  assert(calendars) -- alive to here: the reader uses it
  return summary
end

--- Prints a summary for people.
function M.print(s)
  local out = io.stdout
  out:write(string.format("%s: %s\n", s.file, s.format))
  out:write(string.format("  rows         %d\n", s.rows))
  if s.span then
    local ends = s.csv_kind == "bars" and s.interval_s >= DAY_S and (", the sessions' ends by " .. s.calendar) or ""
    out:write(string.format("  span         %s to %s%s\n", s.span.first, s.span.last, ends))
  end
  if s.interval_s then out:write(string.format("  interval     %g s\n", s.interval_s)) end
  if s.columns then out:write("  columns      ", table.concat(s.columns, ", "), "\n") end
  for i = 1, math.min(#s.instruments, SHOWN_INSTRUMENTS) do
    local one = s.instruments[i]
    out:write(string.format("  %-12s %d event%s\n", one.symbol, one.events, one.events == 1 and "" or "s"))
  end
  if #s.instruments > SHOWN_INSTRUMENTS then
    out:write(string.format("  and %d more symbols (--json has all)\n", #s.instruments - SHOWN_INSTRUMENTS))
  end
  if s.problem_count == 0 then
    out:write "\n  no problems\n"
  else
    out:write(string.format("\n  %d bad row%s, the first: %s\n", s.problem_count, s.problem_count == 1 and "" or "s", s.first_problem))
  end
end

return M

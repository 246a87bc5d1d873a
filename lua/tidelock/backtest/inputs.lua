--- The data files of a backtest: what each is, how it is opened, and what it holds.
---
--- A spec is "FILE", "SYMBOL=FILE" or "SYMBOL@INTERVAL=FILE" ("SPY@1d=spy.csv"); whether a file is ITCH or CSV is seen from its first bytes.
local native = require "tidelock.native"
local duration = require "tidelock.duration"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

local BAR_TIMES = { open = 1, close = 2 }
local SNIFFED_BYTES = 64
local UNKNOWN_DAY = 20240102 -- an ordinary trading day

--- Splits a spec into file, symbol and interval (ns); the last two may be nil.
---@param spec string
---@return string file
---@return string|nil symbol
---@return number|nil interval_ns
function M.split(spec)
  local left, file = spec:match "^([^=/]+)=(.+)$"
  if not left then return spec end
  local symbol, interval = left:match "^(.-)@(%w+)$"
  if not symbol then return file, left end
  local ns, why = duration.parse(interval)
  if not ns then error(("%s: %s"):format(spec, why), 0) end
  return file, symbol ~= "" and symbol or nil, ns
end

--- True when the file starts with a framed ITCH message.
function M.is_itch(path)
  if path ~= "-" and C.tl_stream_is_pipe(path) then error(path .. ": is a pipe, and its head is read twice; give a file", 0) end
  local stream = ffi.new "tl_stream *[1]"
  check(C.tl_stream_open(path, stream))
  local bytes, length = ffi.new("uint8_t[?]", SNIFFED_BYTES), ffi.new "size_t[1]"
  C.tl_stream_read(stream[0], bytes, SNIFFED_BYTES, length)
  C.tl_stream_close(stream[0])
  local have = tonumber(length[0])
  if have == 0 then error(path .. ": is empty", 0) end
  local framed = have > 2 and bytes[0] * 256 + bytes[1] or 0
  return framed > 0 and framed + 2 <= have and C.tl_itch_decode(bytes + 2, framed, ffi.new "tl_itch_message", ffi.new "tl_itch_problem[1]")
end

local function date_number(text)
  local year, month, day = tostring(text):match "^(%d%d%d%d)%-?(%d%d)%-?(%d%d)$"
  if not year then error(("'%s' is no date; write YYYY-MM-DD"):format(tostring(text)), 0) end
  local date = tonumber(year .. month .. day)
  -- there and back gives another day where the calendar has no such one
  if tonumber(year) < 1970 or tonumber(year) > 2199 or C.tl_date_add(C.tl_date_add(date, 1), -1) ~= date then
    error(("'%s' is no day between 1970 and 2199"):format(tostring(text)), 0)
  end
  return date
end

--- The day of an ITCH file: as told, by its name, or a stated one.
local function itch_date(list, file, options)
  if options.date then return date_number(options.date) end
  local date = C.tl_itch_date_of_name(file)
  if date ~= 0 then return date end
  list.notes[#list.notes + 1] = ("%s has no date in its name: taken as 2024-01-02"):format(file)
  return UNKNOWN_DAY
end

--- The calendar of CSV instruments.
local function calendar_of(run, options)
  local calendar = options.calendar or run.config.calendar or "XNAS"
  local id = C.tl_calendars_find(run.calendars, calendar)
  if id < 0 then error(("there is no calendar '%s'; it is XNAS, XNYS or 24x7"):format(calendar), 0) end
  return id
end

local function open_csv(run, list, file, options, symbol, interval, name)
  local id = list.calendar
  local bar_time = options.bar_time
  if bar_time and not BAR_TIMES[bar_time] then error(("--bar-time is open or close, not '%s'"):format(bar_time), 0) end
  local out = ffi.new "tl_csv *[1]"
  local before = C.tl_instruments_count(run.instruments)
  local zone = options.zone
  check(C.tl_csv_open(file, ffi.new("tl_csv_options", {
    symbol = symbol, name = name, zone = zone, interval_ns = interval or 0, calendar = id, kind = name and C.TL_CSV_DATA or C.TL_CSV_AUTO,
    bar_time = BAR_TIMES[bar_time] or 0,
  }), run.instruments, run.calendars, out))
  local csv = out[0]
  if C.tl_csv_kind_of(csv) == C.TL_CSV_BARS then
    local bars = { interval = tonumber(C.tl_csv_interval_ns(csv)), first = before, last = C.tl_instruments_count(run.instruments) - 1 }
    if symbol then bars.only = C.tl_instruments_find(run.instruments, symbol) end
    list.bars[#list.bars + 1] = bars
  end
  if name then
    local columns = {}
    for i = 0, C.tl_csv_columns(csv) - 1 do columns[#columns + 1] = ffi.string(C.tl_csv_column(csv, i)) end
    list.data[#list.data + 1] = { name = name, columns = columns, feed = list.feeds }
  end
  list.feeds = list.feeds + 1
  if run.add_csv then run.add_csv(csv) else check(C.tl_simulator_add_csv(run.simulator, csv)) end
end

--- Opens one file into a run as `options` say (symbol and interval besides). A run without a `simulator` has `add_itch(path, date)` and `add_csv(csv)`.
function M.open_file(run, list, file, options)
  list.calendar = calendar_of(run, options)
  list.files[#list.files + 1] = file
  if options.kind == "csv" or not options.kind and not M.is_itch(file) then return open_csv(run, list, file, options, options.symbol, options.interval) end
  local date = itch_date(list, file, options)
  if run.add_itch then run.add_itch(file, date) else check(C.tl_simulator_add_itch(run.simulator, file, date)) end
end

--- Opens all files of `options.data` and `options.inputs` into the run's simulator.
function M.open(run, options)
  local list = { files = {}, bars = {}, data = {}, notes = {}, feeds = 0 }
  if #(options.data or {}) == 0 then error("no data: name files with --data", 0) end
  list.calendar = calendar_of(run, options)
  local given = {}
  for _, spec in ipairs(options.data) do
    local file, symbol, interval = M.split(spec)
    if given[spec] then error(("%s is given twice: everything in it would happen twice"):format(spec), 0) end
    given[spec] = true
    list.files[#list.files + 1] = file
    if M.is_itch(file) then
      check(C.tl_simulator_add_itch(run.simulator, file, itch_date(list, file, options)))
    else
      open_csv(run, list, file, options, symbol, interval)
    end
  end
  for _, spec in ipairs(options.inputs or {}) do
    local name, file = spec:match "^([%w_]+)=(.+)$"
    if not name then error(("--input %s: write NAME=FILE"):format(spec), 0) end
    open_csv(run, list, file, options, nil, nil, name)
  end
  return list
end

--- Whether a file brings bars of that interval of an instrument.
function M.has_bars(list, instrument, interval_ns)
  for _, bars in ipairs(list.bars) do
    if bars.interval == interval_ns and (bars.only == instrument or not bars.only and instrument >= bars.first and instrument <= bars.last) then return true end
  end
  return false
end

--- The instant of "YYYY-MM-DD" or "YYYY-MM-DD HH:MM[:SS]" in a calendar's zone; a bare date with `end_of_day` is the next midnight.
function M.instant(run, calendar, text, end_of_day)
  local date, clock = text:match "^(%d%d%d%d%-%d%d%-%d%d)[ T]?(.*)$"
  if not date then error(("'%s' is no time; write \"YYYY-MM-DD\" or \"YYYY-MM-DD HH:MM:SS\""):format(text), 0) end
  local number, tod = date_number(date), 0
  if clock ~= "" then
    local h, m, s = clock:match "^(%d%d):(%d%d):?(%d*%.?%d*)$"
    if not h then error(("'%s' is no time of day; write HH:MM:SS"):format(clock), 0) end
    if tonumber(h) > 23 or tonumber(m) > 59 or (tonumber(s) or 0) >= 60 then error(("'%s' is no time of day; write HH:MM:SS"):format(clock), 0) end
    tod = h * 3600e9 + m * 60e9 + (tonumber(s) or 0) * 1e9
  elseif end_of_day then
    number = C.tl_date_add(number, 1)
  end
  return C.tl_calendars_instant(run.calendars, calendar, number, tod)
end

--- Applies --from and --to, in the zone of the first instrument's calendar.
function M.set_span(run, options)
  if not (options.from or options.to) then return end
  local calendar = C.tl_instruments_count(run.instruments) > 0 and C.tl_instruments_at(run.instruments, 0).calendar or 1
  local from = options.from and M.instant(run, calendar, options.from, false) or 0
  local to = options.to and M.instant(run, calendar, options.to, true) or 0
  if options.from and options.to and from >= to then error(("--from %s is not before --to %s"):format(options.from, options.to), 0) end
  run.from_ns = from
  C.tl_simulator_set_span(run.simulator, from, to)
end

return M

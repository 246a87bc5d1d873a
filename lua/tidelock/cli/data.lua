--- `tidelock data FILE`: what is in a data file; with `--book`, an instrument's book after every message that touches it.
local native = require "tidelock.native"
local progress = require "tidelock.cli.progress"
local csv = require "tidelock.cli.data_csv"
local json = require "tidelock.cli.json"
local nearest = require "tidelock.nearest"
local C, ffi, check = native.C, native.ffi, native.check

local M = { summary = "what is in a data file; an instrument's book as CSV" }

local STEP_MESSAGES = 131072
local SHOWN_INSTRUMENTS = 20

function M.parser(parser)
  parser:argument("file", "an ITCH 5.0 file or a CSV file, plain, gzip or zstd; - is standard input (ITCH)"):argname "FILE"
  parser:option("--book", "print this instrument's book as CSV, a row after every message that touches it"):argname "SYMBOL"
  parser:option("--levels", "levels of each side in a row of --book, 1 to " .. C.TL_ITCH_ROWS_MAX_LEVELS .. " (default 5)"):argname "N"
  parser:flag("--json", "print one JSON object")
  parser:epilog "Example: tidelock data 01302020.NASDAQ_ITCH50.gz --book AAPL --levels 5 > aapl.csv"
end

local function number(value)
  return tonumber(value)
end

--- ns since midnight as 09:30:00.000000000.
local function time_of_day(ns)
  ns = ffi.cast("int64_t", ns)
  local s = number(ns / 1000000000)
  return string.format("%02d:%02d:%02d.%09d", math.floor(s / 3600), math.floor(s / 60) % 60, s % 60, number(ns % 1000000000))
end

local function date_text(date)
  if date == 0 then return nil end
  return string.format("%04d-%02d-%02d", math.floor(date / 10000), math.floor(date / 100) % 100, date % 100)
end

local PROBLEM_WORDS = {
  truncated = "the file ends inside a message",
  bad_length = "a frame's length is not its type's",
  unknown_type = "a letter that ITCH 5.0 does not know",
  bad_field = "a side, price or quantity that cannot be",
  broken_stream = "the compressed data is broken or cut, or a read failed",
  unknown_order = "a reference that is not live",
  duplicate_order = "an add for a live reference",
  over_executed = "more taken off an order than was open",
  backwards = "a time before the one in front of it",
}

--- The problems that occurred, in the order of their first place in the file.
local function problem_list(counts)
  local list = json.array {}
  for kind = 0, C.TL_ITCH_PROBLEMS - 1 do
    if counts.count[kind] > 0 then
      local name = ffi.string(C.tl_itch_problem_name(kind))
      list[#list + 1] = {
        kind = name, text = PROBLEM_WORDS[name], count = number(counts.count[kind]), rank = kind,
        first_offset = number(counts.first_offset[kind]), first_ordinal = number(counts.first_ordinal[kind]),
      }
    end
  end
  table.sort(list, function(a, b)
    if a.first_offset ~= b.first_offset then return a.first_offset < b.first_offset end
    return a.rank < b.rank
  end)
  for _, problem in ipairs(list) do problem.rank = nil end
  return list
end

local function problem_sentence(p)
  return string.format("%-15s %10d   first at byte %d, message %d: %s", p.kind, p.count, p.first_offset, p.first_ordinal, p.text)
end

local function is_seekable(file)
  return file ~= "-" and not C.tl_stream_is_pipe(file)
end

--- Whether a file is meant as CSV, told by its first line: no control characters, as a frame of ITCH begins with; or a zip archive or
--- UTF-16, of which the CSV reader says what to do. Standard input and pipes cannot be looked at twice: they are taken for ITCH.
local function is_text(file)
  if not is_seekable(file) then return false end
  local slot = ffi.new "tl_stream *[1]"
  check(C.tl_stream_open(file, slot))
  local head, length = ffi.new "uint8_t[4096]", ffi.new "size_t[1]"
  C.tl_stream_read(slot[0], head, 4096, length) -- what is broken will be met, and named, by the reader
  C.tl_stream_close(slot[0])
  local text = ffi.string(head, length[0])
  for _, mark in ipairs { "PK\3\4", "\255\254", "\254\255" } do
    if text:sub(1, #mark) == mark then return true end
  end
  return #text > 0 and not text:match "^[\r\n]*([^\n]*)":find "[%z\1-\8\11\12\14-\31]"
end

local function survey_itch(file)
  local slot = ffi.new "tl_itch_survey *[1]"
  check(C.tl_itch_survey_open(file, slot))
  local survey = ffi.gc(slot[0], C.tl_itch_survey_close)
  local totals = C.tl_itch_survey_totals_of(survey)
  local bar = progress.new(nil, "messages")
  local more = true
  while more do
    more = C.tl_itch_survey_step(survey, STEP_MESSAGES)
    local read, whole = number(totals.consumed_bytes), number(totals.file_bytes)
    if whole > 0 and read > 0 then bar.total = number(totals.messages) * whole / read end
    bar:update(number(totals.messages))
  end
  bar:finish()
  return survey, totals
end

local function itch_summary(file)
  local survey, totals = survey_itch(file)
  local problems = problem_list(totals.problems)
  local messages = number(totals.messages)
  if messages == 0 then
    local why = number(totals.bytes) == 0 and not problems[1] and "it is empty" or "no message of ITCH 5.0 in it"
    if number(totals.bytes) > 0 and not is_seekable(file) then why = why .. " (CSV is read from files, not from pipes)" end
    if problems[1] then why = why .. "; first problem: " .. problems[1].kind .. " at byte " .. problems[1].first_offset end
    error(file .. ": " .. why, 0)
  end
  local instruments = json.array {}
  for i = 0, totals.instruments - 1 do
    local one = C.tl_itch_survey_at(survey, i)
    instruments[#instruments + 1] = {
      symbol = ffi.string(C.tl_itch_survey_symbol(survey, i)), messages = number(one.messages), orders = number(one.orders),
      trades = number(one.trades), volume = number(one.volume),
    }
  end
  local types, names = {}, {}
  for byte = 0, 255 do
    if totals.types[byte] > 0 then
      local letter = string.char(byte)
      types[letter] = number(totals.types[byte])
      names[letter] = ffi.string(C.tl_itch_type_name(byte))
    end
  end
  local problem_count = 0
  for _, p in ipairs(problems) do problem_count = problem_count + p.count end
  return {
    file = file, kind = "itch", format = "ITCH 5.0", date = date_text(totals.date), messages = messages, bytes = number(totals.bytes),
    span = {
      first_ns = number(totals.first_ns), last_ns = number(totals.last_ns),
      first = time_of_day(totals.first_ns), last = time_of_day(totals.last_ns),
    },
    types = types, type_names = names, instrument_count = #instruments, instruments = instruments,
    live_orders = number(totals.live_orders), most_live_orders = number(totals.most_live_orders),
    problem_count = problem_count, problems = problems, first_problem = problems[1],
  }
end

local function print_itch(s)
  local out = io.stdout
  out:write(string.format("%s: %s%s\n", s.file, s.format, s.date and (", " .. s.date) or ""))
  out:write(string.format("  messages     %d in %d bytes\n", s.messages, s.bytes))
  out:write(string.format("  span         %s to %s\n", s.span.first, s.span.last))
  out:write(string.format("  live orders  %d at the end, %d at most\n", s.live_orders, s.most_live_orders))
  out:write "\n  type  messages  name\n"
  local letters = {}
  for letter in pairs(s.types) do letters[#letters + 1] = letter end
  table.sort(letters, function(a, b)
    if s.types[a] ~= s.types[b] then return s.types[a] > s.types[b] end
    return a < b
  end)
  for _, letter in ipairs(letters) do
    out:write(string.format("  %s %11d  %s\n", letter, s.types[letter], s.type_names[letter]))
  end
  local busiest, with_orders = {}, 0
  for i, one in ipairs(s.instruments) do
    busiest[i] = one
    if one.orders > 0 then with_orders = with_orders + 1 end
  end
  out:write(string.format("\n  %d instrument%s, %d with orders\n", s.instrument_count, s.instrument_count == 1 and "" or "s", with_orders))
  table.sort(busiest, function(a, b)
    if a.messages ~= b.messages then return a.messages > b.messages end
    return a.symbol < b.symbol
  end)
  if #busiest > 0 then out:write "  symbol    messages     orders     trades       shares\n" end
  for i = 1, math.min(#busiest, SHOWN_INSTRUMENTS) do
    local one = busiest[i]
    out:write(string.format("  %-8s %9d %10d %10d %12.0f\n", one.symbol, one.messages, one.orders, one.trades, one.volume))
  end
  if #busiest > SHOWN_INSTRUMENTS then
    out:write(string.format("  and %d more with fewer messages (--json has all)\n", #busiest - SHOWN_INSTRUMENTS))
  end
  if s.problem_count == 0 then
    out:write "\n  no problems\n"
  else
    out:write(string.format("\n  %d problem%s\n", s.problem_count, s.problem_count == 1 and "" or "s"))
    for _, p in ipairs(s.problems) do out:write("  ", problem_sentence(p), "\n") end
  end
end

local function no_such_instrument(file, symbol, rows)
  local known, table_of = {}, C.tl_itch_rows_instruments(rows)
  for i = 0, C.tl_instruments_count(table_of) - 1 do
    known[#known + 1] = ffi.string(C.tl_instruments_at(table_of, i).symbol)
  end
  return file .. ": " .. nearest.sentence("instrument", symbol, known)
end

local function print_book(file, symbol, levels)
  local slot = ffi.new "tl_itch_rows *[1]"
  check(C.tl_itch_rows_open(file, symbol, levels, slot))
  local rows = ffi.gc(slot[0], C.tl_itch_rows_close)
  local size = C.TL_ITCH_ROWS_BUFFER_BYTES
  local buffer, length = ffi.new("char[?]", size), ffi.new "size_t[1]"
  local bar = progress.new(nil, "messages")
  while C.tl_itch_rows_next(rows, buffer, size, length) do
    if length[0] > 0 then
      local written, why = io.stdout:write(ffi.string(buffer, length[0]))
      if not written then error("cannot write: " .. tostring(why), 0) end
    end
    local read, whole = number(C.tl_itch_rows_consumed(rows)), number(C.tl_itch_rows_size(rows))
    local messages = number(C.tl_itch_rows_messages(rows))
    if whole > 0 and read > 0 then bar.total = messages * whole / read end
    bar:update(messages)
  end
  bar:finish()
  if not C.tl_itch_rows_seen(rows) then error(no_such_instrument(file, symbol, rows), 0) end
  local counts = ffi.new "tl_itch_problem_counts"
  C.tl_itch_rows_problems(rows, counts)
  for _, p in ipairs(problem_list(counts)) do io.stderr:write("tidelock: data: ", file, ": ", problem_sentence(p), "\n") end
end

local function levels_of(args)
  local levels = tonumber(args.levels or 5)
  if not levels or levels ~= math.floor(levels) or levels < 1 or levels > C.TL_ITCH_ROWS_MAX_LEVELS then
    error { usage = ("--levels %s: a whole number from 1 to %d is wanted"):format(args.levels, C.TL_ITCH_ROWS_MAX_LEVELS) }
  end
  return levels
end

function M.run(args)
  if args.levels and not args.book then error { usage = "--levels needs --book SYMBOL" } end
  if args.book and args.json then error { usage = "--book prints CSV: it cannot be had with --json" } end
  local levels = levels_of(args)
  local text = is_text(args.file)
  if args.book then
    if text then error(args.file .. ": it is text; --book wants ITCH 5.0", 0) end
    print_book(args.file, args.book, levels)
    return 0
  end
  local summary = text and csv.summary(args.file) or itch_summary(args.file)
  if args.json then
    io.stdout:write(json.encode(summary), "\n")
  elseif text then
    csv.print(summary)
  else
    print_itch(summary)
  end
  return 0
end

return M

--- `tidelock generate`: a synthetic ITCH 5.0 session from a seed.
local native = require "tidelock.native"
local progress = require "tidelock.cli.progress"
local C, ffi, check = native.C, native.ffi, native.check

local M = { summary = "a synthetic ITCH 5.0 session from a seed" }

local DEFAULT = { seed = 1, symbols = 5, messages = 500000, date = "2024-01-02" }
local BUFFER_BYTES = 4 * C.TL_GENERATOR_BUFFER_BYTES

function M.parser(parser)
  parser:option("--seed", "the same seed (and options) gives the same file (default 1)"):argname "N"
  parser:option("--symbols", "instruments, the first of which is AAPL (default 5)"):argname "K"
  parser:option("--messages", "messages of the whole file (default 500000)"):argname "M"
  parser:option("--date", "the day that the file's name gets (default " .. DEFAULT.date .. ")"):argname "YYYY-MM-DD"
  parser:option("--out", "the file; .gz and .zst are compressed, - is standard output (default generated_SEED_DATE.itch)"):argname "FILE"
  parser:epilog "Example: tidelock generate --seed 7 --symbols 5 --messages 500000 --out session_2024-01-02.itch.zst"
end

local function whole(args, name, least, most)
  local text = args[name]
  if not text then return DEFAULT[name] end
  local value = text:match "^%d+$" and tonumber(text)
  if not value or value < least or value > most then
    error { usage = ("--%s %s: a whole number from %.0f to %.0f is wanted"):format(name, text, least, most) }
  end
  return value
end

local function days_of(year, month)
  if month == 2 then return (year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)) and 29 or 28 end
  return (month == 4 or month == 6 or month == 9 or month == 11) and 30 or 31
end

local function date_of(args)
  local text = args.date or DEFAULT.date
  local year, month, day = text:match "^(%d%d%d%d)-(%d%d)-(%d%d)$"
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if not year or year < 1990 or year > 2100 or month < 1 or month > 12 or day < 1 or day > days_of(year, month) then
    error { usage = "--date " .. text .. ": a day as YYYY-MM-DD is wanted" }
  end
  return text
end

function M.run(args)
  local options = ffi.new "tl_generator_options"
  options.seed = whole(args, "seed", 0, 2 ^ 53)
  options.symbols = whole(args, "symbols", 1, C.TL_PARTICIPANTS_MAX_SYMBOLS)
  local messages = whole(args, "messages", 1, 2 ^ 40)
  options.messages = messages
  local date = date_of(args)
  local path = args.out or ("generated_%.0f_%s.itch"):format(tonumber(options.seed), date)
  local slot = ffi.new "tl_generator *[1]"
  local status = C.tl_generator_create(options, slot)
  if status == C.TL_ERR_ARGUMENT then error { usage = ffi.string(C.tl_error_text()) } end
  check(status)
  local generator = ffi.gc(slot[0], C.tl_generator_destroy)
  local sink = ffi.new "tl_sink *[1]"
  check(C.tl_sink_open(path, sink))
  local buffer, length = ffi.new("uint8_t[?]", BUFFER_BYTES), ffi.new "size_t[1]"
  local bar = progress.new(messages, "messages")
  repeat
    status = C.tl_generator_fill(generator, buffer, BUFFER_BYTES, length)
    if status == C.TL_OK then status = C.tl_sink_write(sink[0], buffer, length[0]) end
    bar:update(tonumber(C.tl_generator_written(generator)))
  until status ~= C.TL_OK or length[0] == 0
  bar:finish()
  local why = status ~= C.TL_OK and ffi.string(C.tl_error_text())
  if why then
    C.tl_sink_discard(sink[0])
    error(why, 0)
  end
  check(C.tl_sink_close(sink[0]))
  if path ~= "-" then
    io.stdout:write(("%s: %.0f messages of %d symbol%s, seed %.0f\n"):format(path, messages, options.symbols,
      options.symbols == 1 and "" or "s", tonumber(options.seed)))
  end
  return 0
end

return M

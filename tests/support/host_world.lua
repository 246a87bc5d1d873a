--- A host with a script given as text, fed from its log by hand: for the specs of the script room.
---
---   local world = host_world.new { script = "...", symbols = { "AAPL" } }   -- loaded and bound
---   world:start()  world:quote("AAPL", 150.00, 150.10, 5, 6)  world:drain()
---   world:lines()                                                           -- what the script logged, as a list
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}
local World = {}
World.__index = World

local START_NS = 1700000000000000000LL -- 2023-11-14T22:13:20Z
local ABSENT = ffi.new("int64_t", bit.lshift(1LL, 63))

--- Writes `text` into a file of the test's own folder; returns its path.
function M.script_file(text, name, folder)
  folder = folder or M.folder()
  local path = folder .. "/" .. (name or "script") .. ".lua"
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

--- A fresh folder under /tmp.
function M.folder()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir -p " .. path) == 0)
  return path
end

--- Options: script (text) or path, symbols (of the instrument table; default AAPL,
--- MSFT) or the tables instruments and calendars, config (fields of tl_host_config), params (name = text),
--- replace (symbols instead of the script's), data ({ name =, columns... }), load_only. Returns nil and the error text when load or bind refuses.
function M.new(options)
  local self = setmetatable({ now = START_NS, anchors = {} }, World)
  self.path = options.path or M.script_file(options.script, options.name)
  self.calendars = options.calendars or ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
  self.instruments = options.instruments or ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  for _, symbol in ipairs(options.instruments and {} or options.symbols or { "AAPL", "MSFT" }) do
    local one = ffi.new("tl_instrument", { symbol = symbol, price_exponent = -4, tick = 100, calendar = C.TL_CALENDAR_XNAS })
    native.check(C.tl_instruments_add(self.instruments, one, nil))
  end
  local config = ffi.new("tl_host_config", { library = "lua", script = self.path, instruments = self.instruments, calendars = self.calendars, cash_e8 = 1e13 })
  for key, value in pairs(options.config or {}) do config[key] = value end
  local out = ffi.new "tl_host *[1]"
  if C.tl_host_create(config, out) ~= 0 then return nil, ffi.string(C.tl_error_text()) end
  self.host = ffi.gc(out[0], C.tl_host_destroy)
  for name, text in pairs(options.params or {}) do native.check(C.tl_host_param(self.host, nil, name, text)) end
  for _, override in ipairs(options.overrides or {}) do native.check(C.tl_host_param(self.host, unpack(override))) end
  for _, symbol in ipairs(options.replace or {}) do native.check(C.tl_host_symbol(self.host, symbol)) end
  for _, input in ipairs(options.data or {}) do
    local columns = ffi.new("const char *[?]", #input, input)
    native.check(C.tl_host_data(self.host, input.name, #input, columns))
  end
  local status = C.tl_host_load(self.host)
  if not options.path then -- it has been read
    os.remove(self.path)
    os.remove((self.path:match "^(.*)/"))
  end
  if status ~= 0 then return nil, ffi.string(C.tl_error_text()) end
  if not options.load_only and C.tl_host_bind(self.host) ~= 0 then return nil, ffi.string(C.tl_error_text()) end
  self.log = C.tl_host_log(self.host)
  return self
end

--- The error text of a script that load or bind refuses; fails when it does not.
function M.refused(options)
  local world, why = M.new(options)
  assert(world == nil, "the script was not refused")
  return why
end

function World:id(symbol)
  return C.tl_instruments_find(self.instruments, symbol)
end

--- Appends a record a microsecond after the last one.
function World:append(kind, symbol, words, tail)
  self.now = self.now + 1000
  local event = ffi.new("tl_event", {
    kind = kind, ts_ns = self.now - 400, ts_recv_ns = self.now, instrument = symbol and self:id(symbol) or 0xffffffff, w = words or {},
  })
  local rest = tail and ffi.new("tl_event_tail", { w = tail }) or ffi.new "tl_event_tail"
  assert(C.tl_input_log_append(self.log, event, rest), "the log is full")
  return self
end

local function mantissa(price)
  return price and ffi.new("int64_t", price * 1e4 + 0.5) or ABSENT
end

function World:start() return self:append(C.TL_EVENT_START, nil, { 0 }) end
function World:phase(phase) return self:append(C.TL_EVENT_PHASE, nil, { phase }) end
function World:stop() return self:append(C.TL_EVENT_STOP, nil, { 0 }) end

function World:quote(symbol, bid, ask, bid_size, ask_size)
  return self:append(C.TL_EVENT_QUOTE, symbol, { mantissa(bid), mantissa(ask), bid_size or 100, ask_size or 100 })
end

function World:trade(symbol, price, size, side, kind)
  return self:append(C.TL_EVENT_TRADE, symbol, { mantissa(price), size or 100, 18014398509481985LL, (side or 0) + (kind or 0) * 256 })
end

function World:level(symbol, side, price, size, count)
  return self:append(C.TL_EVENT_LEVEL, symbol, { mantissa(price), size, count or 1, side == "buy" and 1 or 2 })
end

function World:book(symbol) return self:append(C.TL_EVENT_BOOK, symbol) end

function World:bar(symbol, open, high, low, close, volume, interval)
  interval = ffi.new("int64_t", interval or 60e9)
  return self:append(C.TL_EVENT_BAR, symbol, { mantissa(open), mantissa(high), mantissa(low), mantissa(close) },
    { volume or 1000, 10, mantissa(close), self.now - interval, interval })
end

--- Moves the clock to `ns` after now, firing timers that are due on the way, each as a record of its own time.
function World:advance(ns)
  local target = self.now + ffi.new("int64_t", ns)
  local event = ffi.new "tl_event"
  while C.tl_host_next_timer_ns(self.host) <= target do
    local at = C.tl_host_next_timer_ns(self.host)
    if at > self.now then self.now = at end
    assert(C.tl_host_take_timer(self.host, self.now, event))
    assert(C.tl_input_log_append(self.log, event, nil))
    self:drain()
  end
  self.now = target
  return self
end

--- Drains; true, or false and the failure.
function World:drain()
  if C.tl_host_drain(self.host) == 0 then return true end
  return false, ffi.string(C.tl_host_failure(self.host))
end

--- The log lines so far.
function World:lines()
  local kept, lines = C.tl_host_kept(self.host), {}
  for i = 0, tonumber(C.tl_kept_lines(kept)) - 1 do
    local line = C.tl_kept_line_at(kept, i)
    lines[#lines + 1] = line ~= nil and ffi.string(line.text) or false
  end
  return lines
end

function World:close()
  ffi.gc(self.host, nil)
  C.tl_host_destroy(self.host)
  self.host = nil
end

--- Runs a script whose on_start does the work and returns its log lines.
function M.run(body, options)
  options = options or {}
  options.script = options.script or ("local strategy = require 'strategy'\nlocal s = strategy {}\nfunction s:on_start()\n" .. body .. "\nend\nreturn s\n")
  local world = assert(M.new(options))
  world:start()
  local ok, why = world:drain()
  assert(ok, why)
  local lines = world:lines()
  world:close()
  return lines
end

return M

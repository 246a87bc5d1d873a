--- Progress of long work on standard error: messages, percent, rate and time left.
---
--- Silent unless standard error is a terminal, and until the work has lasted a second; after that one line that is rewritten at
--- most ten times a second. Call `update` as often as is handy (every block, not every message): while nothing is due it costs one
--- clock read.
---
---   local bar = progress.new(20000000, "messages")
---   while working do bar:update(done) end
---   bar:finish()
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

ffi.cdef [[
int isatty(int fd);
int ioctl(int fd, unsigned long request, ...);
struct tidelock_winsize { unsigned short rows, columns, width, height; };
]]

local WINDOW_SIZE = 0x5413 -- TIOCGWINSZ

local M = {}
local shown -- the line that stands on the terminal
local Progress = {}
Progress.__index = Progress

local FIRST_SHOWN_S, INTERVAL_S = 1.0, 0.1

--- Columns of the terminal, or nil: a longer line would break, and could not be rewritten.
local function columns()
  local size = ffi.new "struct tidelock_winsize"
  return ffi.C.ioctl(2, WINDOW_SIZE, size) == 0 and size.columns > 0 and size.columns or nil
end

local function monotonic_s()
  return tonumber(C.tl_clock_monotonic_ns()) / 1e9
end

local function count(n)
  if n >= 1e9 then return string.format("%.2fG", n / 1e9) end
  if n >= 1e6 then return string.format("%.1fM", n / 1e6) end
  if n >= 1e4 then return string.format("%.0fk", n / 1e3) end
  return string.format("%d", n)
end

local function duration(s)
  if s >= 3600 then return string.format("%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60) end
  return string.format("%d:%02d", s / 60, s % 60)
end

--- The text of one state, without control characters.
---@param done number amount done
---@param total number|nil amount in all, nil when it is not known
---@param unit string what is counted, in the plural
---@param elapsed_s number seconds since the start
---@return string
function M.line(done, total, unit, elapsed_s)
  local rate = elapsed_s > 0 and done / elapsed_s or 0
  local text = string.format("%s %s", count(done), unit)
  if total and total > 0 then text = text .. string.format(", %d %%", math.floor(100 * math.min(done / total, 1))) end
  text = text .. string.format(", %s/s", count(rate))
  if total and rate > 0 and done < total then text = text .. ", " .. duration((total - done) / rate) .. " left" end
  return text
end

--- Starts a progress line.
---@param total number|nil amount in all, in `unit`; nil when it is not known
---@param unit string|nil what is counted, in the plural (default "messages")
---@param options table|nil for tests: `out` (a file), `terminal` (boolean), `now` (function returning seconds), `columns` (function returning a number)
function M.new(total, unit, options)
  options = options or {}
  local terminal = options.terminal
  if terminal == nil then terminal = ffi.C.isatty(2) == 1 end
  local now = options.now or monotonic_s
  local start = now()
  return setmetatable({
    total = total, unit = unit or "messages", out = options.out or io.stderr, terminal = terminal, now = now,
    columns = options.columns or columns, start = start, due = start + FIRST_SHOWN_S, width = 0,
  }, Progress)
end

--- Says how much is done so far (the whole amount, not the step).
---@param done number
function Progress:update(done)
  if not self.terminal then return end
  local now = self.now()
  if now < self.due then return end
  self.due = now + INTERVAL_S
  local text = M.line(tonumber(done), self.total, self.unit, now - self.start)
  local most = self.columns()
  if most then text = text:sub(1, most - 1) end
  self.out:write("\r", text, (" "):rep(self.width - #text))
  self.out:flush()
  self.width, shown = #text, self
end

--- Clears the line, so that what is printed next starts on an empty one. May be called more than once.
function Progress:finish()
  if self.width == 0 then return end
  self.out:write("\r", (" "):rep(self.width), "\r")
  self.out:flush()
  self.width, shown = 0, nil
end

--- Clears the line that is shown, whoever's it is, before an error is told.
function M.clear()
  if shown then shown:finish() end
end

return M

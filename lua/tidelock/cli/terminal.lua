--- A terminal that is drawn on as a whole: the alternate screen, keys without echo, frames written at once so that nothing flickers.
local native = require "tidelock.native"
local ffi = native.ffi

ffi.cdef [[
struct tidelock_termios { unsigned input, output, control, local_; unsigned char line, characters[32]; unsigned in_speed, out_speed; };
int tcgetattr(int fd, struct tidelock_termios *settings);
int tcsetattr(int fd, int when, const struct tidelock_termios *settings);
struct tidelock_pollfd { int fd; short events, revents; };
int poll(struct tidelock_pollfd *fds, unsigned long count, int timeout_ms);
ssize_t read(int fd, void *to, size_t bytes);
int ioctl(int fd, unsigned long request, ...);
struct tidelock_screen { unsigned short rows, columns, width, height; };
]]

local M = {}
local Terminal = {}
Terminal.__index = Terminal

local ICANON, ECHO, ISIG, POLLIN, WINDOW_SIZE, NOW = 2, 8, 1, 1, 0x5413, 0

--- Takes the terminal over; close() gives it back as it was.
function M.open()
  local self = setmetatable({ before = ffi.new "struct tidelock_termios" }, Terminal)
  if ffi.C.tcgetattr(0, self.before) ~= 0 then error("standard input is no terminal; --once prints one picture", 0) end
  local raw = ffi.new("struct tidelock_termios", self.before)
  raw.local_ = bit.band(raw.local_, bit.bnot(ICANON + ECHO + ISIG))
  ffi.C.tcsetattr(0, NOW, raw)
  io.stdout:write "\27[?1049h\27[?25l\27[2J"
  io.stdout:flush()
  return self
end

function Terminal:close()
  io.stdout:write "\27[?25h\27[?1049l"
  io.stdout:flush()
  ffi.C.tcsetattr(0, NOW, self.before)
end

--- Rows and columns of the terminal behind a descriptor (default 1), 24 and 80 where there is none.
function M.size(fd)
  local size = ffi.new "struct tidelock_screen"
  if ffi.C.ioctl(fd or 1, WINDOW_SIZE, size) ~= 0 or size.rows == 0 then return 24, 80 end
  return size.rows, size.columns
end

--- The key that was pressed within `ms`, nil for none. "" is the end of input.
function Terminal:key(ms) -- luacheck: ignore 212
  local wait, byte = ffi.new("struct tidelock_pollfd", { 0, POLLIN, 0 }), ffi.new "char[64]"
  if ffi.C.poll(wait, 1, ms) <= 0 then return nil end
  return ffi.string(byte, math.max(0, tonumber(ffi.C.read(0, byte, 64))))
end

--- Shows lines: what is too long or too many is cut; each line clears what stood behind it.
function Terminal:draw(lines) -- luacheck: ignore 212
  local rows, columns = M.size()
  local out = { "\27[?2026h\27[H" }
  for i = 1, math.min(#lines, rows) do
    out[#out + 1] = M.cut(lines[i], columns) .. "\27[0m\27[K" .. (i < math.min(#lines, rows) and "\r\n" or "")
  end
  out[#out + 1] = "\27[J\27[?2026l"
  io.stdout:write(table.concat(out))
  io.stdout:flush()
end

--- A line of at most so many columns; escape sequences take no room.
function M.cut(line, columns)
  local out, room, at = {}, columns, 1
  while at <= #line do
    local escape = line:match("^\27%[[%d;?]*%a", at)
    if escape then
      out[#out + 1], at = escape, at + #escape
    else
      local char = line:match("^[%z\1-\127\194-\244][\128-\191]*", at) or line:sub(at, at)
      if room == 0 then break end
      out[#out + 1], at, room = char, at + #char, room - 1
    end
  end
  return table.concat(out)
end

return M

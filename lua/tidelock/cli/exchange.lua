--- `tidelock exchange`: the matching engine on a scenario of JSON lines.
local progress = require "tidelock.cli.progress"
local scenario = require "tidelock.scenario"
local ffi = require("tidelock.native").ffi

ffi.cdef "ssize_t read(int fd, void *to, size_t bytes); int open(const char *path, int flags, ...); char *strerror(int code);"

local M = { summary = "the matching engine as an exchange: JSON lines in, JSON lines out" }

local BLOCK_BYTES = 65536
local MAX_LINE_BYTES = 1048576

function M.parser(parser)
  parser:option("--scenario", "a file of operations, one JSON object a line; - is standard input"):argname "FILE"
  parser:option("--self-trade", "whose order is cancelled when an account would trade with itself: newest, oldest, both; or allow")
    :choices { "newest", "oldest", "both", "allow" }:default "newest"
  parser:epilog([[Example:
  printf '%s\n' '{"op":"new","id":"a","symbol":"X","side":"sell","type":"limit","price":"10.50","quantity":"100"}' \
                '{"op":"new","id":"b","symbol":"X","side":"buy","type":"market","quantity":"30"}' \
                '{"op":"book","symbol":"X"}' | tidelock exchange --scenario -

docs/EXCHANGE.md lists operations and events.]])
end

local function open(path)
  if path == "-" then return 0 end
  local fd = ffi.C.open(path, 0)
  if fd < 0 then error(path .. ": " .. ffi.string(ffi.C.strerror(ffi.errno())), 0) end
  return fd
end

--- Output is gathered and written block by block.
local function writer()
  local parts, count = {}, 0
  local out = {}
  function out.flush()
    if count > 0 then
      local ok, why = io.stdout:write(table.concat(parts, "", 1, count))
      if ok then ok, why = io.stdout:flush() end
      if not ok then error("cannot write: " .. tostring(why), 0) end
      count = 0
    end
  end
  function out.write(text)
    count = count + 1
    parts[count] = text
    if count == 1024 then out.flush() end
  end
  return out
end

function M.run(args)
  if not args.scenario then error({ usage = "--scenario FILE is wanted; - is standard input" }) end
  local fd = open(args.scenario)
  local out = writer()
  local s = scenario.new { write = out.write, flush = out.flush, self_trade = args.self_trade }
  local bar = progress.new(nil, "bytes")
  local block = ffi.new("char[?]", BLOCK_BYTES)
  local pending, dropping, bytes = "", false, 0
  while true do
    local n = tonumber(ffi.C.read(fd, block, BLOCK_BYTES))
    if n < 0 then
      if ffi.errno() ~= 4 then error(args.scenario .. ": " .. ffi.string(ffi.C.strerror(ffi.errno())), 0) end
    elseif n == 0 then
      break
    else
      local text, from = ffi.string(block, n), 1
      bytes = bytes + n
      while true do
        local stop = text:find("\n", from, true)
        if not stop then break end
        local line = pending .. text:sub(from, stop - 1)
        pending, from = "", stop + 1
        if dropping then dropping = false s:overlong(MAX_LINE_BYTES) else s:line(line) end
      end
      if not dropping then pending = pending .. text:sub(from) end
      if #pending > MAX_LINE_BYTES then pending, dropping = "", true end
      -- Whoever waits for an answer gets it, sync or not.
      out.flush()
      bar:update(bytes)
    end
  end
  if dropping then s:overlong(MAX_LINE_BYTES) elseif pending ~= "" then s:line(pending) end
  out.flush()
  bar:finish()
  return 0
end

return M

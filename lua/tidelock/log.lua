--- Structured log lines of a strategy: `log.info("filled %d at %.2f", n, price)`, and a table of fields as the last argument: `{ symbol = "AAPL" }`.
---
--- Lines go to the host's owner at the runtime's time; they never block. One format (and `print`) may write a burst of 1,000 lines and then 100 a
--- second of runtime time; what was held back is said with the next line that passes.
local context = require "tidelock.runtime.context"
local C, ffi = context.C, context.ffi

local MAX_FORMATS = 1000 -- formats made on the fly share the last one's limit, and are not remembered
local PRINT = 0
local formats, format_count = {}, 0
local wanted = {} -- by format: how many arguments it shows
local held = ffi.new "uint64_t[1]"

local function arguments_of(format)
  return wanted[format] or select(2, format:gsub("%%%%", ""):gsub("%%", ""))
end

local function format_id(format)
  local id = formats[format]
  if id then return id end
  if format_count >= MAX_FORMATS then return MAX_FORMATS end
  format_count = format_count + 1
  wanted[format], formats[format] = arguments_of(format), format_count
  return format_count
end

local function allowed(id)
  return C.tl_kept_log_allowed(C.tl_runtime_kept(context.host), id, C.tl_runtime_now_ns(context.host), held)
end

local function fields_of(given)
  local words = {}
  local keys, count = rawget(_G, "TIDELOCK_INSIDE").keys(given)
  local show = require("tidelock.runtime.sandbox").show
  for i = 1, count do words[i] = tostring(keys[i]) .. "=" .. show(given[keys[i]]) end
  return table.concat(words, " ")
end

local function write(level, text)
  if held[0] > 0 then text = ("%s (%d more like this were held back)"):format(text, tonumber(held[0])) end
  C.tl_runtime_log(context.host, level, text)
end

--- What `print` writes: one limit for all of it.
local function line(level, text)
  if allowed(PRINT) then write(level, text) end
end

--- The text of a format and its arguments. What does not fit raises at the line that logs.
local function formatted(format, ...)
  local ok, result = pcall(require("tidelock.runtime.sandbox").format, format, ...)
  if not ok then error((tostring(result):gsub("to '%?'", "to 'format'")), 3) end
  return result
end

local function leveled(level)
  return function(format, ...)
    if type(format) ~= "string" then error("log: the first argument is a format string, not a " .. type(format), 2) end
    if not allowed(format_id(format)) then return end
    local count = select("#", ...)
    local last = count > 0 and select(count, ...) or nil
    local text
    if type(last) == "table" and count > arguments_of(format) then
      local arguments = { ... }
      text = formatted(format, unpack(arguments, 1, count - 1)) .. " " .. fields_of(last)
    else
      text = formatted(format, ...)
    end
    write(level, text)
  end
end

return context.module("log", { debug = leveled(0), info = leveled(1), warn = leveled(2), error = leveled(3), line = line })

--- JSON out, the same bytes for the same value: keys in order, whole numbers without a point, an empty list as [],
--- bytes of a text (a file's name) that are not UTF-8 as U+FFFD.
local cjson = require("cjson").new()
local utf8 = require "tidelock.utf8"

local M = {}

local Array = {}

--- Marks a table as a list, so that it is written as [] when it is empty. Returns it.
function M.array(list)
  return setmetatable(list, Array)
end

local function number(value)
  if value ~= value or value == math.huge or value == -math.huge then return "null" end
  if value == math.floor(value) and math.abs(value) < 2 ^ 53 then return string.format("%.0f", value) end
  return string.format("%.17g", value)
end

local encode

local function list_text(list)
  local parts = {}
  for i = 1, #list do parts[i] = encode(list[i]) end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function object_text(object)
  local keys, parts = {}, {}
  for key in pairs(object) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do parts[i] = encode(key) .. ":" .. encode(object[key]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- The JSON text of nil, booleans, numbers, strings, lists and tables with string keys. Numbers that are none (NaN, infinities) are null.
function encode(value)
  local kind = type(value)
  if kind == "nil" then return "null" end
  if kind == "number" then return number(value) end
  if kind == "table" then
    if getmetatable(value) == Array or #value > 0 then return list_text(value) end
    return object_text(value)
  end
  return cjson.encode(kind == "string" and utf8.clean(value) or value)
end

M.encode = encode

return M

--- JSON whose text depends on the values only: keys in a stated or sorted order, numbers in the shortest form that reads back
--- the same. (lua-cjson writes keys in the order of `pairs`, which differs from run to run.)
local ffi = require "ffi"
local utf8 = require "tidelock.utf8"

local M = {}

--- Stands for null inside tables.
M.null = setmetatable({}, { __tostring = function() return "null" end })

local Ordered, List = {}, {}

--- A table whose keys are written in the order of `keys`; those without a value are written as null.
---@generic T
---@param values T
---@param keys string[]
---@return T
function M.ordered(values, keys)
  return setmetatable(values, { kind = Ordered, keys = keys })
end

--- Marks a table as an array, so that an empty one is written as [].
function M.list(values)
  return setmetatable(values, { kind = List })
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

--- A string literal, with U+FFFD for each byte that is not UTF-8. `<`, `>` and `&` are escaped too, so that the text can stand inside an HTML script
--- element.
function M.string(value)
  return '"' .. utf8.clean(value):gsub('[%z\1-\31"\\<>&\127]', function(c)
    return escapes[c] or ("\\u%04x"):format(c:byte())
  end):gsub("\226\128([\168\169])", function(c) return c == "\168" and "\\u2028" or "\\u2029" end) .. '"'
end

--- The shortest decimal that reads back as the same double; null for what JSON cannot say.
function M.number(value)
  if value ~= value or value == math.huge or value == -math.huge then return "null" end
  if value == math.floor(value) and math.abs(value) < 1e19 then return (("%.0f"):format(value):gsub("^%-0$", "0")) end
  for digits = 15, 16 do
    local short = ("%%.%dg"):format(digits):format(value)
    if tonumber(short) == value then return short end
  end
  return ("%.17g"):format(value)
end

local encode

local function encode_table(value, indent)
  local meta = getmetatable(value)
  local kind = meta and meta.kind
  local inner = indent and indent .. "  "
  local separator = indent and ",\n" .. inner or ","
  local open, close = indent and "\n" .. inner or "", indent and "\n" .. indent or ""
  local parts = {}
  if kind == List or (kind ~= Ordered and #value > 0) then
    if #value == 0 then return "[]" end
    for i = 1, #value do parts[i] = encode(value[i], inner) end
    return "[" .. open .. table.concat(parts, separator) .. close .. "]"
  end
  local keys = {}
  if kind == Ordered then
    keys = meta.keys
  else
    for key in pairs(value) do keys[#keys + 1] = key end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  end
  if #keys == 0 then return "{}" end
  for i, key in ipairs(keys) do
    local member = value[key]
    parts[i] = M.string(tostring(key)) .. (indent and ": " or ":") .. (member == nil and "null" or encode(member, inner))
  end
  return "{" .. open .. table.concat(parts, separator) .. close .. "}"
end

function encode(value, indent)
  local kind = type(value)
  if value == nil or value == M.null then return "null" end
  if kind == "table" then return encode_table(value, indent) end
  if kind == "number" then return M.number(value) end
  if kind == "string" then return M.string(value) end
  if kind == "boolean" then return tostring(value) end
  if kind == "cdata" and (ffi.istype("int64_t", value) or ffi.istype("uint64_t", value)) then
    return (tostring(value):gsub("U?LL$", ""))
  end
  error("cannot be written as JSON: " .. tostring(value))
end

--- The JSON text of a value; with `pretty` one member a line.
---@param value any
---@param pretty boolean|nil
---@return string
function M.encode(value, pretty)
  return encode(value, pretty and "" or nil)
end

return M

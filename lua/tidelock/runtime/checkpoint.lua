--- What is handed over and kept in checkpoints: plain data, orders and indicators, as text.
---
--- The text is a function of the data: keys go in the sandbox's order. A table that stands in several places is one table again afterwards. Orders come
--- back as the same orders, indicators in the state in which they were.
local context = require "tidelock.runtime.context"
local inside = rawget(_G, "TIDELOCK_INSIDE")
local C, ffi = context.C, context.ffi

local M = {}

local HEADER = "tidelock-state-1\n"
local MAX_DEPTH = 180 -- nested deeper, reading it back would run into the stack

local function path_text(path)
  local words = {}
  for i, key in ipairs(path) do words[i] = type(key) == "string" and key or ("[%s]"):format(tostring(key)) end
  return #words > 0 and table.concat(words, ".") or "the state itself"
end

local function order_handle_type()
  return require("tidelock.runtime.order_object").handle_t
end

local function is_indicator(value)
  local indicator = package.loaded["tidelock.indicator"]
  return indicator and type(getmetatable(value)) == "table" and indicator.names and rawget(getmetatable(value), "save") ~= nil
    and rawget(getmetatable(value), "kind") ~= nil
end

local encode

local function encode_table(out, value, seen, path)
  if seen[value] then
    out[#out + 1] = ("r%d;"):format(seen[value])
    return
  end
  seen.count = seen.count + 1
  seen[value] = seen.count
  if #path > MAX_DEPTH then error(("the state is nested deeper than %d tables at %s"):format(MAX_DEPTH, path_text(path)), 0) end
  if is_indicator(value) then
    out[#out + 1] = "i"
    seen.count = seen.count + 1 -- the table that save() makes takes a number of its own when it is read
    encode(out, value:save(), { count = 0 }, path)
    return
  end
  if getmetatable(value) ~= nil then
    error(("the state holds a table with a metatable at %s: plain data, orders and indicators can be kept"):format(path_text(path)), 0)
  end
  local ok, keys, count = pcall(inside.keys, value)
  if not ok then error(("the state holds a key that is no number, string or boolean at %s"):format(path_text(path)), 0) end
  out[#out + 1] = ("t%d;"):format(count)
  for i = 1, count do
    path[#path + 1] = keys[i]
    encode(out, keys[i], seen, path)
    encode(out, value[keys[i]], seen, path)
    path[#path] = nil
  end
end

function encode(out, value, seen, path)
  local kind = type(value)
  if kind == "number" then out[#out + 1] = ("n%.17g;"):format(value)
  elseif kind == "string" then out[#out + 1] = ("s%d;%s"):format(#value, value)
  elseif kind == "boolean" then out[#out + 1] = value and "b1;" or "b0;"
  elseif kind == "nil" then out[#out + 1] = "z;"
  elseif kind == "table" then encode_table(out, value, seen, path)
  elseif kind == "cdata" and ffi.istype(order_handle_type(), value) then out[#out + 1] = ("o%.0f;"):format(value.id)
  else error(("the state holds a %s at %s: plain data, orders and indicators can be kept"):format(kind == "cdata" and "view" or kind, path_text(path)), 0) end
end

--- The text of a value. Raises, naming the place, for what cannot be kept.
function M.encode(value)
  local out = { HEADER }
  encode(out, value, { count = 0 }, {})
  return table.concat(out)
end

local function broken(at)
  error(("the saved state is damaged at byte %d"):format(at), 0)
end

local NUMBERS = { inf = math.huge, ["-inf"] = -math.huge, nan = 0 / 0, ["-nan"] = 0 / 0 }

local function decode(text, at, tables, depth)
  local kind, word, after = text:match("^(%l)([^;]*);()", at)
  if kind == "i" or text:sub(at, at) == "i" then
    tables[#tables + 1] = false
    local mine = #tables
    tables[#tables + 1] = false
    local saved
    saved, at = decode(text, at + 1, {}, depth + 1)
    local value = require("tidelock.indicator").restore(saved)
    tables[mine] = value
    return value, at
  end
  if not kind or depth > MAX_DEPTH + 10 then broken(at) end
  if kind == "n" then
    local number = NUMBERS[word] or tonumber(word)
    if not number then broken(at) end
    return number, after
  elseif kind == "s" then
    local length = tonumber(word)
    if not length or length % 1 ~= 0 or after + length - 1 > #text then broken(at) end
    return text:sub(after, after + length - 1), after + length
  elseif kind == "b" then return word == "1", after
  elseif kind == "z" then return nil, after
  elseif kind == "r" then return tables[tonumber(word)] or broken(at), after
  elseif kind == "o" then
    local slot = C.tl_mirror_by_id(context.mirror, tonumber(word) or broken(at))
    if slot == 0 then return nil, after end
    return order_handle_type()(slot, context.orders[slot].generation_n), after
  elseif kind == "t" then
    local count, value = tonumber(word), {}
    if not count or count > #text then broken(at) end
    tables[#tables + 1] = value
    for _ = 1, count do
      local key, one
      key, after = decode(text, after, tables, depth + 1)
      if key == nil or key ~= key then broken(after) end
      one, after = decode(text, after, tables, depth + 1)
      value[key] = one
    end
    return value, after
  end
  return broken(at)
end

--- The value of a text that encode() made. Raises for anything else.
function M.decode(text)
  if text:sub(1, #HEADER) ~= HEADER then error("this is no saved state", 0) end
  local value, at = decode(text, #HEADER + 1, {}, 0)
  if at ~= #text + 1 then broken(at) end
  return value
end

return M

--- The named fields of orders, checked and turned into tl_order_options: once for order.options, each time for order.limit{} and its like.
local context = require "tidelock.runtime.context"
local nearest = require "tidelock.nearest"
local tags = require "tidelock.runtime.tags"
local C, ffi = context.C, context.ffi

local M = {}

local options_t = ffi.typeof "tl_order_options"
local kept_t = ffi.typeof "const tl_order_options"
M.options_t = options_t

local NAN = 0 / 0
local EPOCH_LIKE = 1e17 -- a larger number is a time (1973 and later), a smaller one a duration

--- Fields that say how an order is to be handled, and those that say what it is.
M.OPTIONS = {
  "stop_price", "offset", "percent", "display", "time_in_force", "expire", "post_only", "reduce_only", "round", "trigger", "deadline", "tag", "venue",
  "account",
}
M.FIELDS = { "symbol", "side", "quantity", "price", unpack(M.OPTIONS) }

local function choices(name, count)
  local found, words = {}, {}
  for i = 0, count - 1 do
    words[i + 1] = ffi.string(name(i))
    found[words[i + 1]] = i
  end
  return found, words
end
local TIME_IN_FORCE, TIME_IN_FORCE_WORDS = choices(C.tl_time_in_force_name, tonumber(C.TL_TIFS))
local ROUND = { passive = 1, nearest = 2, aggressive = 3 }
local TRIGGER = { last = 0, quote = tonumber(C.TL_FLAG_TRIGGER_QUOTE), mark = tonumber(C.TL_FLAG_TRIGGER_MARK) }
M.TYPE, M.TYPE_WORDS = choices(C.tl_order_type_name, tonumber(C.TL_TYPES))

local function fail(level, text, ...)
  error(text:format(...), level + 1)
end

local function number(fields, name, level)
  local value = fields[name]
  if value == nil then return NAN end
  if type(value) ~= "number" then fail(level + 1, "%s is a number, not a %s", name, type(value)) end
  return value
end

local function word(fields, name, known, words, level)
  local value = fields[name]
  if type(value) ~= "string" then fail(level + 1, "%s is one of \"%s\", not a %s", name, table.concat(words, "\" \""), type(value)) end
  if not known[value] then error(nearest.sentence(name, value, words), level + 1) end
  return known[value]
end

local function flag(fields, name, bit_, level)
  local value = fields[name]
  if value == nil or value == false then return 0 end
  if value ~= true then fail(level + 1, "%s is true or false, not %s", name, tostring(value)) end
  return tonumber(bit_)
end

local function text(fields, name, level)
  local value = fields[name]
  if value ~= nil and (type(value) ~= "string" or value == "") then fail(level + 1, "%s is a string that is not empty, not %s", name, tostring(value)) end
  return value
end

local function check_account(name, level)
  if name == nil or context.host == nil then return end
  local own = ffi.string(C.tl_runtime_config(context.host).account)
  if name ~= own then error(nearest.sentence("account", name, { own }), level + 2) end
end

--- Fills `out` from the option fields of a table, whose keys have been checked. Raises at `level` of the caller.
function M.fill(out, fields, level)
  ffi.fill(out, ffi.sizeof(options_t))
  out.display, out.stop_price = number(fields, "display", level + 1), number(fields, "stop_price", level + 1)
  out.offset, out.percent = number(fields, "offset", level + 1), number(fields, "percent", level + 1)
  if fields.offset and fields.percent then fail(level + 1, "offset and percent are two ways to say the same: give one") end
  if fields.time_in_force ~= nil then out.time_in_force = word(fields, "time_in_force", TIME_IN_FORCE, TIME_IN_FORCE_WORDS, level + 1) end
  local flags = flag(fields, "reduce_only", C.TL_FLAG_REDUCE_ONLY, level + 1)
  if fields.post_only == "slide" then flags = flags + tonumber(C.TL_FLAG_POST_SLIDE)
  elseif type(fields.post_only) == "string" then error(nearest.sentence("post_only", fields.post_only, { "slide" }), level + 1)
  else flags = flags + flag(fields, "post_only", C.TL_FLAG_POST_ONLY, level + 1) end
  if fields.trigger ~= nil then flags = flags + word(fields, "trigger", TRIGGER, { "last", "quote", "mark" }, level + 1) end
  out.flags = flags
  if fields.round == true then out.rounding = ROUND.passive
  elseif fields.round then out.rounding = word(fields, "round", ROUND, { "passive", "nearest", "aggressive" }, level + 1) end
  local deadline = fields.deadline
  if getmetatable(deadline) == "deadline" then out.deadline_at_ns = context.deadline_ns(deadline)
  elseif deadline ~= nil then
    local ns = context.duration(deadline, level + 1)
    if ns <= 0 then fail(level + 1, "deadline is a duration from the sending on, not %s", tostring(deadline)) end
    out.deadline_timeout_ns = ns
  end
  local expire = fields.expire
  if getmetatable(expire) == "deadline" then out.expire_at_ns = context.deadline_ns(expire)
  elseif type(expire) == "number" and expire >= EPOCH_LIKE and expire < 9e18 then out.expire_at_ns = expire
  elseif expire ~= nil then
    local ns = context.duration(expire, level + 1)
    if ns <= 0 then fail(level + 1, "expire is a duration from the sending on or a time, not %s", tostring(expire)) end
    out.expire_after_ns = ns
  end
  local tif = out.time_in_force
  local immediate = tif == C.TL_TIF_IOC or tif == C.TL_TIF_FOK
  if immediate and fields.expire ~= nil then fail(level + 1, "an order with time_in_force %s does not rest: it takes no expire", fields.time_in_force) end
  if immediate and fields.post_only then fail(level + 1, "an order with time_in_force %s only takes: it cannot be post_only", fields.time_in_force) end
  local tag = text(fields, "tag", level + 1)
  if tag then out.tag = tags.number(tag) end
  text(fields, "venue", level + 1)
  check_account(text(fields, "account", level + 1), level)
  if fields.offset or fields.percent then out.type = M.TYPE.trailing_stop
  elseif fields.stop_price then out.type = M.TYPE.stop_limit end
end

local scratch = options_t()

--- What order.options returns: read-only, made once.
function M.options(fields, level)
  if type(fields) ~= "table" then fail(level + 1, "order.options { ... } takes a table") end
  for _, name in ipairs { "symbol", "side", "quantity", "price" } do
    if fields[name] ~= nil then fail(level + 1, "order.options: %s is given with each order", name) end
  end
  context.check_keys("option", fields, M.OPTIONS, level + 1)
  M.fill(scratch, fields, level + 1)
  return kept_t(scratch)
end

-- What each type needs and what it has no use for.
local RULES = {
  limit = { needs = {}, refuses = { "stop_price", "offset", "percent" } },
  market = { needs = {}, refuses = { "price", "stop_price", "offset", "percent", "display", "post_only", "round" } },
  stop = { needs = { "stop_price" }, refuses = { "price", "offset", "percent", "display", "post_only" } },
  stop_limit = { needs = { "stop_price" }, refuses = { "offset", "percent" } },
  trailing_stop = { needs = {}, refuses = { "price", "display", "post_only" } },
  iceberg = { needs = { "display" }, refuses = { "stop_price", "offset", "percent" } },
}

local function article(kind) return kind == "iceberg" and "an" or "a" end

--- Checks a table of named fields for a type of order and fills `out`; returns symbol, side (a number), quantity, price (nil for none).
---@param extra string[]|nil keys that are allowed besides
function M.read(out, kind, fields, extra, level)
  if type(fields) ~= "table" then fail(level + 1, "order.%s { symbol =, side =, quantity =, ... } takes a table", kind) end
  local known = M.FIELDS
  if extra then
    known = { unpack(M.FIELDS) }
    for _, name in ipairs(extra) do known[#known + 1] = name end
  end
  context.check_keys("field of an order", fields, known, level + 1)
  local rules = RULES[kind]
  for _, name in ipairs(rules.needs) do
    if fields[name] == nil then fail(level + 1, "%s %s order needs %s", article(kind), kind:gsub("_", " "), name) end
  end
  for _, name in ipairs(rules.refuses) do
    if fields[name] ~= nil then fail(level + 1, "%s %s order takes no %s", article(kind), kind:gsub("_", " "), name) end
  end
  if kind == "trailing_stop" and not fields.offset and not fields.percent then fail(level + 1, "a trailing stop needs offset or percent") end
  if type(fields.symbol) ~= "string" then fail(level + 1, "symbol is a string, not a %s", type(fields.symbol)) end
  local side = fields.side == "buy" and 1 or fields.side == "sell" and 2
  if not side then fail(level + 1, "side is \"buy\" or \"sell\", not %s", tostring(fields.side)) end
  if type(fields.quantity) ~= "number" then fail(level + 1, "quantity is a number, not a %s", type(fields.quantity)) end
  if fields.price ~= nil and type(fields.price) ~= "number" then fail(level + 1, "price is a number, not a %s", type(fields.price)) end
  M.fill(out, fields, level + 1)
  out.type = M.TYPE[kind]
  return fields.symbol, side, fields.quantity, fields.price
end

return M

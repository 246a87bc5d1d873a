--- A strategy's declaration: checked where it is written, so that an error names the script's line.
local context = require "tidelock.runtime.context"
local nearest = require "tidelock.nearest"
local duration = require "tidelock.duration"
local params = require "tidelock.runtime.params"

local M = {}

local KEYS = { "name", "tier", "symbols", "depth", "orders", "bars", "warmup", "data", "params", "check" }
local TIERS = { "L1", "L2", "L3" }

--- Handler names in the order of the contract.
M.HANDLERS = {
  "on_start", "on_stop", "on_quote", "on_trade", "on_book", "on_bar", "on_bars", "on_mark", "on_action", "on_data", "on_signal", "on_order", "on_fill",
  "on_saga", "on_timer", "on_status", "on_feed", "on_venue", "on_gap", "on_param", "on_save", "on_load", "on_error",
}
local is_handler = {}
for _, name in ipairs(M.HANDLERS) do is_handler[name] = true end

--- Names that a strategy's `self` keeps for the runtime.
local RESERVED = { params = true, symbols = true, state = true, phase = true, name = true, subscribe = true, unsubscribe = true, params_of = true }

--- The strings of a list; `extra` is a key that it may have besides.
local function list_of_strings(what, value, level, extra)
  if type(value) ~= "table" then error(("%s is a list of strings, not %s"):format(what, tostring(value)), level + 1) end
  local list, seen = {}, {}
  for i, one in ipairs(value) do
    if type(one) ~= "string" or one == "" then error(("%s[%d] is a string, not %s"):format(what, i, tostring(one)), level + 1) end
    if seen[one] then error(("%s names '%s' twice"):format(what, one), level + 1) end
    seen[one] = true
    list[i] = one
  end
  for key in next, value do
    if key ~= extra and (type(key) ~= "number" or key < 1 or key > #list or key % 1 ~= 0) then
      error(("%s is a list, and has the key %s"):format(what, tostring(key)), level + 1)
    end
  end
  return list
end

local function whole(what, value, level)
  if type(value) ~= "number" or value % 1 ~= 0 or value < 0 or value > 1e6 then
    error(("%s is a whole number, not %s"):format(what, tostring(value)), level + 1)
  end
  return value
end

--- "1m" as nanoseconds; an interval is at least a second, at most a day, and divides a day.
function M.interval(text, level)
  local ns, why = duration.parse(text)
  if not ns then error(("bars: %s"):format(why), (level or 1) + 1) end
  local day = 86400e9
  if ns < 1e9 or ns > day or ns % 1e9 ~= 0 or day % ns ~= 0 then
    error(("bars: an interval of %s: it is whole seconds that divide a day, at most \"1d\""):format(tostring(text)), (level or 1) + 1)
  end
  return ns
end

local current -- the strategy that the script being loaded has declared

local function misspelt(key)
  return type(key) == "string" and key:sub(1, 3) == "on_" and not is_handler[key]
end

local function make_self(declared)
  local base, sealed = { name = declared.name, phase = "live" }, false
  local self = setmetatable({}, {
    __index = base, __metatable = "strategy",
    __newindex = function(object, key, value)
      if RESERVED[key] then
        error(("self.%s is the runtime's and cannot be set%s"):format(key, key == "state" and "; put fields into it" or ""), 2)
      end
      if misspelt(key) then error(nearest.sentence("handler", key, M.HANDLERS), 2) end
      if is_handler[key] then
        if sealed then error(("%s: handlers are fixed once the script is loaded"):format(key), 2) end
        if type(value) ~= "function" then error(("%s is a function, not a %s"):format(key, type(value)), 2) end
        base[key] = value
        return
      end
      rawset(object, key, value)
    end,
  })
  return self, base, function() sealed = true end
end

--- What `strategy { ... }` does. Raises at the caller's line for anything that is wrong with the declaration.
---@param given table see the script contract
function M.declare(given)
  if type(given) ~= "table" then error("strategy { ... } takes a table", 2) end
  if current then error("a script declares one strategy, and this is its second", 2) end
  context.check_keys("key of a strategy", given, KEYS, 2)
  local declared = { bars = {}, data = {}, depth = 0 }
  if given.name ~= nil and (type(given.name) ~= "string" or not given.name:match "^[%w_%-%.]+$" or #given.name > 63) then
    error(("name is letters, digits, _ - and ., at most 63, not '%s'"):format(tostring(given.name)), 2)
  end
  declared.name = given.name
  if given.tier ~= nil then
    local known = false
    for _, tier in ipairs(TIERS) do known = known or tier == given.tier end
    if not known then error(nearest.sentence("tier", given.tier, TIERS) .. " (tiers are L1, L2, L3)", 2) end
  end
  declared.tier = given.tier
  if given.symbols ~= nil and given.symbols ~= "*" then declared.symbols = list_of_strings("symbols", given.symbols, 2) end
  if given.depth ~= nil then declared.depth = whole("depth", given.depth, 2) end
  if given.orders ~= nil and type(given.orders) ~= "boolean" then error("orders is true or false", 2) end
  declared.orders = given.orders or false
  if given.bars ~= nil then
    local seen = {}
    for i, text in ipairs(list_of_strings("bars", given.bars, 2, "fill")) do
      local ns = M.interval(text, 2)
      if seen[ns] then error(("bars names one interval twice: \"%s\" and \"%s\""):format(seen[ns], text), 2) end
      declared.bars[i], seen[ns] = ns, text
    end
    table.sort(declared.bars)
    if given.bars.fill ~= nil and type(given.bars.fill) ~= "boolean" then error("bars: fill is true or false", 2) end
    declared.fill = given.bars.fill or false
  end
  if given.data ~= nil then declared.data = list_of_strings("data", given.data, 2) end
  if given.warmup ~= nil and type(given.warmup) ~= "table" and type(given.warmup) ~= "function" then
    error("warmup is a table such as { [\"1d\"] = 200 }, or a function of the params that returns one", 2)
  end
  declared.warmup = given.warmup
  if given.params ~= nil and type(given.params) ~= "table" then error("params is a table of names and defaults", 2) end
  local ok, specs = pcall(params.read, given.params)
  if not ok then error(specs, 2) end
  declared.specs = specs
  if given.check ~= nil and type(given.check) ~= "function" then error("check is a function of the params", 2) end
  declared.check = given.check
  declared.self, declared.base, declared.seal = make_self(declared)
  current = declared
  return declared.self
end

--- Forgets what was declared, before a script is loaded.
function M.begin()
  current = nil
end

--- The declaration after the script has run and returned `value`.
function M.finish(value)
  if not current then error("the script declares no strategy: it ends with `return` of what strategy { ... } gave it", 0) end
  if value ~= current.self then error("the script does not return its strategy; end it with `return` of what strategy { ... } gave it", 0) end
  for key in next, current.self do -- rawset gets past __newindex
    if misspelt(key) then error(nearest.sentence("handler", key, M.HANDLERS), 0) end
    if is_handler[key] or RESERVED[key] then error(("self.%s was set by rawset"):format(key), 0) end
  end
  current.seal()
  return current
end

--- The warm-up that a declaration asks for: bars by interval (ns).
function M.warmup(declared, values)
  local wanted = declared.warmup
  if type(wanted) == "function" then wanted = wanted(values) end
  local bars = {}
  if wanted == nil then return bars end
  if type(wanted) ~= "table" then error("warmup: the function returns a table such as { [\"1d\"] = 200 }, not a " .. type(wanted), 0) end
  for text, count in next, wanted do
    local ns = M.interval(text, 2)
    if type(count) ~= "number" or count % 1 ~= 0 or count < 0 or count > 1e6 then
      error(("warmup[\"%s\"] is a number of bars, not %s"):format(tostring(text), tostring(count)), 0)
    end
    local declared_too = false
    for _, interval in ipairs(declared.bars) do declared_too = declared_too or interval == ns end
    if not declared_too then error(("warmup asks for %s bars, and bars = { ... } does not"):format(tostring(text)), 0) end
    bars[ns] = count
  end
  return bars
end

return M

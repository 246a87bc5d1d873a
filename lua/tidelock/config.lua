--- Configuration files: a Lua file that returns a table, evaluated in an empty environment under an instruction limit, every key checked.
---
--- A schema describes each table: `{ key = check }`, where a check is a function (value, path) that returns the value to use or raises; `list(check)` and
--- `map(check)` make checks for sequences and for tables with free keys.
local duration = require "tidelock.duration"
local nearest = require "tidelock.nearest"

local M = {}

local INSTRUCTION_LIMIT = 10000000
local MOST_LATENCY_NS = 86400e9
local MOST_COUNT = 2 ^ 32 - 1 -- what the gateway counts in

local function fail(path, why)
  error(("%s: %s"):format(path, why), 0)
end

local function of_type(name)
  return function(value, path)
    if type(value) ~= name then
      fail(path, ("must be a %s, not %s"):format(name, type(value) == "string" and ("'" .. value:sub(1, 32) .. "'") or type(value)))
    end
    return value
  end
end

local any_string, boolean = of_type "string", of_type "boolean"

local function number(min, max)
  return function(value, path)
    if type(value) ~= "number" or value ~= value then fail(path, "must be a number, not " .. tostring(value):sub(1, 32)) end
    if min and value < min then fail(path, ("is %g; the least is %g"):format(value, min)) end
    if max and value > max then fail(path, ("is %g; the most is %g"):format(value, max)) end
    return value
  end
end

local function above_zero(value, path)
  if not (number(0)(value, path) > 0) then fail(path, "is 0; it must be above 0") end
  return value
end

local function integer(min, max)
  local check = number(min, max)
  return function(value, path)
    if check(value, path) % 1 ~= 0 then fail(path, ("is %g; it must be whole"):format(value)) end
    return value
  end
end

--- A name of 1 to `most` bytes.
local function name_of(most)
  return function(value, path)
    any_string(value, path)
    if #value < 1 or #value > most then fail(path, ("'%s' has %d bytes; it is a name of 1 to %d"):format(value:sub(1, 32), #value, most)) end
    return value
  end
end

local function one_of(...)
  local words = { ... }
  return function(value, path)
    for _, word in ipairs(words) do if value == word then return value end end
    fail(path, nearest.sentence("choice", tostring(value), words) .. "; it is one of " .. table.concat(words, ", "))
  end
end

local function duration_ns(value, path)
  local ns, why = duration.parse(value)
  if not ns then fail(path, why) end
  if ns < 0 then fail(path, "must not be negative") end
  if ns > MOST_LATENCY_NS then fail(path, ("is %s; the most is 1d"):format(duration.format(ns))) end
  return ns
end

local function record(schema)
  local names = {}
  for name in pairs(schema) do names[#names + 1] = name end
  table.sort(names)
  return function(value, path)
    if type(value) ~= "table" then fail(path, "must be a table, not " .. type(value)) end
    local out = {}
    for key, item in pairs(value) do
      local check = schema[key]
      local where = path == "" and tostring(key) or path .. "." .. tostring(key)
      if not check then fail(path == "" and "configuration" or path, nearest.sentence("key", tostring(key), names)) end
      out[key] = check(item, where)
    end
    return out
  end
end

local function list(check)
  return function(value, path)
    if type(value) ~= "table" then fail(path, "must be a list, not " .. type(value)) end
    local out, count = {}, 0
    for key in pairs(value) do
      count = count + 1
      if type(key) ~= "number" then fail(path, ("must be a list; it has the key '%s'"):format(tostring(key))) end
    end
    for i = 1, count do out[i] = check(value[i], ("%s[%d]"):format(path, i)) end
    return out
  end
end

local function map(check)
  return function(value, path)
    if type(value) ~= "table" then fail(path, "must be a table, not " .. type(value)) end
    local out = {}
    for key, item in pairs(value) do
      if type(key) ~= "string" then fail(path, "keys must be names, not " .. tostring(key)) end
      out[key] = check(item, path .. "." .. key)
    end
    return out
  end
end

--- A latency: a duration (constant), or a table with a kind.
local function latency(value, path)
  if type(value) ~= "table" then return { kind = "constant", base = duration_ns(value, path) } end
  return record {
    kind = one_of("constant", "uniform", "exponential", "lognormal", "empirical"),
    base = duration_ns, min = duration_ns, max = duration_ns, mean = duration_ns, median = duration_ns, p99 = duration_ns,
    quantiles = list(list(function(v, p) if type(v) == "string" then return duration_ns(v, p) end return number(0, MOST_LATENCY_NS)(v, p) end)),
  }(value, path)
end

local latencies = record { feed = latency, compute = latency, entry = latency, report = latency }
local fees = record { maker = number(-1, 1), taker = number(-1, 1), auction = number(-1, 1), per_unit = number(), minimum = number(0) }
local fill = record {
  queue = one_of("conservative", "proportional", "probabilistic"),
  bar_path = one_of("nearest", "high_first", "low_first", "worst"),
  slippage_ticks = integer(0, 1e6), volume_share = number(0, 1),
  self_trade = one_of("cancel_newest", "cancel_oldest", "cancel_both", "allow"),
}
local limits = record {
  max_order_quantity = number(0), max_position = number(0), max_order_notional = number(0), max_gross_exposure = number(0),
  max_daily_loss = number(0), price_collar = number(0), max_orders_per_second = number(0), order_burst = number(0),
  max_open_orders = integer(0, MOST_COUNT), deny_duplicates = boolean, prevent_self_trade = boolean, denies_per_second = integer(0, MOST_COUNT),
}
local param = function(value, path)
  local kind = type(value)
  if kind ~= "number" and kind ~= "string" and kind ~= "boolean" then fail(path, "must be a number, a string or a boolean, not " .. kind) end
  return value
end
local cpu_list = function(value, path)
  if type(value) == "table" then return list(integer(0))(value, path) end
  return integer(0)(value, path)
end

--- What a venue can do by itself; the gateway does the rest.
local function supports(value, path)
  local words = list(one_of("limit", "market", "stop", "stop_limit", "trailing_stop", "iceberg", "gtd"))(value, path)
  for _, word in ipairs(words) do if word == "limit" then return words end end
  fail(path, "lacks 'limit'; a venue takes limit orders at least")
end

local currency = name_of(7)

--- A name that becomes a file's: of an instance, a strategy.
local function plain_name(most)
  return function(value, path)
    name_of(most)(value, path)
    if not value:match "^[%w_][%w_.-]*$" then fail(path, ("'%s' is no name: letters, digits, _ . and -"):format(value)) end
    return value
  end
end

local AGENTS = { "feed", "gateway", "exchange", "journal", "ops" }
local function agents(value, path)
  local out = list(one_of(unpack(AGENTS)))(value, path)
  local quick, slow
  for _, name in ipairs(out) do
    if name == "feed" or name == "gateway" then quick = name else slow = name end
  end
  if quick and slow then fail(path, ("'%s' and '%s' are never in one process: what is slow would hold up the orders"):format(quick, slow)) end
  return out
end

local function symbols_of_feed(value, path)
  if type(value) == "table" then
    local names = list(name_of(23))(value, path)
    if #names == 0 then fail(path, "names no symbol") end
    return names
  end
  return integer(1, 65535)(value, path)
end

local function speed(value, path)
  if value == "realtime" or value == "max" then return value end
  if type(value) == "number" then return above_zero(value, path) end
  fail(path, "is \"realtime\", \"max\" or how many times as fast as real time, not " .. tostring(value):sub(1, 32))
end

local recorded = { kind = any_string, file = any_string, speed = speed, from = any_string, to = any_string }
local function with(more)
  local schema = {}
  for name, check in pairs(recorded) do schema[name] = check end
  for name, check in pairs(more) do schema[name] = check end
  return record(schema)
end

local feed_kinds = {
  generated = record { kind = any_string, seed = integer(0, 2 ^ 53), symbols = symbols_of_feed, rate = number(1, 1e7) },
  itch = with { date = any_string },
  csv = with { symbol = any_string, interval = duration_ns, zone = any_string, calendar = any_string, bar_time = one_of("open", "close") },
}

local function feed(value, path)
  if type(value) ~= "table" then fail(path, "must be a table, not " .. type(value)) end
  local kind = one_of("generated", "itch", "csv")(value.kind, path .. ".kind")
  local out = feed_kinds[kind](value, path)
  if kind ~= "generated" and not out.file then fail(path, "needs a `file`") end
  return out
end

local top = record {
  instance = plain_name(32), base_currency = currency, calendar = any_string, kill_file = any_string, shm_dir = any_string,
  scheduling = record { policy = one_of("shared", "priority", "isolated") },
  restart = record { deaths = integer(1, 1e6), window = duration_ns },
  workers = map(record { cpu = cpu_list, agents = agents, tier = one_of("L1", "L2", "L3"), idle = one_of("spin", "backoff", "block") }),
  strategies = list(record {
    name = plain_name(32), script = any_string, worker = any_string, symbols = list(any_string), params = map(param),
    per_symbol = map(map(param)), account = any_string, capital = number(0), on_death = one_of("cancel", "keep"), seed = integer(0, 2 ^ 53),
  }),
  accounts = map(record { cash = number(0), leverage = above_zero, short = boolean, currency = currency }),
  feeds = list(feed),
  venues = list(record { name = any_string, kind = any_string, fees = fees, latency = latencies, fill = fill, supports = supports }),
  risk = record { account = limits, strategies = map(limits), restricted = list(any_string) },
  fees = fees, latency = latencies, fill = fill,
  instruments = map(record {
    tick = number(0), lot = number(0), multiplier = number(0), margin = number(0), min_quantity = number(0), max_quantity = number(0),
    min_notional = number(0), calendar = any_string, quote = currency, settle = currency,
  }),
}

--- Checks a table; returns a copy with durations in nanoseconds. Raises "path: why" for what cannot be.
---@param value table
---@return table
function M.check(value)
  return top(value, "")
end

--- Reads and checks a file. Raises a sentence that names the file.
---@param path string
---@return table
function M.load(path)
  local file, why = io.open(path, "r")
  if not file then error(("cannot read the configuration %s"):format(why), 0) end
  local text = file:read "*a"
  file:close()
  if not text then error(("cannot read the configuration %s: it is not a file"):format(path), 0) end
  if text:byte(1) == 27 then error(path .. ": is compiled Lua; a configuration is text", 0) end
  local chunk, syntax = loadstring(text, "@" .. path)
  if not chunk then error(syntax, 0) end
  setfenv(chunk, {})
  jit.off(chunk, true) -- hooks do not fire in compiled code
  local co = coroutine.create(chunk)
  debug.sethook(co, function() error(path .. ": runs for too long; a configuration is data", 0) end, "", INSTRUCTION_LIMIT)
  local ok, result = coroutine.resume(co)
  debug.sethook() -- LuaJIT has one hook for all coroutines
  if not ok then
    local strategy = tostring(result):find "global 'require'" and " (a configuration is a table, without `require`; is this a strategy's script?)" or ""
    error(tostring(result) .. strategy, 0)
  end
  if type(result) ~= "table" then error(("%s: returns %s; a configuration returns a table"):format(path, type(result)), 0) end
  local checked, config = pcall(M.check, result)
  if not checked then error(path .. ": " .. config, 0) end
  return config
end

return M

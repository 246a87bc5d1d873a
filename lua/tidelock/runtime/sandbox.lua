--- The sandbox: the environment in which a script and its modules run.
---
--- Two rules: nothing in it reaches memory, files, processes or the clock of the machine; and what it does is a function of the program and its inputs,
--- with compiled and with interpreted code. Docs: docs/SANDBOX.md.
local context = require "tidelock.runtime.context"
local power = require "tidelock.runtime.power"
local C = context.C
local inside = rawget(_G, "TIDELOCK_INSIDE")

local M = {}

local real = {
  tostring = tostring, pcall = pcall, xpcall = xpcall, type = type, error = error, select = select, rawget = rawget,
  setmetatable = setmetatable, resume = coroutine.resume, create = coroutine.create, gsub = string.gsub,
  format = string.format, date = os.date, debug = debug, open = io.open, load = load,
}

--- Library modules by the names that scripts use; reserved.
M.LIBRARY = {
  strategy = "tidelock.strategy", order = "tidelock.order", snapshot = "tidelock.snapshot", timeout = "tidelock.timeout", indicator = "tidelock.indicator",
  log = "tidelock.log", metric = "tidelock.metric", record = "tidelock.record",
  signal = "tidelock.signal",
}

-- Those that stand ready without a require; a script may have globals of its own under their names.
M.GLOBAL_LIBRARY = { "log", "metric", "record" }

-- ---- tostring, pairs ----

local ordinals = setmetatable({}, { __mode = "k" })
local ordinal_count = 0

local function show(value)
  local kind = real.type(value)
  if kind == "table" or kind == "function" or kind == "thread" or kind == "userdata" then
    local meta = kind == "table" and real.debug.getmetatable(value)
    local own = meta and real.rawget(meta, "__tostring")
    if own then return own(value) end
    local ordinal = ordinals[value]
    if not ordinal then
      ordinal_count = ordinal_count + 1
      ordinal = ordinal_count
      ordinals[value] = ordinal
    end
    return kind .. ": " .. ordinal
  end
  local text = real.tostring(value)
  if kind == "cdata" and text:sub(1, 6) == "cdata<" then return "object" end -- one without a text of its own: its address
  return text
end

local shown_as = setmetatable({}, { __mode = "k" })

--- pairs(proxy) visits `values`.
function M.pairs_as(proxy, values)
  shown_as[proxy] = values
end

local function step(state)
  local keys, values = state.keys, state.values
  for i = state.at, state.count do
    local key = keys[i]
    local value = real.rawget(values, key)
    if value ~= nil then
      state.at = i + 1
      return key, value
    end
  end
  return nil
end

local function ordered_pairs(given)
  if real.type(given) ~= "table" then
    real.error(("bad argument #1 to 'pairs' (table expected, got %s)"):format(given == nil and "nil" or real.type(given)), 2)
  end
  local values = shown_as[given] or given
  local keys, count = inside.keys(values)
  return step, { keys = keys, values = values, count = count, at = 1 }, nil
end

local function ordered_next(given, key)
  return inside.next(shown_as[given] or given, key)
end

-- ---- string ----

local plain = { string = true, number = true, boolean = true, ["nil"] = true }
local MAX_CHECKED = 1000
local checked_formats, checked_count = {}, 0

local function shown_arguments(count, first, ...)
  if count == 0 then return end
  if not plain[real.type(first)] then first = show(first) end
  return first, shown_arguments(count - 1, ...)
end

local function format(text, ...)
  if not checked_formats[text] then
    if real.type(text) == "string" and text:gsub("%%%%", ""):find "%%[%-%+ #0-9%.]*p" then
      real.error("bad argument #1 to 'format' (%p shows an address, which differs from run to run)", 2)
    end
    if text ~= nil and checked_count < MAX_CHECKED then
      checked_formats[text], checked_count = true, checked_count + 1
    end
  end
  local count = real.select("#", ...)
  for i = 1, count do
    if not plain[real.type((real.select(i, ...)))] then return real.format(text, shown_arguments(count, ...)) end
  end
  return real.format(text, ...)
end

-- ---- math ----

local function argument(name, value)
  local number = tonumber(value)
  if not number then
    real.error(("bad argument to '%s' (number expected, got %s)"):format(name, value == nil and "no value" or real.type(value)), 3)
  end
  return number
end

local function unary(name, call)
  return function(x)
    if real.type(x) ~= "number" then x = argument(name, x) end
    return call(x)
  end
end

local function make_math()
  local m = {}
  for _, name in ipairs { "abs", "ceil", "deg", "floor", "fmod", "frexp", "ldexp", "modf", "rad", "sqrt" } do m[name] = math[name] end
  m.huge, m.pi, m.mod = math.huge, math.pi, math.fmod
  for _, name in ipairs { "exp", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh" } do
    m[name] = unary(name, C["tl_math_" .. name])
  end
  local log, pow, atan2 = C.tl_math_log, C.tl_math_pow, C.tl_math_atan2
  function m.log(x, base)
    x = argument("log", x)
    if base == nil then return log(x) end
    base = argument("log", base)
    if base == 2 then return C.tl_math_log2(x) elseif base == 10 then return C.tl_math_log10(x) end
    return log(x) / log(base)
  end
  function m.pow(x, y) return pow(argument("pow", x), argument("pow", y)) end
  function m.atan2(y, x) return atan2(argument("atan2", y), argument("atan2", x)) end
  -- A comparison with NaN is false: the first argument stays, compiled or not.
  local function least(a, b, ...)
    if b < a then a = b end
    if real.select("#", ...) > 0 then return least(a, ...) end
    return a
  end
  local function greatest(a, b, ...)
    if b > a then a = b end
    if real.select("#", ...) > 0 then return greatest(a, ...) end
    return a
  end
  function m.min(a, b, ...)
    a = argument("min", a)
    if b == nil then return a end
    return least(a, argument("min", b), ...)
  end
  function m.max(a, b, ...)
    a = argument("max", a)
    if b == nil then return a end
    return greatest(a, argument("max", b), ...)
  end
  local random, host, floor = C.tl_runtime_random, context.host, math.floor
  function m.random(low, high)
    local r = random(host)
    if low == nil then return r end
    low = argument("random", low)
    if high == nil then low, high = 1, low else high = argument("random", high) end
    if high < low then real.error(("bad argument to 'random' (the interval from %.14g to %.14g is empty)"):format(low, high), 2) end
    return low + floor(r * (high - low + 1))
  end
  function m.randomseed(seed) C.tl_runtime_random_seed(host, argument("randomseed", seed)) end
  return m
end

-- ---- os: the runtime's clock, UTC ----

local function seconds_now()
  return math.floor(tonumber(C.tl_runtime_now_ns(context.host)) / 1e9)
end

-- Days since 1970-01-01 of a civil date, months of any size (as mktime takes them).
local function days_of(year, month, day)
  local m = month - 1
  year, m = year + math.floor(m / 12), m % 12 + 1
  if m <= 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local of_era = year - era * 400
  local of_year = math.floor((153 * (m > 2 and m - 3 or m + 9) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100) + of_year - 719468
end

local function time(given)
  if given == nil then return seconds_now() end
  local function field(name, default)
    local value = tonumber(given[name]) or default
    if not value then real.error(("field '%s' missing in date table"):format(name), 3) end
    return value
  end
  return days_of(field "year", field "month", field "day") * 86400 + field("hour", 12) * 3600 + field("min", 0) * 60 + field("sec", 0)
end

local function date(text, at)
  text = text == nil and "%c" or text
  if real.type(text) ~= "string" then real.error("bad argument #1 to 'date' (string expected)", 2) end
  at = at == nil and seconds_now() or tonumber(at)
  if not at or at ~= at or at < -6e10 or at > 2.5e11 then real.error("bad argument #2 to 'date' (a time between the years 0 and 9892)", 2) end
  if text:sub(1, 1) == "!" then text = text:sub(2) end
  if text:sub(1, 2) ~= "*t" and text:gsub("%%%%", ""):find "%%[^aAbBcdDeFgGHIjklmMnprRStTuUVwWxXyYzZ]" then
    real.error("bad argument #1 to 'date' (unknown conversion)", 2)
  end
  return real.date("!" .. text, at)
end

-- ---- protected calls: what the host ends stays ended ----

local STOP = "the host ends this strategy"

local function passed_on(ok, ...)
  if not ok and C.tl_runtime_stopping(context.host) then real.error(STOP, 0) end
  return ok, ...
end

local function protected(f, ...)
  return passed_on(real.pcall(f, ...))
end

local function protected_with(f, handler, ...)
  return passed_on(real.xpcall(f, function(err)
    if C.tl_runtime_stopping(context.host) then return err end
    return handler(err)
  end, ...))
end

-- LuaJIT lets coroutines and gsub with a function nest until the process's stack ends, which is a crash: they may nest so far.
local MAX_NESTED = 100
local nested = 0

local function enter(what)
  if nested >= MAX_NESTED then real.error(("%s: nested deeper than %d"):format(what, MAX_NESTED), 3) end
  nested = nested + 1
end

local function left(...)
  nested = nested - 1
  return ...
end

local function or_raise(ok, ...)
  if not ok then real.error((...), 0) end
  return ...
end

local function resume(thread, ...)
  enter "coroutine.resume"
  return passed_on(left(real.resume(thread, ...)))
end

local function wrap(f)
  local thread = real.create(f)
  return function(...)
    enter "a coroutine"
    return or_raise(passed_on(left(real.resume(thread, ...))))
  end
end

local function gsub(text, pattern, by, count)
  if real.type(by) ~= "function" and real.type(by) ~= "table" then return real.gsub(text, pattern, by, count) end
  enter "string.gsub"
  return or_raise(passed_on(left(real.pcall(real.gsub, text, pattern, by, count))))
end

local function set_metatable(given, meta)
  if real.type(meta) == "table" and real.rawget(meta, "__mode") ~= nil then
    real.error("weak tables (__mode) would make a script depend on the garbage collector", 2)
  end
  return real.setmetatable(given, meta)
end

-- ---- the environment ----

local function copy(from, names)
  local to = {}
  for _, name in ipairs(names) do to[name] = from[name] end
  return to
end

local STRING = { "byte", "char", "find", "gmatch", "len", "lower", "match", "rep", "reverse", "sub", "upper" }

local function make_string()
  local s = copy(string, STRING)
  s.format, s.gsub = format, gsub
  return s
end

--- Runs once per state, before any script: what a string's methods are is shared by all code of the state, so scripts get tables of their own, and the
--- one behind ("x"):method() is out of their reach.
local function seal_strings()
  local meta = real.debug.getmetatable ""
  meta.__index = make_string()
  meta.__metatable = "string"
end

--- Makes the environment of one script. `folder` is where its own modules lie, `output` is what `print` writes to: log.info.
function M.environment(folder)
  seal_strings()
  local env = copy(_G, { "assert", "error", "getmetatable", "ipairs", "rawequal", "rawget", "rawset", "select", "tonumber", "type", "unpack", "_VERSION" })
  env._G = env
  env.pairs, env.next, env.tostring = ordered_pairs, ordered_next, show
  env.pcall, env.xpcall, env.setmetatable = protected, protected_with, set_metatable
  env.string, env.math = make_string(), make_math()
  env.table = copy(table, { "concat", "insert", "maxn", "remove", "sort" })
  env.bit = copy(bit, { "arshift", "band", "bnot", "bor", "bswap", "bxor", "lshift", "rol", "ror", "rshift", "tobit", "tohex" })
  env.coroutine = copy(coroutine, { "create", "running", "status", "yield", "isyieldable" })
  env.coroutine.resume, env.coroutine.wrap = resume, wrap
  env.os = {
    time = time, date = date,
    clock = function() return tonumber(C.tl_runtime_now_ns(context.host) - C.tl_runtime_started_ns(context.host)) / 1e9 end,
  }
  env.print = function(...)
    local words = {}
    for i = 1, real.select("#", ...) do words[i] = show((real.select(i, ...))) end
    require("tidelock.log").line(1, table.concat(words, "\t"))
  end
  for _, name in ipairs(M.GLOBAL_LIBRARY) do env[name] = require(M.LIBRARY[name]) end
  env[power.NAME] = power.pow

  local loaded, loading = {}, {}
  function env.require(name)
    if real.type(name) ~= "string" then real.error("require takes the name of a module", 2) end
    if M.LIBRARY[name] then return require(M.LIBRARY[name]) end
    if loaded[name] ~= nil then return loaded[name] end
    for i, other in ipairs(loading) do
      if other == name then real.error(("module '%s' requires itself: %s > %s"):format(name, table.concat(loading, " > ", i), name), 2) end
    end
    if not name:match "^[%w_%-]+[%w_%-%.]*$" or name:find("..", 1, true) then
      real.error(("module '%s': a name is letters, digits, _ and -, with dots between folders"):format(name), 2)
    end
    local path = folder .. "/" .. name:gsub("%.", "/") .. ".lua"
    local chunk, why = M.load(path, env)
    if not chunk then
      if why then real.error(why, 0) end
      local known = {}
      for library in next, M.LIBRARY do known[#known + 1] = library end
      table.sort(known)
      real.error(("%s (the library has no such module, and there is no file %s)"):format(
        require("tidelock.nearest").sentence("module", name, known), path), 2)
    end
    loading[#loading + 1] = name
    local value = chunk(name)
    loading[#loading] = nil
    if value == nil then value = true end
    loaded[name] = value
    return value
  end
  return env
end

--- Reads a script as text (never bytecode) with `env` as its environment. nil when there is no such file, nil and a sentence when it cannot be compiled.
function M.load(path, env)
  local file = real.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  if not text then return nil, path .. ": is no file that can be read" end
  if text:sub(1, 1) == "\27" then return nil, path .. ": is bytecode, and scripts are loaded as text only" end
  if text:sub(1, 3) == "\239\187\191" then text = text:sub(4) end
  if text:sub(1, 1) == "#" then text = "--" .. text end
  return real.load(power.rewrite(text), "@" .. path, "t", env)
end

M.show, M.format = show, format

return M

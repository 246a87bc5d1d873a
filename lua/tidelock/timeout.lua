--- Deadlines, timers and sessions: `local timeout = require "timeout"`.
---
--- A deadline is an absolute time, a timeout a duration ("250us" or ns). All of it runs on the runtime's clock, which stands still within a handler.
local context = require "tidelock.runtime.context"
local C, ffi = context.C, context.ffi

local M = {}

-- ---- deadlines: plain objects; seconds and nanoseconds apart, as a double of ns since the epoch steps by 256 ----

local Deadline = { __metatable = "deadline" }
Deadline.__index = Deadline

local function now_ns()
  return C.tl_runtime_now_ns(context.host)
end

local function deadline_at(ns)
  local seconds = tonumber(ns / 1000000000LL)
  return setmetatable({ seconds = seconds, nanoseconds = tonumber(ns - 1000000000LL * seconds) }, Deadline)
end

local function ns_of(deadline)
  return 1000000000LL * deadline.seconds + deadline.nanoseconds
end

--- The instant of a deadline in ns, int64: for the library's own modules.
---@param deadline table
function context.deadline_ns(deadline)
  if getmetatable(deadline) ~= "deadline" then error("a deadline is what timeout.after() or timeout.at() returns", 3) end
  return ns_of(deadline)
end

--- ns until it, negative once it has passed.
function Deadline:remaining()
  return tonumber(ns_of(self) - now_ns())
end

function Deadline:expired()
  return ns_of(self) <= now_ns()
end

--- The deadline of a part of the work: what remains less `reserve`, at most `cap` from now.
---@param options table { cap = duration, reserve = duration }
function Deadline:child(options)
  options = options or {}
  context.check_keys("option of child", options, { "cap", "reserve" }, 2)
  local remaining = ns_of(self) - now_ns()
  if options.reserve then remaining = remaining - context.duration(options.reserve, 2) end
  if options.cap then
    local cap = ffi.new("int64_t", context.duration(options.cap, 2))
    if remaining > cap then remaining = cap end
  end
  return deadline_at(now_ns() + remaining)
end

function Deadline:__tostring()
  return "deadline " .. require("tidelock.runtime.events").iso(ns_of(self))
end

local function positive(duration, level)
  local ns = context.duration(duration, level + 1)
  if ns < 0 then error(("a timeout is not negative: %s"):format(tostring(duration)), level + 1) end
  if ns > 1e18 then error(("a timeout of %s is beyond 31 years"):format(tostring(duration)), level + 1) end
  return ns
end

--- The deadline a duration from now.
function M.after(duration)
  return deadline_at(now_ns() + ffi.new("int64_t", positive(duration, 2)))
end

local function instant(ts, level)
  if type(ts) ~= "number" or ts ~= ts or ts <= 0 or ts > 9e18 then
    error(("a time is ns since the epoch, not %s"):format(tostring(ts)), level + 1)
  end
  return ffi.new("int64_t", ts)
end

--- The deadline at a time (ns since the epoch).
function M.at(ts)
  return deadline_at(instant(ts, 2))
end

--- The runtime's clock in ns since the epoch, constant within a handler.
function M.now()
  return tonumber(now_ns())
end

local scope_ns -- of the innermost scope, int64; nil outside

local function leave(previous, ok, ...)
  scope_ns = previous
  C.tl_runtime_scope(context.host, previous or 0)
  if not ok then error((...), 0) end
  return ...
end

--- Calls fn(...); orders sent inside have the deadline `duration` from now (or the enclosing scope's, when that is earlier).
function M.scope(duration, fn, ...)
  local previous = scope_ns
  local ends
  if getmetatable(duration) == "deadline" then ends = ns_of(duration) else ends = now_ns() + ffi.new("int64_t", positive(duration, 2)) end
  if type(fn) ~= "function" then error("timeout.scope(duration, fn, ...) takes a function", 2) end
  if previous and previous < ends then ends = previous end
  scope_ns = ends
  C.tl_runtime_scope(context.host, ends)
  return leave(previous, pcall(fn, ...))
end

--- The deadline of the scope in hand, nil outside of one.
function M.current()
  return scope_ns and deadline_at(scope_ns) or nil
end

--- The scope's deadline (int64, nil for none), and changing it: for sagas, whose functions carry their own. Returns the one before.
function context.current_scope() return scope_ns end
function context.scope(ns)
  local previous = scope_ns
  if ns ~= previous then
    scope_ns = ns
    C.tl_runtime_scope(context.host, ns or 0)
  end
  return previous
end

--- timeout.saga(name, duration, fn, ...): see runtime/saga.lua.
M.saga = require("tidelock.runtime.saga").start

-- ---- timers ----

local functions, names = {}, {} -- by id
local repeats = {}
local restored = {} -- ids of a checkpoint's timers by name, until on_start("recovery") has run: setting such a one again goes on with it

local Timer = { __metatable = "timer" }
Timer.__index = Timer

--- Stops it; false when it had fired or was stopped before.
function Timer:cancel()
  local id = self.id
  functions[id], names[id], repeats[id] = nil, nil, nil
  return C.tl_runtime_timer_cancel(context.host, id)
end

function Timer:__tostring()
  return "timer " .. (names[self.id] or self.id)
end

local function set(timer, what, level)
  if type(what) ~= "string" and type(what) ~= "function" then
    error(("a timer has a name, for on_timer, or a function; this is a %s"):format(type(what)), level + 1)
  end
  if not context.bound then error("timers are set from handlers, such as on_start, not while the script is loaded", level + 1) end
  local known = restored[what]
  if known then
    restored[what] = nil
    local before = C.tl_runtime_timer_of(context.host, known)
    if before ~= nil and before.kind == timer.kind and before.period_ns == timer.period_ns then return setmetatable({ id = known }, Timer) end
    C.tl_runtime_timer_cancel(context.host, known)
    names[known], repeats[known] = nil, nil
  end
  local id = tonumber(C.tl_runtime_timer_set(context.host, timer))
  if id == 0 then error(ffi.string(C.tl_error_text()), level + 1) end
  if type(what) == "string" then names[id] = what else functions[id] = what end
  repeats[id] = timer.kind ~= C.TL_TIMER_ONCE
  return setmetatable({ id = id }, Timer)
end

--- A timer every `duration`: first after one period, or, with { align = true }, on the grid of periods since the epoch. Late, it fires once and says
--- what it missed.
---@param duration string|number
---@param what string|function name or function(ts, missed)
---@param options table|nil { align = true }
function M.every(duration, what, options)
  local period = ffi.new("int64_t", positive(duration, 2))
  if period == 0 then error("a timer's period is more than 0", 2) end
  if options then context.check_keys("option of every", options, { "align" }, 2) end
  local first = now_ns() + period
  if options and options.align then first = (now_ns() / period + 1) * period end
  return set(ffi.new("tl_timer", { kind = C.TL_TIMER_EVERY, period_ns = period, deadline_ns = first }), what, 2)
end

--- A timer that fires once, after `duration` (or at a deadline).
function M.once(duration, what)
  local at
  if getmetatable(duration) == "deadline" then at = ns_of(duration) else at = now_ns() + ffi.new("int64_t", positive(duration, 2)) end
  return set(ffi.new("tl_timer", { kind = C.TL_TIMER_ONCE, deadline_ns = at }), what, 2)
end

local function time_of_day(text, level)
  local hours, minutes, seconds = tostring(text):match "^(%d%d?):(%d%d):?(%d?%d?)$"
  hours, minutes, seconds = tonumber(hours), tonumber(minutes), tonumber(seconds) or 0
  if not hours or hours > 23 or minutes > 59 or seconds > 59 then
    error(("at = \"15:55\" is a time of day, not '%s'"):format(tostring(text)), level + 1)
  end
  return (hours * 3600 + minutes * 60 + seconds) * 1e9
end

--- A timer each day at a local time: { at = "15:55", zone = "America/New_York", name = "flatten" }; zone defaults to UTC, `fn` may stand for `name`.
function M.daily(options)
  if type(options) ~= "table" then error("timeout.daily { at = \"15:55\", zone =, name = } takes a table", 2) end
  context.check_keys("option of daily", options, { "at", "zone", "name", "fn" }, 2)
  local zone = options.zone or "UTC"
  if type(zone) ~= "string" or #zone >= C.TL_ZONE_BYTES then error(("zone is a name such as \"America/New_York\", not '%s'"):format(tostring(zone)), 2) end
  local timer = ffi.new("tl_timer", { kind = C.TL_TIMER_DAILY, offset_ns = time_of_day(options.at, 2), zone = zone })
  return set(timer, options.name or options.fn, 2)
end

--- A timer at each opening or closing of a symbol's sessions: { symbol =, at = "open" or "close", offset = "-5m", name = }.
function M.session(options)
  if type(options) ~= "table" then error("timeout.session { symbol =, at = \"close\", offset =, name = } takes a table", 2) end
  context.check_keys("option of session", options, { "symbol", "at", "offset", "name", "fn" }, 2)
  if options.at ~= "open" and options.at ~= "close" then error(("at is \"open\" or \"close\", not '%s'"):format(tostring(options.at)), 2) end
  if not context.bound then error("timers are set from handlers, such as on_start, not while the script is loaded", 2) end
  context.literal(options.symbol, 2)
  local calendar = C.tl_instruments_at(context.instruments, context.instrument(options.symbol)).calendar
  return set(ffi.new("tl_timer", {
    kind = options.at == "open" and C.TL_TIMER_SESSION_OPEN or C.TL_TIMER_SESSION_CLOSE, calendar = calendar,
    offset_ns = options.offset and context.duration(options.offset, 2) or 0,
  }), options.name or options.fn, 2)
end

--- Named timers, for a checkpoint: a list of { id, name, repeats }.
function context.timers_save()
  local list, i = {}, 0
  while true do
    local id = tonumber(C.tl_runtime_timer_at(context.host, i))
    if id == 0 then return list end
    if names[id] then list[#list + 1] = { id, names[id], repeats[id] or false } end
    i = i + 1
  end
end

--- The timers of a checkpoint, which are armed already; those that were functions are not armed again.
function context.timers_restore(list)
  for _, one in ipairs(list) do
    local id, name = one[1], one[2]
    names[id], repeats[id], restored[name] = name, one[3], id
  end
  local gone, i = {}, 0
  while true do
    local id = tonumber(C.tl_runtime_timer_at(context.host, i))
    if id == 0 then break end
    if not names[id] then gone[#gone + 1] = id end
    i = i + 1
  end
  for _, id in ipairs(gone) do C.tl_runtime_timer_cancel(context.host, id) end
end

--- on_start has run: what is set from now on is new.
function context.timers_settled()
  restored = {}
end

--- Called by the drain loop for a TIMER record.
function context.fire_timer(record, strategy, on_timer)
  local id, ts, missed = tonumber(record.a_n), tonumber(record.c_n), tonumber(record.b_n)
  local fn, name = functions[id], names[id]
  if not repeats[id] then functions[id], names[id], repeats[id] = nil, nil, nil end
  if fn then return fn(ts, missed) end
  if name and on_timer then return on_timer(strategy, name, ts, missed) end
end

return context.module("timeout", M)

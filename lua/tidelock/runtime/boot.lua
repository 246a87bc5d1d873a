--- What a host calls of its Lua state: load, bind, drain, report, save, restore. The host keeps the table that this returns.
local context = require "tidelock.runtime.context"
local C, ffi = context.C, context.ffi
local host = ffi.cast("tl_host *", rawget(_G, "TIDELOCK_HOST"))
context.attach {
  host = host, mirror = C.tl_host_mirror(host), view = C.tl_host_view(host), instruments = C.tl_runtime_config(host).instruments, bound = false,
}

local checkpoint = require "tidelock.runtime.checkpoint"
local declaration = require "tidelock.runtime.declaration"
local drain = require "tidelock.runtime.drain"
local events = require "tidelock.runtime.events"
local params = require "tidelock.runtime.params"
local sandbox = require "tidelock.runtime.sandbox"
local saga = require "tidelock.runtime.saga"
require "tidelock.order"
require "tidelock.timeout"
local log = require "tidelock.log"
local nearest = require "tidelock.nearest"

-- Overflow of either throws every trace away; the defaults are 1,000 and 512 KiB. Traces are counted when somebody asks: jit.attach crashes LuaJIT when a
-- recording is given up in a frame of C's.
local MAX_TRACES = 8000
require("jit.opt").start("maxtrace=" .. MAX_TRACES, "maxrecord=8000", "maxmcode=16384", "sizemcode=256", "maxside=200")

local M = {}

local declared, loop, inputs
local PHASES = { [0] = "shadow", "history", "live" }
local DEFAULT_BARS_KEPT = 512

local function check_data(names, given)
  inputs = given
  local known = {}
  for i, input in ipairs(given) do
    known[i] = input.name
    input.known = { "name" }
    for c = 1, #input do input.known[#input.known + 1] = input[c] end
  end
  for _, name in ipairs(names) do
    local found = false
    for _, one in ipairs(known) do found = found or one == name end
    if not found then
      error(("the strategy wants data '%s', and the run has no such input: %s (--input %s=FILE)"):format(name, nearest.sentence("input", name, known), name), 0)
    end
  end
end

local function symbols_of(given)
  if given and #given > 0 then return given, false end
  if declared.symbols then return declared.symbols, false end
  return {}, true
end

--- Runs the script; returns what C wants to know of the declaration.
function M.load(overrides, given_symbols, given_data)
  local config = C.tl_runtime_config(host)
  local path = ffi.string(config.script)
  local folder = path:match "^(.*)/[^/]*$" or "."
  local env = sandbox.environment(folder)
  declaration.begin()
  local chunk, why = sandbox.load(path, env)
  if not chunk then error(why or (path .. ": there is no such file, or it cannot be read"), 0) end
  declared = declaration.finish(chunk())
  local base = declared.base
  if config.name ~= nil then base.name = ffi.string(config.name)
  elseif not base.name then base.name = path:match "([^/]+)%.lua$" or path:match "([^/]+)$" end
  local values, tables
  base.params, declared.params_of, tables = params.resolve(declared.specs, overrides, declared.check)
  values = tables[base.params]
  for shown, of in next, tables do sandbox.pairs_as(shown, of) end
  base.state = {}
  check_data(declared.data, given_data)
  local symbols, all = symbols_of(given_symbols)
  local warm = declaration.warmup(declared, base.params)
  local answer = {
    name = base.name, tier = declared.tier or "L2", depth = declared.depth, all = all, flow = declared.orders, fill = declared.fill,
    symbols = symbols, intervals = declared.bars, warmups = {}, param_names = {}, param_texts = {},
  }
  for i, interval in ipairs(declared.bars) do answer.warmups[i] = warm[interval] or 0 end
  for i, spec in ipairs(declared.specs) do
    answer.param_names[i] = spec.name
    answer.param_texts[i] = params.text(spec, values[spec.name])
  end
  declared.values, declared.warm, declared.wanted_symbols, declared.wants_all = values, warm, symbols, all
  for stage = tonumber(C.TL_STAGE_START), tonumber(C.TL_STAGES) - 1 do
    local name = ffi.string(C.tl_stage_name(stage))
    if base[name] then C.tl_runtime_handle(host, stage, true) end
  end
  return answer
end

local function subscribe(symbol, wanted, level)
  local id = context.instrument(symbol)
  if not id then error(context.unknown_symbol(symbol), level + 1) end
  if C.tl_runtime_subscribe(host, id, wanted) ~= 0 then error(ffi.string(C.tl_error_text()), level + 1) end
  if not wanted then return end
  for _, interval in ipairs(declared.bars) do
    local kept = math.max(DEFAULT_BARS_KEPT, declared.warm[interval] or 0)
    if C.tl_view_keep_bars(context.view, id, interval, kept) ~= 0 then error(ffi.string(C.tl_error_text()), level + 1) end
  end
end

local function methods_of_self(base)
  function base.params_of(_, symbol) return declared.params_of(symbol) end
  function base.subscribe(_, symbol) subscribe(symbol, true, 2) end
  function base.unsubscribe(_, symbol) subscribe(symbol, false, 2) end
end

--- A row of outside data, as on_data is shown it.
local function row(other)
  local index = tonumber(other.a_n)
  local input = inputs[index + 1]
  if not input then return events.row("a row", { name = "" }, { "name" }, other) end
  local values = C.tl_runtime_data_row(host, index)
  local fields = { name = input.name }
  for c = 1, #input do
    local value = values[c - 1]
    if value == value then fields[input[c]] = value end
  end
  return events.row("a row of '" .. input.name .. "'", fields, input.known, other)
end

--- A live change of a param: checked, shown to on_param, then in force.
local function change_param(other)
  local spec = declared.specs[tonumber(other.a_n) + 1]
  if not spec then return end
  local bits = ffi.new("int64_t[1]", other.b_n)
  local value = ffi.cast("double *", bits)[0]
  if spec.type == "boolean" then value = value ~= 0 end
  local base, old = declared.base, declared.values[spec.name]
  local ok, new = pcall(params.checked, spec.name, spec, value)
  if not ok then log.warn("param %s: %s", spec.name, tostring(new)) return end
  declared.values[spec.name] = new
  if declared.check and not declared.check(base.params) then
    declared.values[spec.name] = old
    log.warn("param %s: the strategy's check refuses %s", spec.name, params.text(spec, new))
    return
  end
  declared.values[spec.name] = old
  local accepted, why = true, nil
  if base.on_param then accepted, why = base.on_param(declared.self, spec.name, new, old) end
  if accepted == false then
    log.warn("param %s: the strategy refuses %s: %s", spec.name, params.text(spec, new), tostring(why))
  else
    declared.values[spec.name] = new
  end
end

--- Resolves symbols and makes the loop.
function M.bind()
  context.bind()
  local base = declared.base
  local symbols = {}
  local wanted = declared.wants_all and context.symbols() or declared.wanted_symbols
  methods_of_self(base)
  for i, symbol in ipairs(wanted) do
    if not context.instrument(symbol) then error(context.unknown_symbol(symbol), 0) end
    subscribe(symbol, true, 2)
    symbols[i] = symbol
  end
  base.symbols = symbols
  local shown, pointers = events.records()
  M.kept = shown -- anchored for as long as C writes into them
  C.tl_runtime_attach(host, pointers)
  local snapshot = require "tidelock.snapshot"
  local on_timer, on_saga = base.on_timer, base.on_saga
  loop = drain.loop(host, declared.self, base, shown, {
    book = function(id) return snapshot.book(context.symbol(id)) end,
    row = row, param = change_param,
    timer = function(other) context.fire_timer(other, declared.self, on_timer) end,
    saga = function(other) return saga.ended(other, declared.self, on_saga) end, step = saga.step,
    phase = function(phase)
      base.phase = PHASES[phase]
      if base.phase == "live" then context.timers_settled() end
    end,
  })
end

--- The loop; returns the stage that ended it.
function M.drain()
  return loop()
end

--- Traces that there are.
function M.traces()
  local traceinfo, count = require("jit.util").traceinfo, 0
  for i = 1, MAX_TRACES do
    if traceinfo(i) then count = count + 1 end
  end
  return count
end

--- The state of the strategy as text: what on_save returns, else self.state.
function M.save()
  local base = declared.base
  local state = base.state
  if base.on_save then state = base.on_save(declared.self) end
  return checkpoint.encode(state)
end

--- Gives a saved state to on_load, or makes it self.state.
function M.restore(text, version)
  local base, state = declared.base, checkpoint.decode(text)
  if base.on_load then
    local accepted, why = base.on_load(declared.self, state, version)
    if accepted == false then error("the strategy refuses the state: " .. tostring(why or "on_load returned false"), 0) end
  elseif type(state) == "table" then
    base.state = state
  end
end

--- What the library itself keeps, as text: names of timers, params that were changed.
function M.save_runtime()
  local values = {}
  for _, spec in ipairs(declared.specs) do values[spec.name] = declared.values[spec.name] end
  return checkpoint.encode { timers = context.timers_save(), params = values }
end

function M.restore_runtime(text)
  local kept = checkpoint.decode(text)
  for name, value in next, kept.params do declared.values[name] = value end
  context.timers_restore(kept.timers)
end

--- Calls on_error for an error that C has caught.
function M.report(message, traceback, stage, count)
  local on_error = declared.base.on_error
  if not on_error then return end
  on_error(declared.self, {
    handler = ffi.string(C.tl_stage_name(stage)), message = ffi.string(ffi.cast("const char *", message)),
    traceback = ffi.string(ffi.cast("const char *", traceback)), count = count,
  })
end

return M

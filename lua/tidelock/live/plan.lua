--- The plan of a live instance: everything that its processes must know, worked out once by the master from the configuration.
---
--- It is a Lua table in a file of the instance's folder, written as text with all digits, so that each worker reads exactly what the master meant. What
--- decides about regions and agents is hashed: an instance that was left behind is taken over only under the same hash. Descriptors, and what may differ from
--- start to start (a file to record to), stand outside of it.
local native = require "tidelock.native"
local market = require "tidelock.live.market"
local nearest = require "tidelock.nearest"
local placement = require "tidelock.live.placement"
local settings = require "tidelock.settings"
local strategy_host = require "tidelock.live.strategy_host"
local system = require "tidelock.live.system"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

M.FORMAT = 1
local DEFAULT_CASH = 1000000
local DEFAULT_RESTART = { deaths = 5, window = 60e9 }
local POLICIES = { shared = 0, priority = 1, isolated = 2 }
local FEW_INSTRUMENTS = 64
local LOADING_NS = 5000000000LL -- CPU time
local RESERVED = { io = true, house = true, master = true }

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) == "number" end
    return a < b
  end)
  return keys
end

local function serialize(value, out, indent)
  local kind = type(value)
  if kind == "number" then
    out[#out + 1] = value == math.huge and "1/0" or value == -math.huge and "-1/0" or ("%.17g"):format(value)
  elseif kind == "string" then
    out[#out + 1] = ("%q"):format(value):gsub("\\\n", "\\n")
  elseif kind == "table" then
    local inner = indent .. "  "
    out[#out + 1] = "{\n"
    for _, key in ipairs(sorted_keys(value)) do
      out[#out + 1] = inner .. (type(key) == "number" and ("[%d] = "):format(key) or ("[%q] = "):format(key))
      serialize(value[key], out, inner)
      out[#out + 1] = ",\n"
    end
    out[#out + 1] = indent .. "}"
  else
    out[#out + 1] = tostring(value)
  end
end

--- A plan as text, the same for the same plan.
function M.text(plan)
  local out = { "return " }
  serialize(plan, out, "")
  out[#out + 1] = "\n"
  return table.concat(out)
end

--- The plan in a text; raises when it is none of this version's.
function M.parse(text, where)
  local chunk = loadstring(text, "=" .. where)
  local ok, plan = pcall(setfenv(chunk or function() end, {}))
  if not ok or type(plan) ~= "table" then error(where .. ": is no plan of an instance", 0) end
  if plan.format ~= M.FORMAT or plan.version ~= ffi.string(C.tl_version()) then
    error(("%s: is a plan of version %s of tidelock; this is %s"):format(where, tostring(plan.version), ffi.string(C.tl_version())), 0)
  end
  return plan
end

function M.load(path)
  local text = system.read_file(path)
  if not text then error(path .. ": there is no plan of an instance", 0) end
  return M.parse(text, path)
end

--- FNV-1a over what the plan is made of, as sixteen digits.
local function hash_of(plan)
  local text, hash = M.text(plan), 0xcbf29ce484222325ULL
  for i = 1, #text do
    local low = bit.bxor(tonumber(hash % 256ULL), text:byte(i))
    hash = (hash - hash % 256ULL + low) * 0x100000001b3ULL
  end
  return ("%08x%08x"):format(tonumber(hash / 0x100000000ULL), tonumber(hash % 0x100000000ULL))
end

local function accounts_of(config)
  local list, index = {}, {}
  local from = config.accounts
  if not from or next(from) == nil then from = { main = {} } end
  for _, name in ipairs(sorted_keys(from)) do
    local one = from[name]
    list[#list + 1] = { name = name, cash = one.cash or DEFAULT_CASH, leverage = one.leverage or 1, short = one.short ~= false,
      currency = one.currency or config.base_currency or "USD" }
    index[name] = #list
    if #name > 31 then error(("accounts.%s: a name has up to 31 bytes"):format(name), 0) end
  end
  if #list > C.TL_GATEWAY_ACCOUNTS then error(("accounts: %d of them; the gateway keeps %d"):format(#list, C.TL_GATEWAY_ACCOUNTS), 0) end
  return list, index
end

local function account_of(entry, i, accounts, index)
  if not entry.account then
    if #accounts > 1 then error(("strategies[%d].account: the configuration has several accounts: name one"):format(i), 0) end
    return 1
  end
  if index[entry.account] then return index[entry.account] end
  error(("strategies[%d].account: "):format(i) .. nearest.sentence("account", entry.account, sorted_keys(index)), 0)
end

--- A script's path from the root: as the process sees it, else beside the configuration.
local function script_path(entry, i, folder)
  if not entry.script then error(("strategies[%d]: names no script"):format(i), 0) end
  local path = system.absolute(entry.script) or folder and entry.script:sub(1, 1) ~= "/" and system.absolute(folder .. "/" .. entry.script)
  if not path then error(("strategies[%d].script: there is no file %s"):format(i, entry.script), 0) end
  return path
end

--- What the feed must send of each instrument, bits by id: of those that a strategy declares, and of all while they are few, as handlers may subscribe to them.
--- Returns how many the strategy declares.
local function add_wants(wants, host, instruments)
  local bits = bit.bor(C.TL_WANT_QUOTES, C.TL_WANT_TRADES, C.TL_WANT_LEVELS, C.TL_WANT_BARS, C.tl_host_wants_flow(host) and C.TL_WANT_FLOW or 0)
  local count, all = 0, C.tl_instruments_count(instruments)
  for id = 0, all - 1 do
    local subscribed = C.tl_host_subscribed(host, id)
    if subscribed or all <= FEW_INSTRUMENTS then wants[id] = bit.bor(wants[id] or 0, bits) end
    count = count + (subscribed and 1 or 0)
  end
  return count
end

local function restricted_ids(config, instruments)
  local ids = {}
  for i, symbol in ipairs(config.risk and config.risk.restricted or {}) do
    local id = C.tl_instruments_find(instruments, symbol)
    if id == 0xffffffff then error(("risk.restricted[%d]: there is no symbol '%s'"):format(i, symbol), 0) end
    ids[#ids + 1] = id
  end
  return ids
end

local function venue_of(config)
  if config.venues and #config.venues > 1 then error("venues: there is one today: the paper venue", 0) end
  local venue = config.venues and config.venues[1] or {}
  if venue.kind and venue.kind ~= "exchange" then error(("venues[1].kind: is '%s'; today it is \"exchange\", the paper venue"):format(venue.kind), 0) end
  return { name = venue.name or "paper", fees = config.fees or venue.fees or {}, fill = config.fill or venue.fill or {},
    latency = config.latency or venue.latency or {}, supports = venue.supports }
end

--- What the processes would find wrong with the latencies is found here, where it can be said at once.
local function check_latency(latency, notes)
  for i, leg in ipairs(settings.LEGS) do settings.latency_leg(latency[leg], 1, i) end
  if latency.compute then notes[#notes + 1] = "latency.compute is for backtests: live, a decision takes as long as it takes" end
end

--- What a strategy may ask for in a backtest, and a live instance does not have.
local function check_history(host, i, name)
  for at = 0, C.tl_host_intervals(host) - 1 do
    local interval = C.tl_host_interval_at(host, at)
    local count = C.tl_host_warmup(host, interval)
    if count > 0 then
      error(("strategies[%d]: '%s' asks for %d bars as a warm-up, and a live instance has no history to take them from: collect them in on_bar"):format(i,
        name, tonumber(count)), 0)
    end
  end
end

local function check_symbols(one, i, instruments)
  for symbol in pairs(one.per_symbol) do
    if C.tl_instruments_find(instruments, symbol) == 0xffffffff then
      local known = {}
      for id = 0, C.tl_instruments_count(instruments) - 1 do known[#known + 1] = ffi.string(C.tl_instruments_at(instruments, id).symbol) end
      error(("strategies[%d].per_symbol: "):format(i) .. nearest.listed("symbol", symbol, known), 0)
    end
  end
end

--- Works out the plan. Returns it with what the master needs besides: the instruments' table, calendars, and notes for the operator.
---@param config table checked
---@param options table library (folder of lua/), config_path, shm_dir (overrides), cores
---@return table plan
---@return table made instruments, calendars, notes
function M.build(config, options)
  if not config.strategies or #config.strategies == 0 then error("the configuration has no strategies", 0) end
  local most = C.TL_GATEWAY_STRATEGIES - 2
  if #config.strategies > most then error(("strategies: %d of them; an instance runs %d"):format(#config.strategies, most), 0) end
  local folder = options.config_path and (options.config_path:match "^(.*)/[^/]*$" or ".")
  local instance = config.instance or (options.config_path or "tidelock"):match "([^/]*)$":gsub("%.lua$", ""):gsub("[^%w_.-]", "_")
  local made = { notes = {} }
  made.calendars = settings.created(C.tl_calendars_create(), C.tl_calendars_destroy, "calendars")
  made.instruments = settings.created(C.tl_instruments_create(), C.tl_instruments_destroy, "instruments")
  local restart = config.restart or {}
  local plan = {
    format = M.FORMAT, version = ffi.string(C.tl_version()), instance = instance, library = options.library,
    directory = (options.shm_dir or config.shm_dir or "/dev/shm") .. "/tidelock-" .. instance,
    policy = POLICIES[config.scheduling and config.scheduling.policy or "isolated"],
    restart = { deaths = restart.deaths or DEFAULT_RESTART.deaths, window = restart.window or DEFAULT_RESTART.window },
    kill_file = config.kill_file, market = market.plan(config.feeds), venue = venue_of(config),
    risk = { account = config.risk and config.risk.account, restricted = {} }, strategies = {}, wants = {},
  }
  check_latency(plan.venue.latency, made.notes)
  for _, note in ipairs(market.lay_out(plan.market, made.instruments, made.calendars, config)) do made.notes[#made.notes + 1] = note end
  local unknown = {}
  settings.edit_instruments(made.instruments, made.calendars, config.instruments, function(symbol)
    local id = C.tl_instruments_find(made.instruments, symbol)
    if id ~= 0xffffffff then return id end
    unknown[#unknown + 1] = symbol
  end)
  if unknown[1] then made.notes[#made.notes + 1] = ("instruments names '%s', which the feed does not have"):format(unknown[1]) end
  plan.risk.restricted = restricted_ids(config, made.instruments)
  local accounts
  plan.accounts, accounts = accounts_of(config)
  local limits, names, tiers = config.risk and config.risk.strategies or {}, {}, {}
  for i, entry in ipairs(config.strategies) do
    local one = { id = i - 1, name = entry.name, script = script_path(entry, i, folder), account = account_of(entry, i, plan.accounts, accounts),
      params = entry.params or {}, per_symbol = entry.per_symbol or {}, symbols = entry.symbols or {}, seed = entry.seed or 1,
      on_death = entry.on_death or "cancel", worker = entry.worker }
    -- nothing exists yet that a script which never comes to its end could hold up: the start ends with a sentence
    C.tl_patience_begin(LOADING_NS, ("tidelock: run: strategies[%d]: %s takes more than 5 s of CPU time to load\n"):format(i, one.script))
    local ok, host = pcall(strategy_host.open, one, plan, made.instruments, made.calendars, 1)
    C.tl_patience_end()
    if not ok then
      local why = tostring(host):gsub(": unknown input '[^']*' %(%-%-input .-=FILE%)$", ": outside data is for backtests")
      error(("strategies[%d]: %s"):format(i, why), 0)
    end
    check_symbols(one, i, made.instruments)
    if entry.capital then made.notes[#made.notes + 1] = ("strategies[%d].capital is for backtests: live, the account's cash counts"):format(i) end
    one.name = ffi.string(C.tl_host_name(host))
    if not one.name:match "^[%w_][%w_.-]*$" or #one.name > 32 then
      error(("strategies[%d]: '%s' is no name for a process; give it a `name`"):format(i, one.name), 0)
    end
    if RESERVED[one.name] or names[one.name] then
      error(("strategies[%d]: the name '%s' is taken; give it a `name` of its own"):format(i, one.name), 0)
    end
    names[one.name] = true
    tiers[i] = ffi.string(C.tl_host_tier(host))
    check_history(host, i, one.name)
    one.limits = limits[one.name]
    if add_wants(plan.wants, host, made.instruments) == 0 then
      error(("strategies[%d]: '%s' has no symbols: name some in `symbols`"):format(i, one.name), 0)
    end
    C.tl_host_destroy(ffi.gc(host, nil))
    plan.strategies[i] = one
  end
  for name in pairs(limits) do
    if not names[name] then error("risk.strategies: " .. nearest.sentence("strategy", name, sorted_keys(names)), 0) end
  end
  plan.instruments = C.tl_instruments_count(made.instruments)
  plan.instrument_capacity = math.max(64, plan.instruments)
  plan.processes = placement.place(plan, config.workers or {}, tiers, options.cores or system.cores(), made.notes)
  plan.hash = hash_of(plan)
  return plan, made
end

--- Writes the instruments into their section: a count, then the records from offset 64 on.
function M.write_instruments(section, instruments)
  local count = C.tl_instruments_count(instruments)
  local records = ffi.cast("tl_instrument *", ffi.cast("uint8_t *", section) + 64)
  for id = 0, count - 1 do records[id] = C.tl_instruments_at(instruments, id)[0] end
  ffi.cast("uint32_t *", section)[0] = count
end

--- The process's own table, as it was laid out.
function M.read_instruments(section)
  local instruments = settings.created(C.tl_instruments_create(), C.tl_instruments_destroy, "instruments")
  local records = ffi.cast("const tl_instrument *", ffi.cast("const uint8_t *", section) + 64)
  for i = 0, ffi.cast("const uint32_t *", section)[0] - 1 do check(C.tl_instruments_add(instruments, records + i, nil)) end
  return instruments
end

return M

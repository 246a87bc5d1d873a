--- A backtest from data files to a finished run: puts the agents together, plays, and hands over what they recorded.
---
---   local run = backtest.open { script = "scripts/market_maker.lua", data = { "day.itch" } }
---   run:play(function(counts) ... end)     -- counts.messages, .bytes, .total
---   local results = run:results()
---   run:close()
---
--- Everything that cannot be raises a sentence.
local native = require "tidelock.native"
local draft = require "tidelock.draft"
local duration = require "tidelock.duration"
local inputs = require "tidelock.backtest.inputs"
local settings = require "tidelock.settings"
local C, ffi, check = native.C, native.ffi, native.check
local created, e8, latency_leg, limits_of = settings.created, settings.e8, settings.latency_leg, settings.limits

local M = {}
local Run = {}
Run.__index = Run

local RECORDS_A_STEP = 20000 -- some milliseconds: a slow script shows its progress too
local DEFAULT_CASH = 1000000
local LEGS = settings.LEGS

local function file_name(path) return path and path:match "[^/]*$" end

--- The entry of a configuration's `strategies` that is meant: by name, by script (its path, else its file's name), or the only one.
local function strategy_entry(config, script, name)
  local list = config.strategies or {}
  for _, same in ipairs { function(path) return path end, file_name } do
    for _, entry in ipairs(list) do
      if name and entry.name == name or not name and script and same(entry.script) == same(script) then return entry end
    end
  end
  if name and #list > 0 then
    local names = {}
    for _, entry in ipairs(list) do names[#names + 1] = entry.name end
    error(require("tidelock.nearest").sentence("strategy", name, names) .. " in the configuration", 0)
  end
  return #list == 1 and not script and list[1] or {}
end

--- The id of a symbol that the configuration names under `where`; nil, and a note in the results, when the data does not have it.
local function configured(self, where, symbol)
  local id = C.tl_instruments_find(self.instruments, symbol)
  if id ~= 0xffffffff then return id end
  self.inputs.notes[#self.inputs.notes + 1] = ("%s names '%s', which is not in the data"):format(where, symbol)
end

--- The account's name and configuration.
local function account_of(config, entry, options)
  local name = entry.account
  if not name then
    for key in pairs(config.accounts or {}) do
      if name then error("the configuration has several accounts: name one in the strategy's `account`", 0) end
      name = key
    end
  end
  name = name or "main"
  local setting = config.accounts and config.accounts[name]
  if not setting then
    if entry.account and config.accounts then error(("account '%s' is not in the configuration"):format(name), 0) end
    setting = {}
  end
  if options.cash and options.cash < 0 then error(("cash of %g is negative"):format(options.cash), 0) end
  return name, {
    cash = options.cash or setting.cash or entry.capital or DEFAULT_CASH, leverage = setting.leverage or 1,
    short = setting.short ~= false, currency = setting.currency or config.base_currency or "USD",
  }
end

--- The limits of the run's strategy. A name that is no strategy's is a slip, and would leave one without its limits.
local function limits_of_strategy(self)
  local limits, known = self.config.risk and self.config.risk.strategies or {}, { self.name }
  for _, entry in ipairs(self.config.strategies or {}) do known[#known + 1] = entry.name or file_name(entry.script) end
  for name in pairs(limits) do
    local found = false
    for _, one in ipairs(known) do found = found or one == name or one == name .. ".lua" end
    if not found then error("risk.strategies: " .. require("tidelock.nearest").sentence("strategy", name, known), 0) end
  end
  return limits[self.name]
end

local function add_gateway(self, options)
  local config = self.config
  self.gateway = created(C.tl_gateway_create(self.instruments, self.calendars), C.tl_gateway_destroy, "the gateway")
  local account = settings.account(self.account_name, self.account, config.risk and config.risk.account)
  local index = ffi.new "uint32_t[1]"
  check(C.tl_gateway_add_account(self.gateway, account, index))
  self.account_index = index[0]
  check(C.tl_gateway_add_venue(self.gateway, self.venue.name or "simulated", settings.fees(self.fees), index))
  check(C.tl_gateway_venue_supports(self.gateway, index[0], settings.supports(self.venue.supports)))
  local risk = limits_of_strategy(self)
  check(C.tl_gateway_add_strategy(self.gateway, self.strategy, self.account_index, limits_of(risk)))
  for _, symbol in ipairs(config.risk and config.risk.restricted or {}) do
    local id = configured(self, "risk.restricted", symbol)
    if id then C.tl_gateway_restrict(self.gateway, id, true) end
  end
  self.recorder = created(C.tl_recorder_create(self.instruments, self.gateway, self.strategy, self.account_index), C.tl_recorder_destroy, "the recorder")
  self.options = options
end

local function add_host(self, options, entry)
  local names = {} -- anchors C strings until the host has copied them
  local function text(value) if value == nil then return nil end names[#names + 1] = value return value end
  local fees = self.fees or {}
  local config = ffi.new("tl_host_config", {
    script = text(options.script), name = text(entry.name), library = text(options.library), account = text(self.account_name),
    currency = text(self.account.currency), calendars = self.calendars, instruments = self.instruments, seed = options.seed,
    cash_e8 = e8(self.account.cash, "cash"), leverage = self.account.leverage, strategy = self.strategy, epoch = 1, batch = options.batch or 0,
    taker_fee = fees.taker or 0, fee_per_unit = fees.per_unit or 0, least_fee = fees.minimum or 0,
    error_budget = options.error_budget or 0, no_jit = options.no_jit and 1 or 0, poison = options.poison and 1 or 0, time_handlers = 1, retract = 1,
  })
  local out = ffi.new "tl_host *[1]"
  check(C.tl_host_create(config, out))
  self.host = ffi.gc(out[0], C.tl_host_destroy)
  if not options.quiet then C.tl_host_set_log(self.host, C.tl_log_stderr, nil) end
  for name, value in pairs(entry.params or {}) do native.set_param(self.host, nil, name, value) end
  for symbol, params in pairs(entry.per_symbol or {}) do
    for name, value in pairs(params) do native.set_param(self.host, symbol, name, value) end
  end
  for _, pair in ipairs(options.params or {}) do native.set_param(self.host, nil, pair[1], pair[2]) end
  for _, symbol in ipairs(options.symbols or entry.symbols or {}) do check(C.tl_host_symbol(self.host, symbol)) end
  for _, input in ipairs(self.inputs.data) do
    local columns = ffi.new("const char *[?]", math.max(#input.columns, 1))
    for i, column in ipairs(input.columns) do columns[i - 1] = column end
    check(C.tl_host_data(self.host, input.name, #input.columns, columns))
  end
  check(C.tl_host_load(self.host))
  self.name = ffi.string(C.tl_host_name(self.host))
end

local function subscribe(self)
  local host, wants = self.host, C.tl_backtest_wants(self.host)
  self.subscribed = {}
  local all = {} -- the subscribed in the order of the declaration, then the others: a handler may subscribe to them
  for id = 0, C.tl_instruments_count(self.instruments) - 1 do
    local place = C.tl_host_place(host, id)
    if C.tl_host_subscribed(host, id) then
      self.subscribed[#self.subscribed + 1] = id
      C.tl_simulator_want(self.simulator, id, wants)
    end
    all[#all + 1] = { id = id, place = place ~= 0 and place or 1e9 + id }
  end
  table.sort(all, function(a, b) return a.place < b.place end)
  if #self.subscribed == 0 then error("the strategy has no symbols: name some in `symbols`, or with --symbols", 0) end
  self.bars = created(C.tl_bars_create(self.instruments, self.calendars), C.tl_bars_destroy, "bars")
  for i = 0, C.tl_host_intervals(host) - 1 do
    local interval = C.tl_host_interval_at(host, i)
    for _, one in ipairs(all) do
      if not inputs.has_bars(self.inputs, one.id, tonumber(interval)) then
        check(C.tl_bars_ask(self.bars, one.id, interval, C.tl_host_fills_bars(host)))
      end
    end
  end
end

local function add_driver(self)
  local config = ffi.new("tl_backtest_config", {
    simulator = self.simulator, gateway = self.gateway, host = self.host, recorder = self.recorder, bars = self.bars,
  })
  self.legs = {}
  for i, leg in ipairs(LEGS) do
    self.legs[leg] = latency_leg(self.latency[leg], self.seed, i)
    config[leg] = self.legs[leg]
  end
  local out = ffi.new "tl_backtest *[1]"
  check(C.tl_backtest_create(config, out))
  self.driver = ffi.gc(out[0], C.tl_backtest_destroy)
  for i, input in ipairs(self.inputs.data) do check(C.tl_backtest_data(self.driver, input.feed, i - 1, #input.columns)) end
  if self.options.decisions then
    check(C.tl_backtest_write_decisions(self.driver, self.instruments, draft.open(self.options.decisions):release()))
  end
  for i = 0, C.tl_host_intervals(self.host) - 1 do
    local interval = C.tl_host_interval_at(self.host, i)
    local count = C.tl_host_warmup(self.host, interval)
    for _, id in ipairs(count > 0 and self.subscribed or {}) do check(C.tl_backtest_warm(self.driver, id, interval, count)) end
  end
end

--- Opens a run.
---@param options table script, data (list of specs, see inputs.lua), config (checked table), params (list of {name, text}), symbols (list), inputs (list of
--- "NAME=FILE"), library (folder of lua/), seed, batch, no_jit, poison, cash, from, to (texts), date, bar_time, zone, calendar,
--- strategy (name), quiet (no log lines), decisions (a file, or a draft of one)
function M.open(options)
  local config = options.config or {}
  local self = setmetatable({ config = config, strategy = 0, seed = options.seed or 1 }, Run)
  options.seed = self.seed
  local entry = strategy_entry(config, options.script, options.strategy)
  if not options.script then
    options.script = entry.script or error("name a script, or a configuration whose `strategies` has one", 0)
  end
  self.venue = config.venues and config.venues[1] or {}
  self.fees, self.fill = config.fees or self.venue.fees, config.fill or self.venue.fill or {}
  self.latency = config.latency or self.venue.latency or {}
  self.account_name, self.account = account_of(config, entry, options)
  self.calendars = created(C.tl_calendars_create(), C.tl_calendars_destroy, "calendars")
  self.instruments = created(C.tl_instruments_create(), C.tl_instruments_destroy, "instruments")
  local fill = settings.fill(self.fill, self.seed)
  self.simulator = created(C.tl_simulator_create(self.instruments, self.calendars, fill), C.tl_simulator_destroy, "the simulated venue")
  self.inputs = inputs.open(self, options)
  settings.edit_instruments(self.instruments, self.calendars, config.instruments, function(symbol)
    return configured(self, "instruments", symbol)
  end)
  add_host(self, options, entry)
  check(C.tl_host_bind(self.host))
  inputs.set_span(self, options)
  subscribe(self)
  add_gateway(self, options)
  add_driver(self)
  return self
end

--- Plays to the end. `progress` (may be nil) is called every now and then with the simulator's counts.
function Run:play(progress)
  local counts = ffi.new "tl_simulator_counts"
  local begin = C.tl_clock_monotonic_ns()
  local status
  repeat
    status = C.tl_backtest_run(self.driver, RECORDS_A_STEP)
    if progress then
      C.tl_simulator_count(self.simulator, counts)
      progress(counts)
    end
  until status ~= 0
  self.wall_seconds = tonumber(C.tl_clock_monotonic_ns() - begin) / 1e9
  local played = ffi.new "tl_backtest_counts"
  C.tl_backtest_count(self.driver, played)
  self.counts = played
  if C.tl_host_state_of(self.host) == C.TL_HOST_FAILED then
    self.failure = ffi.string(C.tl_host_failure(self.host))
    C.tl_recorder_finish(self.recorder, played.now_ns)
  elseif status ~= C.TL_END then
    error(ffi.string(C.tl_error_text()), 0)
  end
  local spanned = self.options.from or self.options.to
  if spanned and (played.events == 0 or played.now_ns == self.from_ns) and not self.failure then -- at `from` the picture of then comes out
    error(("nothing of the data lies in the span%s%s"):format(self.options.from and " from " .. self.options.from or "",
      self.options.to and " to " .. self.options.to or ""), 0)
  end
  C.tl_simulator_count(self.simulator, counts)
  if counts.messages == 0 and not self.failure then error("the data holds nothing: no message and no row in " .. table.concat(self.inputs.files, ", "), 0) end
  if played.warming > 0 and not self.failure then
    error(("the data ended before the warm-up had its bars: %d series lack some; the script's `warmup` asks for more than there is"):format(played.warming), 0)
  end
end

local function latency_text(setting)
  if not setting then return 0 end
  if setting.kind == "constant" then return setting.base or 0 end
  local parts = {}
  for _, name in ipairs { "base", "min", "max", "mean", "median", "p99" } do
    if setting[name] then parts[#parts + 1] = name .. " " .. duration.format(setting[name]) end
  end
  return setting.kind .. " (" .. table.concat(parts, ", ") .. ")"
end

local function handler_list(host)
  local list, stats = {}, ffi.new "tl_handler_stats"
  for i = 0, C.tl_host_handlers(host) - 1 do
    C.tl_host_handler_stats(host, i, stats)
    list[#list + 1] = { name = ffi.string(stats.name), calls = tonumber(stats.calls), errors = tonumber(stats.errors), p50_ns = stats.p50_ns,
      p99_ns = stats.p99_ns, p999_ns = stats.p999_ns, max_ns = stats.max_ns }
  end
  return list
end

local function param_list(host)
  local list = {}
  for i = 0, C.tl_host_param_count(host) - 1 do
    list[#list + 1] = { name = ffi.string(C.tl_host_param_name(host, i)), value = ffi.string(C.tl_host_param_text(host, i)) }
  end
  return list
end

local function problem_list(simulator)
  local list = {}
  repeat
    local line = ffi.string(C.tl_simulator_problem(simulator, #list))
    if line ~= "" then list[#list + 1] = line end
  until line == ""
  return list
end

--- What tidelock.report builds results from.
---@return table
function Run:description()
  local counts = ffi.new "tl_simulator_counts"
  C.tl_simulator_count(self.simulator, counts)
  local fill, options = self.fill, self.options
  local stated = {
    { "Leverage", ("%g"):format(self.account.leverage) }, { "Short selling", self.account.short and "allowed" or "refused" },
    { "Queue model", fill.queue or "conservative" }, { "Bar path", fill.bar_path or "nearest" },
    { "Slippage", ("%d ticks"):format(fill.slippage_ticks or 0) },
    { "Share of a bar's volume", fill.volume_share and ("%g"):format(fill.volume_share) or "no limit" },
  }
  if options.from or options.to then stated[#stated + 1] = { "Span", (options.from or "start") .. " to " .. (options.to or "end") } end
  for _, note in ipairs(self.inputs.notes) do stated[#stated + 1] = { "Note", note } end
  local latency = {}
  for _, leg in ipairs(LEGS) do latency[leg] = latency_text(self.latency[leg]) end
  return {
    recorder = self.recorder, instruments = self.instruments, initial_cash = self.account.cash, calendars = self.calendars,
    calendar = C.tl_instruments_at(self.instruments, self.subscribed[1]).calendar, subscribed = self.subscribed, strategy = self.name,
    script = options.script, version = ffi.string(C.tl_version()), currency = self.account.currency, seed = self.seed, files = self.inputs.files,
    params = param_list(self.host), latency = latency, fees = self.fees or {}, settings = stated, events = tonumber(self.counts.events),
    wall_seconds = self.wall_seconds, messages = tonumber(counts.messages), problems = tonumber(counts.problems),
    problem_list = problem_list(self.simulator), handlers = handler_list(self.host), errors = tonumber(C.tl_host_errors(self.host)),
    first_error = ffi.string(C.tl_host_first_error(self.host)), failure = self.failure, kept = C.tl_host_kept(self.host),
    tag_name = function(tag) return ffi.string(C.tl_mirror_tag_name(C.tl_host_mirror(self.host), tag)) end,
  }
end

return M

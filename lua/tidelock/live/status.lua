--- What a live instance is at this moment, read from its regions only: nothing is asked of its processes, so it works while one is stuck, and when all
--- are dead.
---
---   local view = status.open(directory)
---   local now = view:read()     -- a table, see `read`
---   print(status.json(now))
---   view:close()
---
--- Whatever is read lies in memory that others write: each part is copied out before it is looked at, and nothing here is compiled, as compiled code may read
--- plain memory once for many reads.
local native = require "tidelock.native"
local instance = require "tidelock.live.instance"
local json = require "tidelock.report.json"
local layout = require "tidelock.live.layout"
local plans = require "tidelock.live.plan"
local hex = require("tidelock.report.source").hex
local system = require "tidelock.live.system"
local C, ffi = native.C, native.ffi

jit.off(true, true)

local M = {}
local View = {}
View.__index = View

local WORKER_STATES = { [0] = "new", "loading", "running", "stopping", "stopped", "failed" }
local SLOT_STATES = { [0] = "new", "running", "waiting", "quarantined", "stopped" }
local IDLE = { [0] = "spin", "backoff", "block" }
local HEARTBEAT_NS = 2e9
local ABSENT = -0x7fffffffffffffffLL - 1

--- Opens an instance's folder to look at. The plan may be given by who has it.
---@param directory string
---@param plan table|nil
function M.open(directory, plan)
  local self = setmetatable({ directory = directory, plan = plan or plans.load(directory .. "/plan"), regions = {} }, View)
  for _, region in ipairs(layout.regions(self.plan)) do self.regions[region.file] = instance.open_region(directory .. "/" .. region.file, false) end
  self.instruments = plans.read_instruments(instance.section(self.regions.instruments, "instruments", "const uint8_t *"))
  self.master = ffi.new "tl_master_page"
  self.page, self.gateway = ffi.new "tl_worker_page", ffi.new "tl_published_gateway"
  self.position, self.order, self.account = ffi.new "tl_published_position", ffi.new "tl_published_order", ffi.new "tl_published_account"
  self.stages = ffi.new "tl_stages"
  return self
end

function View:close()
  for file, region in pairs(self.regions) do
    C.tl_region_close(region)
    self.regions[file] = nil
  end
end

function View:section(file, name, ctype)
  return instance.section(self.regions[file], name, ctype)
end

--- The master's page, copied.
function View:copy_master()
  ffi.copy(self.master, self:section("master", "master", "const tl_master_page *"), ffi.sizeof "tl_master_page")
  return self.master
end

--- A process's page, copied.
function View:copy_page(process)
  ffi.copy(self.page, self:section(process.region, "worker", "const tl_worker_page *"), ffi.sizeof "tl_worker_page")
  return self.page
end

--- A counter's value in a region, 0 when there is none.
function View:counter(file, label)
  return tonumber(C.tl_counter_find(self:section(file, "counters", "const tl_counter *"), layout.capacity.counters, label))
end

--- All counters of a region: list of { label, value }.
function View:counters(file)
  local copy, list = ffi.new "tl_counter", {}
  local all = self:section(file, "counters", "const tl_counter *")
  for i = 0, layout.capacity.counters - 1 do
    ffi.copy(copy, all + i, ffi.sizeof "tl_counter")
    if copy.label[0] == 0 then break end
    list[#list + 1] = { ffi.string(copy.label), tonumber(copy.value) }
  end
  return list
end

local function quantiles(histogram)
  local count = tonumber(histogram.count)
  if count == 0 then return nil end
  return { count = count, p50_ns = C.tl_histogram_quantile_ns(histogram, 0.5), p99_ns = C.tl_histogram_quantile_ns(histogram, 0.99),
    p999_ns = C.tl_histogram_quantile_ns(histogram, 0.999), max_ns = tonumber(histogram.max_ns) }
end

--- Latency by stage over all processes, and of handlers and of delivery by process.
function View:latency()
  ffi.fill(self.stages, ffi.sizeof "tl_stages")
  local handlers, delivered, copy = {}, {}, ffi.new "tl_histogram"
  for _, process in ipairs(self.plan.processes) do
    local stages = self:section(process.region, "stages", "const tl_stages *")
    for stage = 0, C.TL_LATENCY_STAGES - 1 do
      ffi.copy(copy, stages.of + stage, ffi.sizeof "tl_histogram")
      C.tl_histogram_add(self.stages.of[stage], copy)
      if stage == C.TL_LATENCY_HANDLER then handlers[process.name] = quantiles(copy) end
      if stage == C.TL_LATENCY_DELIVER then delivered[process.name] = quantiles(copy) end
    end
  end
  local by_stage, names = {}, {}
  for stage = 0, C.TL_LATENCY_STAGES - 1 do
    local name = ffi.string(C.tl_latency_stage_name(stage))
    names[#names + 1], by_stage[name] = name, quantiles(self.stages.of[stage])
  end
  return by_stage, names, handlers, delivered
end

local function slots_by_name(master)
  local by_name = {}
  for i = 0, math.min(master.slot_count, C.TL_MASTER_SLOTS) - 1 do by_name[ffi.string(master.slots[i].name)] = master.slots[i] end
  return by_name
end

local function state_of(slot, page)
  if slot and slot.state ~= C.TL_SLOT_SPAWNED and slot.state ~= C.TL_SLOT_NONE then return SLOT_STATES[slot.state] or "?" end
  if slot and slot.epoch ~= page.epoch then return "starting" end -- the page is still its predecessor's
  return WORKER_STATES[page.state] or "?"
end

function View:workers(master)
  local list, slots = {}, slots_by_name(master)
  for _, process in ipairs(self.plan.processes) do
    local slot, page = slots[process.name], self:copy_page(process)
    list[#list + 1] = {
      name = process.name, worker = process.worker, role = process.role, tier = process.tier, cpu = process.cpu, idle = IDLE[process.idle],
      state = state_of(slot, page), pid = slot and slot.pid or page.pid, generation = slot and slot.epoch or page.epoch, deaths = slot and slot.deaths or 0,
      kills = slot and slot.kills or 0, restart_ns = slot and tonumber(slot.restart_ns) or 0, death = slot and ffi.string(slot.death) or "",
      stalls = tonumber(page.stalls), stall_max_ns = tonumber(page.stall_max_ns), cycles = tonumber(page.cycles), worked = tonumber(page.worked),
      parks = tonumber(page.parks), cpu_ns = tonumber(page.cpu_ns), handled = tonumber(page.handled), in_hand = tonumber(page.in_hand),
      overruns = tonumber(page.overruns), errors = tonumber(page.errors), lua_bytes = tonumber(page.lua_bytes), collections = tonumber(page.collections),
      skipped = tonumber(page.skipped), decisions_hash = hex(page.decisions_hash), note = ffi.string(page.note), failure = ffi.string(page.failure),
      running_ns = tonumber(page.running_ns),
    }
  end
  return list
end

--- What fits 63 bits is exact as far as a double goes; a negative one is no difference of two large ones.
function M.money(m)
  local low = ffi.cast("int64_t", m.low)
  if m.high == (low < 0 and -1 or 0) then return tonumber(low) / 1e8 end
  return (tonumber(m.high) * 2 ^ 64 + tonumber(m.low)) / 1e8
end
local money = M.money

--- Positions as the gateway published them: strategy's id -> list.
function View:positions()
  local by_strategy, one = {}, self.position
  for i = 0, math.min(self.gateway.position_count, layout.capacity.positions) - 1 do
    if C.tl_published_position_read(self:section("io", "positions", "const void *"), i, one) and one.instrument < C.tl_instruments_count(self.instruments) then
      local instrument = C.tl_instruments_at(self.instruments, one.instrument)
      local list = by_strategy[one.strategy] or {}
      by_strategy[one.strategy] = list
      local realized, fees, funding = money(one.position.realized_e8), money(one.position.fees_e8), money(one.position.funding_e8)
      local unrealized = tonumber(one.unrealized_e8) / 1e8
      list[#list + 1] = {
        symbol = ffi.string(instrument.symbol), quantity = tonumber(one.position.quantity) * 10 ^ instrument.quantity_exponent,
        average_price = C.tl_position_average_price(one.position, instrument), realized_pnl = realized, unrealized_pnl = unrealized, fees = fees,
        net_pnl = realized + unrealized - fees - funding, fills = tonumber(one.position.fills), open_orders = one.open_orders,
        traded = money(one.position.traded_e8),
      }
    end
  end
  for _, list in pairs(by_strategy) do table.sort(list, function(a, b) return a.symbol < b.symbol end) end
  return by_strategy
end

local SIDES = { [1] = "buy", [2] = "sell" }

--- Open orders as the gateway published them.
function View:orders()
  local list, one = {}, self.order
  for i = 0, math.min(self.gateway.order_count, layout.capacity.orders) - 1 do
    if C.tl_published_order_read(self:section("io", "orders", "const void *"), i, one) and one.status > 0 and one.status < C.TL_ORDER_FILLED
      and one.last.instrument < C.tl_instruments_count(self.instruments) then
      local instrument = C.tl_instruments_at(self.instruments, one.last.instrument)
      local price_scale, quantity_scale = 10 ^ instrument.price_exponent, 10 ^ instrument.quantity_exponent
      list[#list + 1] = {
        id = tonumber(one.last.order_id), strategy = one.last.strategy, symbol = ffi.string(instrument.symbol), side = SIDES[one.last.side] or "?",
        type = ffi.string(C.tl_order_type_name(one.last.type)), quantity = tonumber(one.last.quantity) * quantity_scale, held = one.held == 1,
        price = one.last.price ~= ABSENT and tonumber(one.last.price) * price_scale or nil,
        stop_price = one.last.stop_price ~= ABSENT and tonumber(one.last.stop_price) * price_scale or nil, filled = tonumber(one.filled) * quantity_scale,
        status = ffi.string(C.tl_order_status_name(one.status)),
      }
    end
  end
  return list
end

function View:accounts()
  local list, one = {}, self.account
  for i = 0, math.min(self.gateway.account_count, C.TL_GATEWAY_ACCOUNTS) - 1 do
    if C.tl_published_account_read(self:section("io", "accounts", "const void *"), i, one) then
      local s = one.state
      list[#list + 1] = { name = ffi.string(one.name), currency = ffi.string(one.currency), equity = tonumber(s.equity_e8) / 1e8,
        cash = tonumber(s.cash_e8) / 1e8, buying_power = tonumber(s.buying_power_e8) / 1e8, margin_used = tonumber(s.margin_used_e8) / 1e8,
        gross_exposure = tonumber(s.gross_exposure_e8) / 1e8, fees = tonumber(s.fees_e8) / 1e8, open_orders = s.open_orders, killed = s.killed ~= 0 }
    end
  end
  return list
end

--- Denies of the gateway by reason.
function View:denies()
  local list = {}
  for reason = 1, C.TL_REASONS - 1 do
    local count = tonumber(self.gateway.denied[reason])
    if count > 0 then list[ffi.string(C.tl_reason_code(reason))] = count end
  end
  return list
end

--- Fill levels and what went through: list of { name, capacity, used, produced }.
function View:rings()
  local list, cap = {}, layout.capacity
  local head, cursor = ffi.new "tl_channel_head", ffi.new "tl_spsc_cursor"
  local function channel(name, from, out, to, into, capacity)
    ffi.copy(cursor, self:section(to, into, "const uint8_t *"), ffi.sizeof "tl_spsc_cursor") -- the consumer first: it is never ahead
    local consumed = tonumber(cursor.position)
    ffi.copy(head, self:section(from, out, "const uint8_t *"), ffi.sizeof "tl_channel_head")
    local produced = tonumber(head.produced.position)
    list[#list + 1] = { name = name, capacity = capacity, used = math.max(0, produced - consumed), produced = produced }
  end
  channel("market", "house", "out:market", "io", "in:market", cap.market)
  local ring = ffi.new "tl_broadcast_head"
  ffi.copy(ring, self:section("io", "feed", "const uint8_t *"), ffi.sizeof "tl_broadcast_head")
  list[#list + 1] = { name = "feed", capacity = cap.feed, produced = tonumber(ring.produced) }
  for _, one in ipairs(self.plan.strategies) do
    channel("commands " .. one.name, "s." .. one.name, "out:commands", "io", "in:commands:" .. one.name, cap.commands)
    channel("reports " .. one.name, "io", "out:reports:" .. one.name, "s." .. one.name, "in:reports", cap.reports)
  end
  channel("venue commands", "io", "out:venue.commands", "house", "in:venue.commands", cap.venue_commands)
  channel("venue reports", "house", "out:venue.reports", "io", "in:venue.reports", cap.venue_reports)
  return list
end

--- Everything at once:
--- instance, directory, running, state ("running" "stopping" "stuck" "dead"), pid, uptime_ns, recovered, killed, events, orders, fills, denies, expired_orders,
--- latency and latency_names, workers, strategies (name, worker's figures, position by symbol, pnl, positions, handlers), accounts, note.
function View:read()
  local master = self:copy_master()
  local running = system.is_locked(self.directory .. "/lock")
  local now = C.tl_runtime_clock_read_ns(master.clock)
  local silent = tonumber(now - master.heartbeat_ns)
  if not C.tl_published_gateway_read(self:section("io", "gateway", "const void *"), self.gateway) then
    ffi.fill(self.gateway, ffi.sizeof "tl_published_gateway")
  end
  local result = {
    instance = self.plan.instance, directory = self.directory, running = running, pid = master.pid, recovered = master.recovered ~= 0,
    state = not running and "dead" or master.stopping ~= 0 and "stopping" or silent > HEARTBEAT_NS and "stuck" or "running",
    uptime_ns = math.max(0, tonumber((running and now or master.heartbeat_ns) - master.started_ns)), killed = self.gateway.killed ~= 0,
    events = self:counter("io", "feed.events"), orders = tonumber(self.gateway.orders), fills = tonumber(self.gateway.fills), denies = self:denies(),
    expired_orders = tonumber(self.gateway.expired_orders), workers = self:workers(master), accounts = self:accounts(), strategies = {},
    clock_steps = tonumber(master.clock.steps), note = ffi.string(master.note),
  }
  local handlers, delivered
  result.latency, result.latency_names, handlers, delivered = self:latency()
  local positions = self:positions()
  for i, one in ipairs(self.plan.strategies) do
    local worker
    for _, w in ipairs(result.workers) do
      if w.name == one.name then worker = w end
    end
    local list, pnl, by_symbol, fills, open, traded = positions[one.id] or {}, 0, {}, 0, 0, 0
    for _, p in ipairs(list) do
      by_symbol[p.symbol] = p.quantity
      pnl, fills, open, traded = pnl + p.net_pnl, fills + p.fills, open + p.open_orders, traded + p.traded
    end
    result.strategies[i] = {
      name = one.name, decisions_hash = worker.decisions_hash, errors = worker.errors, overruns = worker.overruns, position = by_symbol, pnl = pnl,
      positions = list, fills = fills, open_orders = open, traded = traded, handlers = handlers[one.name], delivered = delivered[one.name],
      skipped = worker.skipped,
      handled = self:counter("s." .. one.name, "strategy.records"),
      commands = self:counter("s." .. one.name, "strategy.commands"), gaps = self:counter("s." .. one.name, "strategy.gaps"),
      account = self.plan.accounts[one.account].name, state = worker.state,
    }
  end
  return result
end

--- The object of `--json`: of `status` and of `run` alike.
---@param now table as of read()
---@return table for report/json.lua
function M.object(now)
  local workers, strategies, latency, accounts = {}, {}, {}, {}
  for _, w in ipairs(now.workers) do
    workers[w.name] = { generation = w.generation, deaths = w.deaths, stalls = w.stalls, stall_max_ns = w.stall_max_ns, kills = w.kills, state = w.state,
      worker = w.worker, tier = w.tier > 0 and "L" .. w.tier or json.null, cpu = w.cpu, idle = w.idle, cpu_ns = w.cpu_ns, pid = w.pid, parks = w.parks,
      restart_ns = w.restart_ns, last_death = w.death, note = w.note }
  end
  local function shown(l)
    l = l or {}
    return { p50_ns = l.p50_ns or json.null, p99_ns = l.p99_ns or json.null, p999_ns = l.p999_ns or json.null, max_ns = l.max_ns or json.null,
      count = l.count or 0 }
  end
  for _, s in ipairs(now.strategies) do
    strategies[s.name] = { latency = { deliver = shown(s.delivered), handler = shown(s.handlers) },
      decisions_hash = s.decisions_hash, errors = s.errors, overruns = s.overruns, position = s.position, pnl = s.pnl,
      fills = s.fills, open_orders = s.open_orders, skipped = s.skipped, handled = s.handled, gaps = s.gaps, state = s.state }
  end
  for _, name in ipairs(now.latency_names) do latency[name] = shown(now.latency[name]) end
  for _, a in ipairs(now.accounts) do accounts[a.name] = { equity = a.equity, cash = a.cash, killed = a.killed, open_orders = a.open_orders } end
  return { instance = now.instance, state = now.state, uptime_ns = now.uptime_ns, recovered = now.recovered, events = now.events,
    orders = now.orders, fills = now.fills, denies = now.denies, expired_orders = now.expired_orders, latency = latency, workers = workers,
    strategies = strategies, accounts = accounts, killed = now.killed }
end

--- Its text, a member a line.
function M.json(now)
  return json.encode(M.object(now), true)
end

return M

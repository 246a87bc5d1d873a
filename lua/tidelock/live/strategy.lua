--- A strategy's process: its host in a Lua state of its own, fed by the strategy agent, confined before it runs.
local native = require "tidelock.native"
local layout = require "tidelock.live.layout"
local settings = require "tidelock.settings"
local strategy_host = require "tidelock.live.strategy_host"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

local SPINS = 512 -- empty polls inside the loop of handlers before the worker has its turn: some 10 us

local function add_bars(process, host)
  if C.tl_host_intervals(host) == 0 then return nil end
  local bars = process:keep(settings.created(C.tl_bars_create(process.instruments, process.calendars), C.tl_bars_destroy, "bars"))
  for i = 0, C.tl_host_intervals(host) - 1 do
    for id = 0, C.tl_instruments_count(process.instruments) - 1 do
      if C.tl_host_subscribed(host, id) then check(C.tl_bars_ask(bars, id, C.tl_host_interval_at(host, i), C.tl_host_fills_bars(host))) end
    end
  end
  return bars
end

local function peers_of(process, own)
  local plan = process.plan
  local peers, count = process:keep(ffi.new("tl_live_peer[?]", #plan.strategies)), 0
  for _, one in ipairs(plan.strategies) do
    if one ~= own then
      peers[count].name, peers[count].region, peers[count].id = one.name, process.regions["s." .. one.name], one.id
      count = count + 1
    end
  end
  return peers, count
end

function M.compose(process)
  process:read_tables()
  local plan, slot, cap = process.plan, process.slot, layout.capacity
  local one = plan.strategies[slot.strategy]
  local host = process:keep(strategy_host.open(one, plan, process.instruments, process.calendars, process.epoch))
  local peers, peer_count = peers_of(process, one)
  local config = process:keep(ffi.new("tl_live_config", {
    clock = process.clock, host = host, bars = add_bars(process, host), own = process.own, gateway = process.regions.io, name = one.name,
    feed_capacity = cap.feed, command_capacity = cap.commands, report_capacity = cap.reports, log_capacity = cap.input_log, peers = peers,
    peer_count = peer_count, strategy = one.id, epoch = process.epoch, venue_count = 1,
    venues = process:keep(ffi.new("const char *[1]", { plan.venue.name })), gateway_waker = process:waker "io", soft_budget_ns = slot.soft_ns,
    spins = slot.idle == C.TL_IDLE_SPIN and SPINS or 0, recorded = plan.record and 1 or 0,
    fail = ffi.cast("void (*)(void *, const char *)", C.tl_worker_fail), fail_context = process.worker,
  }))
  if plan.record then
    config.recorder_position = require("tidelock.live.instance").section(process.regions.house, "recorded:" .. one.name, "const uint64_t *")
  end
  local out = ffi.new "tl_live *[1]"
  check(C.tl_live_create(config, out))
  local agent = ffi.new "tl_agent"
  C.tl_live_agent(out[0], agent)
  process:add(agent)
  check(C.tl_worker_confine(process.worker))
end

return M

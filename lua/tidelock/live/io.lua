--- The process `io`: the feed agent and the gateway agent.
local native = require "tidelock.native"
local layout = require "tidelock.live.layout"
local settings = require "tidelock.settings"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

local STALE_NS = 5e9

local function add_gateway(process)
  local plan, names = process.plan, {}
  local gateway = settings.created(C.tl_gateway_create(process.instruments, process.calendars), C.tl_gateway_destroy, "the gateway")
  process:keep(gateway)
  local index = ffi.new "uint32_t[1]"
  for _, account in ipairs(plan.accounts) do
    check(C.tl_gateway_add_account(gateway, settings.account(account.name, account, plan.risk.account), index))
  end
  check(C.tl_gateway_add_venue(gateway, plan.venue.name, settings.fees(plan.venue.fees), index))
  check(C.tl_gateway_venue_supports(gateway, index[0], settings.supports(plan.venue.supports)))
  for _, one in ipairs(plan.strategies) do
    check(C.tl_gateway_add_strategy(gateway, one.id, one.account - 1, settings.limits(one.limits)))
    names[#names + 1] = one.name
  end
  for _, id in ipairs(plan.risk.restricted) do C.tl_gateway_restrict(gateway, id, true) end
  local strategies = process:keep(ffi.new("tl_gateway_agent_strategy[?]", #plan.strategies))
  for i, one in ipairs(plan.strategies) do
    local to = strategies[i - 1]
    to.name, to.region, to.id = one.name, process.regions["s." .. one.name], one.id
    to.on_death = one.on_death == "keep" and C.TL_ON_DEATH_KEEP or C.TL_ON_DEATH_CANCEL
    to.waker = process:waker(one.name)
  end
  local cap = layout.capacity
  local out = ffi.new "tl_gateway_agent *[1]"
  check(C.tl_gateway_agent_create(process:keep(ffi.new("tl_gateway_agent_config", {
    clock = process.clock, gateway = gateway, instruments = process.instruments, own = process.own, venue = process.regions.house,
    command_capacity = cap.commands, report_capacity = cap.reports, venue_command_capacity = cap.venue_commands, venue_report_capacity = cap.venue_reports,
    strategies = strategies, strategy_count = #plan.strategies, position_capacity = cap.positions, order_capacity = cap.orders,
    venue_waker = process:waker "house", kill_file = plan.kill_file,
  })), out))
  return out[0], names
end

--- Puts the agents together and adds them to the process's worker.
function M.compose(process)
  process:read_tables()
  local gateway, names = add_gateway(process)
  local wakers, count = process:wakers(names)
  local out = ffi.new "tl_feed *[1]"
  check(C.tl_feed_create(process:keep(ffi.new("tl_feed_config", {
    clock = process.clock, instruments = process.instruments, own = process.own, source = process.regions.house, market_capacity = layout.capacity.market,
    feed_capacity = layout.capacity.feed, instrument_capacity = process.plan.instrument_capacity, stale_ns = STALE_NS,
    latency = process:keep(settings.latency_leg(process.plan.venue.latency.feed, 1, 1)), market = C.tl_gateway_agent_market, market_context = gateway,
    wakers = wakers, waker_count = count,
  })), out))
  local agent = ffi.new "tl_agent"
  C.tl_feed_agent(out[0], agent)
  process:add(agent)
  agent = ffi.new "tl_agent"
  C.tl_gateway_agent_of(gateway, agent)
  process:add(agent)
end

return M

--- The process `house`: the paper venue, and whoever writes input logs to a file.
local native = require "tidelock.native"
local layout = require "tidelock.live.layout"
local market = require "tidelock.live.market"
local plans = require "tidelock.live.plan"
local settings = require "tidelock.settings"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

--- Whoever writes the input logs to a file. It is stopped when the strategies have ended, as the house is.
local function add_recorder(process)
  local plan = process.plan
  local count = #plan.strategies
  local names = process:keep(ffi.new("const char *[?]", count))
  local regions = process:keep(ffi.new("const tl_region *[?]", count))
  for i, one in ipairs(plan.strategies) do names[i - 1], regions[i - 1] = one.name, process.regions["s." .. one.name] end
  local config = ffi.new("tl_log_recorder_config", { path = plan.record, plan = process:keep(plans.text(plan)), instruments = process.instruments,
    own = process.own, names = names, regions = regions, count = count })
  local out = ffi.new "tl_log_recorder *[1]"
  check(C.tl_log_recorder_create(config, out))
  local agent = ffi.new "tl_agent"
  C.tl_log_recorder_agent(out[0], agent)
  process:add(agent)
end

function M.compose(process)
  process:read_tables()
  local plan, cap = process.plan, layout.capacity
  local latency, seed = plan.venue.latency, plan.market.seed or 1
  local wakers, count = process:wakers { "io" }
  local generated = plan.market.kind == "generated"
  local out = ffi.new "tl_paper *[1]"
  check(C.tl_paper_create(process:keep(ffi.new("tl_paper_config", {
    clock = process.clock, instruments = process.instruments, calendars = process.calendars, own = process.own, gateway = process.regions.io,
    market_capacity = cap.market, command_capacity = cap.venue_commands, report_capacity = cap.venue_reports, fill = settings.fill(plan.venue.fill, seed),
    entry = process:keep(settings.latency_leg(latency.entry, seed, 3)), report = process:keep(settings.latency_leg(latency.report, seed, 4)),
    speed = plan.market.speed or 1, seed = seed, rate = generated and plan.market.rate or 0, symbols = generated and plan.market.symbols or 0,
    wait = not generated and process.epoch == 1 and 1 or 0, -- a successor's market has begun
    wakers = wakers, waker_count = count,
  })), out))
  market.open(plan.market, out[0], process.instruments, process.calendars)
  for id, bits in pairs(plan.wants) do C.tl_paper_want(out[0], id, bits) end
  local agent = ffi.new "tl_agent"
  C.tl_paper_agent(out[0], agent)
  process:add(agent)
  if plan.record then add_recorder(process) end
end

return M

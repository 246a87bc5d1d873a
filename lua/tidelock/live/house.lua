--- The process `house`: the paper venue, and whoever writes input logs to a file.
local native = require "tidelock.native"
local layout = require "tidelock.live.layout"
local market = require "tidelock.live.market"
local settings = require "tidelock.settings"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

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
    wakers = wakers, waker_count = count,
  })), out))
  market.open(plan.market, out[0], process.instruments, process.calendars)
  for id, bits in pairs(plan.wants) do C.tl_paper_want(out[0], id, bits) end
  local agent = ffi.new "tl_agent"
  C.tl_paper_agent(out[0], agent)
  process:add(agent)
end

return M

--- The regions of a live instance: which files, which sections, how large. One place, read by the master, which makes them, and by every worker.
---
--- Names follow the seams between the agents: channels are "out:NAME" in the producer's region and "in:NAME" in the consumer's; rings, logs, checkpoints
--- and what is published stand by their names.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}

--- Of sections that mean the same in every version; another number makes regions of other versions strangers.
M.VERSION = 1

--- Slots, and bytes of a slot.
M.capacity = { commands = 4096, reports = 2048, venue_commands = 4096, venue_reports = 4096, market = 16384, feed = 65536, log = C.TL_LIVE_LINES,
  operator = C.TL_MASTER_OPERATOR_CAPACITY, input_log = 131072, counters = 256, positions = 4096, orders = 4096 }

local BYTES = { command = 128, message = 256, report = 96, event = 64, operator = 64 }

local function sections()
  local list = {}
  return list, function(name, bytes) list[#list + 1] = { name = name, bytes = tonumber(bytes) } end
end

local function out_bytes(slots, slot_bytes) return C.tl_channel_out_bytes(slots, slot_bytes) end

--- What every worker has.
local function add_common(add)
  add("worker", ffi.sizeof "tl_worker_page")
  add("in:operator", C.tl_channel_in_bytes())
  add("counters", M.capacity.counters * ffi.sizeof "tl_counter")
  add("stages", ffi.sizeof "tl_stages")
end

local function master(plan)
  local list, add = sections()
  add("master", ffi.sizeof "tl_master_page")
  for _, process in ipairs(plan.processes) do add("out:operator:" .. process.name, out_bytes(M.capacity.operator, BYTES.operator)) end
  return { file = "master", sections = list }
end

local function instruments(plan)
  local list, add = sections()
  add("instruments", 64 + plan.instrument_capacity * ffi.sizeof "tl_instrument")
  return { file = "instruments", sections = list }
end

local function io(plan)
  local list, add = sections()
  local cap = M.capacity
  add_common(add)
  add("feed", C.tl_broadcast_bytes(cap.feed, BYTES.event))
  add("latches", C.tl_feed_latches_bytes(plan.instrument_capacity))
  add("in:market", C.tl_channel_in_bytes())
  add("out:venue.commands", out_bytes(cap.venue_commands, BYTES.command))
  add("in:venue.reports", C.tl_channel_in_bytes())
  for _, strategy in ipairs(plan.strategies) do
    add("in:commands:" .. strategy.name, C.tl_channel_in_bytes())
    add("out:reports:" .. strategy.name, out_bytes(cap.reports, BYTES.message))
  end
  local checkpoint = C.tl_gateway_agent_checkpoint_bytes(plan.instrument_capacity, #plan.strategies, cap.orders, cap.positions)
  add("gateway.log", C.tl_gateway_agent_log_bytes(plan.instrument_capacity))
  add("gateway.checkpoint.0", checkpoint)
  add("gateway.checkpoint.1", checkpoint)
  add("positions", C.tl_published_positions_bytes(cap.positions))
  add("orders", C.tl_published_orders_bytes(cap.orders))
  add("accounts", C.tl_published_accounts_bytes())
  add("gateway", C.tl_published_gateway_bytes())
  return { file = "io", sections = list }
end

local function house(plan)
  local list, add = sections()
  local cap = M.capacity
  add_common(add)
  add("out:market", out_bytes(cap.market, BYTES.event))
  add("out:venue.reports", out_bytes(cap.venue_reports, BYTES.report))
  add("in:venue.commands", C.tl_channel_in_bytes())
  local checkpoint = C.tl_paper_checkpoint_bytes(cap.orders, plan.market.symbols or 0)
  add("exchange.log", C.tl_paper_log_bytes())
  add("exchange.checkpoint.0", checkpoint)
  add("exchange.checkpoint.1", checkpoint)
  for _, strategy in ipairs(plan.strategies) do add("recorded:" .. strategy.name, 8) end
  return { file = "house", sections = list }
end

local function of_strategy(plan, strategy)
  local list, add = sections()
  local cap = M.capacity
  add_common(add)
  add("out:commands", out_bytes(cap.commands, BYTES.command))
  add("in:reports", C.tl_channel_in_bytes())
  local checkpoint = C.tl_live_checkpoint_bytes(plan.instrument_capacity)
  add("input_log", C.tl_input_log_bytes(cap.input_log))
  add("checkpoint.0", checkpoint)
  add("checkpoint.1", checkpoint)
  add("signals", C.tl_live_signals_bytes())
  add("log", C.tl_live_lines_bytes())
  return { file = "s." .. strategy.name, sections = list }
end

--- All regions of a plan: list of { file =, sections = { { name =, bytes = } } }.
function M.regions(plan)
  local list = { master(plan), instruments(plan), io(plan), house(plan) }
  for _, strategy in ipairs(plan.strategies) do list[#list + 1] = of_strategy(plan, strategy) end
  return list
end

--- A region's sections as C takes them, and how many.
function M.sections(region)
  local list = ffi.new("tl_region_section[?]", #region.sections)
  for i, one in ipairs(region.sections) do
    if #one.name >= C.TL_REGION_NAME_BYTES then error(("'%s' is too long a name for a section"):format(one.name), 0) end
    ffi.copy(list[i - 1].name, one.name)
    list[i - 1].bytes = one.bytes
  end
  return list, #region.sections
end

--- Bytes of all regions.
function M.bytes(plan)
  local sum = 0
  for _, region in ipairs(M.regions(plan)) do
    for _, one in ipairs(region.sections) do sum = sum + one.bytes end
  end
  return sum
end

return M

--- A live strategy in one process: its agent on real regions in a folder of the test's own, the real feed agent, and the gateway's ends of the
--- channels by hand.
---
---   local world = live_world.new { script = "...", symbols = { "AAPL" } }
---   world:attach()                           -- runs until START; answers the attach with the messages that are given
---   world:quote("AAPL", 150.00, 150.10)      -- at the venue; world:cycle() lets feed and strategy work
---   world:take()                             -- the commands that it sent
---   world:report(command, "TL_REPORT_ACCEPTED", { ... })
---   world:die()  world:revive()              -- the agent and its host are gone; a successor goes on from the regions
local native = require "tidelock.native"
local host_world = require "support.host_world"
local C, ffi, check = native.C, native.ffi, native.check

ffi.cdef "int getpid(void);"

local M = {}
local World = {}
World.__index = World

local COMMANDS, MESSAGES, FEED, MARKET = 64, 64, 1024, 512
local ABSENT = ffi.new("int64_t", bit.lshift(1LL, 63))
M.ABSENT = ABSENT
local made = 0

local function region(path, list)
  local sections = ffi.new("tl_region_section[?]", #list)
  for i, one in ipairs(list) do
    ffi.copy(sections[i - 1].name, one[1])
    sections[i - 1].bytes = one[2]
  end
  check(C.tl_region_create(path, sections, #list, 1))
  local opened = ffi.new "tl_region"
  check(C.tl_region_open(opened, path, true, 0))
  return opened
end

local function section(of, name, ctype)
  local found = C.tl_region_find(of, name, nil)
  assert(found ~= nil, ffi.string(C.tl_error_text()))
  return ffi.cast(ctype or "uint8_t *", found)
end

local function common()
  return { "worker", ffi.sizeof "tl_worker_page" }, { "counters", 256 * ffi.sizeof "tl_counter" }, { "stages", ffi.sizeof "tl_stages" }
end

function World:make_regions(slots)
  local name = self.name
  self.house = region(self.folder .. "/house", { { "out:market", C.tl_channel_out_bytes(MARKET, 64) }, { "signals", C.tl_live_signals_bytes() },
    { "recorded:" .. name, 8 }, { "clock", ffi.sizeof "tl_runtime_clock" }, { "control", 8 } })
  local list = { common() }
  for _, one in ipairs { { "feed", C.tl_broadcast_bytes(FEED, 64) }, { "latches", C.tl_feed_latches_bytes(16) }, { "in:market", C.tl_channel_in_bytes() },
    { "in:commands:" .. name, C.tl_channel_in_bytes() }, { "out:reports:" .. name, C.tl_channel_out_bytes(MESSAGES, 256) } } do list[#list + 1] = one end
  self.io = region(self.folder .. "/io", list)
  list = { common() }
  for _, one in ipairs { { "out:commands", C.tl_channel_out_bytes(COMMANDS, 128) }, { "in:reports", C.tl_channel_in_bytes() },
    { "input_log", C.tl_input_log_bytes(slots) }, { "checkpoint.0", 1048576 }, { "checkpoint.1", 1048576 }, { "signals", C.tl_live_signals_bytes() },
    { "log", C.tl_live_lines_bytes() } } do list[#list + 1] = one end
  self.own = region(self.folder .. "/s." .. name, list)
end

local function open_feed(self)
  local out = ffi.new "tl_feed *[1]"
  check(C.tl_feed_create(ffi.new("tl_feed_config", { clock = self.clock, instruments = self.instruments, own = self.io, source = self.house,
    market_capacity = MARKET, feed_capacity = FEED, instrument_capacity = 16 }), out))
  self.feed = ffi.gc(out[0], C.tl_feed_destroy)
  self.feed_agent = ffi.new "tl_agent"
  C.tl_feed_agent(self.feed, self.feed_agent)
  self.market = ffi.new "tl_spsc_producer"
  check(C.tl_channel_producer(self.market, section(self.house, "out:market"), section(self.io, "in:market"), MARKET, 64))
end

local function open_gateway(self)
  self.commands, self.messages = ffi.new "tl_spsc_consumer", ffi.new "tl_spsc_producer"
  check(C.tl_channel_consumer(self.commands, section(self.own, "out:commands"), section(self.io, "in:commands:" .. self.name), COMMANDS, 128))
  check(C.tl_channel_producer(self.messages, section(self.io, "out:reports:" .. self.name), section(self.own, "in:reports"), MESSAGES, 256))
end

--- A generation: host and agent.
function World:revive()
  self.epoch = (self.epoch or 0) + 1
  local options = self.options
  local config = { strategy = options.strategy or 3, epoch = self.epoch, seed = 7, time_handlers = 1 }
  for key, value in pairs(options.config or {}) do config[key] = value end
  local host, why = host_world.new { path = self.script, config = config, params = options.params, instruments = self.instruments, calendars = self.calendars }
  assert(host, why)
  self.world, self.host = host, host.host
  self.log = C.tl_host_log(self.host)
  local bars
  if C.tl_host_intervals(self.host) > 0 then
    bars = ffi.gc(C.tl_bars_create(self.instruments, self.calendars), C.tl_bars_destroy)
    for i = 0, C.tl_host_intervals(self.host) - 1 do
      for id = 0, C.tl_instruments_count(self.instruments) - 1 do check(C.tl_bars_ask(bars, id, C.tl_host_interval_at(self.host, i), false)) end
    end
  end
  self.bars = bars
  self.live_config = ffi.new("tl_live_config", { clock = self.clock, host = self.host, bars = bars, own = self.own, gateway = self.io, name = self.name,
    feed_capacity = FEED, command_capacity = COMMANDS, report_capacity = MESSAGES, log_capacity = self.slots, strategy = config.strategy, epoch = self.epoch,
    gateway_waker = { fd = -1 }, soft_budget_ns = options.soft_budget_ns or 0, spins = options.spins or 0, recorded = options.recorded and 1 or 0 })
  if options.recorded then self.live_config.recorder_position = section(self.house, "recorded:" .. self.name, "const uint64_t *") end
  if options.peer then
    self.peer = ffi.new("tl_live_peer", { name = "peer", region = self.house, id = 9 })
    self.live_config.peers, self.live_config.peer_count = self.peer, 1
  end
  self.anchors = { self.name }
  local out = ffi.new "tl_live *[1]"
  check(C.tl_live_create(self.live_config, out))
  self.live = ffi.gc(out[0], C.tl_live_destroy)
  self.agent = ffi.new "tl_agent"
  C.tl_live_agent(self.live, self.agent)
  return self
end

--- The generation is gone, as if killed between two duty cycles (or with `in_hand` in the handler of that event).
function World:die(in_hand)
  C.tl_live_destroy(ffi.gc(self.live, nil))
  C.tl_host_destroy(ffi.gc(self.host, nil))
  self.live, self.host, self.world.host = nil, nil, nil
  section(self.own, "input_log", "tl_input_log_head *").in_hand = in_hand or 0
end

local function open_tables(self)
  self.calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
  self.instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  for _, symbol in ipairs(self.options.symbols or { "AAPL", "MSFT" }) do
    local one = ffi.new("tl_instrument", { symbol = symbol, price_exponent = -4, tick = 100, calendar = C.TL_CALENDAR_ALWAYS })
    check(C.tl_instruments_add(self.instruments, one, nil))
  end
end

function M.new(options)
  made = made + 1
  local self = setmetatable({ options = options, name = "one", slots = options.slots or 1024 }, World)
  self.folder = ("/dev/shm/tidelock-live-spec-%d-%d"):format(ffi.C.getpid(), made)
  assert(os.execute("mkdir -p " .. self.folder) == 0)
  self.script = host_world.script_file(options.script, nil, self.folder)
  open_tables(self)
  self:make_regions(self.slots)
  self.clock = section(self.house, "clock", "tl_runtime_clock *")
  C.tl_runtime_clock_start(self.clock, 0)
  open_feed(self)
  open_gateway(self)
  self.lines = ffi.new "tl_broadcast_reader"
  check(C.tl_broadcast_attach_reader(self.lines, section(self.own, "log"), C.TL_LIVE_LINES, C.TL_LIVE_LINE_BYTES))
  return options.elsewhere and self or self:revive()
end

--- The same regions in another process, which runs the strategy; `epoch` is its generation's.
function M.open(options, folder, epoch)
  local self = setmetatable({ options = options, name = "one", slots = options.slots or 1024, folder = folder, epoch = epoch - 1 }, World)
  self.script = folder .. "/script.lua"
  open_tables(self)
  for field, file in pairs { house = "house", io = "io", own = "s.one" } do
    self[field] = ffi.new "tl_region"
    check(C.tl_region_open(self[field], folder .. "/" .. file, true, 0))
  end
  self.clock = section(self.house, "clock", "tl_runtime_clock *")
  self.control = section(self.house, "control", "uint32_t *")
  return self:revive()
end

function World:close()
  if self.live then self:die() end
  C.tl_feed_destroy(ffi.gc(self.feed, nil))
  for _, one in ipairs { self.own, self.io, self.house } do C.tl_region_close(one) end
  os.execute("rm -rf " .. self.folder)
end

function World:now() return C.tl_runtime_clock_read_ns(self.clock) end
function World:id(symbol) return C.tl_instruments_find(self.instruments, symbol) end
function World:section(name, ctype) return section(self.own, name, ctype) end
function World:head() return section(self.own, "input_log", "tl_input_log_head *") end

--- One duty cycle of the strategy alone; how much it did.
function World:work() return self.agent.work(self.agent.state, self:now()) end

--- Duty cycles of feed and strategy until nothing is left to do.
function World:cycle()
  for _ = 1, 200 do
    local did = self.feed_agent.work(self.feed_agent.state, self:now())
    did = did + self:work()
    if did == 0 then return self end
  end
  error "the agents come to no rest"
end

function World:stop()
  for _ = 1, 10 do
    if self.agent.stop(self.agent.state, C.TL_STOP_ORDERLY, self:now()) then return true end
    self:work()
  end
  return false
end

-- ---- the venue ----

local function mantissa(price) return price and ffi.new("int64_t", price * 1e4 + 0.5) or ABSENT end

function World:event(kind, symbol, words)
  local event = ffi.new("tl_event", { kind = C[kind], ts_ns = self:now(), instrument = symbol and self:id(symbol) or 0xffffffff,
    source = C.TL_SOURCE_MARKET, w = words })
  assert(C.tl_spsc_write(self.market, event), "the channel of the market is full")
  return self
end

function World:quote(symbol, bid, ask, bid_size, ask_size)
  return self:event("TL_EVENT_QUOTE", symbol, { mantissa(bid), mantissa(ask), bid_size or 100, ask_size or 100 })
end

function World:trade(symbol, price, size) return self:event("TL_EVENT_TRADE", symbol, { mantissa(price), size or 100, 1, 0 }) end
function World:level(symbol, side, price, size)
  return self:event("TL_EVENT_LEVEL", symbol, { mantissa(price), size, 1, side == "buy" and 1 or 2 })
end

-- ---- the gateway ----

--- Commands that were sent since the last call, attaches among them.
function World:take()
  local list = {}
  while true do
    local command = ffi.new "tl_command"
    if not C.tl_spsc_read(self.commands, command) then return list end
    list[#list + 1] = command
  end
end

function World:message(kind, fields)
  local message = ffi.new "tl_message"
  for key, value in pairs(fields) do message[key] = value end
  message.kind, message.sent_ns = C[kind], self:now()
  assert(C.tl_spsc_write(self.messages, message), "the channel of reports is full")
  return self
end

local sequence = 0
function World:report(command, kind, fields)
  sequence = sequence + 1
  local report = ffi.new("tl_report", { order_id = command.order_id, price = command.price, quantity = command.quantity,
    instrument = command.instrument,
    limit = ABSENT, value = ABSENT, queue_ahead = ABSENT, kind = C[kind], strategy = command.strategy, report_sequence = sequence, ts_venue_ns = self:now() })
  for key, value in pairs(fields or {}) do report[key] = value end
  return self:message("TL_MESSAGE_REPORT", { report = report })
end

--- Answers the attach; what came before it in the channel is returned.
function World:attach(answer)
  self:work()
  local before, asked = {}, nil
  for _, command in ipairs(self:take()) do
    if command.kind == C.TL_COMMAND_ATTACH then asked = command else before[#before + 1] = command end
  end
  assert(asked, "the strategy has not asked to attach")
  assert(asked.epoch == self.epoch)
  for _, one in ipairs(answer or {}) do self:message(one[1], one[2]) end
  self:message("TL_MESSAGE_ATTACHED", { word = 1 })
  self:cycle()
  return before
end

--- The messages by which a gateway names the orders that are open now, for attach(): as the mirror has them.
function World:named()
  local mirror, list = C.tl_host_mirror(self.host), {}
  local orders, slot = C.tl_mirror_orders(mirror), C.tl_mirror_first(mirror, 0xffffffff, 0)
  while slot ~= 0 do
    local o = orders[slot]
    local function whole(value) return value == value and ffi.new("int64_t", value) or ABSENT end
    local last = ffi.new("tl_command", { order_id = o.id_n, strategy = self.live_config.strategy, kind = C.TL_COMMAND_NEW,
      instrument = o.instrument_n, side = o.side_n, type = o.type_n, time_in_force = o.time_in_force_n, tag = o.tag_n,
      price = whole(o.price_n), quantity = o.quantity_n, stop_price = ABSENT })
    list[#list + 1] = { "TL_MESSAGE_ORDER", { adopted = { last = last, filled = o.filled_n, wanted_price = whole(o.wanted_price_n),
      wanted_quantity = o.wanted_quantity_n, status = o.status_n, before = o.status_before_n } } }
    slot = C.tl_mirror_next(mirror, slot, 0xffffffff, 0)
  end
  return list
end

--- What was logged since the last call: texts.
function World:lines_of()
  local list, line, lost = {}, ffi.new "tl_live_line", ffi.new "uint64_t[1]"
  while C.tl_broadcast_copy(self.lines, line, 1, lost) == 1 do
    C.tl_broadcast_take(self.lines, 1)
    if line.further == 1 then list[#list] = list[#list] .. ffi.string(line.text) else list[#list + 1] = ffi.string(line.text) end
  end
  return list
end

function World:decisions()
  local decisions = ffi.new "tl_decisions_hash"
  C.tl_live_decisions(self.live, decisions)
  return decisions
end

return M

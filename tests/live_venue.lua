--- A paper venue and a feed agent over regions of their own in /dev/shm, driven by hand at times that the test chooses; the test is the gateway.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local bench = {}
local made = 0

bench.START = 1700000000000000000LL
bench.ABSENT = ffi.new("int64_t", -0x7fffffffffffffffLL - 1)

local MARKET, FEED, COMMANDS, REPORTS, LATCHES = 4096, 8192, 256, 512, 64

local function create_region(path, sections)
  local list = ffi.new("tl_region_section[?]", #sections)
  for i, one in ipairs(sections) do
    list[i - 1].name = one[1]
    list[i - 1].bytes = one[2]
  end
  native.check(tonumber(C.tl_region_create(path, list, #sections, 1)))
end

local function open_region(path, writable)
  local region = ffi.new "tl_region"
  native.check(tonumber(C.tl_region_open(region, path, writable, 0)))
  return region
end

local Bench = {}
Bench.__index = Bench

--- The two region files. `options`: market, feed, log and checkpoint set sizes.
function bench.new(options)
  options = options or {}
  made = made + 1
  local self = setmetatable({}, Bench)
  self.path = ("/dev/shm/tidelock-spec-%d-%d"):format(ffi.C.getpid(), made)
  self.market_capacity, self.feed_capacity = options.market or MARKET, options.feed or FEED
  create_region(self.path .. ".house", {
    { "counters", 64 * 64 }, { "stages", ffi.sizeof "tl_stages" },
    { "out:market", C.tl_channel_out_bytes(self.market_capacity, 64) },
    { "out:venue.reports", C.tl_channel_out_bytes(REPORTS, 96) },
    { "in:venue.commands", C.tl_channel_in_bytes() },
    { "exchange.log", options.log or C.tl_paper_log_bytes() },
    { "exchange.checkpoint.0", options.checkpoint or C.tl_paper_checkpoint_bytes(1000, 16) },
    { "exchange.checkpoint.1", options.checkpoint or C.tl_paper_checkpoint_bytes(1000, 16) },
  })
  create_region(self.path .. ".io", {
    { "counters", 64 * 64 }, { "stages", ffi.sizeof "tl_stages" },
    { "feed", C.tl_broadcast_bytes(self.feed_capacity, 64) },
    { "latches", C.tl_feed_latches_bytes(LATCHES) },
    { "in:market", C.tl_channel_in_bytes() },
    { "out:venue.commands", C.tl_channel_out_bytes(COMMANDS, 128) },
    { "in:venue.reports", C.tl_channel_in_bytes() },
  })
  self.house, self.io = open_region(self.path .. ".house", true), open_region(self.path .. ".io", true)
  self.clock = ffi.new "tl_runtime_clock"
  self.calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
  self:attach_gateway()
  return self
end

function Bench:section(region, name)
  local section = C.tl_region_find(region, name, nil)
  assert(section ~= nil, ffi.string(C.tl_error_text()))
  return section
end

--- The gateway's ends of the two channels.
function Bench:attach_gateway()
  self.command_end, self.report_end = ffi.new "tl_spsc_producer", ffi.new "tl_spsc_consumer"
  local commands, taken = self:section(self.io, "out:venue.commands"), self:section(self.house, "in:venue.commands")
  local reports, seen = self:section(self.house, "out:venue.reports"), self:section(self.io, "in:venue.reports")
  native.check(tonumber(C.tl_channel_producer(self.command_end, commands, taken, COMMANDS, 128)))
  native.check(tonumber(C.tl_channel_consumer(self.report_end, reports, seen, REPORTS, 96)))
end

function Bench:instruments_of(symbols, seed)
  local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  if symbols > 0 then native.check(tonumber(C.tl_paper_participants_instruments(instruments, seed or 1, symbols))) end
  return instruments
end

local function latency(ns)
  if not ns then return nil end
  local out = ffi.new "tl_latency *[1]"
  native.check(tonumber(C.tl_latency_create(ffi.new("tl_latency_config", { least_ns = ns }), out)))
  return ffi.gc(out[0], C.tl_latency_destroy)
end

--- A venue. `options`: seed, rate, symbols of participants; itch, date, speed, from of a file; want (bits); entry, report (ns).
function Bench:start_venue(options)
  self.venue_instruments = self:instruments_of(options.rate and options.symbols or 0, options.seed)
  self.legs = { entry = latency(options.entry), report = latency(options.report) }
  local config = ffi.new("tl_paper_config", {
    clock = self.clock, instruments = self.venue_instruments, calendars = self.calendars, own = self.house, gateway = self.io,
    market_capacity = self.market_capacity, command_capacity = COMMANDS, report_capacity = REPORTS,
    entry = self.legs.entry, report = self.legs.report,
    speed = options.speed or 1, seed = options.seed or 1, rate = options.rate or 0, symbols = options.symbols or 0,
    wait = options.wait and 1 or 0,
  })
  local out = ffi.new "tl_paper *[1]"
  native.check(tonumber(C.tl_paper_create(config, out)))
  self.paper = ffi.gc(out[0], C.tl_paper_destroy)
  if options.itch then native.check(tonumber(C.tl_paper_add_itch(self.paper, options.itch, options.date or 20191230))) end
  if options.csv then
    local csv = ffi.new "tl_csv *[1]"
    native.check(tonumber(C.tl_csv_open(options.csv, options.csv_options, self.venue_instruments, self.calendars, csv)))
    native.check(tonumber(C.tl_paper_add_csv(self.paper, csv[0])))
  end
  if options.from then C.tl_paper_set_span(self.paper, options.from, 0) end
  for i = 0, C.tl_instruments_count(self.venue_instruments) - 1 do C.tl_paper_want(self.paper, i, options.want or 1 + 2 + 4 + 16) end
  self.venue_agent = ffi.new "tl_agent"
  C.tl_paper_agent(self.paper, self.venue_agent)
  self.venue_options = options
end

--- A feed agent. `options`: latency (ns), stale (ns), instruments, market (callback).
function Bench:start_feed(options)
  options = options or {}
  self.feed_instruments = options.instruments or self.venue_instruments or self:instruments_of(4)
  self.feed_latency = latency(options.latency)
  local config = ffi.new("tl_feed_config", {
    clock = self.clock, instruments = self.feed_instruments, own = self.io, source = self.house,
    market_capacity = self.market_capacity, feed_capacity = self.feed_capacity, instrument_capacity = LATCHES,
    stale_ns = options.stale or 0, latency = self.feed_latency, market = options.market,
  })
  local out = ffi.new "tl_feed *[1]"
  native.check(tonumber(C.tl_feed_create(config, out)))
  self.feed = ffi.gc(out[0], C.tl_feed_destroy)
  self.feed_agent = ffi.new "tl_agent"
  C.tl_feed_agent(self.feed, self.feed_agent)
  if not self.reader then
    self.reader = ffi.new "tl_broadcast_reader"
    native.check(tonumber(C.tl_broadcast_attach_reader(self.reader, self:section(self.io, "feed"), self.feed_capacity, 64)))
  end
end

--- Destroys an agent as its process would: nothing is said to anybody.
function Bench:kill_venue()
  C.tl_paper_destroy(ffi.gc(self.paper, nil))
  self.paper = nil
end

function Bench:kill_feed()
  C.tl_feed_destroy(ffi.gc(self.feed, nil))
  self.feed = nil
end

--- One duty cycle at a time (ns since START).
function Bench:venue_cycle(ns) return self.venue_agent.work(self.venue_agent.state, bench.START + ns) end
function Bench:feed_cycle(ns) return self.feed_agent.work(self.feed_agent.state, bench.START + ns) end
function Bench:venue_next() return tonumber(self.venue_agent.next_ns(self.venue_agent.state) - bench.START) end

--- Sends a command to the venue; fields of a tl_command, with limits on price left out meaning none.
function Bench:send(fields)
  local command = ffi.new("tl_command", fields)
  command.kind = fields.kind or C.TL_COMMAND_NEW
  command.price = fields.price or bench.ABSENT
  command.stop_price = fields.stop_price or bench.ABSENT
  command.time_in_force = fields.time_in_force or C.TL_TIF_GTC
  return C.tl_spsc_write(self.command_end, command)
end

--- The reports that are in the channel, as tables.
function Bench:reports()
  local list, one = {}, ffi.new "tl_report"
  while C.tl_spsc_read(self.report_end, one) do
    list[#list + 1] = {
      id = tonumber(one.order_id), kind = ffi.string(C.tl_report_kind_name(one.kind)), price = tonumber(one.price), quantity = tonumber(one.quantity),
      filled = tonumber(one.filled), execution = tonumber(one.execution_id), at = tonumber(one.ts_venue_ns - bench.START),
      reason = ffi.string(C.tl_reason_code(one.reason)), strategy = one.strategy, instrument = one.instrument,
    }
  end
  return list
end

--- What a reader of the ring has not seen yet: copies of the events (tails are skipped), and how many slots were lost.
function Bench:events()
  local list, lost, batch = {}, ffi.new "uint64_t[1]", ffi.new "tl_event[64]"
  local gone = 0
  while true do
    local count = C.tl_broadcast_copy(self.reader, batch, 64, lost)
    gone = gone + tonumber(lost[0])
    if count == 0 and lost[0] == 0 then return list, gone end
    local i = 0
    while i < count do
      local e = batch[i]
      list[#list + 1] = { kind = e.kind, instrument = e.instrument, ts = tonumber(e.ts_ns - bench.START), recv = tonumber(e.ts_recv_ns - bench.START),
        w = { tonumber(e.w[0]), tonumber(e.w[1]), tonumber(e.w[2]), tonumber(e.w[3]) } }
      local slots = (e.kind == C.TL_EVENT_BAR or e.kind == C.TL_EVENT_ACTION) and 2 or 1
      i = i + slots
    end
    C.tl_broadcast_take(self.reader, i)
  end
end

function Bench:latch(instrument)
  local market = ffi.new "tl_feed_market"
  return C.tl_feed_latch_read(self:section(self.io, "latches"), instrument, market) and market or nil
end

function Bench:counter(region, label)
  return tonumber(C.tl_counter_find(ffi.cast("const tl_counter *", self:section(region, "counters")), 64, label))
end

--- Runs `body` in a child process until it is killed; what the regions hold is shared. Returns its process id.
function bench.spawn(body)
  local pid = ffi.C.fork()
  assert(pid >= 0)
  if pid > 0 then return pid end
  ffi.C.prctl(1, 9, 0, 0, 0) -- whoever loses its parent ends
  local ok, err = pcall(body)
  io.stderr:write("the child ended: ", tostring(ok), " ", tostring(err), "\n")
  ffi.C._exit(1)
end

--- Kills a child and waits for its end; false when it had ended by itself.
function bench.kill(pid)
  ffi.C.kill(pid, 9)
  local status = ffi.new "int[1]"
  assert(ffi.C.waitpid(pid, status, 0) == pid)
  return bit.band(status[0], 0x7f) == 9
end

function Bench:close()
  if self.paper then self:kill_venue() end
  if self.feed then self:kill_feed() end
  C.tl_region_close(self.house)
  C.tl_region_close(self.io)
  os.remove(self.path .. ".house")
  os.remove(self.path .. ".io")
end

ffi.cdef [[
int getpid(void);
int fork(void);
int kill(int, int);
int waitpid(int, int *, int);
int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long);
void _exit(int);
int usleep(unsigned);
]]

return bench

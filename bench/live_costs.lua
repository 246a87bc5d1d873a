-- What does one more strategy on the same core cost the others and the feed's publisher, what one more instrument, what one more worker; how long does a
-- start take, and the way back of a strategy that is killed? Real instances (`tidelock run`), measured from outside: CPU time by the kernel's books,
-- latencies and counts from the regions.
--
-- Cases take turns, each figure is the median of its rounds. Strategies run on the last core and sleep when there is nothing; the runtime's own processes
-- run on core 0. `--json` prints one object.
package.path = "lua/?.lua;lua/?/init.lua;" .. (os.getenv "TIDELOCK_BUILD" or "build") .. "/generated/?.lua;" .. package.path
local native = require "tidelock.native"
local layout = require "tidelock.live.layout"
local status = require "tidelock.live.status"
local system = require "tidelock.live.system"
local C, ffi = native.C, native.ffi

local BINARY = (os.getenv "TIDELOCK_BUILD" or "build") .. "/tidelock"
local ROUNDS, SPAN_MS, SETTLE_MS, RATE = 5, 1500, 700, 20000
local KILLED_AT_ONCE, KILLED_ROUNDS = 10, 2
local LAST_CORE = system.cores() - 1

local folder = assert(io.popen "mktemp -d /dev/shm/tl-costs-XXXXXX"):read "*l"

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

local function read(path)
  local file = io.open(path)
  local text = file and file:read "*a" or ""
  if file then file:close() end
  return text
end

local function median(values)
  table.sort(values)
  return #values > 0 and values[math.ceil(#values / 2)] or 0 / 0
end

local function clock_ns() return tonumber(C.tl_clock_monotonic_ns()) end

-- ---- instances ----

local Run = {}
Run.__index = Run

--- Starts an instance of `count` strategies of a script on `symbols` generated symbols; returns when all its workers run.
local function start(name, script, tier, count, symbols, rate)
  local list = {}
  for i = 1, count do list[i] = ("{ name = 's%d', script = %q, worker = 'slot' }"):format(i, script) end
  write(name .. ".lua", ([[return { instance = %q, strategies = { %s }, workers = { slot = { tier = %q, cpu = %d, idle = "block" } },
    feeds = { { kind = "generated", seed = 7, symbols = %d, rate = %d } }, venues = { { name = "paper", kind = "exchange" } },
    accounts = { main = { cash = 1e9, leverage = 4, short = true } }, restart = { deaths = 100, window = "60s" } }]])
    :format(name, table.concat(list, ", "), tier, LAST_CORE, symbols, rate))
  local self = setmetatable({ directory = folder .. "/tidelock-" .. name, errors = folder .. "/" .. name .. ".err" }, Run)
  local begun_ns = clock_ns()
  local pipe = assert(io.popen(("%s run %s/%s.lua --shm-dir %s --quiet >/dev/null 2>%s & echo $!"):format(BINARY, folder, name, folder, self.errors)))
  self.pid = tonumber(pipe:read "*l")
  pipe:close()
  local view
  repeat
    system.sleep_ms(1)
    if not view then
      local whole, opened = pcall(status.open, self.directory)
      view = whole and opened or nil
    end
    if clock_ns() - begun_ns > 20e9 or not system.is_alive(self.pid) then error("the instance does not start: " .. read(self.errors), 0) end
  until view and #self:unready(view) == 0
  self.view = view
  local first_ns, last_ns, loading = math.huge, 0, {}
  for _, process in ipairs(view.plan.processes) do
    local page = view:copy_page(process)
    last_ns = math.max(last_ns, tonumber(page.running_ns))
    if process.role == "strategy" then loading[#loading + 1] = tonumber(page.running_ns - self:slot(process.name).spawned_ns) / 1e6 end
  end
  first_ns = tonumber(view:copy_master().started_ns)
  self.start_ms = (clock_ns() - begun_ns) / 1e6
  self.workers_ms = (last_ns - first_ns) / 1e6
  self.loading_ms = median(loading)
  return self
end

function Run:unready(view)
  local list = {}
  for _, process in ipairs(view.plan.processes) do
    local page = view:copy_page(process)
    if page.state ~= C.TL_WORKER_RUNNING then list[#list + 1] = process.name end
  end
  return list
end

function Run:slot(name)
  local master = self.view:copy_master()
  for i = 0, master.slot_count - 1 do
    if ffi.string(master.slots[i].name) == name then return master.slots[i] end
  end
end

function Run:stop()
  self.view:close()
  system.signal(self.pid, 15)
  while system.is_alive(self.pid) and system.command_line(self.pid) do system.sleep_ms(5) end
end

--- CPU time and memory of a process.
local function cpu_ns(pid) return tonumber(read(("/proc/%d/schedstat"):format(pid)):match "^%d+") or 0 end

local function memory_mib(pid)
  local text = read(("/proc/%d/smaps_rollup"):format(pid))
  local function of(key) return (tonumber(text:match("\n" .. key .. ":%s*(%d+) kB")) or 0) / 1024 end
  return { rss = of "Rss", pss = of "Pss", own = of "Private_Dirty" + of "Private_Clean" }
end

local function histogram_since(now, before)
  now.count, now.sum_ns = now.count - before.count, now.sum_ns - before.sum_ns
  for i = 0, C.TL_HISTOGRAM_BUCKETS - 1 do now.buckets[i] = now.buckets[i] - before.buckets[i] end
  return now
end

function Run:sample()
  local view, now = self.view, { cpu = {}, handled = {}, stages = {}, at_ns = clock_ns() }
  for _, process in ipairs(view.plan.processes) do
    local pid = self:slot(process.name).pid
    now.cpu[process.name] = cpu_ns(pid)
    now.stages[process.name] = ffi.new "tl_stages"
    ffi.copy(now.stages[process.name], view:section(process.region, "stages", "const tl_stages *"), ffi.sizeof "tl_stages")
    if process.role == "strategy" then now.handled[process.name] = view:counter(process.region, "strategy.records") end
  end
  now.events, now.cycles = view:counter("io", "feed.events"), 0
  for _, process in ipairs(view.plan.processes) do
    if process.name == "io" then now.cycles = tonumber(view:copy_page(process).cycles) end
  end
  return now
end

--- What passed in a span of time.
function Run:span()
  system.sleep_ms(SETTLE_MS)
  local a = self:sample()
  system.sleep_ms(SPAN_MS)
  local b = self:sample()
  local events = b.events - a.events
  local feed = histogram_since(b.stages.io.of[C.TL_LATENCY_FEED], a.stages.io.of[C.TL_LATENCY_FEED])
  local deliver = histogram_since(b.stages.s1.of[C.TL_LATENCY_DELIVER], a.stages.s1.of[C.TL_LATENCY_DELIVER])
  return { io_ns = (b.cpu.io - a.cpu.io) / events, house_ns = (b.cpu.house - a.cpu.house) / events,
    cycles = (b.cycles - a.cycles) / ((b.at_ns - a.at_ns) / 1e9),
    strategy_ns = (b.cpu.s1 - a.cpu.s1) / (b.handled.s1 - a.handled.s1), feed_us = C.tl_histogram_quantile_ns(feed, 0.5) / 1e3,
    deliver_us = C.tl_histogram_quantile_ns(deliver, 0.5) / 1e3, deliver99_us = C.tl_histogram_quantile_ns(deliver, 0.99) / 1e3,
    start_ms = self.start_ms, workers_ms = self.workers_ms, loading_ms = self.loading_ms,
    strategy = memory_mib(self:slot("s1").pid), io = memory_mib(self:slot("io").pid) }
end

-- ---- cases ----

local FIGURES = { "io_ns", "house_ns", "strategy_ns", "feed_us", "deliver_us", "deliver99_us", "cycles", "start_ms", "workers_ms", "loading_ms" }

local function measure_cases(cases)
  local rounds = {}
  for round = 1, ROUNDS do
    for i, case in ipairs(cases) do
      local run = start(("c%d-%d"):format(i, round), folder .. "/quiet_script.lua", "L2", case.strategies, case.symbols, RATE)
      rounds[i] = rounds[i] or {}
      rounds[i][round] = run:span()
      run:stop()
    end
  end
  for i, case in ipairs(cases) do
    for _, figure in ipairs(FIGURES) do
      local values = {}
      for round = 1, ROUNDS do values[round] = rounds[i][round][figure] end
      case[figure] = median(values)
    end
    for _, who in ipairs { "strategy", "io" } do
      case[who] = {}
      for _, kind in ipairs { "rss", "pss", "own" } do
        local values = {}
        for round = 1, ROUNDS do values[round] = rounds[i][round][who][kind] end
        case[who][kind] = median(values)
      end
    end
  end
end

--- From the death of a market maker (kill -9, its first: later ones wait) to RUNNING again, ms.
local function measure_restarts()
  local all = {}
  for round = 1, KILLED_ROUNDS do
    local run = start("r" .. round, "scripts/market_maker.lua", "L1", KILLED_AT_ONCE, 3, 2000)
    system.sleep_ms(SETTLE_MS)
    for i = 1, KILLED_AT_ONCE do
      local name = "s" .. i
      system.signal(run:slot(name).pid, 9)
      local begun_ns = clock_ns()
      repeat system.sleep_ms(2) until run:slot(name).restart_ns > 0 or clock_ns() - begun_ns > 5e9
      all[#all + 1] = tonumber(run:slot(name).restart_ns) / 1e6
    end
    run:stop()
  end
  return all
end

--- Bytes of the regions by file for so many instruments: what an instrument takes in each.
local function region_bytes(plan, instruments)
  local by_file = {}
  local as = setmetatable({ instrument_capacity = instruments }, { __index = plan })
  for _, region in ipairs(layout.regions(as)) do
    local sum = 0
    for _, one in ipairs(region.sections) do sum = sum + one.bytes end
    by_file[region.file] = sum
  end
  return by_file
end

write("quiet_script.lua", "local s = require 'strategy' { symbols = '*', tier = 'L2' }\nfunction s:on_quote(q) end\nreturn s\n")

local CASES = {
  { strategies = 1, symbols = 4 }, { strategies = 2, symbols = 4 }, { strategies = 4, symbols = 4 }, { strategies = 8, symbols = 4 },
  { strategies = 1, symbols = 64 }, { strategies = 1, symbols = 1024 },
}

local function measure()
  measure_cases(CASES)
  local one, few, wide = CASES[1], CASES[5], CASES[6]
  local plan_run = start("plan", folder .. "/quiet_script.lua", "L2", 1, 4, RATE)
  local small, large, total = region_bytes(plan_run.view.plan, 1024), region_bytes(plan_run.view.plan, 2048), 0
  plan_run:stop()
  local result = { strategies = {}, instrument = { bytes = {} }, restart = {} }
  for i = 1, 4 do
    local c = CASES[i]
    result.strategies[i] = { count = c.strategies, io_ns = c.io_ns, io_ratio = c.io_ns / one.io_ns, first_ns = c.strategy_ns, feed_p50_us = c.feed_us,
      deliver_p50_us = c.deliver_us, deliver_p99_us = c.deliver99_us, io_cycles = c.cycles }
  end
  for file, bytes in pairs(large) do
    local of_one = (bytes - small[file]) / 1024
    if of_one > 0 then result.instrument.bytes[file] = of_one end
    total = total + of_one
  end
  result.instrument.total_bytes = total
  result.instrument.wide = { symbols = wide.symbols, io_ratio = wide.io_ns / few.io_ns, house_ratio = wide.house_ns / few.house_ns,
    strategy_ratio = wide.strategy_ns / few.strategy_ns, io_ns = wide.io_ns, few_io_ns = few.io_ns,
    start_us = (wide.start_ms - few.start_ms) / (wide.symbols - few.symbols) * 1e3 }
  result.worker = { rss_mib = one.strategy.rss, pss_mib = CASES[4].strategy.pss, own_mib = one.strategy.own, io_rss_mib = one.io.rss, io_pss_mib = one.io.pss,
    start_ms = one.loading_ms, more_ms = (CASES[4].start_ms - one.start_ms) / 7, instance_ms = one.start_ms }
  local restarts = measure_restarts()
  table.sort(restarts)
  result.restart = { count = #restarts, p50_ms = median(restarts), max_ms = restarts[#restarts] }
  return result
end

local function print_result(r)
  print(("one more strategy on the same core, %d participants' actions a second, four instruments"):format(RATE))
  print(("%-12s %14s %8s %18s %12s %14s %14s %14s"):format("strategies", "io ns/event", "ratio", "the first's ns/rec", "feed p50 us",
    "deliver p50 us", "deliver p99 us", "io cycles/s"))
  for _, s in ipairs(r.strategies) do
    print(("%-12d %14.0f %8.2f %18.0f %12.1f %14.1f %14.1f %14.0f"):format(s.count, s.io_ns, s.io_ratio, s.first_ns, s.feed_p50_us,
      s.deliver_p50_us, s.deliver_p99_us, s.io_cycles))
  end
  local parts, files = {}, {}
  for file in pairs(r.instrument.bytes) do files[#files + 1] = file end
  table.sort(files)
  for _, file in ipairs(files) do parts[#parts + 1] = ("%s %.0f"):format(file, r.instrument.bytes[file]) end
  print(("one more instrument: %.0f bytes (%s), %.1f us of start"):format(r.instrument.total_bytes, table.concat(parts, ", "), r.instrument.wide.start_us))
  print(("  an event with %d instead of 64: io %.2f, house %.2f, strategy %.2f of the time"):format(r.instrument.wide.symbols, r.instrument.wide.io_ratio,
    r.instrument.wide.house_ratio, r.instrument.wide.strategy_ratio))
  print(("one more worker: %.1f MiB resident, %.1f its share (PSS, eight of them), %.1f its own"):format(r.worker.rss_mib, r.worker.pss_mib, r.worker.own_mib))
  print(("  RUNNING %.1f ms after its spawn, %.1f ms more of an instance's start (%.0f ms with one)")
    :format(r.worker.start_ms, r.worker.more_ms, r.worker.instance_ms))
  print(("kill -9 of a market maker to RUNNING again: p50 %.1f ms, max %.1f ms of %d"):format(r.restart.p50_ms, r.restart.max_ms, r.restart.count))
end

local whole, result = xpcall(measure, debug.traceback)
os.execute(("rm -rf %s"):format(folder))
if not whole then
  io.stderr:write("live_costs: ", tostring(result), "\n")
  os.exit(1)
end
if arg[#arg] == "--json" then print(require("cjson").encode(result)) else print_result(result) end

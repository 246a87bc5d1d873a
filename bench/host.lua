-- What does an event cost between a prefilled input log and a Lua handler? Each case drains the same records; "no handler" is the floor: C applies
-- the records to the view and Lua never sees them. Run by luajit with TIDELOCK_BUILD set; --json prints one object.
package.path = "lua/?.lua;lua/?/init.lua;" .. (os.getenv "TIDELOCK_BUILD" or "build") .. "/generated/?.lua;" .. package.path
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local EVENTS, ROUNDS = 2 ^ 19, 9

local HEAD = 'local strategy, snapshot = require "strategy", require "snapshot"\nlocal s = strategy { symbols = { "X" } }\n'
local CASES = {
  { "no handler (C only)", "" },
  { "on_quote, empty", "function s:on_quote(q) end" },
  { "on_quote, reads bid and ask", "local sum = 0\nfunction s:on_quote(q) sum = sum + q.bid + q.ask end" },
  { "on_quote, also snapshot.position", "local sum = 0\nfunction s:on_quote(q) sum = sum + q.bid + snapshot.position(q.symbol).quantity end" },
}

local function host_of(source)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(HEAD, source, "\nreturn s\n")
  file:close()
  local instruments = C.tl_instruments_create()
  native.check(C.tl_instruments_add(instruments, ffi.new("tl_instrument", { symbol = "X", price_exponent = -4 }), nil))
  local config = ffi.new("tl_host_config", { library = "lua", instruments = instruments, script = path, name = "bench" })
  local out = ffi.new "tl_host *[1]"
  native.check(C.tl_host_create(config, out))
  native.check(C.tl_host_load(out[0]))
  os.remove(path)
  native.check(C.tl_host_bind(out[0]))
  local log = C.tl_host_log(out[0])
  C.tl_input_log_close(log)
  native.check(C.tl_input_log_init(log, EVENTS))
  return out[0], instruments, log
end

local function fill(log)
  local event = ffi.new("tl_event", { kind = C.TL_EVENT_QUOTE })
  local quotes = event.w
  for i = 1, EVENTS do
    event.ts_ns, event.ts_recv_ns = i, i
    quotes[0], quotes[1], quotes[2], quotes[3] = 1000000 + i % 50 * 100, 1000200 + i % 50 * 100, 100, 200
    if not C.tl_input_log_append(log, event, nil) then error "the log is full" end
  end
end

local function measure(source)
  local host, instruments, log = host_of(source)
  local times = {}
  for round = 1, ROUNDS do
    fill(log)
    local begin = C.tl_clock_monotonic_ns()
    native.check(C.tl_host_drain(host))
    times[round] = tonumber(C.tl_clock_monotonic_ns() - begin) / EVENTS
  end
  local traces = C.tl_host_traces(host)
  C.tl_host_destroy(host)
  C.tl_instruments_destroy(instruments)
  table.sort(times)
  return { median = times[math.ceil(ROUNDS / 2)], least = times[1], most = times[ROUNDS], traces = traces }
end

local machine = io.popen "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1":read "*l"
local results = {}
for i, case in ipairs(CASES) do
  results[i] = measure(case[2])
  results[i].name = case[1]
end
if arg[1] == "--json" then
  local parts = {}
  for i, r in ipairs(results) do
    parts[i] = ('{"case":"%s","median_ns":%.2f,"min_ns":%.2f,"max_ns":%.2f,"over_floor_ns":%.2f,"traces":%d}'):format(
      r.name, r.median, r.least, r.most, r.median - results[1].median, r.traces)
  end
  print(('{"benchmark":"host","machine":"%s","events":%d,"results":[%s]}'):format(machine, EVENTS, table.concat(parts, ",")))
else
  print(("A record from a prefilled input log to a Lua handler, ns an event (%s; %d events, median of %d rounds)"):format(machine, EVENTS, ROUNDS))
  for _, r in ipairs(results) do
    print(("  %-36s %6.1f  (%.1f to %.1f; %.1f over the floor)"):format(r.name, r.median, r.least, r.most, r.median - results[1].median))
  end
end

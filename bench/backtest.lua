-- How many market events a second a whole backtest takes: file, books, script, queue places, statistics. Whole runs of the binary, the
-- median of their own events_per_second. `--json`; `--runs N`. The real day is used where it is there.
local json = require "cjson"

local build = os.getenv "TIDELOCK_BUILD" or "build"
local runs, as_json = 7, false
for i, word in ipairs(arg) do
  if word == "--json" then as_json = true end
  if word == "--runs" then runs = tonumber(arg[i + 1]) end
end

local function capture(command)
  local pipe = io.popen(command)
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function exists(path)
  local file = io.open(path, "r")
  if file then file:close() end
  return file ~= nil
end

local generated = build .. "/bench/session.itch"
if not exists(generated) then
  os.execute(("mkdir -p %s/bench && %s/tidelock generate --seed 3 --symbols 1 --messages 3000000 --out %s"):format(build, build, generated))
end

local EMPTY = os.tmpname()
do
  local file = io.open(EMPTY, "w")
  file:write 'local s = require "strategy" { name = "empty", tier = "L1", symbols = "*" }\nfunction s:on_quote(q) end\nreturn s\n'
  file:close()
end

local cases = {
  { name = "market maker, generated session", script = "scripts/market_maker.lua", data = generated },
  { name = "empty handler, generated session", script = EMPTY, data = generated },
}
local real = "../shared/data/itch/amzn_2012-06-21.itch.gz"
if exists(real) then table.insert(cases, 1, { name = "market maker, AMZN day", script = "scripts/market_maker.lua", data = real }) end

local function median(list)
  table.sort(list)
  return list[math.floor(#list / 2) + 1]
end

local out = {}
for _, case in ipairs(cases) do
  local rates, seconds, last = {}, {}, nil
  for i = 1, runs do
    last = json.decode(capture(("%s/tidelock backtest %s --data %s --quiet --json"):format(build, case.script, case.data)))
    rates[i], seconds[i] = last.events_per_second, last.wall_seconds
  end
  out[#out + 1] = { name = case.name, events = last.events, messages = last.data.messages, orders = last.orders, fills = last.fills,
    events_per_second = median(rates), best = rates[#rates], wall_seconds = median(seconds), runs = runs }
end
os.remove(EMPTY)

if as_json then
  print(json.encode { benchmark = "backtest", cases = out })
else
  for _, case in ipairs(out) do
    print(("%-34s %6.2f M events/s (best %.2f), %d events, %d messages, %d orders, %d fills, %.3f s"):format(case.name, case.events_per_second / 1e6,
      case.best / 1e6, case.events, case.messages, case.orders, case.fills, case.wall_seconds))
  end
end

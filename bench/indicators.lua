-- Does the cost of a push grow with the window or with the history? Each indicator with windows of 10 to 10,000, and after a long history: the median
-- of repeated runs, in ns a push. The naive sum over the window beside them shows what "grows" looks like. `--json`; `--pushes N`.
local indicator = require "tidelock.indicator"

local as_json, pushes, repeats = false, 200000, 7
for i, word in ipairs(arg) do
  if word == "--json" then as_json = true end
  if word == "--pushes" then pushes = tonumber(arg[i + 1]) end
end

local LENGTHS = { 10, 100, 1000, 10000 }

local xs, bars = {}, {}
math.randomseed(1)
local price = 100
for i = 1, 4096 do
  price = price + (math.random() - 0.5)
  xs[i] = price
  bars[i] = { open = price, high = price + math.random(), low = price - math.random(), close = price + math.random() - 0.5, volume = math.random(1, 1000) }
end

local OF_BARS = { atr = true, adx = true, stochastic = true, vwap = true, obv = true }
local OF_PAIRS = { ols = true, correlation = true }

local function make(kind, n)
  if kind == "obv" then return indicator.obv() end
  if kind == "macd" then return indicator.macd(math.floor(n / 2), n, 9) end
  return indicator[kind](n)
end

-- Each kind gets a loop of its own, as in a strategy: one that all share would be compiled for none.
local LOOP = [[
local one, xs, bars, count, start = ...
for i = start, start + count - 1 do one:push(%s) end
]]
local ARGUMENTS = { bars = "bars[i % 4096 + 1]", pairs = "xs[i % 4096 + 1], xs[(i + 7) % 4096 + 1]", numbers = "xs[i % 4096 + 1]" }

local function loop_of(kind)
  return assert(loadstring(LOOP:format(OF_BARS[kind] and ARGUMENTS.bars or OF_PAIRS[kind] and ARGUMENTS.pairs or ARGUMENTS.numbers)))
end

local function median(list)
  table.sort(list)
  return list[math.floor(#list / 2) + 1]
end

local function ns_per_push(loop, one, from)
  local times = {}
  for r = 1, repeats do
    local begin = os.clock()
    loop(one, xs, bars, pushes, from + r * pushes)
    times[r] = (os.clock() - begin) / pushes * 1e9
  end
  return median(times)
end

local function naive(n)
  return { window = xs, push = function(self, x)
    local sum = x
    for i = 1, n do sum = sum + self.window[i % 4096 + 1] end
    return sum / n
  end }
end

local results = {}
local function measure(kind, build)
  local row = { kind = kind, ns = {} }
  for _, n in ipairs(LENGTHS) do
    local loop, one = loop_of(kind), build(n)
    loop(one, xs, bars, 2 * n + 20000, 0)
    row.ns[n] = ns_per_push(loop, one, 0)
    row.late = row.late or ns_per_push(loop, one, 0)
    if n == 100 then -- the same object after ten times as many pushes
      loop(one, xs, bars, 10 * pushes, 0)
      row.late = ns_per_push(loop, one, 0)
    end
  end
  results[#results + 1] = row
end

for _, kind in ipairs(indicator.names) do measure(kind, function(n) return make(kind, n) end) end
do
  local all = pushes
  pushes = math.floor(pushes / 50)
  measure("(a sum over the window)", naive)
  pushes = all
end

if as_json then
  local list = {}
  for _, row in ipairs(results) do
    local ns = {}
    for _, n in ipairs(LENGTHS) do ns[tostring(n)] = row.ns[n] end
    list[#list + 1] = { indicator = row.kind, ns_per_push = ns, ns_per_push_late = row.late, ratio_10000_to_10 = row.ns[10000] / row.ns[10] }
  end
  print(require("cjson").encode { benchmark = "indicators", pushes = pushes, results = list })
else
  print(("%-24s %9s %9s %9s %9s   %s"):format("ns a push, window of", "10", "100", "1,000", "10,000", "100, much later"))
  for _, row in ipairs(results) do
    print(("%-24s %9.1f %9.1f %9.1f %9.1f   %9.1f"):format(row.kind, row.ns[10], row.ns[100], row.ns[1000], row.ns[10000], row.late))
  end
end

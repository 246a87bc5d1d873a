--- The picture of `tidelock top`: lines of text from what an instance's regions say now and said a moment ago.
local format = require "tidelock.report.format"
local short = require("tidelock.live.summary").short

local M = {}

local BAR = 10

local function plain(text, room)
  text = tostring(text):gsub("[%z\1-\31\127]", " ")
  return #text <= room and text or text:sub(1, room - 2) .. ".."
end

local function bar(share)
  local full = math.min(BAR, math.ceil(share * BAR - 1e-9))
  return "[" .. ("#"):rep(full) .. ("."):rep(BAR - full) .. "]"
end

local function memory(bytes)
  return bytes == 0 and "-" or bytes < 1048576 and ("%.0fK"):format(bytes / 1024) or ("%.1fM"):format(bytes / 1048576)
end

local function by_name(list)
  local map = {}
  for _, one in ipairs(list or {}) do map[one.name] = one end
  return map
end

local function worker_lines(add, title, now, before, span)
  add(title(("%-20s %-4s %4s %-8s %-11s %3s %6s %5s %9s %6s %9s %8s %8s %4s"):format("WORKER", "TIER", "CORE", "IDLE", "STATE", "GEN", "DEATHS", "CPU%",
    "CYCLES/s", "STALLS", "LONGEST", "OVERRUNS", "LUA", "GC")))
  local old = by_name(before and before.workers)
  for _, w in ipairs(now.workers) do
    local was = old[w.name]
    local cpu = was and ("%.0f"):format(math.max(0, w.cpu_ns - was.cpu_ns) / (span * 1e9) * 100) or "-"
    local strategy = w.role == "strategy"
    local line = ("%-20s %-4s %4s %-8s %-11s %3d %6d %5s %9s %6s %9s %8s %8s %4s"):format(plain(w.name, 20), w.tier > 0 and "L" .. w.tier or "-",
      w.cpu >= 0 and w.cpu or "any", w.idle, w.state, w.generation, w.deaths, cpu, was and short(math.max(0, w.cycles - was.cycles) / span) or "-",
      short(w.stalls), format.duration(w.stall_max_ns), strategy and short(w.overruns) or "-", strategy and memory(w.lua_bytes) or "-",
      strategy and short(w.collections) or "-")
    add(w.state == "running" and line or "\27[7m" .. line)
  end
  add ""
end

local function ring_lines(add, title, rings, before, span)
  add(title(("%-32s %-12s %15s %10s"):format("RING", "", "FILLED", "RATE/s")))
  local old = by_name(before)
  for _, ring in ipairs(rings) do
    local was = old[ring.name]
    local rate = was and short(math.max(0, ring.produced - was.produced) / span) or "-"
    if ring.used then
      add(("%-32s %-12s %7d/%-7d %10s"):format(plain(ring.name, 32), bar(ring.used / ring.capacity), ring.used, ring.capacity, rate))
    else
      add(("%-32s %-12s %15s %10s"):format(plain(ring.name, 32), "(broadcast)", "", rate))
    end
  end
  add ""
end

local function latency_lines(add, title, now)
  add(title(("%-10s %9s %10s %10s %10s %10s"):format("LATENCY", "COUNT", "P50", "P99", "P99.9", "MAX")))
  for _, name in ipairs(now.latency_names) do
    local l = now.latency[name]
    if l then
      add(("%-10s %9s %10s %10s %10s %10s"):format(name, short(l.count), format.duration(l.p50_ns), format.duration(l.p99_ns), format.duration(l.p999_ns),
        format.duration(l.max_ns)))
    end
  end
  add ""
end

--- Columns of money line up.
local function cents(value) return format.number(value, 2) end

local function strategy_lines(add, title, now)
  add(title(("%-20s %-10s %12s %11s %11s %11s %11s %7s %7s"):format("STRATEGY", "SYMBOL", "POSITION", "AVERAGE", "REALIZED", "UNREALIZED", "NET P&L",
    "FILLS", "OPEN")))
  for _, s in ipairs(now.strategies) do
    add(("%-20s %-10s %12s %11s %11s %11s %11s %7s %7d"):format(plain(s.name, 20), "", "", "", "", "", cents(s.pnl), short(s.fills), s.open_orders))
    for _, p in ipairs(s.positions) do
      local average = p.quantity ~= 0 and format.money(p.average_price) or "-"
      add(("%-20s %-10s %12.10g %11s %11s %11s %11s %7s %7d"):format("", plain(p.symbol, 10), p.quantity, average,
        cents(p.realized_pnl), cents(p.unrealized_pnl), cents(p.net_pnl), short(p.fills), p.open_orders))
    end
  end
  add ""
end

local function order_lines(add, title, orders, names, most)
  if #orders == 0 then return end
  add(title(("%-20s %-10s %-4s %-12s %10s %11s %10s  %s"):format("OPEN ORDERS: " .. #orders, "SYMBOL", "SIDE", "TYPE", "QUANTITY", "PRICE", "FILLED",
    "STATUS")))
  for i = 1, math.min(#orders, most) do
    local o = orders[i]
    add(("%-20s %-10s %-4s %-12s %10.10g %11s %10.10g  %s%s"):format(plain(names[o.strategy] or "external", 20), plain(o.symbol, 10), o.side, o.type,
      o.quantity, (o.price or o.stop_price) and ("%.10g"):format(o.price or o.stop_price) or "-", o.filled, o.status, o.held and " (held)" or ""))
  end
  add ""
end

local function pool_lines(add, title, counters)
  local pools, order = {}, {}
  for _, one in ipairs(counters) do
    local name, what = one.label:match "^pool%.(.+)%.([%w_]+)$"
    if name then
      local key = one.file .. " " .. name
      if not pools[key] then
        pools[key] = {}
        order[#order + 1] = key
      end
      pools[key][what] = one.value
    end
  end
  if #order == 0 then return end
  add(title(("%-32s %10s %10s %10s %10s %10s"):format("POOL", "HITS", "FRESH", "MISSES", "LIVE", "MOST")))
  for _, key in ipairs(order) do
    local p = pools[key]
    add(("%-32s %10s %10s %10s %10s %10s"):format(plain(key, 32), short(p.hits or 0), short(p.fresh or 0), short(p.misses or 0), short(p.live or 0),
      short(p.high_water or 0)))
  end
  add ""
end

--- The other counters, as many in a row as fit.
local function counter_lines(add, title, counters, columns)
  local list = {}
  for _, one in ipairs(counters) do
    if one.value > 0 and not one.label:find "^pool%." then
      list[#list + 1] = { name = one.file .. " " .. one.label:gsub("^strategy%.", ""), value = one.value }
    end
  end
  if #list == 0 then return end
  table.sort(list, function(a, b) return a.name < b.name end)
  add(title "COUNTERS")
  local width = 48
  local row, per_row = {}, math.max(1, math.floor(columns / width))
  for i, one in ipairs(list) do
    row[#row + 1] = ("%-32s %12s"):format(plain(one.name, 32), short(one.value)) .. "  "
    if #row == per_row or i == #list then
      add(table.concat(row))
      row = {}
    end
  end
end

--- The lines of a picture.
---@param now table status.read(), with `rings`, `orders` and `counters` (list of file, label, value)
---@param before table|nil the same a moment ago
---@param options table|nil color, columns
function M.lines(now, before, options)
  local lines = {}
  local color = options and options.color
  local function add(text) lines[#lines + 1] = (text:gsub("%s+$", "")) end
  local function title(text) return color and "\27[1;4m" .. text .. "\27[0m" or text end
  local span = before and math.max(0.001, (now.uptime_ns - before.uptime_ns) / 1e9) or 1
  local function rate(name) return before and short(math.max(0, now[name] - before[name]) / span) or "-" end
  add((color and "\27[1m" or "") .. ("tidelock top: %s, %s for %s%s%s"):format(now.instance, now.state == "dead" and "left behind, ran" or now.state,
    format.duration(now.uptime_ns), now.recovered and ", recovered" or "", now.killed and ", KILL SWITCH ON" or ""))
  local denied = 0
  for _, count in pairs(now.denies) do denied = denied + count end
  add(("events %s (%s/s)   orders %s (%s/s)   fills %s (%s/s)   denied %s"):format(short(now.events), rate "events", short(now.orders), rate "orders",
    short(now.fills), rate "fills", short(denied)))
  for _, a in ipairs(now.accounts) do
    add(("account %s: equity %s, cash %s, gross exposure %s %s"):format(plain(a.name, 20), format.money(a.equity), format.money(a.cash),
      format.money(a.gross_exposure), a.currency))
  end
  add ""
  local names = {}
  for i, s in ipairs(now.strategies) do names[i - 1] = s.name end
  worker_lines(add, title, now, before, span)
  latency_lines(add, title, now)
  strategy_lines(add, title, now)
  ring_lines(add, title, now.rings, before and before.rings, span)
  pool_lines(add, title, now.counters)
  order_lines(add, title, now.orders_open, names, 8)
  counter_lines(add, title, now.counters, options and options.columns or 96)
  return lines
end

return M

--- The tables that a live session ends with, and the line that it shows each second.
local format = require "tidelock.report.format"

local M = {}

local WIDTH = 96

local function plain(text) return (tostring(text):gsub("[%z\1-\31\127]", " ")) end

local function cut(text, room)
  text = plain(text)
  return #text <= room and text or text:sub(1, room - 2) .. ".."
end

--- "1.25M", "12.3k", "999".
function M.short(n)
  if n >= 1e9 then return ("%.2fG"):format(n / 1e9) end
  if n >= 1e6 then return ("%.2fM"):format(n / 1e6) end
  if n >= 1e4 then return ("%.1fk"):format(n / 1e3) end
  return ("%.0f"):format(n)
end

local function signed(value)
  return (value > 0 and "+" or "") .. format.number(value, 2)
end

--- A quantity without trailing zeros.
local function quantity(value) return ("%.10g"):format(value) end

--- Positions in one text: "AAPL 100, MSFT -50", "flat"; and how many there are.
local function positions_text(positions)
  local parts = {}
  for _, p in ipairs(positions) do
    if p.quantity ~= 0 then parts[#parts + 1] = plain(p.symbol) .. " " .. quantity(p.quantity) end
  end
  return #parts == 0 and "flat" or table.concat(parts, ", "), #parts
end

--- A long text as lines of at most `room`, broken behind commas; `most` of them.
local function wrapped(text, room, most)
  local lines, line = {}, ""
  for part in (text .. ", "):gmatch "(.-, )" do
    if #line + #part - 1 > room then
      lines[#lines + 1] = line
      line = ""
    end
    line = line .. part
  end
  lines[#lines + 1] = line:sub(1, -3)
  if #lines > most then lines[most], lines[most + 1] = lines[most]:sub(1, room - 3) .. "...", nil end
  return lines, math.min(#lines, most)
end

--- The line of a second: what moved since the last one, and where things stand.
---@param now table as of status.read()
---@param before table|nil
function M.line(now, before)
  local span = before and math.max((now.uptime_ns - before.uptime_ns) / 1e9, 0.001) or math.max(now.uptime_ns / 1e9, 0.001)
  local function rate(name) return M.short(math.max(0, now[name] - (before and before[name] or 0)) / span) end
  local parts = { ("%4ds  %s events/s  %s orders/s  %s fills/s"):format(math.floor(now.uptime_ns / 1e9 + 0.5), rate "events", rate "orders", rate "fills") }
  local pnl, deaths, stuck = 0, 0, {}
  for _, s in ipairs(now.strategies) do pnl = pnl + s.pnl end
  for _, w in ipairs(now.workers) do
    deaths = deaths + w.deaths
    if w.state ~= "running" then stuck[#stuck + 1] = w.name .. " " .. w.state end
  end
  parts[#parts + 1] = "P&L " .. signed(pnl)
  local order = now.latency.order
  if order then parts[#parts + 1] = "order p50 " .. format.duration(order.p50_ns) .. " p99 " .. format.duration(order.p99_ns) end
  if deaths > 0 then parts[#parts + 1] = ("%d death%s"):format(deaths, deaths == 1 and "" or "s") end
  if now.killed then parts[#parts + 1] = "KILL SWITCH ON" end
  if #stuck > 0 then parts[#parts + 1] = table.concat(stuck, ", ") end
  return table.concat(parts, "  ")
end

local function counted(n, what) return format.count(n) .. " " .. what .. (n == 1 and "" or "s") end

local function strategies_table(add, now, bold)
  add(bold(("%-20s %11s %10s %9s %9s %11s  %s"):format("Strategy", "P&L", "handled", "commands", "fills", "handler p99", "position")))
  for _, s in ipairs(now.strategies) do
    local handler = s.handlers
    local text, count = positions_text(s.positions)
    local long = #text > WIDTH - 77
    add(("%-20s %11s %10s %9s %9s %11s  %s"):format(cut(s.name, 20), signed(s.pnl), format.count(s.handled), format.count(s.commands), format.count(s.fills),
      handler and format.duration(handler.p99_ns) or "-", long and ("%d symbols:"):format(count) or text))
    if long then
      local rows, most = wrapped(text, WIDTH - 2, 4)
      for i = 1, most do add("  " .. rows[i]) end
    end
    local notes = {}
    if s.errors > 0 then notes[#notes + 1] = counted(s.errors, "handler error") end
    if s.overruns > 0 then notes[#notes + 1] = counted(s.overruns, "handler") .. " over budget" end
    if s.gaps > 0 then notes[#notes + 1] = counted(s.gaps, "gap") end
    if s.skipped > 0 then notes[#notes + 1] = counted(s.skipped, "event") .. " skipped" end
    notes[#notes + 1] = "decisions " .. s.decisions_hash
    add("  " .. table.concat(notes, ", "))
  end
  add ""
end

local STAGES = {
  feed = "venue's time to publication", deliver = "publication to strategy's log", handler = "a handler's run", order = "event in log to command taken",
  gateway = "gateway's work on a command", venue = "sent to venue to its answer", report = "venue's time to strategy's log",
}

local function latency_table(add, now, bold)
  add(bold(("%-10s %10s %10s %10s %10s %10s  %s"):format("Latency", "count", "p50", "p99", "p99.9", "max", "")))
  for _, name in ipairs(now.latency_names) do
    local l = now.latency[name]
    if l then
      add(("%-10s %10s %10s %10s %10s %10s  %s"):format(name, M.short(l.count), format.duration(l.p50_ns), format.duration(l.p99_ns),
        format.duration(l.p999_ns), format.duration(l.max_ns), STAGES[name] or ""))
    end
  end
  add ""
end

local function workers_table(add, now, bold)
  add(bold(("%-20s %-5s %4s %-8s %-11s %10s %6s %7s %10s"):format("Worker", "tier", "core", "idle", "state", "generation", "deaths", "stalls", "longest")))
  for _, w in ipairs(now.workers) do
    add(("%-20s %-5s %4s %-8s %-11s %10d %6d %7s %10s"):format(cut(w.name, 20), w.tier > 0 and "L" .. w.tier or "-", w.cpu >= 0 and tostring(w.cpu) or "any",
      w.idle, w.state, w.generation, w.deaths, format.count(w.stalls), format.duration(w.stall_max_ns)))
  end
  add ""
end

--- The whole summary.
---@param now table as of status.read()
---@param options table|nil `color`, `market` (a line that says what was traded)
function M.text(now, options)
  local lines, color = {}, options and options.color
  local function bold(text) return color and "\27[1m" .. text .. "\27[0m" or text end
  local function add(text) lines[#lines + 1] = (text:gsub("%s+$", "")) end
  local title = "instance " .. now.instance
  local span = format.duration(now.uptime_ns)
  add ""
  add(bold(title) .. (" "):rep(math.max(1, WIDTH - #title - #span)) .. span)
  add(("-"):rep(WIDTH))
  strategies_table(add, now, bold)
  for _, account in ipairs(now.accounts) do
    add(("%-20s equity %s, cash %s, buying power %s %s%s"):format("Account " .. cut(account.name, 12), format.money(account.equity), format.money(account.cash),
      format.money(account.buying_power), account.currency, account.killed and ", kill switch on" or ""))
  end
  local denies = {}
  for reason, count in pairs(now.denies) do denies[#denies + 1] = { reason, count } end
  table.sort(denies, function(a, b) return a[2] > b[2] or a[2] == b[2] and a[1] < b[1] end)
  for i, one in ipairs(denies) do denies[i] = one[1] .. " " .. format.count(one[2]) end
  add(("%-20s %s market events, %s orders, %s fills"):format("Totals", format.count(now.events), format.count(now.orders), format.count(now.fills)))
  add(("%-20s %s"):format("Denied", #denies > 0 and table.concat(denies, ", ") or "nothing"))
  if options and options.market then add(("%-20s %s"):format("Market", options.market)) end
  add ""
  latency_table(add, now, bold)
  workers_table(add, now, bold)
  return table.concat(lines, "\n")
end

return M

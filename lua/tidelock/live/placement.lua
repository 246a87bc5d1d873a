--- Where processes run: the configuration's workers, or defaults by the number of cores, made into a process each for `io`, `house` and every strategy.
---
--- At most (cores - 1) processes spin, none on core 0 and none beside another on its core (DESIGN §6): what was asked for and cannot be is a note.
local nearest = require "tidelock.nearest"

local M = {}

local TIERS = { L1 = 1, L2 = 2, L3 = 3 }
local IDLE = { spin = 0, backoff = 1, block = 2 }
local SOFT_NS = { [0] = 500e3, 50e3, 500e3, 50e6 }
local HARD_NS = { [0] = 0, 10e6, 100e6, 5e9 }
local STOP_ORDER = { strategy = 0, io = 1, house = 2 }
local ROLES = { feed = "io", gateway = "io", exchange = "house", journal = "house", ops = "house" }
local DEFAULT_NAME = { L1 = "fast", L2 = "mid", L3 = "slow" }

local function sorted_names(workers)
  local names = {}
  for name in pairs(workers) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- The workers of the configuration, with those that it leaves out. Each: name, cpus (list, empty for any), tier, idle, role.
local function workers_of(config, cores, used_tiers)
  local workers, by_role, by_tier = {}, {}, {}
  for _, name in ipairs(sorted_names(config)) do
    local one = config[name]
    local cpus = type(one.cpu) == "table" and one.cpu or { one.cpu }
    local worker = { name = name, cpus = cpus, tier = one.tier, idle = one.idle }
    for _, agent in ipairs(one.agents or {}) do
      local role = ROLES[agent]
      if by_role[role] and by_role[role] ~= worker then
        error(("workers.%s.agents: '%s' belongs with those of '%s': they are one process"):format(name, agent, by_role[role].name), 0)
      end
      worker.role, by_role[role] = role, worker
    end
    if worker.role and worker.tier then error(("workers.%s: agents of the runtime have no tier"):format(name), 0) end
    if not worker.role then
      worker.tier = worker.tier or "L2"
      by_tier[worker.tier] = by_tier[worker.tier] or worker
    end
    workers[name] = worker
  end
  local function default(name, fields)
    while workers[name] do name = name .. "_" end
    fields.name, workers[name] = name, fields
    return fields
  end
  by_role.io = by_role.io or default("io", { role = "io", cpus = cores >= 4 and { 1 } or { 0 } })
  by_role.house = by_role.house or default("house", { role = "house", cpus = { 0 } })
  for tier in pairs(used_tiers) do
    if not by_tier[tier] then
      local cpus = {}
      if tier == "L1" or tier == "L2" and not used_tiers.L1 and not by_tier.L1 then -- not beside io and house while a core is left
        for cpu = cores - 1, cores >= 4 and 2 or math.min(1, cores - 1), -1 do cpus[#cpus + 1] = cpu end
      else
        cpus[1] = 0
      end
      by_tier[tier] = default(DEFAULT_NAME[tier], { tier = tier, cpus = cpus })
    end
  end
  return workers, by_role, by_tier
end

--- A process's worker: as its strategy says, else the first of its script's tier.
local function worker_of(strategy, i, tier, workers, by_tier)
  local worker = by_tier[tier ~= "" and tier or "L2"]
  if strategy.worker then
    worker = workers[strategy.worker]
    if not worker then error(("strategies[%d].worker: "):format(i) .. nearest.listed("worker", strategy.worker, sorted_names(workers)), 0) end
    if worker.role then error(("strategies[%d].worker: '%s' runs agents of the runtime, never a strategy beside them"):format(i, worker.name), 0) end
    if tier ~= "" and tier ~= worker.tier then
      error(("strategies[%d]: %s declares tier %s, and worker '%s' is of tier %s"):format(i, strategy.name, tier, worker.name, worker.tier), 0)
    end
  end
  return worker
end

local function settle_idle(processes, cores, notes)
  local on_cpu, spinning = {}, 0
  for _, one in ipairs(processes) do
    if one.cpu >= 0 then on_cpu[one.cpu] = (on_cpu[one.cpu] or 0) + 1 end
  end
  local function may_spin(one) return cores > 1 and one.cpu > 0 and on_cpu[one.cpu] == 1 and spinning < cores - 1 end
  for _, one in ipairs(processes) do
    local wish = one.idle
    if not wish then
      -- An io that goes round on the core of the house keeps the venue from it: a feed latency of 1.8 ms at the median instead of 33 us, measured.
      local in_the_way = one.role == "io" and on_cpu[one.cpu] and on_cpu[one.cpu] > 1
      if cores == 1 or one.tier == 3 or one.role == "house" or in_the_way then
        wish = "block"
      elseif (one.tier == 1 or one.role == "io") and may_spin(one) then
        wish = "spin"
      else
        wish = "backoff"
      end
    elseif wish == "spin" and not may_spin(one) then
      wish = cores > 1 and "backoff" or "block"
      notes[#notes + 1] = ("'%s' does not spin but %s: %s"):format(one.name, wish == "block" and "blocks" or "backs off", cores == 1 and "there is one core"
        or one.cpu <= 0 and "core 0, or any core, is not for spinning" or on_cpu[one.cpu] > 1 and ("core %d is shared"):format(one.cpu)
        or "one core must be left")
    end
    if wish == "spin" then spinning = spinning + 1 end
    one.idle = IDLE[wish]
  end
end

--- Lists the processes: name, role, worker, tier (0 for agents), idle, cpu (-1 any), budgets, stop_order, strategy (its place in the plan).
function M.place(plan, config, tiers, cores, notes)
  local used = {}
  for i, strategy in ipairs(plan.strategies) do
    if not strategy.worker then used[tiers[i] ~= "" and tiers[i] or "L2"] = true end
  end
  local workers, by_role, by_tier = workers_of(config, cores, used)
  local processes, turn, absent = {}, {}, {}
  local function add(name, role, worker, strategy)
    turn[worker.name] = (turn[worker.name] or 0) + 1
    local cpu = worker.cpus[(turn[worker.name] - 1) % math.max(#worker.cpus, 1) + 1] or -1
    if cpu >= cores then
      if not absent[cpu] then notes[#notes + 1] = ("there is no core %d, only %d: '%s' runs on any"):format(cpu, cores, name) end
      absent[cpu], cpu = true, -1
    end
    local tier = TIERS[worker.tier] or 0
    processes[#processes + 1] = { name = name, role = role, worker = worker.name, tier = tier, idle = worker.idle, cpu = cpu, soft_ns = SOFT_NS[tier],
      hard_ns = HARD_NS[tier], stop_order = STOP_ORDER[role], strategy = strategy, region = role == "strategy" and "s." .. name or name }
  end
  add("io", "io", by_role.io)
  add("house", "house", by_role.house)
  for i, strategy in ipairs(plan.strategies) do
    add(strategy.name, "strategy", worker_of(strategy, i, tiers[i], workers, by_tier), i)
    strategy.worker = nil
  end
  settle_idle(processes, cores, notes)
  return processes
end

return M

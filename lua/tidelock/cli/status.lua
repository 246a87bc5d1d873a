--- `tidelock status [INSTANCE]`: what a live instance is doing, read from its shared memory.
local operate = require "tidelock.cli.operate"

local M = { summary = "what live instances are doing, without disturbing them" }

function M.parser(parser)
  parser:argument("instance", "its name; without one all are listed, or the only one is shown"):args "?"
  parser:flag("--json", "print one JSON object (of a list: { instances = [...] })")
  operate.parser(parser)
  parser:epilog "Works while a process is stuck, and on what an instance that died has left behind.\n\nExample:\n  tidelock status demo --json"
end

local function read(one)
  local view = require("tidelock.live.status").open(one.directory)
  local now = view:read()
  view:close()
  return now
end

local function list(all, as_json)
  local status, format = require "tidelock.live.status", require "tidelock.report.format"
  local objects = {}
  for _, one in ipairs(all) do
    local ok, now = pcall(read, one)
    if as_json then
      objects[#objects + 1] = ok and status.json(now) or nil
    elseif ok then
      local pnl = 0
      for _, s in ipairs(now.strategies) do pnl = pnl + s.pnl end
      print(("%-20s %-9s up %-12s %2d strategies  %s orders, %s fills, P&L %s"):format(now.instance, now.state == "dead" and "left behind" or now.state,
        format.duration(now.uptime_ns), #now.strategies, format.count(now.orders), format.count(now.fills), format.money(pnl)))
    else
      print(("%-20s cannot be read: %s"):format(one.name, now))
    end
  end
  if as_json then print('{ "instances": [' .. table.concat(objects, ",\n") .. "] }") end
end

function M.run(args)
  local all = require("tidelock.live.instance").list(args.shm_dir)
  local running = 0
  for _, one in ipairs(all) do running = running + (one.running and 1 or 0) end
  if not args.instance and #all ~= 1 and running ~= 1 then
    if #all == 0 and not args.json then print "no instance runs" return 0 end
    list(all, args.json)
    return 0
  end
  local one = args.instance and operate.find(args.instance, args.shm_dir) or all[1]
  for _, each in ipairs(not args.instance and all or {}) do
    if each.running then one = each end
  end
  local now = read(one)
  if args.json then
    print(require("tidelock.live.status").json(now))
    return 0
  end
  if now.state == "dead" then
    print(("instance '%s' does not run: its master ended without cleaning up. Started again with its configuration it goes on from here;"
      .. " --discard gives it up."):format(now.instance))
  elseif now.state ~= "running" then
    print(("instance '%s' is %s (process %d)"):format(now.instance, now.state, now.pid))
  end
  io.stdout:write(require("tidelock.live.summary").text(now), "\n")
  return 0
end

return M

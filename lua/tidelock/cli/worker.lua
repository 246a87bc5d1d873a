--- `tidelock worker PLAN NAME EPOCH`: a process of a live instance. The master spawns it; nobody types it.
local native = require "tidelock.native"
local plans = require "tidelock.live.plan"
local processes = require "tidelock.live.process"
local C = native.C

local M = { summary = "a process of a live instance, spawned by its master", hidden = true }

function M.parser(parser)
  parser:argument "plan"
  parser:argument "name"
  parser:argument("epoch"):convert(tonumber)
  parser:epilog "Example:\n  tidelock run scripts/demo/demo.lua   # spawns the workers"
end

function M.run(args)
  local process = processes.begin(plans.load(args.plan), args.name, args.epoch)
  local ok, why = pcall(function()
    process:create_worker()
    require("tidelock.live." .. process.slot.role).compose(process)
  end)
  if not ok then
    process:fail(tostring(why))
    return 1
  end
  return process:run() == C.TL_OK and 0 or 1
end

return M

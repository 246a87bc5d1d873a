--- `tidelock stop INSTANCE`: the orderly end, as SIGTERM to its master.
local operate = require "tidelock.cli.operate"
local system = require "tidelock.live.system"

local M = { summary = "stop a live instance in order" }

local WAIT_MS = 20000

function M.parser(parser)
  parser:argument("instance", "its name; may be left out when one runs"):args "?"
  operate.parser(parser)
  parser:epilog "Returns when it has ended.\n\nExample:\n  tidelock stop demo"
end

function M.run(args)
  local one = operate.find(args.instance, args.shm_dir)
  if not one.running then error(("instance '%s' does not run; it was left behind: start it again to go on, or with --discard"):format(one.name), 0) end
  operate.ask(one.directory, { request = "stop" })
  for _ = 1, WAIT_MS / 20 do
    if not system.exists(one.directory .. "/plan") then return 0 end
    system.sleep_ms(20)
  end
  error(("instance '%s' was asked and has not ended within %d s"):format(one.name, WAIT_MS / 1000), 0)
end

return M

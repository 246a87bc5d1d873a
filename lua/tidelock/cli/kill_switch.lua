--- `tidelock kill-switch [INSTANCE] on|off`: cancels everything and refuses the rest until lifted.
local operate = require "tidelock.cli.operate"

local M = { summary = "cancel all orders of an instance and refuse new ones, or lift that" }

function M.parser(parser)
  parser:usage "Usage: tidelock kill-switch [-h] [--account NAME] [--shm-dir DIR] [INSTANCE] on|off"
  parser:argument("on|off", "behind the instance's name, which may be left out when one runs"):args "1-2"
  parser:option("--account", "only this account"):argname "NAME"
  operate.parser(parser)
  parser:epilog "SIGUSR1 to the master and the configuration's kill_file throw it too.\n\nExample:\n  tidelock kill-switch demo on\n  tidelock kill-switch off"
end

function M.run(args)
  local words = args["on|off"]
  local state = words[#words]
  if state ~= "on" and state ~= "off" then error({ usage = ("'%s' is neither on nor off"):format(state) }, 0) end
  local one = operate.find(words[2] and words[1], args.shm_dir)
  operate.ask(one.directory, { request = "kill-switch", on = state == "on", account = args.account })
  print(("kill switch of %s%s: %s"):format(one.name, args.account and ", account " .. args.account or "", state))
  return 0
end

return M

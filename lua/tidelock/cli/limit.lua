--- `tidelock limit INSTANCE/STRATEGY NAME VALUE`: a risk limit of a running instance.
local operate = require "tidelock.cli.operate"

local M = { summary = "set a risk limit of a running strategy or account" }

function M.parser(parser)
  parser:argument("target", "INSTANCE/STRATEGY, or STRATEGY where one instance runs; with --account INSTANCE/ACCOUNT")
  parser:argument("name", "of the limit, as in the configuration: max_position, max_order_quantity, ...")
  parser:argument("value", "0 for none"):convert(function(text) return tonumber(text), ("the value '%s' is no number"):format(text) end)
  parser:flag("--account", "the target is an account")
  operate.parser(parser)
  parser:epilog "Holds until the instance ends or is told otherwise.\n\nExample:\n  tidelock limit demo/market_maker max_position 200"
end

function M.run(args)
  local instance, name = args.target:match "^(.-)/(.+)$"
  if not instance then name = args.target end
  local one = operate.find(instance, args.shm_dir)
  operate.ask(one.directory, { request = "limit", [args.account and "account" or "strategy"] = name, name = args.name, value = args.value })
  print(("%s of %s/%s: %.10g"):format(args.name, one.name, name, args.value))
  return 0
end

return M

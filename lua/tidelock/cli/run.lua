--- `tidelock run CONFIG`: a live instance in the foreground. The master of its processes lives here.
local config = require "tidelock.config"
local duration = require "tidelock.duration"

local M = { summary = "the live runtime: strategies on pinned workers, gateway, paper venue" }

function M.parser(parser)
  parser:argument("config", "the configuration: a Lua file"):argname "CONFIG"
  parser:option("--duration", "end in order after this time (\"20s\", \"5m\"); without it at SIGTERM or Ctrl-C"):argname "TIME"
  parser:option("--record", "write the strategies' input logs to this file, for `tidelock replay`"):argname "FILE"
  parser:option("--shm-dir", "where the instance's folder goes, instead of the configuration's shm_dir (default /dev/shm)"):argname "DIR"
  parser:flag("--discard", "give up what an earlier start has left behind: its orders and positions")
  parser:flag("--quiet", "no status lines, no log lines of the strategies")
  parser:flag("--json", "print one JSON object at the end instead of the summary")
  parser:epilog("SIGTERM and Ctrl-C stop it in order, SIGUSR1 throws the kill switch.\n\n"
    .. "Example:\n  tidelock run scripts/demo/demo.lua --duration 20s")
end

function M.run(args, context)
  local options = { library = context.root .. "/lua", config_path = args.config, shm_dir = args.shm_dir, record = args.record, discard = args.discard,
    quiet = args.quiet, json = args.json }
  if args.duration then
    local ns, why = duration.parse(args.duration)
    if not ns or ns <= 0 then error({ usage = "--duration " .. args.duration .. ": " .. (why or "is no time to run") }, 0) end
    options.duration_ns = ns
  end
  return require("tidelock.live.session").run(config.load(args.config), options)
end

return M

--- `tidelock replay FILE`: recorded input logs again through the same scripts.
local M = { summary = "run recorded input logs again: the same decisions, or where they differ" }

function M.parser(parser)
  parser:argument("file", "what `tidelock run --record FILE` wrote")
  parser:option("--strategy", "this one only"):argname "NAME"
  parser:flag("--json", "print one JSON object")
  parser:epilog("A strategy's decisions are a function of its script, params, seed and input log. The exit code is 1 when they are not the same.\n\n"
    .. "Example:\n  tidelock run demo.lua --duration 20s --record demo.log\n  tidelock replay demo.log")
end

local function say(result)
  local text = ("%s: %d records, %d commands, decisions %s"):format(result.name, result.records, result.commands, result.decisions_hash)
  if result.generations > 1 then text = ("%s, %d generations"):format(text, result.generations) end
  print(text .. (result.same and ": the same as live" or ""))
  local d = result.difference
  if d then
    print(("  differs from live between event %d, where both agree, and event %d: live had sent %d commands by then, the replay %d"):format(d.after, d.by,
      d.live_commands, d.replay_commands))
    for i, line in ipairs(d.replay) do print((i == 1 and "  the replay's first there: " or "  then ") .. line) end
  elseif result.lost > 0 then
    print(("  %d slots of the log are missing in the recording: what comes behind them was not replayed"):format(result.lost))
  elseif not result.same then
    print "  the recording does not say what was decided live"
  end
end

function M.run(args)
  local replay = require "tidelock.live.replay"
  local recording = replay.open(args.file)
  local results, same = {}, true
  for _, name in ipairs(args.strategy and { args.strategy } or recording.names) do
    local result = replay.run(recording, name)
    results[#results + 1] = result
    same = same and result.same
    if not args.json then say(result) end
  end
  if args.json then
    local json = require "tidelock.cli.json"
    for _, one in ipairs(results) do
      if one.difference then one.difference.replay = json.array(one.difference.replay) end
    end
    print(json.encode { file = args.file, same = same, strategies = json.array(results) })
  end
  return same and 0 or 1
end

return M

--- `tidelock check FILE...`: what is wrong with scripts, before they trade.
local M = { summary = "look for mistakes in strategies without running them on data" }

function M.parser(parser)
  parser:argument("file", "a strategy's script"):args "+"
  parser:flag("--json", "print one JSON object")
  parser:epilog "Each problem is a line `file:line: what`; the exit code is 1 when there is one.\n\nExample:\n  tidelock check scripts/*.lua"
end

function M.run(args, context)
  local check = require "tidelock.check"
  local count, all = 0, {}
  for _, path in ipairs(args.file) do
    for _, problem in ipairs(check.file(path, context.root .. "/lua")) do
      count = count + 1
      all[count] = problem
      if not args.json then
        print(problem.line and ("%s:%d: %s"):format(problem.path, problem.line, problem.text) or ("%s: %s"):format(problem.path, problem.text))
      end
    end
  end
  if args.json then
    local json = require "tidelock.cli.json"
    print(json.encode { files = #args.file, problems = json.array(all) })
  elseif count == 0 then
    print(("%d file%s, no problems"):format(#args.file, #args.file == 1 and "" or "s"))
  end
  return count == 0 and 0 or 1
end

return M

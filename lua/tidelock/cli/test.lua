--- `tidelock test DIR...`: runs strategies' specs under busted.
local M = { summary = "run the specs of strategies (*_spec.lua) under busted" }

function M.parser(parser)
  parser:argument("path", "folder with specs, or a spec"):args "*"
  parser:option("--filter", "only tests whose name matches this Lua pattern"):argname "PATTERN"
  parser:flag("--verbose", "show the traceback of a failure")
  parser:epilog "Paths in a spec count from the folder in which the command runs.\n\nExample:\n  tidelock test scripts"
end

local function exists(path)
  local file = io.open(path, "r")
  if file then file:close() end
  return file ~= nil
end

function M.run(args, context)
  local there, runner = pcall(require, "busted.runner")
  if not there then error("busted is not installed; on Debian: apt install lua-busted", 0) end
  local paths = #args.path > 0 and args.path or { "." }
  for _, path in ipairs(paths) do
    if not exists(path) then error({ usage = ("%s: there is no such file or folder"):format(path) }, 0) end
  end
  local words = { [0] = "tidelock test", "--output=" .. context.root .. "/lua/tidelock/testing/output.lua", "--pattern=_spec%.lua$" }
  if args.filter then words[#words + 1] = "--filter=" .. args.filter end
  if args.verbose then words[#words + 1] = "--verbose" end
  for _, path in ipairs(paths) do words[#words + 1] = path end
  _G.arg = words
  -- busted ends the process itself, with the number of failures; ours are 0 and 1.
  local exit = os.exit
  os.exit = function(code, close) exit((code == 0 or code == true or code == nil) and 0 or 1, close) end -- luacheck: ignore 122
  runner { standalone = false }
  return 0
end

return M

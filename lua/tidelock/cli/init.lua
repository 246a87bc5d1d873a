--- The command line: finds the verb, runs it, turns a raised message into one line on stderr and an exit code.
---
--- A verb is a module `tidelock.cli.<verb>` that returns
---   { summary = "one line", parser = function(parser) ... end, run = function(args, context) ... return exit_code end }
--- where `parser` declares arguments on an argparse object, `args` is its result, and `context` has `root` (the folder of lua/,
--- scripts/), `generated` and `verb`. `run` raises a string for a failure (exit 1) or a table { usage = text } for a misuse (exit 2).
local M = {}

local verbs = {
  "run", "status", "top", "kill-switch", "limit", "stop", "worker", "backtest", "replay", "data", "generate", "exchange", "check", "test", "new", "doctor",
}

local function module_of(name) return "tidelock.cli." .. name:gsub("-", "_") end

local function nearest(name)
  return require("tidelock.nearest").find(name, verbs)
end

local function print_help(out)
  out:write "Usage: tidelock VERB [OPTIONS]\n\nVerbs:\n"
  for _, name in ipairs(verbs) do
    local ok, verb = pcall(require, module_of(name))
    if ok and not verb.hidden then out:write(string.format("  %-11s %s\n", name, verb.summary)) end
  end
  out:write "\n`tidelock VERB --help` explains one, with an example.\n"
end

local function fail(verb, message, code)
  local progress = package.loaded["tidelock.cli.progress"]
  if progress then progress.clear() end
  io.stdout:flush()
  -- What a message quotes from a file must not reach the terminal as control characters.
  local text = tostring(message):gsub("[%z\1-\8\11-\31\127]", function(c) return ("\\x%02x"):format(c:byte()) end)
  io.stderr:write("tidelock: ", verb, ": ", text, "\n")
  return code
end

--- Runs the verb in `argv` (1-based, with `root` and `generated`); returns the exit code 0, 1 or 2.
function M.main(argv)
  local name = argv[1]
  if not name then print_help(io.stderr) return 2 end
  if name == "--help" or name == "-h" or name == "help" then print_help(io.stdout) return 0 end
  if name == "--version" then
    local native = require "tidelock.native"
    print("tidelock " .. native.ffi.string(native.C.tl_version()))
    return 0
  end
  local known = false
  for _, verb in ipairs(verbs) do known = known or verb == name end
  if not known then
    local close = nearest(name)
    return fail(name, "there is no such verb" .. (close and ("; did you mean '" .. close .. "'?") or "; `tidelock --help` lists them"), 2)
  end
  local verb = require(module_of(name))
  local parser = require "argparse"("tidelock " .. name, verb.summary)
  verb.parser(parser)
  local words = {}
  for i = 2, #argv do words[#words + 1] = argv[i] end
  for _, word in ipairs(words) do
    if word == "--help" or word == "-h" then io.stdout:write(parser:get_help(), "\n") return 0 end
    if word == "--" then break end
  end
  local parsed, args = parser:pparse(words)
  if not parsed then return fail(name, args:gsub("%s*\n%s*", "; "):gsub("; Did you mean", "; did you mean") .. "; see `tidelock " .. name .. " --help`", 2) end
  local context = { root = argv.root, generated = argv.generated, verb = name }
  local ok, result = xpcall(verb.run, function(err)
    if type(err) == "string" and os.getenv "TIDELOCK_TRACEBACK" then return debug.traceback(err, 2) end
    return err
  end, args, context)
  if ok then return result or 0 end
  if type(result) == "table" and result.usage then return fail(name, result.usage, 2) end
  -- where the library raised is of no use to a user; the line of a script is
  return fail(name, (tostring(result):gsub("^[^%s:]*tidelock/[^%s:]+%.lua:%d+: ", "")), 1)
end

return M

--- `tidelock test DIR...`: runs strategies' specs under busted.
local M = { summary = "run the specs of strategies (*_spec.lua) under busted" }

function M.parser(parser)
  parser:argument("path", "folder with specs, or a spec"):args "*"
  parser:option("--filter", "only tests whose name matches this Lua pattern"):argname "PATTERN"
  parser:flag("--verbose", "show the traceback of a failure")
  parser:epilog "Paths in a spec count from the folder in which the command runs, else from the spec's or one above it.\n\nExample:\n  tidelock test scripts"
end

local function same_folder(a, b)
  return a and b and a.ino == b.ino and a.dev == b.dev
end

--- The specs under a folder, in order of their names. Links are not followed, and Tidelock's own tests are not a strategy's.
local function specs_under(folder, own, found)
  local lfs = require "lfs" -- busted needs it too
  local names = {}
  for name in lfs.dir(folder) do
    if not name:match "^%." then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local path = folder == "." and name or folder .. "/" .. name
    local is = lfs.symlinkattributes(path)
    if is and is.mode == "directory" and not same_folder(is, own) then
      specs_under(path, own, found)
    elseif is and is.mode == "file" and name:match "_spec%.lua$" then
      found[#found + 1] = path
    end
  end
  return found
end

local function find(paths, root)
  local lfs = require "lfs"
  local own, found = lfs.attributes(root .. "/tests"), {}
  for _, path in ipairs(paths) do
    local mode = lfs.attributes(path, "mode")
    if not mode then error({ usage = ("%s: there is no such file or folder"):format(path) }, 0) end
    if mode == "directory" then specs_under((path:gsub("(.)/+$", "%1")), own, found) else found[#found + 1] = path end
  end
  return found
end

function M.run(args, context)
  local there, runner = pcall(require, "busted.runner")
  if not there then error("busted is not installed; on Debian: apt-get install lua-busted", 0) end
  local paths = #args.path > 0 and args.path or { "." }
  local specs = find(paths, context.root)
  if #specs == 0 then error(("no specs of strategies (*_spec.lua) in %s"):format(table.concat(paths, " ")), 0) end
  local words = { [0] = "tidelock test", "--output=" .. context.root .. "/lua/tidelock/testing/output.lua", "--pattern=%.lua$" }
  if args.filter then words[#words + 1] = "--filter=" .. args.filter end
  if args.verbose then words[#words + 1] = "--verbose" end
  for _, spec in ipairs(specs) do words[#words + 1] = spec end
  _G.arg = words
  -- busted ends the process itself with the number of failures, or raises nothing at all; ours are 0 and 1.
  local exit = os.exit
  os.exit = function(code, close) exit((code == 0 or code == true or code == nil) and 0 or 1, close) end -- luacheck: ignore 122
  local ok, why = pcall(runner, { standalone = false })
  if not ok and why ~= nil then error(why, 0) end
  return ok and 0 or 1
end

return M

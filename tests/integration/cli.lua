-- Runs the binary as a user would. `run(args)` returns exit code, standard output, standard error; arguments are shell words.
local M = {}

local build = os.getenv "TIDELOCK_BUILD" or "build"
M.binary = build .. "/tidelock"

local function read(path)
  local file = assert(io.open(path, "r"))
  local text = file:read "*a"
  file:close()
  return text
end
M.read = read

--- A folder of its own for a spec; `remove()` takes it away.
function M.folder()
  local pipe = io.popen "mktemp -d"
  local path = pipe:read "*l"
  pipe:close()
  return path
end

function M.remove(path)
  os.execute("rm -rf '" .. path .. "'")
end

--- `prefix` goes before the binary, such as "cd DIR && "; `binary` is another one than that of the build.
function M.run(args, prefix, binary)
  local out, err = os.tmpname(), os.tmpname()
  local status = os.execute(("{ %s %s %s\n} >%s 2>%s"):format(prefix or "", binary or M.binary, args, out, err))
  local code = type(status) == "number" and (status >= 256 and math.floor(status / 256) or status) or (status and 0 or 1)
  local stdout, stderr = read(out), read(err)
  os.remove(out)
  os.remove(err)
  return code, stdout, stderr
end

--- What a `make` of its own says with `words`, in the build folder that is under test, by the name that make itself has for it; and its exit code.
function M.make(words)
  local sanitizers, out = os.getenv "TIDELOCK_SAN" or "", os.tmpname()
  local folder = (os.getenv "TIDELOCK_BUILD" or "build"):gsub("^.*/(build/?[^/]*)$", "%1")
  local command = "env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory BUILD='%s' SAN='%s' %s >%s 2>&1"
  local status = os.execute(command:format(folder, sanitizers, words, out))
  local text = read(out)
  os.remove(out)
  return text, status
end

function M.write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

return M

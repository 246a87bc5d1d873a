-- Live instances for specs: each in a folder of its own under /dev/shm, run by the binary as a user would, looked at by `tidelock status`.
local cjson = require "cjson"
local cli = require "integration.cli"
local system = require "tidelock.live.system"

local M = {}

--- Workers that leave the machine to the other tests: nothing spins, nothing is above anybody else.
local GENTLE = [[scheduling = { policy = "shared" },
  workers = { io = { agents = { "feed", "gateway" }, idle = "block" }, house = { agents = { "exchange", "journal", "ops" }, idle = "block" },
    fast = { tier = "L1", idle = "block" }, mid = { tier = "L2", idle = "block" }, slow = { tier = "L3", idle = "block" } }, ]]

function M.folder()
  local pipe = io.popen "mktemp -d /dev/shm/tl-live-spec-XXXXXX"
  local path = pipe:read "*l"
  pipe:close()
  return path
end

--- Writes a configuration; `body` is its other members.
function M.config(folder, name, body)
  return cli.write(("%s/%s.lua"):format(folder, name), ("return { instance = %q, %s %s }"):format(name, GENTLE, body))
end

--- What happens within `seconds`, or an error that says what did not.
function M.wait_for(what, condition, seconds)
  for _ = 1, (seconds or 15) * 50 do
    local result = condition()
    if result then return result end
    system.sleep_ms(20)
  end
  error("did not come about: " .. what, 2)
end

local Run = {}
Run.__index = Run

--- Starts `tidelock run` in the background. `folder` is its shm_dir too.
function M.start(folder, config, args)
  local self = setmetatable({ folder = folder, out = os.tmpname(), err = os.tmpname(), name = config:match "([^/]*)%.lua$" }, Run)
  local pipe = io.popen(("%s run '%s' --shm-dir '%s' %s >%s 2>%s & echo $!"):format(cli.binary, config, folder, args or "", self.out, self.err))
  self.pid = tonumber(pipe:read "*l")
  pipe:close()
  return self
end

--- The object of `status --json`, nil while there is none.
function Run:status()
  local code, out = cli.run(("status %s --json --shm-dir '%s'"):format(self.name, self.folder))
  return code == 0 and cjson.decode(out) or nil
end

--- Once all workers run; the status then.
function Run:running()
  return M.wait_for("all workers run", function()
    if self:ended() then error("the run ended early: " .. cli.read(self.err), 0) end
    local now = self:status()
    if not now or now.state ~= "running" then return nil end
    for _, w in pairs(now.workers) do
      if w.state ~= "running" then return nil end
    end
    return now
  end)
end

--- Once the condition holds on its status; that.
function Run:becomes(what, condition)
  return M.wait_for(what, function()
    local now = self:status()
    return now and condition(now) and now
  end)
end

function Run:kill(worker, number)
  local pid = worker and self:status().workers[worker].pid or self.pid
  assert(system.signal(pid, number or 9))
  return pid
end

--- A process that is about to become another has no command line for a moment either.
function Run:ended()
  if system.command_line(self.pid) then return false end
  system.sleep_ms(20)
  return system.command_line(self.pid) == nil
end

--- Waits for its end; standard output and error.
function Run:finish()
  M.wait_for("the run ends", function() return self:ended() end, 20)
  local out, err = cli.read(self.out), cli.read(self.err)
  os.remove(self.out)
  os.remove(self.err)
  return out, err
end

--- What is left of instances in the folder.
function M.left(folder)
  return system.glob(folder .. "/tidelock-*")
end

--- Ends whatever a failed spec left running, and takes the folder away.
function M.remove(folder)
  for _, path in ipairs(system.glob("/proc/[0-9]*/cmdline")) do
    local words = system.command_line(tonumber(path:match "%d+"))
    for _, word in ipairs(words or {}) do
      if word:sub(1, #folder) == folder then system.signal(tonumber(path:match "%d+"), 9) break end
    end
  end
  cli.remove(folder)
end

return M

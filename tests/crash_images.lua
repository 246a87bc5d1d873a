--- For specs: what shared memory looks like at each instruction of a piece of work, as a process that dies just there leaves it.
---
--- The work is done by a child that is single-stepped (ptrace); whenever an instruction has changed the shared memory, `each` is called while
--- the child stands still.
local ffi = require "ffi"

ffi.cdef [[
long ptrace(int, int, void *, void *);
int raise(int);
int memcmp(const void *, const void *, size_t);
]]

local TRACE_ME, SINGLE_STEP = 0, 9
local SIGTRAP, SIGSTOP = 5, 19

local M = {}

--- `memory` is a list of { pointer, bytes } that the child writes; `spawn` and `kill` are those of live_venue. The child does `work` twice; before
--- the second time, which is the one that counts, `between` is called here. Returns the number of images, nil where a process cannot be traced.
function M.walk(spawn, kill, memory, work, between, each)
  local child = spawn(function()
    if ffi.C.ptrace(TRACE_ME, 0, nil, nil) ~= 0 then ffi.C._exit(3) end
    jit.off()
    collectgarbage "stop"
    work()
    ffi.C.raise(SIGSTOP)
    work()
    ffi.C.raise(SIGSTOP)
  end)
  local status = ffi.new "int[1]"
  local function wait()
    assert(ffi.C.waitpid(child, status, 0) == child)
    return bit.band(status[0], 0xff) == 0x7f and bit.rshift(status[0], 8) or nil
  end
  if wait() ~= SIGSTOP then return nil end
  between()
  local old = {}
  for i, one in ipairs(memory) do
    old[i] = ffi.new("char[?]", one[2])
    ffi.copy(old[i], one[1], one[2])
  end
  local images, signal = 0, nil
  repeat
    assert(ffi.C.ptrace(SINGLE_STEP, child, nil, nil) == 0)
    signal = wait()
    local changed = false
    for i, one in ipairs(memory) do
      if ffi.C.memcmp(old[i], one[1], one[2]) ~= 0 then
        ffi.copy(old[i], one[1], one[2])
        changed = true
      end
    end
    if changed then
      images = images + 1
      local ok, err = pcall(each, images)
      if not ok then
        kill(child)
        error(err, 0)
      end
    end
  until signal ~= SIGTRAP
  kill(child)
  assert(signal == SIGSTOP, "the child ended with signal " .. tostring(signal))
  return images
end

return M

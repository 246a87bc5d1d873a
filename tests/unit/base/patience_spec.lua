-- Each in a process of its own, as it ends.
local function run(body)
  local script = os.tmpname()
  local file = assert(io.open(script, "w"))
  file:write('local C = require("tidelock.native").C\n', body, "\n")
  file:close()
  local pipe = io.popen(('LD_PRELOAD="$TIDELOCK_PRELOAD" luajit %s 2>&1; echo "code $?"'):format(script))
  local text = pipe:read "*a"
  pipe:close()
  os.remove(script)
  return text
end

describe("patience", function()
  it("ends with its sentence, also in compiled code", function()
    assert.equal("too long\ncode 1\n", run 'C.tl_patience_begin(100000000, "too long\\n") while true do end')
  end)

  it("is over when the work is done", function()
    assert.equal("code 0\n", run [[
      C.tl_patience_begin(100000000, "too long\n")
      C.tl_patience_end()
      local done = C.tl_clock_process_cpu_ns() + 200000000LL
      while C.tl_clock_process_cpu_ns() < done do for _ = 1, 1000000 do end end -- in user mode, which is what counts
    ]])
  end)
end)

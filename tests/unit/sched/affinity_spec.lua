local native = require "tidelock.native"
local worlds = require "support.sched_world"
local C, ffi = native.C, native.ffi

local OTHER, FIFO, BATCH = 0, 1, 3

--- Scheduling class and nice value of a process, as the kernel has them.
local function scheduler(pid)
  local file = assert(io.open("/proc/" .. pid .. "/stat"))
  local words = {}
  for word in file:read "*a":match "%) (.*)":gmatch "%S+" do words[#words + 1] = tonumber(word) or word end
  file:close()
  return words[39], words[17]
end

describe("kernel classes", function()
  local function class(tier, idle, policy)
    local wanted = C.tl_kernel_class_of(tier, idle, policy)
    return { wanted.scheduler, wanted.priority, wanted.nice }
  end

  it("follow the tier, and FIFO is only for who sleeps", function()
    assert.same({ OTHER, 0, -20 }, class(1, C.TL_IDLE_SPIN, C.TL_SCHED_PRIORITY))
    assert.same({ OTHER, 0, -20 }, class(1, C.TL_IDLE_SPIN, C.TL_SCHED_ISOLATED))
    assert.same({ FIFO, 10, -20 }, class(1, C.TL_IDLE_BLOCK, C.TL_SCHED_PRIORITY))
    assert.same({ OTHER, 0, -5 }, class(2, C.TL_IDLE_BACKOFF, C.TL_SCHED_PRIORITY))
    assert.same({ OTHER, 0, -5 }, class(0, C.TL_IDLE_BACKOFF, C.TL_SCHED_PRIORITY))
    assert.same({ BATCH, 0, 19 }, class(3, C.TL_IDLE_BLOCK, C.TL_SCHED_PRIORITY))
  end)

  it("are the kernel's own under the policy shared", function()
    for tier = 0, 3 do assert.same({ OTHER, 0, 0 }, class(tier, C.TL_IDLE_BLOCK, C.TL_SCHED_SHARED)) end
  end)
end)

describe("a worker's place", function()
  local world
  after_each(function()
    if world then world:destroy() end
    world = nil
  end)

  local function start(fields, binary)
    fields.name = "w"
    world = worlds.create { fields }
    world.binary = binary and binary(world) or world.binary
    world:start()
    local file = assert(io.open("/proc/" .. world:slot "w".pid .. "/stat"))
    local words = {}
    for word in file:read "*a":match "%) (.*)":gmatch "%S+" do words[#words + 1] = tonumber(word) or word end
    file:close()
    -- Fields 19, 40 and 41 of proc(5), which count the two before the bracket.
    return { nice = words[17], priority = words[38], scheduler = words[39] }, ffi.string(world:page "w".note)
  end

  local function cores()
    local cpus = ffi.new "int32_t[1024]"
    local count = C.tl_affinity_cpus(cpus, 1024)
    return cpus, count
  end

  it("is the core that was asked for", function()
    local cpus, count = cores()
    start { cpu = cpus[count - 1] }
    local file = assert(io.open("/proc/" .. world:slot "w".pid .. "/status"))
    assert.equal(tostring(cpus[count - 1]), file:read "*a":match "Cpus_allowed_list:%s*(%S+)")
    file:close()
  end)

  it("has the class of its tier, or says in its note that it could not be had", function()
    for _, case in ipairs { { { tier = 1, idle = "spin" }, OTHER, 0, -20 }, { { tier = 1 }, FIFO, 10, -20 }, { { tier = 3 }, BATCH, 0, 19 } } do
      case[1].policy = "priority"
      local is, note = start(case[1])
      if note == "" then
        assert.same({ case[2], case[3], case[4] }, { is.scheduler, is.priority, is.nice })
        -- Where the kernel groups by session, a nice value counts only among groups that have it too.
        local file = io.open("/proc/" .. world:slot "w".pid .. "/autogroup")
        if file then
          assert.equal(tostring(case[4]), file:read "*a":match "nice (%-?%d+)")
          file:close()
        end
      else
        assert.matches("CAP_SYS_NICE", note)
      end
      world:destroy()
    end
    world = nil
  end)

  it("has that class when it has loaded, not before", function()
    world = worlds.create { { name = "w", tier = 3, policy = "priority", at_start = "hang" } }
    C.tl_runtime_clock_start(world.master_page.clock, 0)
    world:spawn "w"
    world:await_state("w", C.TL_WORKER_LOADING)
    assert.same({ OTHER, select(2, scheduler "self") }, { scheduler(world.workers.w.pid) }) -- as the suite was started
  end)

  it("is not inherited from a master above it", function()
    world = worlds.create { { name = "w" } }
    world:start { policy = C.TL_SCHED_PRIORITY }
    local may = ffi.string(world.master_page.note) == ""
    if may then assert.same({ FIFO, -20 }, { scheduler(world.master_page.pid) }) end
    assert.same({ OTHER, may and 0 or select(2, scheduler "self") }, { scheduler(world:slot "w".pid) })
    world:destroy()
    world = nil
    assert.same({ OTHER, 0 }, { scheduler(C.getpid()) })
  end)

  it("is an ordinary one without the privilege, and the start does not fail of it", function()
    if C.getuid() ~= 0 or os.execute "command -v setpriv >/dev/null" ~= 0 then return end
    local is, note = start({ tier = 1, policy = "priority" }, function(w)
      local path = w.dir .. "/unprivileged"
      local file = assert(io.open(path, "w"))
      file:write("#!/bin/sh\nexec setpriv --bounding-set=-sys_nice -- " .. w.binary .. ' "$@"\n')
      file:close()
      os.execute("chmod +x " .. path)
      return path
    end)
    assert.equal("no nice value of -20 (CAP_SYS_NICE); no SCHED_FIFO (CAP_SYS_NICE)", note)
    assert.same({ OTHER, 0, 0 }, { is.scheduler, is.priority, is.nice })
  end)
end)

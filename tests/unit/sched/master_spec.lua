local native = require "tidelock.native"
local worlds = require "support.sched_world"
local C, ffi = native.C, native.ffi

local SIGINT, SIGUSR1, SIGKILL, SIGTERM = 2, 10, 9, 15

describe("a master", function()
  local world
  local function instance(fields, strategy)
    world = worlds.create {
      { name = "io", stop_order = 1 }, { name = "house", stop_order = 2 },
      { name = "s", tier = 2, strategy = 7, hard_budget_ns = strategy and strategy.hard_budget_ns or 20e6, at_start = strategy and strategy.at_start },
    }
    world:start(fields)
  end
  after_each(function()
    if world then world:destroy() end
    world = nil
  end)

  local function ended(pid) return C.kill(pid, 0) ~= 0 end

  it("spawns its workers, and stops them in their order", function()
    instance()
    for _, name in ipairs { "io", "house", "s" } do
      assert.equal(C.TL_SLOT_SPAWNED, world:slot(name).state)
      assert.equal(world:page(name).pid, world:slot(name).pid)
    end
    world:ask("s", "stop_delay", 30e6)
    world:ask("io", "stop_delay", 30e6)
    C.tl_master_stop(world.master)
    assert.equal(1, world.master_page.stopping)
    local order = {}
    world:await(function()
      for _, name in ipairs { "s", "io", "house" } do
        if world:slot(name).state == C.TL_SLOT_ENDED and not order[name] then
          order[name] = true
          order[#order + 1] = name
        end
      end
      return world.count[C.TL_MASTER_ENDED]
    end, "the end")
    assert.same({ "s", "io", "house" }, { order[1], order[2], order[3] })
    for _, name in ipairs { "io", "house", "s" } do
      assert.equal(C.TL_STOP_ORDERLY, tonumber(world:page(name).collections))
      assert.equal(0, world:slot(name).deaths)
    end
    assert.is_nil(world.count[C.TL_MASTER_DEATH])
  end)

  it("kills at the end what does not stop in time", function()
    instance { stop_ns = 50e6 }
    world:ask("s", "stop_delay", 60e9)
    C.tl_master_stop(world.master)
    world:await(function() return world.count[C.TL_MASTER_ENDED] end, "the end")
    assert.equal("did not stop in time", world:death "s")
    assert.equal("", world:death "io")
  end)

  it("spawns the next generation within 100 ms of a crash, tells the gateway, and leaves the others alone", function()
    instance()
    local io_pid, pid = world:page "io".pid, world:page "s".pid
    world:tell("s", "crash")
    world:await_generation("s", 2)
    assert.matches("^killed by signal 11", world:death "s")
    assert.equal(1, world:slot "s".deaths)
    assert.is_true(world.count[C.TL_MASTER_DEATH] == 1)
    assert.is_true(ended(pid))
    world:await(function() return world:page "io".skipped == 1 end, "the gateway to be told")
    assert.equal(7, tonumber(world:page "io".skip_at))
    assert.equal(io_pid, world:page "io".pid)
    assert.is_true(world:slot "s".restart_ns > 0 and world:slot "s".restart_ns < 100e6, tonumber(world:slot "s".restart_ns))
  end)

  it("says what a worker died of in its own words, or by its exit code", function()
    instance()
    world:tell("s", "fail")
    world:await_generation("s", 2)
    assert.equal("the agent did not like it", world:death "s")
    world:tell("io", "exit", 3)
    world:await_generation("io", 2)
    assert.equal("exit code 3", world:death "io")
    world:tell("house", "exit", 0)
    world:await_generation("house", 2)
    assert.equal("ended without being asked to", world:death "house")
  end)

  it("waits longer after each further death, and quarantines what dies too often", function()
    instance { restart_deaths = 3, restart_window_ns = 60e9 }
    world:tell("s", "crash")
    world:await_generation("s", 2)
    world:tell("s", "crash")
    world:await(function() return world:slot "s".deaths == 2 end)
    assert.equal(C.TL_SLOT_WAITING, world:slot "s".state)
    world:await_generation("s", 3)
    assert.is_true(world:slot "s".restart_ns >= 100e6)
    world:tell("s", "crash")
    world:await(function() return world:slot "s".state == C.TL_SLOT_QUARANTINED end)
    assert.equal(3, world.count[C.TL_MASTER_DEATH])
    C.tl_master_stop(world.master)
    world:await(function() return world.count[C.TL_MASTER_ENDED] end, "the end")
    assert.equal(C.TL_SLOT_QUARANTINED, world:slot "s".state)
  end)

  it("kills a handler that is over its hard budget, and names the event", function()
    instance()
    world:ask("s", "burn", 1e6)
    world:tell("s", "spin")
    local from = C.tl_clock_monotonic_ns()
    world:await_generation("s", 2)
    assert.equal("over its hard budget of 20 ms in event 2", world:death "s")
    assert.equal(1, world:slot "s".kills)
    assert.is_true(tonumber(C.tl_clock_monotonic_ns() - from) < 2e9)
  end)

  it("leaves a handler alone that waits, one within its budget, and one that has the time of loading", function()
    instance()
    world:ask("s", "nap", 100e6)
    for _ = 1, 5 do world:ask("s", "burn", 10e6) end
    world:ask("s", "patient_burn", 60e6)
    assert.equal(0, world:slot "s".deaths)
    world:tell("s", "burn", 300e6)
    world:await(function() return world:slot "s".deaths == 1 end)
  end)

  it("takes SIGTERM for a wish to stop and SIGUSR1 for the kill switch", function()
    instance()
    C.kill(C.getpid(), SIGUSR1)
    world:await(function() return world.count[C.TL_MASTER_KILL] end, "the kill switch")
    world:await(function() return world:page "io".errors == 1 end, "the gateway to be told")
    C.kill(C.getpid(), SIGTERM)
    world:await(function() return world.count[C.TL_MASTER_SIGNAL] end, "the signal")
    assert.equal(1, world.count[C.TL_MASTER_SIGNAL])
  end)

  it("gives its workers no signal that a terminal sends", function()
    instance()
    local file = assert(io.open("/proc/" .. world:slot "s".pid .. "/stat"))
    local group = tonumber(file:read "*a":match "%) %S %d+ (%d+)")
    file:close()
    assert.equal(world:slot "s".pid, group)
    C.kill(world:slot "s".pid, SIGINT)
    world:await_generation("s", 2)
    assert.matches("killed by signal 2", world:death "s")
  end)

  it("starts the gateway again while strategies stop", function()
    instance()
    world:ask("s", "stop_delay", 200e6)
    C.tl_master_stop(world.master)
    world:tell("io", "crash")
    world:await_generation("io", 2)
    world:await(function() return world.count[C.TL_MASTER_ENDED] end, "the end")
    assert.equal(1, world:slot "io".deaths)
    assert.equal(C.TL_SLOT_ENDED, world:slot "io".state)
  end)

  it("goes on counting generations where an earlier master has left off, and tells the gateway which are dead", function()
    instance()
    local page = world.master_page
    local time = C.tl_runtime_clock_read_ns(page.clock)
    -- As kill -9 of everything leaves it.
    local left = ffi.new "tl_master_page"
    ffi.copy(left, page, ffi.sizeof(left))
    local pids = {}
    for _, name in ipairs { "io", "house", "s" } do pids[name] = world:slot(name).pid end
    world:end_master()
    ffi.copy(page, left, ffi.sizeof(left))
    world:start { epoch = 2 }
    assert.equal(1, page.recovered)
    for _, name in ipairs { "io", "house", "s" } do assert.is_true(ended(pids[name])) end
    world:await(function() return world:page "io".skipped == 1 end, "the gateway to be told")
    assert.is_true(C.tl_runtime_clock_read_ns(page.clock) > time)
  end)

  for _, how in ipairs { "runs", "hang" } do
    it(("that is killed takes its workers with it: the gateway's order first, a strategy that %s too"):format(how), function()
      local pipe = assert(io.popen('LD_PRELOAD="$TIDELOCK_PRELOAD" exec luajit tests/support/sched_master.lua ' .. how))
      local dir, master = pipe:read "*l":match "^(%S+) (%d+)$"
      local pids = {}
      for _ = 1, 3 do
        local name, pid = pipe:read "*l":match "^(%S+) (%d+)$"
        pids[name] = tonumber(pid)
      end
      local order, from = {}, C.tl_clock_monotonic_ns()
      C.kill(tonumber(master), SIGKILL)
      pipe:close()
      while #order < 3 and C.tl_clock_monotonic_ns() - from < 5e9 do
        for _, name in ipairs { "s", "io", "house" } do
          local file = pids[name] and io.open("/proc/" .. pids[name] .. "/stat")
          local gone = pids[name] and not (file and file:read "*a":match "%) [^Z]")
          if file then file:close() end
          if gone then
            order[#order + 1] = name
            pids[name] = nil
          end
        end
        C.usleep(500)
      end
      os.execute("rm -rf " .. dir)
      if os.getenv "TIDELOCK_SAN" then table.sort(order) end -- a sanitizer's process takes its time to end after its work is done
      assert.same(os.getenv "TIDELOCK_SAN" and { "house", "io", "s" } or { "s", "io", "house" }, order)
      assert.is_true(tonumber(C.tl_clock_monotonic_ns() - from) < 2.5e9)
    end)
  end
end)

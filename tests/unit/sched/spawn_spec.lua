local native = require "tidelock.native"
local worlds = require "support.sched_world"
local C, ffi = native.C, native.ffi

describe("a predecessor's worker", function()
  local world
  before_each(function()
    world = worlds.create { { name = "w" } }
    C.tl_runtime_clock_start(world.master_page.clock, 0)
    world:spawn "w"
    world:await_state("w", C.TL_WORKER_RUNNING)
  end)
  after_each(function() world:destroy() end)

  it("is waited for, and killed when it does not end", function()
    local from = C.tl_clock_monotonic_ns()
    C.tl_spawn_outlive(world.workers.w.pid, world.plan, "w", 50000000)
    assert.is_true(tonumber(C.tl_clock_monotonic_ns() - from) >= 50e6)
    assert.same({ 0, 9 }, { world:wait "w" })
  end)

  it("is known by its arguments: another process of that number is let be", function()
    C.tl_spawn_outlive(world.workers.w.pid, world.plan, "another", 0)
    C.tl_spawn_outlive(world.workers.w.pid, "/another/plan", "w", 0)
    assert.equal(C.TL_WORKER_RUNNING, world:state "w")
    world:ask("w", "nothing")
  end)

  it("that cannot be started is an error with its path", function()
    local pid = ffi.new "int32_t[1]"
    assert.equal(C.TL_ERR_IO, C.tl_spawn_worker("/no/such/binary", world.plan, "w", 2, pid))
    assert.matches("worker w: cannot start /no/such/binary: No such file", ffi.string(C.tl_error_text()))
  end)
end)

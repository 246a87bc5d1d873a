local native = require "tidelock.native"
local worlds = require "support.sched_world"
local C, ffi = native.C, native.ffi

describe("a worker", function()
  local world
  local function one(fields)
    fields.name = "w"
    world = worlds.create { fields }
    C.tl_runtime_clock_start(world.master_page.clock, 0)
    world:spawn "w"
    world:await_state("w", C.TL_WORKER_RUNNING)
    return world:page "w"
  end
  after_each(function()
    if world then world:destroy() end
    world = nil
  end)

  for _, idle in ipairs { "spin", "backoff", "block" } do
    it(("that idles by %s does what the operator says, and ends when it is told to"):format(idle), function()
      local page = one { idle = idle }
      assert.equal(world.workers.w.pid, page.pid)
      assert.equal(1, page.epoch)
      for _ = 1, 300 do world:ask("w", "nothing") end
      world:stop "w"
      assert.same({ 0, 0 }, { world:wait "w" })
      assert.equal(C.TL_WORKER_STOPPED, page.state)
      assert.equal(C.TL_STOP_ORDERLY, tonumber(page.collections))
      assert.is_true(page.worked >= 300)
      assert.equal(idle ~= "block", page.cycles > 3 * page.worked)
    end)
  end

  it("that never sleeps parks never, and one that blocks runs only when there is something", function()
    local page = one { idle = "spin" }
    world:await(function() return page.cycles > 100000 end)
    assert.equal(0, tonumber(page.parks))
    world:destroy()
    page = one { idle = "block" }
    for _ = 1, 10 do world:ask("w", "nothing") end
    world:await(function() return page.sleeping == 1 end)
    assert.is_true(page.parks >= 10 and page.parks <= 12)
    assert.is_true(page.cycles < 60)
  end)

  it("sleeps until an agent's time has come, to far less than a millisecond", function()
    local page = one { idle = "block" }
    local best = math.huge
    for i = 1, 10 do
      world:ask("w", "timer", 5e6)
      world:await(function() return page.overruns == i end)
      best = math.min(best, tonumber(page.lua_bytes))
    end
    assert.is_true(best < 500000, best)
    assert.is_true(page.cycles < 100)
  end)

  it("looks again before a time that is far off, as its clock may be slewed until then", function()
    local page = one { idle = "block" }
    world:ask("w", "timer", 1.1e9)
    world:await(function() return page.overruns == 1 end)
    local late = tonumber(page.lua_bytes)
    assert.is_true(late >= 0 and late < 500e6, late)
    assert.is_true(page.parks >= 2 and page.cycles < 100)
  end)

  it("wakes for what is due first, though it was asked for later", function()
    local page = one { idle = "block" }
    world:ask("w", "timer", 600e9)
    world:await(function() return page.sleeping == 1 end)
    world:ask("w", "timer", 5e6)
    world:await(function() return page.overruns == 1 end)
  end)

  it("goes on stopping until its agents have, and without anything arriving", function()
    local page = one { idle = "block" }
    world:ask("w", "stop_delay", 30e6)
    world:stop "w"
    world:await_state("w", C.TL_WORKER_STOPPING)
    world:await_state("w", C.TL_WORKER_STOPPED)
    assert.same({ 0, 0 }, { world:wait "w" })
    assert.is_true(page.cycles < 500)
  end)

  it("takes no notice of a stop that was meant for its predecessor", function()
    local page = one { idle = "block" }
    world:operate("w", C.TL_OPERATOR_STOP, { word = 1, target = 7 })
    world:ask("w", "nothing")
    assert.equal(C.TL_WORKER_RUNNING, page.state)
  end)

  it("ends with a sentence when an agent fails", function()
    local page = one {}
    world:tell("w", "fail")
    assert.same({ 1, 0 }, { world:wait "w" })
    assert.equal(C.TL_WORKER_FAILED, page.state)
    assert.equal("the agent did not like it", ffi.string(page.failure))
  end)

  it("measures the longest duty cycle and counts stalls", function()
    local page = one { idle = "spin", tier = 1 }
    world:ask("w", "burn", 20e6)
    world:await(function() return page.stall_max_ns >= 20e6 end)
    assert.is_true(page.stalls >= 1)
  end)

  it("says what it could not have, once, and runs all the same", function()
    local page = one { cpu = 900 }
    assert.equal("not on core 900 (there is none)", ffi.string(page.note))
  end)

  it("ends as an orphan when the lifeline is cut", function()
    one { idle = "block", tier = 2 }
    world:cut_lifeline()
    assert.same({ 0, 0 }, { world:wait "w" })
    assert.equal(C.TL_STOP_ORPHANED, tonumber(world:page("w").collections))
  end)

  it("that has agents in C stops them as orphans, and gives them 2 s", function()
    one { idle = "block" }
    world:ask("w", "stop_delay", 60e9)
    local from = C.tl_clock_monotonic_ns()
    world:cut_lifeline()
    assert.same({ 0, 0 }, { world:wait "w" })
    local took = tonumber(C.tl_clock_monotonic_ns() - from) / 1e9
    assert.is_true(took >= 2 and took < 3, took)
  end)

  it("outlives, orphaned, the worker that needs it", function()
    world = worlds.create { { name = "io" }, { name = "house", outlive = "io" } }
    C.tl_runtime_clock_start(world.master_page.clock, 0)
    for _, name in ipairs { "io", "house" } do
      world:spawn(name)
      world:await_state(name, C.TL_WORKER_RUNNING)
    end
    world:ask("io", "stop_delay", 300e6)
    world:cut_lifeline()
    world:await(function() return world:page("io").collections == C.TL_STOP_ORPHANED end)
    assert.equal(C.TL_WORKER_RUNNING, world:state "house")
    world:wait "io"
    assert.same({ 0, 0 }, { world:wait "house" })
  end)
end)

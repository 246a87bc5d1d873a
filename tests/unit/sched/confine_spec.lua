local native = require "tidelock.native"
local worlds = require "support.sched_world"
local C, ffi = native.C, native.ffi

local EPERM, EACCES = 1, 13

describe("a confined worker", function()
  local world
  before_each(function()
    world = worlds.create { { name = "s", tier = 2, strategy = 1, hard_budget_ns = 5e9, at_start = "confine" } }
    world:start()
  end)
  after_each(function() world:destroy() end)

  it("runs as ever: wakes, sleeps, allocates, keeps time, reads zones, and ends", function()
    assert.equal("", ffi.string(world:page "s".note))
    for _ = 1, 50 do world:ask("s", "nothing") end
    assert.equal(0, world:ask("s", "memory"))
    world:ask("s", "timer", 2e6)
    world:await(function() return world:page "s".overruns == 1 end, "the timer")
    assert.equal(0, world:ask("s", "read_zone"))
    C.tl_master_stop(world.master)
    world:await(function() return world.count[C.TL_MASTER_ENDED] end, "the end")
    assert.equal(0, world:slot "s".deaths)
  end)

  it("cannot read another file, nor do what is harmless but not its business", function()
    assert.equal(EACCES, world:ask("s", "read_passwd"))
    assert.equal(EPERM, world:ask("s", "nice"))
    assert.equal(0, world:slot "s".deaths)
  end)

  for _, what in ipairs { "execve", "socket", "fork", "ptrace", "create", "open_rdwr", "kill" } do
    it("dies of " .. what, function()
      world:tell("s", what)
      world:await(function() return world:slot "s".deaths == 1 end, "its death")
      assert.matches("a system call that no strategy makes", world:death "s")
    end)
  end

  it("has no new privileges", function()
    local file = assert(io.open("/proc/" .. world:slot "s".pid .. "/status"))
    local text = file:read "*a"
    file:close()
    assert.matches("NoNewPrivs:%s*1", text)
    assert.matches("Seccomp:%s*2", text)
  end)
end)

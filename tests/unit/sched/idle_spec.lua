local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("an idle policy", function()
  local function steps(policy, count, interval_ns)
    local idle, seen = ffi.new("tl_idle", { policy = policy }), {}
    for i = 1, count do seen[i] = C.tl_idle_next(idle, (i - 1) * interval_ns) end
    return seen, idle
  end

  it("spin never sleeps", function()
    for _, step in ipairs(steps(C.TL_IDLE_SPIN, 5000, 1000)) do assert.equal(C.TL_IDLE_ON, step) end
  end)

  it("block sleeps at once", function() assert.equal(C.TL_IDLE_SLEEP, steps(C.TL_IDLE_BLOCK, 1, 0)[1]) end)

  it("backoff goes round, pauses, yields, and sleeps after a millisecond of nothing", function()
    local seen, idle = steps(C.TL_IDLE_BACKOFF, 3000, 400)
    assert.equal(C.TL_IDLE_ON, seen[1])
    assert.equal(C.TL_IDLE_ON, seen[2000])
    assert.equal(C.TL_IDLE_YIELDED, seen[2001])
    assert.equal(C.TL_IDLE_YIELDED, seen[2500])
    assert.equal(C.TL_IDLE_SLEEP, seen[2501])
    C.tl_idle_reset(idle)
    assert.equal(C.TL_IDLE_ON, C.tl_idle_next(idle, 2000000))
  end)
end)

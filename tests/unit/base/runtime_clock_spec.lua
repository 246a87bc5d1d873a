local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local S = 1000000000LL
local WALL = 1700000000LL * S

local function at(clock, monotonic_ns) return C.tl_runtime_clock_read_at(clock, monotonic_ns) end

describe("the runtime's clock", function()
  it("begins at the wall clock, and behind what a predecessor has used", function()
    local clock = ffi.new "tl_runtime_clock"
    C.tl_runtime_clock_start_at(clock, 0, 5 * S, WALL, 5 * S)
    assert.is_true(at(clock, 5 * S) == WALL)
    assert.is_true(at(clock, 7 * S) == WALL + 2 * S)
    C.tl_runtime_clock_start_at(clock, WALL + 60 * S, 8 * S, WALL + 3 * S, 8 * S)
    assert.is_true(at(clock, 8 * S) == WALL + 60 * S)
  end)

  it("agrees with the clocks of the machine", function()
    local clock = ffi.new "tl_runtime_clock"
    C.tl_runtime_clock_start(clock, 0)
    assert.is_true(math.abs(tonumber(C.tl_runtime_clock_read_ns(clock) / S) - os.time()) <= 1)
    local before = C.tl_runtime_clock_read_ns(clock)
    C.tl_runtime_clock_slew(clock)
    assert.is_true(C.tl_runtime_clock_read_ns(clock) >= before)
  end)

  -- A wall clock that runs `ppm` fast, `ahead_ns` off at the start; a slew about once a second, and readings between, also just around the slews.
  local function run(ppm, ahead_ns, seconds)
    local clock = ffi.new "tl_runtime_clock"
    C.tl_runtime_clock_start_at(clock, 0, 0, WALL, 0)
    local last, steepest = at(clock, 0), 0
    local monotonic = 0LL
    local function read()
      local now = at(clock, monotonic)
      return now
    end
    math.randomseed(3)
    for _ = 1, seconds do
      local before = read()
      C.tl_runtime_clock_slew_at(clock, monotonic, WALL + ahead_ns + monotonic + monotonic * ppm / 1000000, monotonic)
      assert.is_true(math.abs(tonumber(read() - before)) <= 1, "a slew is no step")
      for _ = 1, 40 do
        local step = math.random(1, 50000000)
        monotonic = monotonic + step
        local now = read()
        local slope = tonumber(now - last - (monotonic - (monotonic - step)))
        if step > 1000000 then steepest = math.max(steepest, math.abs(slope) / step * 1e6) end
        assert.is_true(now > last, "never back")
        last = now
      end
    end
    local off = tonumber(WALL + ahead_ns + monotonic + monotonic * ppm / 1000000 - read())
    return off, steepest, clock
  end

  it("follows a wall clock that drifts, and is steered there from either side without a step", function()
    for _, case in ipairs { { 20, 0 }, { -20, 0 }, { 0, 3000000 }, { 0, -3000000 }, { 100, -2000000 } } do
      local off, steepest, clock = run(case[1], case[2], 40)
      assert.is_true(math.abs(off) < 600000, ("drift %d ppm, ahead %d ns: off by %d ns"):format(case[1], case[2], off))
      assert.is_true(steepest <= 501, "slope " .. steepest)
      assert.equal(0, tonumber(clock.steps))
    end
  end)

  it("never goes faster or slower than 500 ppm, however far the wall clock jumps, and counts the jump once", function()
    for _, ahead in ipairs { 3600 * 1e9, -3600 * 1e9 } do
      local _, steepest, clock = run(0, ffi.cast("int64_t", ahead), 20)
      assert.is_true(steepest <= 501 and steepest > 490, "slope " .. steepest)
      assert.equal(1, tonumber(clock.steps))
      assert.equal(0, tonumber(clock.suspends))
    end
  end)

  it("tells a suspend from a step", function()
    local clock = ffi.new "tl_runtime_clock"
    C.tl_runtime_clock_start_at(clock, 0, 0, WALL, 0)
    C.tl_runtime_clock_slew_at(clock, S, WALL + 101 * S, 101 * S)
    C.tl_runtime_clock_slew_at(clock, 2 * S, WALL + 102 * S, 102 * S)
    assert.same({ 0, 1 }, { tonumber(clock.steps), tonumber(clock.suspends) })
  end)

  it("goes on level when nobody slews it any more", function()
    local clock = ffi.new "tl_runtime_clock"
    C.tl_runtime_clock_start_at(clock, 0, 0, WALL, 0)
    C.tl_runtime_clock_slew_at(clock, S, WALL + 3600 * S, S)
    local hour, two = at(clock, 3600 * S), at(clock, 7200 * S)
    assert.is_true(two - hour == 3600 * S)
    assert.is_true(hour - 3600 * S - WALL <= 4 * S / 2000 and hour - 3600 * S - WALL > 0)
  end)
end)

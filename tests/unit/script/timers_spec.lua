local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
local HOUR, DAY = 3600000000000LL, 86400000000000LL

local function new() return ffi.gc(C.tl_timers_create(calendars), C.tl_timers_destroy) end

local function take(timers, now)
  local id, deadline, missed = ffi.new "uint32_t[1]", ffi.new "int64_t[1]", ffi.new "uint64_t[1]"
  if not C.tl_timers_take(timers, now, id, deadline, missed) then return nil end
  return id[0], tonumber(deadline[0]), tonumber(missed[0])
end

local function at(date, hours, minutes)
  return C.tl_calendars_instant(calendars, C.TL_CALENDAR_XNAS, date, hours * HOUR + (minutes or 0) * (HOUR / 60))
end

describe("timers", function()
  it("fire in the order of their deadlines, equal ones in the order of setting", function()
    local timers, seed = new(), os.time()
    math.randomseed(seed)
    local expected = {}
    for i = 1, 300 do
      local deadline = math.random(1, 40)
      assert.equal(i, C.tl_timers_set(timers, ffi.new("tl_timer", { deadline_ns = deadline }), 0))
      expected[i] = { deadline, i }
    end
    table.sort(expected, function(a, b) if a[1] ~= b[1] then return a[1] < b[1] end return a[2] < b[2] end)
    for i = 1, 300 do
      local id, deadline = take(timers, 100)
      assert.same(expected[i], { deadline, id }, "seed " .. seed)
    end
    assert.is_nil(take(timers, 100))
  end)

  it("keep that order when they repeat", function()
    local timers = new()
    for i, period in ipairs { 5, 10, 5 } do
      assert.equal(i, C.tl_timers_set(timers, ffi.new("tl_timer", { kind = C.TL_TIMER_EVERY, period_ns = period, deadline_ns = period }), 0))
    end
    local fired = {}
    for now = 5, 20, 5 do
      for id in function() return (take(timers, now)) end do fired[#fired + 1] = ("%d at %d"):format(id, now) end
    end
    assert.equal("1 at 5, 3 at 5, 1 at 10, 2 at 10, 3 at 10, 1 at 15, 3 at 15, 1 at 20, 2 at 20, 3 at 20", table.concat(fired, ", "))
  end)

  it("fire no earlier than they are due", function()
    local timers = new()
    C.tl_timers_set(timers, ffi.new("tl_timer", { deadline_ns = 50 }), 0)
    assert.is_nil(take(timers, 49))
    assert.equal(50, tonumber(C.tl_timers_next_ns(timers)))
    assert.equal(1, take(timers, 50))
    assert.equal(0x7fffffffffffffffLL, C.tl_timers_next_ns(timers))
  end)

  it("fire once when late, say what was missed, and stay on their grid", function()
    local timers = new()
    C.tl_timers_set(timers, ffi.new("tl_timer", { kind = C.TL_TIMER_EVERY, period_ns = 10, deadline_ns = 10 }), 0)
    assert.same({ 1, 10, 0 }, { take(timers, 10) })
    assert.same({ 1, 20, 3 }, { take(timers, 57) })
    assert.is_nil(take(timers, 59))
    assert.same({ 1, 60, 0 }, { take(timers, 60) })
  end)

  it("do not fire once cancelled", function()
    local timers = new()
    for i = 1, 5 do C.tl_timers_set(timers, ffi.new("tl_timer", { deadline_ns = i }), 0) end
    assert.is_true(C.tl_timers_cancel(timers, 1))
    assert.is_true(C.tl_timers_cancel(timers, 3))
    assert.is_false(C.tl_timers_cancel(timers, 3))
    assert.is_false(C.tl_timers_cancel(timers, 99))
    assert.equal(2, tonumber(C.tl_timers_next_ns(timers)))
    assert.equal(2, take(timers, 9))
    assert.equal(4, take(timers, 9))
    assert.equal(5, take(timers, 9))
    assert.is_nil(take(timers, 9))
  end)

  it("keep a daily wall-clock time over a change of the clocks", function()
    local timers = new()
    local timer = ffi.new("tl_timer", { kind = C.TL_TIMER_DAILY, offset_ns = 15 * HOUR + HOUR / 2, zone = "America/New_York" })
    C.tl_timers_set(timers, timer, at(20240308, 16))
    local now = at(20240308, 16)
    local fired = {}
    for i = 1, 3 do
      now = C.tl_timers_next_ns(timers)
      take(timers, now)
      fired[i] = now
    end
    assert.equal(at(20240309, 15, 30), fired[1])
    assert.equal(DAY - HOUR, fired[2] - fired[1]) -- 10 March 2024: the clocks go forward
    assert.equal(DAY, fired[3] - fired[2])
    assert.equal(0, C.tl_timers_set(timers, ffi.new("tl_timer", { kind = C.TL_TIMER_DAILY, zone = "Mars/Base" }), now))
    assert.matches("Mars/Base", ffi.string(C.tl_error_text()))
  end)

  it("know a calendar's closings, early ones and holidays", function()
    local timers = new()
    local timer = ffi.new("tl_timer", { kind = C.TL_TIMER_SESSION_CLOSE, calendar = C.TL_CALENDAR_XNAS, offset_ns = -5 * (HOUR / 60) })
    C.tl_timers_set(timers, timer, at(20231122, 15, 55)) -- the Wednesday before Thanksgiving, at the very time
    assert.equal(at(20231124, 12, 55), C.tl_timers_next_ns(timers)) -- Thursday is a holiday, Friday closes at 13:00
    take(timers, C.tl_timers_next_ns(timers))
    assert.equal(at(20231127, 15, 55), C.tl_timers_next_ns(timers))
  end)

  it("refuse a period that is none", function()
    assert.equal(0, C.tl_timers_set(new(), ffi.new("tl_timer", { kind = C.TL_TIMER_EVERY }), 0))
    assert.matches("period", ffi.string(C.tl_error_text()))
  end)
end)

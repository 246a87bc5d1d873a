local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local ALWAYS, XNAS = 0, 1

ffi.cdef "int setenv(const char *, const char *, int); int unsetenv(const char *);"

--- ns since the epoch of a UTC date and time, exact.
local function utc(date, h, m, s)
  local y, mo, d = math.floor(date / 10000), math.floor(date / 100) % 100, date % 100
  local days = 0LL
  for year = 1970, y - 1 do
    days = days + ((year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)) and 366 or 365)
  end
  for year = y, 1969 do
    days = days - ((year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)) and 366 or 365)
  end
  local lengths = { 31, (y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)) and 29 or 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  for month = 1, mo - 1 do days = days + lengths[month] end
  return ((days + d - 1) * 86400LL + (h or 0) * 3600 + (m or 0) * 60 + (s or 0)) * 1000000000LL
end

describe("calendars", function()
  local calendars = C.tl_calendars_create()
  assert(calendars ~= nil, ffi.string(C.tl_error_text()))
  local session, inside = ffi.new "tl_session", ffi.new "bool[1]"

  local function trades(date) return C.tl_calendars_session(calendars, XNAS, date, session) end
  --- The local hour at which a date's session closes, nil when there is none.
  local function close_hour(date)
    if not trades(date) then return nil end
    return tonumber(C.tl_calendars_time_of_day_ns(calendars, XNAS, session.close_ns)) / 3.6e12
  end

  it("knows the shipped ones by name", function()
    assert.equal(XNAS, C.tl_calendars_find(calendars, "XNAS"))
    assert.equal(XNAS, C.tl_calendars_find(calendars, "XNYS"))
    assert.equal(ALWAYS, C.tl_calendars_find(calendars, "24x7"))
    assert.equal(-1, C.tl_calendars_find(calendars, "XLON"))
    assert.equal("America/New_York", ffi.string(C.tl_calendars_zone(calendars, XNAS)))
  end)

  it("gives the published holidays of the New York Stock Exchange", function()
    local closed = {
      [1994] = { 0221, 0401, 0427, 0530, 0704, 0905, 1124, 1226 },
      [1998] = { 0101, 0119, 0216, 0410, 0525, 0703, 0907, 1126, 1225 },
      [1999] = { 0101, 0118, 0215, 0402, 0531, 0705, 0906, 1125, 1224 },
      [2001] = { 0101, 0115, 0219, 0413, 0528, 0704, 0903, 0911, 0912, 0913, 0914, 1122, 1225 },
      [2004] = { 0101, 0119, 0216, 0409, 0531, 0611, 0705, 0906, 1125, 1224 },
      [2007] = { 0101, 0102, 0115, 0219, 0406, 0528, 0704, 0903, 1122, 1225 },
      [2010] = { 0101, 0118, 0215, 0402, 0531, 0705, 0906, 1125, 1224 },
      [2011] = { 0117, 0221, 0422, 0530, 0704, 0905, 1124, 1226 },
      [2012] = { 0102, 0116, 0220, 0406, 0528, 0704, 0903, 1029, 1030, 1122, 1225 },
      [2018] = { 0101, 0115, 0219, 0330, 0528, 0704, 0903, 1122, 1205, 1225 },
      [2021] = { 0101, 0118, 0215, 0402, 0531, 0705, 0906, 1125, 1224 },
      [2022] = { 0117, 0221, 0415, 0530, 0620, 0704, 0905, 1124, 1226 },
      [2023] = { 0102, 0116, 0220, 0407, 0529, 0619, 0704, 0904, 1123, 1225 },
      [2024] = { 0101, 0115, 0219, 0329, 0527, 0619, 0704, 0902, 1128, 1225 },
      [2025] = { 0101, 0109, 0120, 0217, 0418, 0526, 0619, 0704, 0901, 1127, 1225 },
      [2026] = { 0101, 0119, 0216, 0403, 0525, 0619, 0703, 0907, 1126, 1225 },
      [2027] = { 0101, 0118, 0215, 0326, 0531, 0618, 0705, 0906, 1125, 1224 },
    }
    for year, days in pairs(closed) do
      local found, date = {}, year * 10000 + 101
      while date <= year * 10000 + 1231 do
        local noon = utc(date, 17)
        local weekday = tonumber((noon / 86400000000000LL + 4) % 7)
        if weekday >= 1 and weekday <= 5 and not trades(date) then found[#found + 1] = date % 10000 end
        if weekday == 0 or weekday == 6 then assert.is_false(trades(date)) end
        date = C.tl_date_add(date, 1)
      end
      assert.same(days, found, year)
    end
  end)

  it("closes early by rule and by decision", function()
    local early = { 19941125, 19950703, 19960705, 19961224, 19971226, 19991231, 20020705, 20031226, 20031224, 20120703,
                    20121123, 20130703, 20181224, 20190703, 20191224, 20201127, 20201224, 20210702, 20230703, 20240703, 20241129,
                    20250703, 20251128, 20251224 }
    local exact = { [20210702] = 16, [19921127] = 14, [19921224] = 14, [19910703] = 16, [20130705] = 16,
                    [20120704] = false, [20020703] = 16, [20081226] = 16, [20141226] = 16, [20240705] = 16, [19940211] = 14.5 }
    for _, date in ipairs(early) do
      if exact[date] == nil then assert.equal(13, close_hour(date), date) end
    end
    for date, hour in pairs(exact) do assert.equal(hour or nil, close_hour(date), date) end
    assert.is_true(trades(20241129))
    assert.equal(1, session.early)
    assert.equal(utc(20241129, 22), session.post_close_ns) -- 17:00 local
  end)

  it("keeps the local hours through changes of the clock", function()
    assert.is_true(trades(20240308))
    assert.equal(utc(20240308, 14, 30), session.open_ns)
    assert.equal(utc(20240308, 9), session.pre_open_ns)
    assert.equal(utc(20240308, 21), session.close_ns)
    assert.equal(utc(20240309, 1), session.post_close_ns)
    assert.is_true(trades(20240311))
    assert.equal(utc(20240311, 13, 30), session.open_ns)
    assert.equal(utc(20240311, 20), session.close_ns)
    -- The years between 1987 and 2006 had other dates, and 2049 stands behind the zone file's table.
    assert.is_true(trades(20060331))
    assert.equal(utc(20060331, 14, 30), session.open_ns)
    assert.is_true(trades(20490315))
    assert.equal(utc(20490315, 13, 30), session.open_ns)
    assert.is_true(trades(20490115))
    assert.equal(utc(20490115, 14, 30), session.open_ns)
  end)

  it("finds the session of an instant, the next and the previous one", function()
    local function at(ts)
      assert.is_true(C.tl_calendars_session_at(calendars, XNAS, ts, session, inside))
      return session.date, inside[0]
    end
    local function both(date, is_inside, ts)
      local d, i = at(ts)
      assert.equal(date, d)
      assert.equal(is_inside, i)
    end
    both(20240705, true, utc(20240705, 8)) -- 04:00 local
    both(20240705, false, utc(20240705, 8) - 1)
    both(20240705, true, utc(20240706, 0) - 1)
    both(20240708, false, utc(20240706, 0))
    both(20240705, false, utc(20240704, 15))
    assert.is_true(C.tl_calendars_next(calendars, XNAS, utc(20240705, 13, 30), session))
    assert.equal(20240705, session.date)
    assert.is_true(C.tl_calendars_next(calendars, XNAS, utc(20240705, 13, 30) + 1, session))
    assert.equal(20240708, session.date)
    assert.is_true(C.tl_calendars_previous(calendars, XNAS, utc(20240705, 13, 30), session))
    assert.equal(20240703, session.date)
    assert.is_true(C.tl_calendars_previous(calendars, XNAS, utc(20240705, 13, 30) + 1, session))
    assert.equal(20240705, session.date)
  end)

  it("has a session for every instant of a market that never closes", function()
    for _, ts in ipairs { 0LL, -1LL, utc(20240229, 23, 59, 59), utc(20240301) - 1, utc(20240301) } do
      assert.is_true(C.tl_calendars_session_at(calendars, ALWAYS, ts, session, inside))
      assert.is_true(inside[0])
      assert.is_true(session.open_ns <= ts and ts < session.close_ns)
      assert.equal(86400000000000LL, session.close_ns - session.open_ns)
      assert.equal(session.date, C.tl_calendars_date(calendars, ALWAYS, ts))
    end
  end)

  it("gives the hours a resting day would have", function()
    assert.is_false(trades(20060102))
    assert.is_true(C.tl_calendars_hours(calendars, XNAS, 20060102, session))
    assert.equal(utc(20060102, 21), session.close_ns)
    assert.is_true(C.tl_calendars_hours(calendars, XNAS, 20241129, session))
    assert.equal(utc(20241129, 18), session.close_ns)
    assert.is_false(C.tl_calendars_hours(calendars, XNAS, 20240230, session))
  end)

  it("adds dates over months, leap days and years", function()
    assert.equal(20240301, C.tl_date_add(20240229, 1))
    assert.equal(20230301, C.tl_date_add(20230228, 1))
    assert.equal(20000229, C.tl_date_add(20000301, -1))
    assert.equal(19000228, C.tl_date_add(19000301, -1))
    assert.equal(20250101, C.tl_date_add(20241231, 1))
    assert.equal(19691231, C.tl_date_add(20240101, -19724))
    assert.equal(20240101, C.tl_date_add(19700101, 19723))
  end)

  it("takes calendars made of data, with exceptions", function()
    local id = ffi.new "uint32_t[1]"
    -- A session that begins on the evening before its date, on Sunday to Thursday evenings.
    native.check(C.tl_calendars_add(calendars, "FUTURES", "America/Chicago", -7 * 3600, -7 * 3600, 16 * 3600, 16 * 3600, 0x3e, id))
    assert.is_true(C.tl_calendars_session_at(calendars, id[0], utc(20240708, 2), session, inside)) -- Sunday 21:00 in Chicago
    assert.is_true(inside[0])
    assert.equal(20240708, session.date)
    assert.equal(utc(20240707, 22), session.open_ns)
    native.check(C.tl_calendars_except(calendars, id[0], 20240709, 0))
    native.check(C.tl_calendars_except(calendars, id[0], 20240704, 12 * 3600))
    native.check(C.tl_calendars_except(calendars, id[0], 20240701, 0))
    native.check(C.tl_calendars_except(calendars, id[0], 20240701, 12 * 3600))
    assert.is_false(C.tl_calendars_session(calendars, id[0], 20240709, session))
    assert.is_true(C.tl_calendars_session(calendars, id[0], 20240704, session))
    assert.equal(utc(20240704, 17), session.close_ns)
    assert.is_true(C.tl_calendars_session(calendars, id[0], 20240701, session))
    assert.equal(1, session.early)
  end)

  it("refuses what cannot be, by name and value", function()
    local id = ffi.new "uint32_t[1]"
    local function refused(pattern, status)
      assert.are_not.equal(0, tonumber(status))
      assert.matches(pattern, ffi.string(C.tl_error_text()))
    end
    refused("there is no time zone 'Europe/Nowhere'", C.tl_calendars_add(calendars, "X", "Europe/Nowhere", 0, 0, 1, 1, 127, id))
    refused("not the name of a time zone", C.tl_calendars_add(calendars, "X", "../../etc/passwd", 0, 0, 1, 1, 127, id))
    refused("'24x7' is already there", C.tl_calendars_add(calendars, "24x7", "UTC", 0, 0, 1, 1, 127, id))
    refused("open 7200 s to close 3600 s", C.tl_calendars_add(calendars, "X", "UTC", 0, 7200, 3600, 7200, 127, id))
    refused("weekdays is 0", C.tl_calendars_add(calendars, "X", "UTC", 0, 0, 1, 1, 0, id))
    refused("20240230 is not a date", C.tl_calendars_except(calendars, XNAS, 20240230, 0))
    refused("early close of 20240705 is at 60 s", C.tl_calendars_except(calendars, XNAS, 20240705, 60))
    refused("no calendar 63", C.tl_calendars_except(calendars, 63, 20240705, 0))
  end)

  it("says which package has the zones when they are missing", function()
    ffi.C.setenv("TZDIR", "/nonexistent", 1)
    local none = C.tl_calendars_create()
    ffi.C.unsetenv "TZDIR"
    assert.is_true(none == nil)
    assert.matches("tzdata", ffi.string(C.tl_error_text()))
  end)
end)

describe("time zones", function()
  local calendars = C.tl_calendars_create()
  local ts, date, tod = ffi.new "int64_t[1]", ffi.new "uint32_t[1]", ffi.new "int64_t[1]"
  local HOUR = 3600000000000LL

  local function instant(zone, day, tod_ns)
    native.check(C.tl_zone_instant(calendars, zone, day, tod_ns, ts))
    return ts[0]
  end

  it("read a skipped time as the one behind the gap, a repeated one as its first", function()
    local zone = "America/New_York"
    assert.equal(utc(20240310, 7, 30), instant(zone, 20240310, 2 * HOUR + HOUR / 2)) -- 02:30 becomes 03:30 EDT
    assert.equal(utc(20240310, 7), instant(zone, 20240310, 3 * HOUR))
    assert.equal(utc(20240310, 6, 59), instant(zone, 20240310, 2 * HOUR - HOUR / 60))
    assert.equal(utc(20241103, 5, 30), instant(zone, 20241103, HOUR + HOUR / 2)) -- 01:30 EDT
    assert.equal(utc(20241103, 7), instant(zone, 20241103, 2 * HOUR))
    -- A clock that goes back by half an hour, and a day that never was.
    assert.equal(utc(20240406, 14, 45), instant("Australia/Lord_Howe", 20240407, HOUR + HOUR * 3 / 4))
    assert.equal(utc(20111230, 10), instant("Pacific/Apia", 20111231, 0))
  end)

  it("agree with published offsets, in the table and behind it", function()
    local function local_hour(zone, at)
      native.check(C.tl_zone_local(calendars, zone, at, date, tod))
      return date[0], tonumber(tod[0] / 1000000000LL) / 3600
    end
    local function both(d, h, zone, at)
      local rd, rh = local_hour(zone, at)
      assert.equal(d, rd)
      assert.equal(h, rh)
    end
    both(20240701, 13, "Europe/London", utc(20240701, 12))
    both(20240101, 12, "Europe/London", utc(20240101, 12))
    both(20600701, 13, "Europe/London", utc(20600701, 12))
    -- The last Sunday of a month is its fourth or fifth.
    both(20400324, 12, "Europe/London", utc(20400324, 12))
    both(20400326, 13, "Europe/London", utc(20400326, 12))
    both(20401027, 13, "Europe/London", utc(20401027, 12))
    both(20401029, 12, "Europe/London", utc(20401029, 12))
    both(20240701, 17.5, "Asia/Kolkata", utc(20240701, 12))
    both(20990101, 23, "Australia/Sydney", utc(20990101, 12)) -- daylight time over the year's end
    both(20990701, 22, "Australia/Sydney", utc(20990701, 12))
    both(20450701, 13, "Europe/Dublin", utc(20450701, 12)) -- its rule counts winter as the saving time
    both(20450101, 12, "Europe/Dublin", utc(20450101, 12))
    both(18000101, 12 - (4 + 56 / 60 + 2 / 3600), "America/New_York", utc(18000101, 12)) -- local mean time
    both(20240701, 12, "UTC", utc(20240701, 12))
  end)

  it("go there and back for any instant outside a repeated hour", function()
    local seed = tonumber(os.getenv "TIDELOCK_SEED") or 20240705
    math.randomseed(seed)
    for _, zone in ipairs { "America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo" } do
      for _ = 1, 3000 do
        local at = (math.random(-2000000000, 2000000000) * 1LL + math.random(0, 2000000000)) * 1000000000LL + math.random(0, 999999999)
        native.check(C.tl_zone_local(calendars, zone, at, date, tod))
        local back = instant(zone, date[0], tod[0])
        local off = tonumber((at - back) / 1000000000LL)
        assert(off == 0 or off == 3600 or off == 1800, ("%s at %s: %d s off, seed %d"):format(zone, tostring(at), off, seed))
      end
    end
  end)

  it("are refused when their file is broken, wherever it is", function()
    local file = io.open("/usr/share/zoneinfo/America/New_York", "rb")
    if not file then return pending "the zone database is elsewhere" end
    local whole = file:read "*a"
    file:close()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    ffi.C.setenv("TZDIR", folder, 1)
    local zone, seed = ffi.new "tl_zone *[1]", tonumber(os.getenv "TIDELOCK_SEED") or 3
    math.randomseed(seed)
    local function load(bytes)
      local out = assert(io.open(folder .. "/Broken", "wb"))
      out:write(bytes)
      out:close()
      local status = tonumber(C.tl_zone_load("Broken", zone))
      if status == 0 then
        for _, s in ipairs { -1e10, -1e9, 0, 1.7e9, 5e9 } do
          assert(math.abs(C.tl_zone_offset_s(zone[0], s)) < 700000)
          C.tl_zone_from_local_s(zone[0], s)
        end
        C.tl_zone_free(zone[0])
      end
      return status
    end
    assert.equal(0, load(whole))
    for length = 0, #whole - 1, 37 do assert.are_not.equal(0, load(whole:sub(1, length)), length) end
    for _ = 1, 300 do
      local at = math.random(1, #whole)
      load(whole:sub(1, at - 1) .. string.char(math.random(0, 255)) .. whole:sub(at + 1))
    end
    ffi.C.unsetenv "TZDIR"
    os.execute("rm -r " .. folder)
  end)
end)

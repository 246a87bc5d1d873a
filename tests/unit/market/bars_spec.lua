local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local TRADE, BAR, BARS = 2, 6, 7
local ABSENT = ffi.cast("int64_t", bit.lshift(1LL, 63))
local S, MINUTE, HOUR, DAY = 1000000000LL, 60000000000LL, 3600000000000LL, 86400000000000LL
local ALWAYS, XNAS = 0, 1

local calendars = C.tl_calendars_create()

--- A table of instruments on a calendar.
local function instruments_of(calendar, ...)
  local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  for _, symbol in ipairs { ... } do
    native.check(C.tl_instruments_add(instruments, ffi.new("tl_instrument", { symbol = symbol, calendar = calendar, price_exponent = -2 }), nil))
  end
  return instruments
end

local function bars_of(instruments)
  local bars = C.tl_bars_create(instruments, calendars)
  return ffi.gc(bars, function(b) -- the closure keeps the instruments for as long
    C.tl_bars_destroy(b)
    instruments = nil -- luacheck: ignore
  end)
end

local function trade(bars, ts, price, size, instrument)
  C.tl_bars_feed(bars, ffi.new("tl_event", { ts_ns = ts, kind = TRADE, instrument = instrument or 0, w = { price, size } }), nil)
end

local event, tail = ffi.new "tl_event", ffi.new "tl_event_tail"

local function number(v) return v == ABSENT and "absent" or tonumber(v) end

--- Everything due at `now`, as plain tables in order.
local function take(bars, now)
  local list = {}
  while C.tl_bars_take(bars, now, event, tail) do
    if event.kind == BARS then
      list[#list + 1] = { bars = tonumber(event.w[0] / S), at = tonumber(event.w[1] / S) }
      assert.equal(event.ts_ns, event.w[1])
    else
      assert.equal(BAR, event.kind)
      list[#list + 1] = { symbol = event.instrument, at = tonumber(event.ts_ns / S), o = number(event.w[0]), h = number(event.w[1]),
                          l = number(event.w[2]), c = number(event.w[3]), volume = number(tail.w[0]), trades = number(tail.w[1]),
                          vwap = number(tail.w[2]), open = tonumber(tail.w[3] / S), interval = tonumber(tail.w[4] / S) }
    end
  end
  return list
end

--- The first bar that is due, without the BARS records.
local function one(bars, now)
  for _, b in ipairs(take(bars, now)) do
    if b.o then return b end
  end
end

describe("bars from bars of several lengths", function()
  it("count what happened once: the shortest are taken", function()
    local bars = bars_of(instruments_of(ALWAYS, "A"))
    native.check(C.tl_bars_ask(bars, 0, HOUR, false))
    local function feed(closes, interval)
      C.tl_bars_feed(bars, ffi.new("tl_event", { ts_ns = closes, kind = BAR, w = { 100, 100, 100, 100 } }),
        ffi.new("tl_event_tail", { w = { interval / MINUTE * 10, 1, ABSENT, closes - interval, interval } }))
    end
    for minute = 1, 60 do
      feed(minute * MINUTE, MINUTE)
      if minute % 5 == 0 then feed(minute * MINUTE, 5 * MINUTE) end
    end
    local hour = one(bars, HOUR)
    assert.same({ 600, 60 }, { hour.volume, hour.trades })
  end)
end)

describe("bars from trades", function()
  it("hold what traded from open to close, and close on the grid", function()
    local bars = bars_of(instruments_of(ALWAYS, "X"))
    native.check(C.tl_bars_ask(bars, 0, MINUTE, false))
    assert.equal(ffi.cast("int64_t", 0x7fffffffffffffffLL), C.tl_bars_next_close_ns(bars))
    trade(bars, 65 * S, 1000, 3)
    assert.equal(120 * S, C.tl_bars_next_close_ns(bars))
    trade(bars, 70 * S, 1010, 1)
    trade(bars, 71 * S, 990, 2)
    trade(bars, 120 * S - 1, 1001, 4)
    assert.same({}, take(bars, 120 * S - 1))
    assert.same({
      { symbol = 0, at = 120, o = 1000, h = 1010, l = 990, c = 1001, volume = 10, trades = 4, vwap = 999, open = 60, interval = 60 },
      { bars = 60, at = 120 },
    }, take(bars, 120 * S))
    assert.same({}, take(bars, 1000 * S))
  end)

  it("give a trade at the close to the next bar, whether it comes before or after the taking", function()
    for _, first in ipairs { "feed", "take" } do
      local bars = bars_of(instruments_of(ALWAYS, "X"))
      native.check(C.tl_bars_ask(bars, 0, MINUTE, false))
      trade(bars, 1 * S, 100, 1)
      local early = first == "take" and one(bars, 60 * S)
      trade(bars, 60 * S, 200, 1)
      local b = early or one(bars, 60 * S)
      assert.equal(100, b.h)
      assert.same({}, take(bars, 119 * S))
      assert.equal(200, one(bars, 120 * S).o)
    end
  end)

  it("come shorter interval first, then in the order of asking, each round closed by its record", function()
    local bars = bars_of(instruments_of(ALWAYS, "A", "B", "C"))
    native.check(C.tl_bars_ask(bars, 2, 5 * MINUTE, false))
    for _, i in ipairs { 1, 0, 2 } do native.check(C.tl_bars_ask(bars, i, MINUTE, false)) end
    native.check(C.tl_bars_ask(bars, 0, 5 * MINUTE, false))
    for _, i in ipairs { 0, 1, 2 } do trade(bars, 299 * S, 100, 1, i) end
    local order = {}
    for _, b in ipairs(take(bars, 300 * S)) do order[#order + 1] = b.bars and "bars" .. b.bars or b.symbol .. ":" .. b.interval end
    assert.same({ "1:60", "0:60", "2:60", "bars60", "2:300", "0:300", "bars300" }, order)
  end)

  it("of a day are the session's regular hours, early closes too", function()
    local bars = bars_of(instruments_of(XNAS, "X"))
    native.check(C.tl_bars_ask(bars, 0, DAY, false))
    local session = ffi.new "tl_session"
    assert(C.tl_calendars_session(calendars, XNAS, 20241129, session))
    trade(bars, session.open_ns - 1, 500, 1) -- before the open
    trade(bars, session.open_ns, 100, 1)
    trade(bars, session.close_ns - 1, 120, 1)
    local b = one(bars, session.close_ns)
    trade(bars, session.close_ns, 900, 1) -- after the close
    assert.equal(tonumber(session.close_ns / S), b.at)
    assert.equal(tonumber(session.open_ns / S), b.open)
    assert.equal(120, b.h)
    assert.equal(2, b.volume)
    assert.same({}, take(bars, session.close_ns + 2 * DAY))
  end)

  it("start at local midnight, and the last of a day ends there", function()
    local bars = bars_of(instruments_of(XNAS, "X"))
    native.check(C.tl_bars_ask(bars, 0, 5 * HOUR, false))
    local midnight = C.tl_calendars_instant(calendars, XNAS, 20240705, 0)
    trade(bars, midnight + 21 * HOUR, 100, 1)
    local b = one(bars, midnight + DAY)
    assert.equal(tonumber((midnight + 20 * HOUR) / S), b.open)
    assert.equal(tonumber((midnight + 24 * HOUR) / S), b.at)
    -- A day of 23 hours.
    midnight = C.tl_calendars_instant(calendars, XNAS, 20240310, 0)
    trade(bars, midnight + 22 * HOUR, 100, 1)
    assert.equal(tonumber((midnight + 23 * HOUR) / S), one(bars, midnight + DAY).at)
  end)

  it("are filled through the session when asked so", function()
    local bars = bars_of(instruments_of(XNAS, "X"))
    native.check(C.tl_bars_ask(bars, 0, HOUR, true))
    local session = ffi.new "tl_session"
    assert(C.tl_calendars_session(calendars, XNAS, 20240705, session))
    trade(bars, session.open_ns, 100, 7)
    local hours, empties = {}, 0
    for _, b in ipairs(take(bars, session.open_ns + 3 * DAY + HOUR)) do
      if b.o then
        hours[#hours + 1] = tonumber((b.at * S - session.open_ns) / 1000000000LL) / 3600
        if b.volume == 0 then
          empties = empties + 1
          assert.equal(100, b.c)
          assert.equal("absent", b.vwap)
          assert.equal(0, b.trades)
        end
      end
    end
    assert.same({ 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 72.5 }, hours)
    assert.equal(7, empties)
    trade(bars, session.open_ns + 3 * DAY + 2 * HOUR, 130, 1)
    local b = one(bars, session.open_ns + 3 * DAY + 2 * HOUR) -- 10:30 to 11:30 has one empty bar before
    assert.equal(100, b.c)
  end)

  it("never wrap: what does not fit is absent", function()
    local bars = bars_of(instruments_of(ALWAYS, "X"))
    native.check(C.tl_bars_ask(bars, 0, MINUTE, false))
    local most = 0x7fffffffffffffffLL
    for i = 1, 5 do trade(bars, i * S, most, most) end
    local b = one(bars, MINUTE)
    assert.equal("absent", b.volume)
    assert.equal("absent", b.vwap)
    assert.equal(5, b.trades)
    trade(bars, 61 * S, most - 1, most)
    b = one(bars, 2 * MINUTE)
    assert.equal(tonumber(most - 1), b.vwap)
    trade(bars, 121 * S, -375, 2)
    trade(bars, 122 * S, -376, 2)
    assert.equal(-376, one(bars, 3 * MINUTE).vwap) -- -375.5, half to even
  end)

  it("refuse what is no interval", function()
    local bars = bars_of(instruments_of(ALWAYS, "X"))
    for _, interval in ipairs { 0LL, -1LL, DAY + 1 } do assert.are_not.equal(0, tonumber(C.tl_bars_ask(bars, 0, interval, false))) end
    assert.matches("at most a day", ffi.string(C.tl_error_text()))
    assert.are_not.equal(0, tonumber(C.tl_bars_ask(bars, 1, MINUTE, false)))
    assert.matches("no instrument 1", ffi.string(C.tl_error_text()))
  end)
end)

describe("bars from shorter bars", function()
  local function feed(bars, open, interval, w, t)
    C.tl_bars_feed(bars, ffi.new("tl_event", { ts_ns = open + interval, kind = BAR, w = w }),
      ffi.new("tl_event_tail", { w = { t[1], t[2], t[3], open, interval } }))
  end

  it("include the one that closes with them", function()
    local bars = bars_of(instruments_of(ALWAYS, "X"))
    native.check(C.tl_bars_ask(bars, 0, MINUTE, false))
    native.check(C.tl_bars_ask(bars, 0, 5 * MINUTE, false))
    for i = 0, 4 do
      feed(bars, i * MINUTE, MINUTE, { 100 + i, 110 + i, 90 + i, 105 + i }, { 10, 2, 100 + i })
      if i < 4 then assert.same({}, take(bars, (i + 1) * MINUTE)) end
    end
    assert.same({
      { symbol = 0, at = 300, o = 100, h = 114, l = 90, c = 109, volume = 50, trades = 10, vwap = 102, open = 0, interval = 300 },
      { bars = 300, at = 300 },
    }, take(bars, 5 * MINUTE))
  end)

  it("know only what every part knows", function()
    local bars = bars_of(instruments_of(ALWAYS, "X"))
    native.check(C.tl_bars_ask(bars, 0, 5 * MINUTE, false))
    feed(bars, 0LL, MINUTE, { 100, 100, 100, 100 }, { 10, 2, 100 })
    feed(bars, MINUTE, MINUTE, { 100, 100, 100, 100 }, { 10, ABSENT, ABSENT })
    local b = one(bars, 5 * MINUTE)
    assert.equal(20, b.volume)
    assert.equal("absent", b.trades)
    assert.equal("absent", b.vwap)
    feed(bars, 5 * MINUTE, MINUTE, { 100, 100, 100, 100 }, { ABSENT, 1, 100 })
    assert.equal("absent", one(bars, 10 * MINUTE).volume)
  end)

  it("put one that straddles two into the later", function()
    local bars = bars_of(instruments_of(ALWAYS, "X"))
    native.check(C.tl_bars_ask(bars, 0, 5 * MINUTE, false))
    feed(bars, 3 * MINUTE, 3 * MINUTE, { 1, 2, 1, 2 }, { 1, 1, 1 })
    assert.equal(600, one(bars, 10 * MINUTE).at)
  end)
end)

describe("bars of random trades", function()
  it("are those of a model that keeps every trade", function()
    local seed = tonumber(os.getenv "TIDELOCK_SEED") or 7
    math.randomseed(seed)
    for round = 1, 20 do
      local symbols, intervals = 3, { 7, 60, 300 }
      local bars = bars_of(instruments_of(ALWAYS, "A", "B", "C"))
      for s = 0, symbols - 1 do
        for _, i in ipairs(intervals) do native.check(C.tl_bars_ask(bars, s, i * S, false)) end
      end
      local ms, model, got, trades = math.random(0, 86000000), {}, {}, {}
      for _ = 1, 400 do
        ms = ms + (math.random() < 0.3 and 0 or math.random(0, 9000))
        trades[#trades + 1] = { ms, math.random(1, 1000), math.random(1, 50), math.random(0, symbols - 1) }
      end
      for _, t in ipairs(trades) do
        for _, i in ipairs(intervals) do
          local day = math.floor(t[1] / 86400000) * 86400
          local at = day + math.floor((t[1] / 1000 - day) / i) * i
          local close = math.min(at + i, day + 86400)
          local key = ("%d:%d:%d"):format(close, i, t[4])
          local m = model[key] or { o = t[2], h = t[2], l = t[2], volume = 0, trades = 0, value = 0 }
          m.h, m.l, m.c = math.max(m.h, t[2]), math.min(m.l, t[2]), t[2]
          m.volume, m.trades, m.value = m.volume + t[3], m.trades + 1, m.value + t[2] * t[3]
          model[key] = m
        end
        -- Half of the rounds take before they feed.
        if round % 2 == 0 then for _, b in ipairs(take(bars, t[1] * 1000000LL)) do got[#got + 1] = b end end
        if round % 2 == 1 then for _, b in ipairs(take(bars, t[1] * 1000000LL - 1)) do got[#got + 1] = b end end
        trade(bars, t[1] * 1000000LL, t[2], t[3], t[4])
      end
      for _, b in ipairs(take(bars, ms * 1000000LL + DAY)) do got[#got + 1] = b end
      local count, last_at, last_interval = 0, 0, 0
      for _, b in ipairs(got) do
        local interval = b.bars or b.interval
        assert(b.at > last_at or (b.at == last_at and interval >= last_interval), "out of order, seed " .. seed)
        last_at, last_interval = b.at, interval
        if b.o then
          local m = model[("%d:%d:%d"):format(b.at, b.interval, b.symbol)]
          assert(m, "a bar that should not be, seed " .. seed)
          count = count + 1
          local vwap = m.value / m.volume
          local half = math.floor(vwap)
          local rounded = vwap - half > 0.5 and half + 1 or vwap - half < 0.5 and half or half + half % 2
          assert.same({ m.o, m.h, m.l, m.c, m.volume, m.trades, rounded }, { b.o, b.h, b.l, b.c, b.volume, b.trades, b.vwap }, "seed " .. seed)
        end
      end
      local expected = 0
      for _ in pairs(model) do expected = expected + 1 end
      assert.equal(expected, count, "seed " .. seed)
    end
  end)
end)

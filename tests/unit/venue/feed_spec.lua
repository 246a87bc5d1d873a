local native = require "tidelock.native"
local live = require "live_venue"
local C, ffi = native.C, native.ffi

local MS = 1000000
local BUY, SELL = 1, 2

--- The venue's end of the market channel, in the hands of the test.
local function producer(bench)
  local out = ffi.new "tl_spsc_producer"
  native.check(tonumber(C.tl_channel_producer(out, bench:section(bench.house, "out:market"), bench:section(bench.io, "in:market"), bench.market_capacity, 64)))
  return out
end

local function event(kind, instrument, w, ts)
  local e = ffi.new("tl_event", { kind = kind, instrument = instrument, source = C.TL_SOURCE_MARKET, ts_ns = live.START + (ts or 0) })
  for i = 1, #(w or {}) do e.w[i - 1] = w[i] end
  return e
end

describe("the feed agent", function()
  local bench, venue
  before_each(function()
    bench = live.new()
    venue = producer(bench)
  end)
  after_each(function() bench:close() end)

  local function put(kind, instrument, w, ts) assert.is_true(C.tl_spsc_write(venue, event(kind, instrument, w, ts))) end
  local function level(instrument, side, price, size) put(C.TL_EVENT_LEVEL, instrument, { price, size, 1, side }) end

  it("stamps what the venue sent with its time and publishes it in order", function()
    bench:start_feed()
    put(C.TL_EVENT_TRADE, 1, { 100, 5 }, 3)
    put(C.TL_EVENT_QUOTE, 2, { 99, 101, 10, 20 }, 4)
    assert.equal(2, bench:feed_cycle(9))
    local events = bench:events()
    assert.equal(2, #events)
    assert.same({ C.TL_EVENT_TRADE, 1, 3, 9 }, { events[1].kind, events[1].instrument, events[1].ts, events[1].recv })
    assert.same({ 99, 101, 10, 20 }, events[2].w)
    assert.equal(0, bench:feed_cycle(10))
    assert.equal(2, bench:counter(bench.io, "feed.events"))
  end)

  it("keeps the market of each instrument in its latch, as of a place in the ring", function()
    bench:start_feed()
    put(C.TL_EVENT_STATUS, 1, { C.TL_STATE_TRADING })
    for i = 1, 40 do level(1, BUY, 1000 - i, i) end
    level(1, SELL, 1001, 7)
    level(1, BUY, 998, 0)
    put(C.TL_EVENT_QUOTE, 1, { 999, 1001, 1, 7 })
    put(C.TL_EVENT_TRADE, 1, { 1001, 5 })
    put(C.TL_EVENT_TRADE, 1, { 1000, 6 })
    bench:feed_cycle(5)
    bench:feed_cycle(6) -- latches come when there is nothing else to do
    local m = bench:latch(1)
    assert.same({ 999, 1001, 1, 7 }, { tonumber(m.bid), tonumber(m.ask), tonumber(m.bid_size), tonumber(m.ask_size) })
    assert.same({ 1000, 6, 11, 2 }, { tonumber(m.last_price), tonumber(m.last_size), tonumber(m.volume), tonumber(m.trades) })
    assert.same({ 32, 1, 1 }, { m.level_count[0], m.level_count[1], m.cut })
    assert.same({ 999, 997, 996 }, { tonumber(m.levels[0].price), tonumber(m.levels[1].price), tonumber(m.levels[2].price) })
    assert.same({ 1001, 7 }, { tonumber(m.levels[32].price), tonumber(m.levels[32].size) })
    assert.same({ 46, 46 }, { tonumber(m.events), tonumber(m.position) })
    assert.equal(C.TL_STATE_TRADING, m.state)
    assert.equal(tonumber(live.ABSENT), tonumber(bench:latch(0).bid))
    assert.is_nil(bench:latch(4))
  end)

  it("lets latches lag behind a ring that never rests by no more than 1024 slots", function()
    bench:start_feed()
    local head, most = ffi.cast("tl_broadcast_head *", bench:section(bench.io, "feed")), 0
    for i = 1, 3000 do
      put(C.TL_EVENT_TRADE, 1, { i, 5 })
      bench:feed_cycle(i)
      most = math.max(most, tonumber(head.produced - head.latched))
      assert.equal(tonumber(head.latched), bench:latch(1) and tonumber(bench:latch(1).position) or 0)
    end
    assert.is_true(most > 64 and most < 1024)
    bench:feed_cycle(3001)
    assert.equal(3000, tonumber(head.latched))
    assert.equal(3000, tonumber(bench:latch(1).last_price))
  end)

  it("lets records through after the latency of its leg, counted from their arrival", function()
    bench:start_feed { latency = 3 * MS }
    put(C.TL_EVENT_TRADE, 1, { 100, 5 })
    assert.equal(0, bench:feed_cycle(MS))
    put(C.TL_EVENT_TRADE, 1, { 101, 5 })
    bench:feed_cycle(2 * MS)
    assert.equal(0, #bench:events())
    assert.equal(4 * MS, tonumber(bench.feed_agent.next_ns(bench.feed_agent.state) - live.START))
    bench:feed_cycle(4 * MS)
    assert.equal(1, #bench:events())
    bench:feed_cycle(5 * MS)
    local events = bench:events()
    assert.same({ 101, 5 * MS }, { events[1].w[1], events[1].recv })
  end)

  it("tells when the feed falls silent and when it is back", function()
    bench:start_feed { stale = 10 * MS }
    put(C.TL_EVENT_TRADE, 1, { 100, 5 })
    bench:feed_cycle(MS)
    bench:events()
    bench:feed_cycle(11 * MS - 1)
    assert.equal(0, #bench:events())
    bench:feed_cycle(11 * MS)
    local events = bench:events()
    assert.equal(1, #events) -- instruments that never had an event are not stale
    assert.same({ C.TL_EVENT_FEED, 1, 0 }, { events[1].kind, events[1].instrument, events[1].w[1] })
    bench:feed_cycle(50 * MS)
    assert.equal(1, bench:latch(1).stale)
    assert.equal(0, #bench:events())
    put(C.TL_EVENT_TRADE, 2, { 100, 5 })
    bench:feed_cycle(60 * MS)
    events = bench:events()
    assert.same({ C.TL_EVENT_FEED, 1, 1 }, { events[1].kind, events[1].instrument, events[1].w[1] })
    assert.equal(C.TL_EVENT_TRADE, events[2].kind)
    bench:feed_cycle(61 * MS)
    assert.equal(0, bench:latch(1).stale)
  end)

  it("passes bars on whole, also across the channel's end", function()
    bench:start_feed()
    for i = 1, 5000 do
      assert.is_true(C.tl_spsc_write(venue, event(C.TL_EVENT_BAR, 1, { i, i + 1, i - 1, i })))
      assert.is_true(C.tl_spsc_write(venue, ffi.cast("tl_event *", ffi.new("tl_event_tail", { w = { i * 10 } }))))
      if i % 3 == 0 then put(C.TL_EVENT_TRADE, 1, { i, 5 }) end
      bench:feed_cycle(i)
      local events = bench:events()
      assert.equal(i % 3 == 0 and 2 or 1, #events)
      assert.same({ i, i + 1, i - 1, i }, events[1].w)
    end
    bench:feed_cycle(5001)
    assert.equal(5000, tonumber(bench:latch(1).last_price))
  end)

  it("forgets a book that the venue sends anew, and tells the gap when the latch holds the new one", function()
    bench:start_feed()
    level(1, BUY, 100, 5)
    level(1, BUY, 99, 5)
    level(1, SELL, 101, 5)
    put(C.TL_EVENT_QUOTE, 1, { 100, 101, 5, 5 })
    bench:feed_cycle(1)
    bench:events()
    put(C.TL_EVENT_GAP, 1, { 0, 1 })
    level(1, BUY, 90, 5)
    put(C.TL_EVENT_BOOK, 1)
    put(C.TL_EVENT_GAP, 1)
    bench:feed_cycle(2)
    local events, book = bench:events(), { [100] = 5, [99] = 5, [101] = 5 }
    for i, e in ipairs(events) do
      if e.kind == C.TL_EVENT_LEVEL then book[e.w[1]] = e.w[2] > 0 and e.w[2] or nil end
      if e.kind == C.TL_EVENT_GAP then assert.equal(#events, i) end
    end
    assert.equal(C.TL_EVENT_GAP, events[#events].kind)
    assert.same({ [90] = 5 }, book)
    assert.same({ C.TL_EVENT_QUOTE, tonumber(live.ABSENT) }, { events[#events - 1].kind, events[#events - 1].w[1] })
    local m = bench:latch(1)
    assert.same({ 1, 0, 90 }, { m.level_count[0], m.level_count[1], tonumber(m.levels[0].price) })
  end)

  it("calls the gateway with each record as it is published", function()
    local seen = {}
    local callback = ffi.cast("void (*)(void *, const tl_event *, const tl_event_tail *)", function(_, e, tail)
      seen[#seen + 1] = ("%d %s"):format(e.kind, tail ~= nil and tonumber(tail.w[0]) or "-")
    end)
    jit.off(bench.feed_cycle)
    bench:start_feed { market = callback }
    put(C.TL_EVENT_TRADE, 1, { 100, 5 })
    C.tl_spsc_write(venue, event(C.TL_EVENT_BAR, 1, { 1, 2, 3, 4 }))
    C.tl_spsc_write(venue, ffi.cast("tl_event *", ffi.new("tl_event_tail", { w = { 42 } })))
    bench:feed_cycle(1)
    assert.same({ C.TL_EVENT_TRADE .. " -", C.TL_EVENT_BAR .. " 42" }, seen)
    bench:kill_feed()
    callback:free()
  end)

  describe("after a death", function()
    it("goes on where it was: nothing lost, nothing twice, and everybody is told of the gap", function()
      bench:start_feed()
      for i = 1, 10 do put(C.TL_EVENT_TRADE, 1, { i, 1 }) end
      bench:feed_cycle(1)
      for i = 11, 20 do put(C.TL_EVENT_TRADE, 1, { i, 1 }) end
      bench:kill_feed()
      bench:start_feed()
      bench:feed_cycle(2)
      local prices, gaps = {}, 0
      for _, e in ipairs(bench:events()) do
        if e.kind == C.TL_EVENT_TRADE then prices[#prices + 1] = e.w[1] end
        if e.kind == C.TL_EVENT_GAP then
          gaps = gaps + 1
          assert.equal(10, #prices)
        end
      end
      assert.equal(1, gaps)
      for i = 1, 20 do assert.equal(i, prices[i]) end
      bench:feed_cycle(3)
      assert.same({ 20, 20 }, { tonumber(bench:latch(1).trades), tonumber(bench:latch(1).volume) })
    end)

    it("between the publication and the release of the channel, too", function()
      bench:start_feed()
      put(C.TL_EVENT_TRADE, 1, { 1, 1 })
      bench:feed_cycle(1)
      put(C.TL_EVENT_TRADE, 1, { 2, 1 })
      local cursor = ffi.cast("uint64_t *", bench:section(bench.io, "in:market"))
      local before = cursor[0]
      bench:feed_cycle(2)
      bench:kill_feed()
      cursor[0] = before -- as if it had died just before
      bench:start_feed()
      bench:feed_cycle(3)
      local prices = {}
      for _, e in ipairs(bench:events()) do if e.kind == C.TL_EVENT_TRADE then prices[#prices + 1] = e.w[1] end end
      assert.same({ 1, 2 }, prices)
      bench:feed_cycle(4)
      assert.equal(2, tonumber(bench:latch(1).trades))
    end)

    it("brings latches up to date that lagged behind the ring", function()
      bench:start_feed()
      level(1, BUY, 100, 5)
      bench:feed_cycle(1)
      local latches = ffi.cast("char *", bench:section(bench.io, "latches"))
      local bytes = tonumber(C.tl_feed_latches_bytes(64))
      local old, old_latched = ffi.string(latches + 4096, bytes - 4096), ffi.cast("tl_broadcast_head *", bench:section(bench.io, "feed")).latched
      level(1, BUY, 101, 6)
      put(C.TL_EVENT_TRADE, 1, { 100, 1 })
      bench:feed_cycle(2)
      bench:kill_feed()
      ffi.copy(latches + 4096, old, bytes - 4096) -- as if it had died just after it published
      ffi.cast("tl_broadcast_head *", bench:section(bench.io, "feed")).latched = old_latched
      bench:start_feed()
      local m = bench:latch(1)
      assert.same({ 2, 101, 1 }, { m.level_count[0], tonumber(m.levels[0].price), tonumber(m.trades) })
    end)

    it("asks the venue for the books when they are deeper than the latches", function()
      bench:close()
      bench = live.new()
      bench:start_venue { rate = 20000, symbols = 1, seed = 4 }
      bench:start_feed()
      local now, book = 0, {}
      local function apply()
        local events, lost = bench:events()
        assert.equal(0, lost)
        for _, e in ipairs(events) do
          if e.kind == C.TL_EVENT_LEVEL then book[e.w[1]] = e.w[2] > 0 and e.w[2] or nil end
        end
      end
      repeat
        now = now + 10 * MS
        repeat until bench:venue_cycle(now) == 0
        repeat apply() until bench:feed_cycle(now) == 0
      until bench:latch(0).cut == 1
      local before = bench:latch(0)
      bench:kill_feed()
      bench:start_feed()
      bench:venue_cycle(now)
      repeat until bench:feed_cycle(now) == 0
      local old = {}
      for price, size in pairs(book) do old[price] = size end
      apply()
      assert.same(old, book)
      local after = bench:latch(0)
      for i = 0, 63 do assert.equal(before.levels[i].price, after.levels[i].price) end
    end)
  end)
end)

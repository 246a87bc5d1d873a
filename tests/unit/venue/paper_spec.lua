local native = require "tidelock.native"
local live = require "live_venue"
local simulated = require "simulated_venue"
local C, ffi = native.C, native.ffi

local MS = 1000000
local BUY, SELL = 1, 2

local function kinds_of(reports)
  local list = {}
  for i, r in ipairs(reports) do list[i] = r.kind .. " " .. r.id end
  return list
end

--- A history of one symbol with a bid of 300 at 10.00 and an offer of 200 at 10.10, then whatever `more` adds.
local function history(more)
  local h = simulated.history("AAA")
  h:system(1000 * MS, "Q"):directory(1000 * MS):action(1000 * MS, "T")
  h:add(1000 * MS, 1, "buy", 100000, 300):add(1000 * MS, 2, "sell", 101000, 200)
  if more then more(h) end
  local path = h:file()
  local named = path .. ".itch"
  assert(os.rename(path, named))
  return named
end

describe("the paper venue", function()
  local bench, files
  before_each(function() files = {} end)
  after_each(function()
    if bench then bench:close() end
    bench = nil
    for _, path in ipairs(files) do os.remove(path) end
  end)

  local function file(more)
    files[#files + 1] = history(more)
    return files[#files]
  end

  describe("with participants", function()
    it("has open books from the first cycle and goes on by the clock", function()
      bench = live.new()
      bench:start_venue { rate = 1000, symbols = 2 }
      bench:start_feed()
      bench:venue_cycle(0)
      bench:feed_cycle(0)
      local states, quotes = {}, {}
      for _, e in ipairs(bench:events()) do
        assert.equal(0, e.ts)
        if e.kind == C.TL_EVENT_STATUS then states[e.instrument] = e.w[1] end
        if e.kind == C.TL_EVENT_QUOTE then quotes[e.instrument] = e.w end
      end
      assert.same({ [0] = C.TL_STATE_TRADING, C.TL_STATE_TRADING }, states)
      for i = 0, 1 do assert.is_true(quotes[i][1] > 0 and quotes[i][1] < quotes[i][2]) end
      assert.equal("AAPL", ffi.string(C.tl_instruments_at(bench.venue_instruments, 0).symbol))

      local next_ns = bench:venue_next()
      assert.is_true(next_ns > 0 and next_ns < 30 * MS)
      assert.equal(0, bench:venue_cycle(next_ns - 1))
      assert.is_true(bench:venue_cycle(next_ns) > 0)
      bench:feed_cycle(next_ns + 5)
      for _, e in ipairs(bench:events()) do
        assert.equal(next_ns, e.ts)
        assert.equal(next_ns + 5, e.recv)
      end
    end)

    it("does the same for the same seed at any pace of cycles", function()
      local function play(step)
        bench = live.new()
        bench:start_venue { rate = 5000, symbols = 3, seed = 9 }
        bench:start_feed()
        local list = {}
        for now = 0, 200 * MS, step do
          bench:venue_cycle(now)
          repeat until bench:feed_cycle(now) == 0
          for _, e in ipairs(bench:events()) do list[#list + 1] = ("%d %d %d %s"):format(e.kind, e.instrument, e.ts, table.concat(e.w, " ")) end
        end
        bench:close()
        bench = nil
        return list
      end
      local one = play(MS)
      assert.is_true(#one > 3000)
      assert.same(one, play(10 * MS))
    end)
  end)

  describe("with a recorded file", function()
    it("plays it from the first cycle on at the speed that was asked for", function()
      local path = file(function(h) h:add(2000 * MS, 3, "buy", 100100, 100):add(3000 * MS, 4, "buy", 100200, 100) end)
      for _, case in ipairs { { 1, 1000 }, { 10, 100 }, { 0.5, 2000 } } do
        bench = live.new()
        bench:start_venue { itch = path, speed = case[1] }
        bench:start_feed()
        local quotes = {}
        for now = 0, 4000 * MS, 50 * MS do
          bench:venue_cycle(now)
          bench:feed_cycle(now)
          for _, e in ipairs(bench:events()) do
            if e.kind == C.TL_EVENT_QUOTE then quotes[#quotes + 1] = ("%d@%d"):format(e.w[1], e.ts / MS) end
          end
        end
        assert.same({ "100000@0", "100000@0", "100100@" .. case[2], "100200@" .. 2 * case[2] }, quotes)
        assert.is_true(C.tl_paper_ended(bench.paper))
        bench:close()
        bench = nil
      end
    end)

    it("begins it at the word, when it was told to wait, or goes on to the end when it is stopped before", function()
      local path = file(function(h) h:add(1000 * MS, 3, "buy", 100100, 100) end)
      for _, how in ipairs { "operate", "stop" } do
        bench = live.new()
        bench:start_venue { itch = path, speed = 1, wait = true }
        for now = 0, 4000 * MS, 500 * MS do assert.equal(0, bench:venue_cycle(now)) end
        assert.is_true(bench.venue_agent.next_ns(bench.venue_agent.state) == 0x7fffffffffffffffLL, "it sleeps")
        if how == "operate" then
          bench.venue_agent.operate(bench.venue_agent.state, ffi.new("tl_operator", { kind = C.TL_OPERATOR_BEGIN }), 0)
        else
          assert.is_true(bench.venue_agent.stop(bench.venue_agent.state, C.TL_STOP_ORDERLY, 0))
        end
        bench:start_feed()
        bench:venue_cycle(5000 * MS)
        bench:feed_cycle(5000 * MS)
        local first = bench:events()[1]
        assert.equal(5000 * MS, first.ts, "the file's first time is now")
        bench:close()
        bench = nil
      end
    end)

    it("sleeps until something is due", function()
      bench = live.new()
      bench:start_venue { itch = file(function(h) h:add(2000 * MS, 3, "buy", 100100, 100) end), speed = 4 }
      bench:venue_cycle(7)
      assert.equal(7 + 250 * MS, bench:venue_next())
      bench:venue_cycle(bench:venue_next())
      assert.is_true(C.tl_paper_ended(bench.paper))
    end)

    it("loses nothing towards a feed that is slower, and never waits inside a cycle", function()
      local path = file(function(h)
        for i = 1, 3000 do h:add(1000 * MS + i, 10 + i, "buy", 90000 - i, 100) end
      end)
      bench = live.new { market = 64 }
      bench:start_venue { itch = path, speed = 0 }
      bench:start_feed()
      local levels, cycles = 0, 0
      repeat
        bench:venue_cycle(cycles)
        if cycles % 3 == 0 then
          bench:feed_cycle(cycles)
          for _, e in ipairs(bench:events()) do
            if e.kind == C.TL_EVENT_LEVEL and e.w[1] < 90000 then
              levels = levels + 1
              assert.equal(90000 - levels, e.w[1])
            end
          end
        end
        cycles = cycles + 1
        assert.is_true(cycles < 10000)
      until C.tl_paper_ended(bench.paper) and levels == 3000
      assert.is_true(bench:counter(bench.house, "venue.market.waits") > 0)
    end)
  end)

  it("shifts all times of a bar, and brings it when it closes", function()
    local path = os.tmpname()
    files[#files + 1] = path
    local out = assert(io.open(path, "w"))
    out:write("time,open,high,low,close,volume\n2024-03-05 14:30:00,10,12,9,11,500\n2024-03-05 14:31:00,11,13,10,12,600\n")
    out:close()
    bench = live.new()
    local options = ffi.new "tl_csv_options"
    local symbol = "AAA"
    options.symbol, options.calendar, options.bar_time = symbol, 1, C.TL_BAR_TIME_OPEN
    bench:start_venue { csv = path, csv_options = options, speed = 60 }
    bench:start_feed()
    local bars = {}
    for now = 0, 3000 * MS, 100 * MS do
      bench:venue_cycle(now)
      bench:feed_cycle(now)
      local batch, lost = ffi.new "tl_event[8]", ffi.new "uint64_t[1]"
      local count = C.tl_broadcast_copy(bench.reader, batch, 8, lost)
      for i = 0, count - 1 do
        if batch[i].kind == C.TL_EVENT_BAR then
          local tail = ffi.cast("const tl_event_tail *", batch + i + 1)
          bars[#bars + 1] = ("%d-%d at %d"):format(tonumber(tail.w[3] - live.START) / MS, tonumber(batch[i].ts_ns - live.START) / MS, now / MS)
        end
      end
      C.tl_broadcast_take(bench.reader, count)
    end
    assert.same({ "0-1000 at 1000", "1000-2000 at 2000" }, bars)
    assert.equal(2, #bars)
  end)

  it("has stopped when it has answered all, or when nobody takes the answers", function()
    bench = live.new { market = 64 }
    bench:start_venue { itch = file(), report = 5 * MS }
    local function stopped(ns) return bench.venue_agent.stop(bench.venue_agent.state, C.TL_STOP_ORDERLY, live.START + ns) end
    bench:venue_cycle(0)
    assert.is_true(stopped(0))
    bench:send { order_id = 7, side = BUY, quantity = 50, price = 90000 }
    assert.is_false(stopped(0))
    bench:venue_cycle(MS)
    assert.is_false(stopped(MS))
    bench:venue_cycle(6 * MS)
    assert.is_true(stopped(6 * MS))
    bench:send { order_id = 7, kind = C.TL_COMMAND_CANCEL }
    for i = 1, 40 do bench:send { order_id = 10 + i, side = BUY, quantity = 50, price = 90000 - 100 * i } end
    bench:venue_cycle(7 * MS)
    assert.is_true(stopped(7 * MS)) -- the feed is gone, and its channel full
  end)

  describe("answers commands", function()
    before_each(function()
      bench = live.new()
      bench:start_venue { itch = file(function(h) h:add(60000 * MS, 3, "buy", 1000, 100) end), entry = 2 * MS, report = 3 * MS }
      bench:start_feed()
      bench:venue_cycle(0)
    end)

    local function cycle(ns)
      bench:venue_cycle(ns)
      return bench:reports()
    end

    it("after the latency of each leg, at the venue's time by the runtime's clock", function()
      bench:send { order_id = 7, side = BUY, quantity = 50, price = 100000 }
      assert.equal(0, #cycle(10 * MS))
      assert.equal(12 * MS, bench:venue_next())
      assert.equal(0, #cycle(12 * MS))
      assert.equal(15 * MS, bench:venue_next())
      local reports = cycle(15 * MS)
      assert.same({ "accepted 7" }, kinds_of(reports))
      assert.equal(12 * MS, reports[1].at)
      assert.equal(0, bench:counter(bench.house, "venue.fills"))
    end)

    it("with fills in the market that the file shows, and the quote is the others'", function()
      bench:send { order_id = 7, side = BUY, quantity = 150, price = 101000, strategy = 3 }
      bench:send { order_id = 8, side = SELL, quantity = 500, type = C.TL_TYPE_MARKET, strategy = 3 }
      cycle(0)
      cycle(2 * MS)
      local reports = cycle(5 * MS)
      assert.same({ "accepted 7", "fill 7", "accepted 8", "fill 8", "canceled 8" }, kinds_of(reports))
      assert.equal(150, reports[2].filled)
      assert.equal(101000, reports[2].price)
      assert.equal(300, reports[4].filled)
      assert.same({ 1, 2 }, { reports[2].execution, reports[4].execution })
      assert.equal(3, reports[2].strategy)
      bench:feed_cycle(5 * MS)
      bench:feed_cycle(6 * MS) -- the latches
      local market = bench:latch(0)
      assert.equal(50, tonumber(market.ask_size))
      assert.equal(tonumber(live.ABSENT), tonumber(market.bid))
    end)

    it("also cancels, replaces, and what it does not know", function()
      bench:send { order_id = 7, side = BUY, quantity = 50, price = 100000 }
      bench:send { order_id = 7, kind = C.TL_COMMAND_REPLACE, quantity = 70, price = 99900 }
      bench:send { order_id = 7, kind = C.TL_COMMAND_CANCEL }
      bench:send { order_id = 9, kind = C.TL_COMMAND_CANCEL }
      bench:send { order_id = 10, side = BUY, quantity = 50, price = 100000, instrument = 44 }
      cycle(0)
      cycle(2 * MS)
      assert.same({ "accepted 7", "replaced 7", "canceled 7", "cancel_rejected 9", "rejected 10" }, kinds_of(cycle(5 * MS)))
    end)

    it("in order while the report channel is full", function()
      local sent, got, now = 0, {}, 0
      while #got < 1500 do
        now = now + MS
        while sent < 1500 and bench:send { order_id = 100 + sent, side = BUY, quantity = 1, price = 50000 } do sent = sent + 1 end
        bench:venue_cycle(now)
        if now % (7 * MS) == 0 then for _, r in ipairs(bench:reports()) do got[#got + 1] = r.id end end
        assert.is_true(now < 1000 * MS)
      end
      for i, id in ipairs(got) do assert.equal(99 + i, id) end
    end)

    it("and an order expires at its time by the runtime's clock", function()
      bench:close()
      bench = live.new()
      bench:start_venue { itch = files[#files], speed = 10 }
      bench:venue_cycle(0)
      bench:send { order_id = 7, side = BUY, quantity = 50, price = 100000, time_in_force = C.TL_TIF_GTD, expire_ns = live.START + 500 * MS }
      assert.same({ "accepted 7" }, kinds_of(cycle(100 * MS)))
      assert.equal(500 * MS, bench:venue_next())
      local reports = cycle(501 * MS)
      assert.same({ "expired 7" }, kinds_of(reports))
      assert.equal(500 * MS, reports[1].at)
    end)
  end)
end)

--- Venue and feed in processes of their own that are killed at any instruction, each followed by a successor. More of it with TIDELOCK_SOAK=1.
local native = require "tidelock.native"
local live = require "live_venue"
local model_gateway = require "model_gateway"
local C, ffi = native.C, native.ffi

local KILLS = os.getenv "TIDELOCK_SOAK" == "1" and 5000 or 50

--- Time since `start` on the clock that all processes see.
local function clock()
  local start = C.tl_clock_monotonic_ns()
  return function() return C.tl_clock_monotonic_ns() - start end
end

describe("killed at any instruction", function()
  local bench, child
  after_each(function()
    if child then live.kill(child) end
    child = nil
    if bench then bench:close() end
    bench = nil
  end)

  it("the paper venue loses and doubles nothing of own orders", function()
    local seed = tonumber(os.getenv "TIDELOCK_SEED") or os.time()
    math.randomseed(seed)
    -- A short log, so that checkpoints are being written much of the time.
    bench = live.new { log = 4096 + 64 * 512, checkpoint = 65536 }
    local since, model = clock(), model_gateway.new(bench, seed)
    local function start()
      child = live.spawn(function()
        bench:start_venue { rate = 50000, symbols = 1, seed = 3, entry = 20000, report = 30000 }
        while true do bench:venue_cycle(since()) end
      end)
    end
    local function cycle()
      bench:feed_cycle(since())
      local m = bench:latch(0)
      if m.bid > 0 and m.ask > 0 then model.middle = math.floor(tonumber(m.bid + m.ask) / 200) * 100 end
      model:read()
    end
    bench:start_feed { instruments = bench:instruments_of(1, 3) }
    start()
    for _ = 1, KILLS do
      local until_ns = since() + math.random(0, 20000000)
      repeat
        cycle()
        for _ = 1, 3 do
          if model.middle and math.random() < 0.5 then model:act() end
        end
      until since() > until_ns
      assert.is_true(live.kill(child))
      start()
    end
    model:finish(cycle)
    assert.is_true(model.fills > KILLS, model.fills .. " fills")
  end)

  it("the feed agent publishes each record once and in order, and its latches follow", function()
    local seed = tonumber(os.getenv "TIDELOCK_SEED") or os.time()
    math.randomseed(seed)
    bench = live.new { market = 1024, feed = 4096 }
    local since, instruments = clock(), bench:instruments_of(4)
    local venue = ffi.new "tl_spsc_producer"
    native.check(tonumber(C.tl_channel_producer(venue, bench:section(bench.house, "out:market"), bench:section(bench.io, "in:market"), 1024, 64)))
    bench.reader = ffi.new "tl_broadcast_reader"
    native.check(tonumber(C.tl_broadcast_attach_reader(bench.reader, bench:section(bench.io, "feed"), 4096, 64)))
    local function start()
      child = live.spawn(function()
        bench:start_feed { instruments = instruments }
        while true do bench:feed_cycle(since()) end
      end)
    end
    local sent, got, gaps = 0, 0, 0
    local trade = ffi.new("tl_event", { kind = C.TL_EVENT_TRADE })
    local lost, batch = ffi.new "uint64_t[1]", ffi.new "tl_event[64]"
    local function read()
      local count = C.tl_broadcast_copy(bench.reader, batch, 64, lost)
      assert.equal(0, tonumber(lost[0]))
      for i = 0, count - 1 do
        local e = batch[i]
        if e.kind == C.TL_EVENT_TRADE then
          if tonumber(e.w[0]) ~= got + 1 then error(("seed %d: trade %d came behind %d"):format(seed, tonumber(e.w[0]), got)) end
          got = got + 1
        else
          gaps = gaps + 1
        end
      end
      C.tl_broadcast_take(bench.reader, count)
    end
    start()
    for _ = 1, KILLS do
      local until_ns = since() + math.random(0, 8000000)
      repeat
        trade.w[0], trade.w[1], trade.instrument = sent + 1, 1, sent % 4
        if sent - got < 2000 and C.tl_spsc_write(venue, trade) then sent = sent + 1 end
        if sent % 16 == 0 or sent - got >= 1000 then read() end
      until since() > until_ns
      assert.is_true(live.kill(child))
      start()
    end
    local until_ns = since() + 2000000000
    repeat read() until got == sent and bench:latch(3) or since() > until_ns
    assert.equal(sent, got)
    assert.is_true(gaps > 0)
    ffi.C.usleep(2000) -- the latches follow the ring within a cycle
    live.kill(child)
    child = nil
    bench:start_feed { instruments = instruments }
    local trades = 0
    for i = 0, 3 do trades = trades + tonumber(bench:latch(i).trades) end
    assert.equal(sent, trades, "seed " .. seed)
    assert.is_true(sent > KILLS * 10, sent .. " trades")
  end)
end)

local native = require "tidelock.native"
local live = require "live_venue"
local model_gateway = require "model_gateway"
local simulated = require "simulated_venue"
local C = native.C

local MS = 1000000
local BUY, SELL = 1, 2

local PARTICIPANTS = { rate = 4000, symbols = 1, seed = 3, entry = 200000, report = 300000 }

describe("the paper venue's recovery", function()
  local bench, path
  after_each(function()
    if bench then bench:close() end
    bench = nil
    if path then os.remove(path) end
    path = nil
  end)

  local function quiet_file()
    local h = simulated.history("AAA")
    h:system(1000 * MS, "Q"):directory(1000 * MS):action(1000 * MS, "T")
    h:add(1000 * MS, 1, "buy", 100000, 300):add(1000 * MS, 2, "sell", 101000, 200):add(2000 * MS, 3, "sell", 100500, 70)
    h:add(60000 * MS, 4, "buy", 1000, 100)
    path = h:file()
    local named = path .. ".itch"
    assert(os.rename(path, named))
    path = named
    return named
  end

  local function kinds_of(reports)
    local list = {}
    for i, r in ipairs(reports) do list[i] = ("%s %d %d/%d"):format(r.kind, r.id, r.filled, r.quantity) end
    return list
  end

  it("enters open orders again with what was left of them, and tells nothing of it", function()
    bench = live.new()
    local venue = { itch = quiet_file(), speed = 1 }
    bench:start_venue(venue)
    bench:start_feed()
    bench:venue_cycle(0)
    bench:send { order_id = 7, side = SELL, quantity = 350, price = 100000, strategy = 1 }
    bench:send { order_id = 8, side = BUY, quantity = 20, price = 99000, strategy = 2 }
    bench:venue_cycle(10 * MS)
    assert.same({ "accepted 7 0/350", "fill 7 300/300", "accepted 8 0/20" }, kinds_of(bench:reports()))
    bench:send { order_id = 7, kind = C.TL_COMMAND_REPLACE, quantity = 360, price = 100900, strategy = 1 }
    bench:venue_cycle(11 * MS)
    assert.same({ "replaced 7 300/360" }, kinds_of(bench:reports()))
    bench:kill_venue()
    bench:start_venue(venue)
    bench:venue_cycle(20 * MS)
    repeat until bench:feed_cycle(20 * MS) == 0
    local m = bench:latch(0)
    assert.same({ 100000, 100900, 60 }, { tonumber(m.bid), tonumber(m.levels[32].price), tonumber(m.levels[32].size) })
    bench:send { order_id = 7, kind = C.TL_COMMAND_REPLACE, quantity = 340, price = 100900, strategy = 1 }
    bench:send { order_id = 8, kind = C.TL_COMMAND_CANCEL, strategy = 2 }
    bench:venue_cycle(21 * MS)
    assert.same({ "replaced 7 300/340", "canceled 8 0/20" }, kinds_of(bench:reports()))
    bench:send { order_id = 7, kind = C.TL_COMMAND_REPLACE, quantity = 300, price = 100900, strategy = 1 }
    bench:venue_cycle(22 * MS)
    assert.same({ "canceled 7 300/340" }, kinds_of(bench:reports()))
  end)

  it("lets an order trade that finds its price there, with executions going on", function()
    bench = live.new()
    local venue = { itch = quiet_file(), speed = 1 }
    bench:start_venue(venue)
    bench:venue_cycle(0)
    bench:send { order_id = 7, side = BUY, quantity = 250, price = 101000 }
    bench:venue_cycle(10 * MS)
    local before = bench:reports()
    assert.same({ "fill 7 200/200", 1 }, { kinds_of(before)[#before], before[#before].execution })
    bench:kill_venue()
    bench:start_venue(venue)
    bench:venue_cycle(20 * MS) -- history does not know of our trade: its offer is there again
    local after = bench:reports()
    assert.same({ "fill 7 250/50" }, kinds_of(after))
    assert.equal(2, after[1].execution)
  end)

  it("sends again what was made and not yet sent, and carries out again what was not", function()
    bench = live.new()
    local venue = { itch = quiet_file(), speed = 1, entry = 5 * MS, report = 50 * MS }
    bench:start_venue(venue)
    bench:venue_cycle(0)
    bench:send { order_id = 7, side = BUY, quantity = 50, price = 101000 }
    bench:venue_cycle(1 * MS)
    bench:venue_cycle(10 * MS)
    bench:send { order_id = 8, side = BUY, quantity = 30, price = 101000 }
    bench:venue_cycle(11 * MS)
    assert.same({}, kinds_of(bench:reports()))
    bench:kill_venue()
    bench:start_venue(venue)
    bench:venue_cycle(20 * MS)
    assert.same({ "accepted 7 0/50", "fill 7 50/50" }, kinds_of(bench:reports()))
    bench:venue_cycle(30 * MS)
    bench:venue_cycle(90 * MS)
    assert.same({ "accepted 8 0/30", "fill 8 30/30" }, kinds_of(bench:reports()))
  end)

  it("keeps reduce-only orders to the position that earlier fills made", function()
    bench = live.new()
    local venue = { itch = quiet_file(), speed = 1 }
    bench:start_venue(venue)
    bench:venue_cycle(0)
    bench:send { order_id = 7, side = BUY, quantity = 60, price = 101000, strategy = 2 }
    bench:venue_cycle(1 * MS)
    bench:send { order_id = 8, side = SELL, quantity = 60, price = 102000, flags = C.TL_FLAG_REDUCE_ONLY, strategy = 2 }
    bench:venue_cycle(2 * MS)
    bench:reports()
    bench:kill_venue()
    bench:start_venue(venue)
    bench:venue_cycle(3 * MS)
    bench:send { order_id = 9, side = SELL, quantity = 10, price = 103000, flags = C.TL_FLAG_REDUCE_ONLY, strategy = 1 }
    bench:send { order_id = 8, kind = C.TL_COMMAND_CANCEL, strategy = 2 }
    bench:venue_cycle(4 * MS)
    assert.same({ "rejected 9 0/10", "canceled 8 0/60" }, kinds_of(bench:reports()))
  end)

  it("goes on at the participants' prices", function()
    bench = live.new()
    bench:start_venue { rate = 5000, symbols = 1, seed = 2 }
    bench:start_feed()
    local now = 0
    local function middle_after(ns)
      for _ = 1, ns / MS do
        now = now + MS
        bench:venue_cycle(now)
        repeat until bench:feed_cycle(now) == 0
      end
      local m = bench:latch(0)
      return tonumber(m.bid + m.ask) / 2
    end
    local start, last = middle_after(1 * MS), nil
    for _ = 1, 20 do last = middle_after(1000 * MS) end
    bench:kill_venue()
    bench:start_venue { rate = 5000, symbols = 1, seed = 2 }
    local again = middle_after(1 * MS)
    assert.is_true(math.abs(again - last) <= 1500, ("%g %g %g"):format(start, last, again))
  end)

  it("loses and doubles nothing when it dies between two cycles, at any of them", function()
    local seed = tonumber(os.getenv "TIDELOCK_SEED") or os.time()
    math.randomseed(seed)
    for _, sizes in ipairs { {}, { log = 4096 + 64 * 256, checkpoint = 65536 } } do
      bench = live.new(sizes)
      local model, now, deaths = model_gateway.new(bench, seed), 0, 0
      bench:start_venue(PARTICIPANTS)
      bench:start_feed()
      local function cycle()
        now = now + math.random(0, 400000)
        bench:venue_cycle(now)
        bench:feed_cycle(now)
        local m = bench:latch(0)
        if m.bid > 0 and m.ask > 0 then model.middle = math.floor(tonumber(m.bid + m.ask) / 200) * 100 end
        if math.random() < 0.5 then model:read() end
        if math.random() < 0.02 then
          deaths = deaths + 1
          bench:kill_venue()
          bench:start_venue(PARTICIPANTS)
        end
      end
      cycle()
      cycle()
      for _ = 1, 8000 do
        if model.middle and math.random() < 0.4 then model:act() end
        cycle()
      end
      model:finish(function()
        cycle()
        model:read()
      end)
      assert.is_true(deaths > 50 and model.fills > 200, ("%d deaths, %d fills"):format(deaths, model.fills))
      bench:close()
      bench = nil
    end
  end)
end)

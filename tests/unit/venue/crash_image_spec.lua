--- Venue and feed die at every instruction of a cycle at which they have changed shared memory, and each time a successor goes on from there.
local native = require "tidelock.native"
local crash_images = require "crash_images"
local live = require "live_venue"
local model_gateway = require "model_gateway"
local simulated = require "simulated_venue"
local C, ffi = native.C, native.ffi

local MS = 1000000
local BUY, SELL = 1, 2

--- Bench `b` becomes what bench `a` is at this moment.
local function become(b, a)
  ffi.copy(b.house.header, a.house.header, tonumber(a.house.bytes))
  ffi.copy(b.io.header, a.io.header, tonumber(a.io.bytes))
end

local function memory_of(...)
  local list = {}
  for i, region in ipairs { ... } do list[i] = { region.header, tonumber(region.bytes) } end
  return list
end

describe("a death at any instruction", function()
  local first, second, path
  after_each(function()
    first:close()
    second:close()
    if path then os.remove(path) end
    path = nil
  end)

  it("of the feed's cycles loses no record and repeats none", function()
    local sizes = { market = 64, feed = 1024, log = 8192, checkpoint = 16384 }
    first, second = live.new(sizes), live.new(sizes)
    local instruments = first:instruments_of(2)
    local venue = ffi.new "tl_spsc_producer"
    native.check(tonumber(C.tl_channel_producer(venue, first:section(first.house, "out:market"), first:section(first.io, "in:market"), 64, 64)))
    local function put(kind, w0, w1, w2, w3)
      local e = ffi.new("tl_event", { kind = kind, instrument = w0 % 2 })
      e.w[0], e.w[1], e.w[2], e.w[3] = w0, w1 or 1, w2 or 1, w3 or BUY
      assert.is_true(C.tl_spsc_write(venue, e))
    end
    for i = 1, 4 do put(C.TL_EVENT_TRADE, i) end
    first:start_feed { instruments = instruments }
    local images = crash_images.walk(live.spawn, live.kill, memory_of(first.io), function()
      first:feed_cycle(1)
      first:feed_cycle(2) -- the latches
    end, function()
      for i = 5, 8 do put(C.TL_EVENT_TRADE, i) end
      put(C.TL_EVENT_LEVEL, 100, 7)
    end, function()
      become(second, first)
      local sent = tonumber(ffi.cast("uint64_t *", second:section(second.house, "out:market"))[0])
      second.reader = ffi.new "tl_broadcast_reader"
      native.check(tonumber(C.tl_broadcast_attach_reader(second.reader, second:section(second.io, "feed"), 1024, 64)))
      second.reader.position = 0
      second:start_feed { instruments = instruments }
      repeat until second:feed_cycle(9) == 0
      local trades, levels = 0, 0
      for _, e in ipairs(second:events()) do
        if e.kind == C.TL_EVENT_TRADE then
          trades = trades + 1
          assert.equal(trades, e.w[1])
        elseif e.kind == C.TL_EVENT_LEVEL then
          levels = levels + 1
        end
      end
      assert.equal(sent, trades + levels)
      assert.equal(trades, tonumber(second:latch(0).trades + second:latch(1).trades))
      assert.equal(levels, second:latch(0).level_count[0])
      second:kill_feed()
    end)
    if not images then return pending "processes cannot be traced here" end
    assert.is_true(images > 50, images .. " images")
  end)

  -- In a log of 16 slots the second cycle finds no room: a checkpoint commits it.
  for _, slots in ipairs { 64, 16 } do
    it("of the venue's cycle loses nothing of own orders and doubles nothing, with a log of " .. slots .. " slots", function()
      local h = simulated.history("AAA")
      h:system(1000 * MS, "Q"):directory(1000 * MS):action(1000 * MS, "T")
      h:add(1000 * MS, 1, "buy", 100000, 300):add(1000 * MS, 2, "sell", 101000, 200)
      h:add(60000 * MS, 4, "buy", 1000, 100)
      path = h:file()
      local sizes = { market = 64, feed = 1024, log = 4096 + 64 * slots, checkpoint = 8192 }
      local options = { itch = path, speed = 1 }
      first, second = live.new(sizes), live.new(sizes)
      first:start_venue(options)
      local commands = {
        { { order_id = 1, side = BUY, quantity = 50, price = 101000 }, { order_id = 2, side = BUY, quantity = 40, price = 99000 } },
        { { order_id = 3, side = SELL, quantity = 350, price = 100000, strategy = 1 },
          { kind = C.TL_COMMAND_REPLACE, order_id = 2, quantity = 60, price = 99500 }, { order_id = 4, side = BUY, quantity = 10, price = 99900 },
          { kind = C.TL_COMMAND_CANCEL, order_id = 4 } },
      }
      local function send(batch)
        for _, fields in ipairs(batch) do assert.is_true(first:send(fields)) end
      end
      send(commands[1])
      local images = crash_images.walk(live.spawn, live.kill, memory_of(first.house), function() first:venue_cycle(MS) end,
        function() send(commands[2]) end, function(image)
        become(second, first)
        second:attach_gateway()
        local model = model_gateway.new(second, image)
        for _, batch in ipairs(commands) do for _, fields in ipairs(batch) do model:sent(fields) end end
        second:start_venue(options)
        local now = 3 * MS
        model:finish(function()
          now = now + MS
          second:venue_cycle(now)
          model:read()
        end)
        second:kill_venue()
      end)
      if not images then return pending "processes cannot be traced here" end
      assert.is_true(images > 50, images .. " images")
    end)
  end
end)

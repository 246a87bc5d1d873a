-- Stops that the gateway holds fill as those of the venue do, on data without latency.
local backtest = require "tidelock.backtest"
local cli = require "integration.cli"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

--- Sends stops of every kind by the clock. What comes at one instant is in another order: a venue's own stop trades between two
--- records, one that the gateway holds behind the record that shows the price. So nothing is sent at the instant of a record, and
--- nothing rests (an exchange's stops see the quote with own orders in it besides).
local STOPS = [[
local strategy, order, snapshot, timeout = require "strategy", require "order", require "snapshot", require "timeout"
local s = strategy { name = "stops", symbols = "*", params = { trigger = "last" } }
function s:on_start() timeout.every("307ms", "send") end
function s:on_timer()
  local q = snapshot.quote(self.symbols[1])
  if not (q and q.bid and q.ask) then return end
  local trigger, side, kind = self.params.trigger, math.random(2) == 1 and "buy" or "sell", math.random(4)
  local away = math.random(1, 8) * 0.01
  local stop = side == "buy" and q.ask + away or q.bid - away
  if kind <= 2 then order.stop { symbol = q.symbol, side = side, quantity = 1, stop_price = stop, trigger = trigger, round = "nearest", expire = "21s" }
  elseif kind == 3 then
    order.stop_limit { symbol = q.symbol, side = side, quantity = 1, stop_price = stop, price = side == "buy" and stop + 1 or stop - 1,
      trigger = trigger, round = "nearest", expire = "21s" }
  else order.trailing_stop { symbol = q.symbol, side = side, quantity = 1, offset = away, trigger = trigger, round = "nearest", expire = "21s" } end
end
return s]]

describe("stops that the gateway holds", function()
  local folder

  setup(function() folder = cli.folder() end)
  teardown(function() cli.remove(folder) end)

  --- The fills of a run in words, by time.
  local function play(data, trigger, supports, batch)
    local run = backtest.open {
      script = cli.write(folder .. "/stops.lua", STOPS), data = { data }, library = "lua", quiet = true, cash = 1e9,
      config = { venues = { { supports = supports } } }, batch = batch,
      params = { { "trigger", trigger } },
    }
    run:play()
    assert.is_nil(run.failure)
    local count = ffi.new "uint64_t[1]"
    local fills, words = C.tl_recorder_fills(run.recorder, count), {}
    for i = 0, tonumber(count[0]) - 1 do
      local f = fills[i]
      words[i + 1] = ("%s %s %d at %s"):format(tostring(f.ts_ns), tostring(f.order_id), tonumber(f.quantity), tostring(f.price))
    end
    table.sort(words) -- what happens at one instant is in no order of its own
    return words, run
  end

  local function same_as_venue(data, trigger)
    local fills = play(data, trigger)
    assert.is_true(#fills > 100, #fills)
    for _, batch in ipairs { 0, 1 } do
      local held, run = play(data, trigger, { "limit", "market" }, batch)
      for i, fill in ipairs(fills) do assert.equal(fill, held[i], "fill " .. i) end
      assert.equal(#fills, #held)
      assert.equal(0, tonumber(C.tl_recorder_denied(run.recorder, C.TL_REASON_UNSUPPORTED)))
    end
    local _, run = play(data, trigger, { "limit", "stop_limit" })
    assert.is_true(C.tl_recorder_denied(run.recorder, C.TL_REASON_UNSUPPORTED) > 100)
  end

  --- Gives each message of an ITCH file a time of its own (ns, six bytes behind five): what the exchange triggers between two
  --- messages of one instant no gateway could.
  local function one_at_a_time(path)
    local file = assert(io.open(path, "rb"))
    local bytes = file:read "*a"
    file:close()
    local data = ffi.new("uint8_t[?]", #bytes)
    ffi.copy(data, bytes, #bytes)
    local at, last = 0, 0
    while at + 2 <= #bytes do
      local ns = 0
      for i = at + 7, at + 12 do ns = ns * 256 + data[i] end
      if ns <= last then
        ns = last + 1
        for i = 12, 7, -1 do data[at + i], ns = ns % 256, math.floor(ns / 256) end
        ns = last + 1
      end
      last, at = ns, at + 2 + data[at] * 256 + data[at + 1]
    end
    cli.write(path, ffi.string(data, #bytes))
  end

  it("fill as the venue's own on an order book", function()
    local data = folder .. "/day_2024-01-02.itch"
    assert.equal(0, (cli.run("generate --seed 11 --symbols 1 --messages 120000 --out " .. data)))
    one_at_a_time(data)
    same_as_venue(data, "last")
    same_as_venue(data, "quote")
  end)

  it("fill as the venue's own on quotes", function()
    math.randomseed(3)
    local quotes, price = { "time,bid,ask,bid_size,ask_size" }, 10000
    for i = 1, 8000 do
      price = math.max(9000, price + math.random(-2, 2))
      local at = ("2024-01-02T%02d:%02d:%02d"):format(math.floor(i / 3600), math.floor(i / 60) % 60, i % 60)
      quotes[#quotes + 1] = ("%s.0123Z,%.2f,%.2f,500,500"):format(at, price / 100 - 0.01, price / 100 + 0.01)
    end
    local file = "X=" .. cli.write(folder .. "/quotes.csv", table.concat(quotes, "\n") .. "\n")
    same_as_venue(file, "quote")
  end)
end)

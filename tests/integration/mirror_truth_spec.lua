local native = require "tidelock.native"
local cli = require "integration.cli"
local backtest = require "tidelock.backtest"
local C, ffi = native.C, native.ffi

-- Does everything that a script can do to orders, at random, until five minutes before the close; then takes all back and waits.
local SCRIPT = [[
local strategy, order, snapshot, timeout, log = require "strategy", require "order", require "snapshot", require "timeout", require "log"
local s = strategy { params = { busy = 0.25 } }
local random = math.random
local kinds = {
  order.options { round = true }, order.options { round = "aggressive", time_in_force = "ioc" }, order.options { round = true, post_only = true, tag = "p" },
  order.options { round = "nearest", time_in_force = "fok" }, order.options { round = true, expire = "5s" }, order.options { round = true, deadline = "150us" },
  order.options { round = true, post_only = "slide" }, order.options { round = true, reduce_only = true }, order.options { round = true, display = 10 },
}
local quoted = { order.options { round = true, post_only = true, tag = "a" }, order.options { round = "aggressive", tag = "b" } }
local closing

function s:on_start() timeout.session { symbol = self.symbols[1], at = "close", offset = "-5m", name = "last" } end
function s:on_timer(name)
  closing = true
  order.flatten()
end

local function side() return random() < 0.5 and "buy" or "sell" end
local function some()
  local n, found = random(0, math.max(0, order.count() - 1)), nil
  for i, o in order.each() do found = o if i > n then break end end
  return found
end

local acts = {
  function(q, mid) return order[side()](q.symbol, random(1, 40) * 10, mid + random(-30, 30) / 1000, kinds[random(#kinds)]) end,
  function(q, mid) return order.quote(q.symbol, side(), random(0, 4) * 50, mid + random(-30, 30) / 1000, quoted[random(#quoted)]) end,
  function(q, mid) return order.quote(q.symbol, "buy", random(0, 2) * 100, mid - random(1, 3) / 100, quoted[1]) end,
  function() local o = some() return o and o:cancel() end,
  function(q, mid) local o = some() return o and o:replace(o.price and mid + random(-30, 30) / 1000, random() < 0.5 and random(1, 40) * 10 or nil) end,
  function(q) if random() < 0.1 then return order.cancel_all { symbol = q.symbol, side = side() } end end,
  function(q) return order.market { symbol = q.symbol, side = side(), quantity = random(1, 5) * 10 } end,
  function(q, mid)
    local buy = random() < 0.5
    return order.stop { symbol = q.symbol, side = buy and "buy" or "sell", quantity = 50, stop_price = mid + (buy and 0.02 or -0.02), round = "nearest" }
  end,
  function(q) return order.trailing_stop { symbol = q.symbol, side = side(), quantity = 50, offset = 0.03 } end,
  function(q, mid)
    local exit = { symbol = q.symbol, side = "sell", quantity = 50, round = true }
    local profit, loss = { price = mid + 0.02 }, { stop_price = mid - 0.02 }
    for k, v in pairs(exit) do profit[k], loss[k] = v, v end
    return order.oco(profit, loss)
  end,
  function(q, mid)
    return order.bracket { entry = { symbol = q.symbol, side = "buy", quantity = 50, price = mid, round = "aggressive" },
      take_profit = { price = mid + 0.02, round = true }, stop_loss = { stop_price = mid - 0.02, round = true } }
  end,
  function(q) return order.target { symbol = q.symbol, quantity = random(-3, 3) * 50 } end,
  function(q) if random() < 0.05 then return order.flatten { symbol = q.symbol } end end,
  function(q) return order.buy(q.symbol, 0, q.bid) end,
}

function s:on_quote(q)
  if closing or not (q.bid and q.ask) or random() > self.params.busy then return end
  acts[random(#acts)](q, (q.bid + q.ask) / 2)
end

function s:on_fill(o, f)
  if closing then order.flatten { symbol = f.symbol } end
end
return s
]]

describe("the mirror, after a backtest that did everything", function()
  local function run(seed, latency)
    local folder = cli.folder()
    finally(function() cli.remove(folder) end)
    local session = folder .. "/session_2024-01-02.itch"
    assert.equal(0, (cli.run(("generate --seed %d --symbols 2 --messages 30000 --out %s"):format(seed, session))))
    local play = backtest.open {
      script = cli.write(folder .. "/all.lua", SCRIPT), seed = seed, data = { session }, quiet = true, library = "lua",
      config = { accounts = { main = { cash = 1e7, leverage = 4, short = true } }, latency = latency },
    }
    play:play()
    return play
  end

  for name, latency in pairs {
    ["no latency"] = false,
    ["latencies that overtake each other"] = {
      feed = { kind = "constant", base = 20e3 }, compute = { kind = "constant", base = 5e3 },
      entry = { kind = "exponential", base = 10e3, mean = 150e3 }, report = { kind = "exponential", base = 10e3, mean = 150e3 },
    },
  } do
    for seed = 1, 3 do
      it(("equals the gateway, with %s, seed %d"):format(name, seed), function()
        local play = run(seed, latency or nil)
        assert.is_nil(play.failure)
        assert.equal("", ffi.string(C.tl_host_first_error(play.host)))
        local mirror, view = C.tl_host_mirror(play.host), C.tl_host_view(play.host)
        local slots, count = C.tl_mirror_orders(mirror), ffi.new "uint64_t[1]"
        local orders = C.tl_recorder_orders(play.recorder, count)
        local seen, fills = {}, 0
        for i = 0, tonumber(count[0]) - 1 do
          local slot = C.tl_mirror_by_id(mirror, tonumber(orders[i].order_id))
          assert.is_true(slot ~= 0)
          local mine, status = slots[slot], ffi.string(C.tl_order_status_name(orders[i].status))
          assert.same({ status, tonumber(orders[i].filled) }, { ffi.string(C.tl_order_status_name(mine.status_n)), mine.filled_n })
          seen[status] = (seen[status] or 0) + 1
          fills = fills + mine.filled_n
        end
        assert.is_true(fills > 1000)
        for _, status in ipairs { "filled", "canceled", "expired", "rejected" } do assert.truthy(seen[status], status .. " did not occur") end
        for id = 0, tonumber(C.tl_instruments_count(play.instruments)) - 1 do
          local shown, real = C.tl_view_at(view, id).position, C.tl_gateway_position(play.gateway, 0, id)
          if real ~= nil then
            assert.equal(tonumber(real.quantity), shown.quantity_n)
            assert.equal(tonumber(ffi.cast("int64_t", real.realized_e8.low)) / 1e8, shown.realized)
            assert.equal(tonumber(ffi.cast("int64_t", real.fees_e8.low)) / 1e8, shown.fees)
          end
        end
        assert.equal(0, tonumber(C.tl_mirror_illegal_transitions(mirror)))
        assert.equal(0, tonumber(C.tl_gateway_illegal_transitions(play.gateway)))
      end)
    end
  end
end)

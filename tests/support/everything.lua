-- A strategy that does everything with orders, data for it to do it on, and what must hold afterwards.
local assert = require "luassert"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}

-- Does everything that a script can do to orders, at random, until five minutes before the close; then takes all back and waits.
M.SCRIPT = [[
local strategy, order, snapshot, timeout, log = require "strategy", require "order", require "snapshot", require "timeout", require "log"
local s = strategy { params = { busy = 0.25, leaves = true } }
local random = math.random
local kinds = {
  order.options { round = true }, order.options { round = "aggressive", time_in_force = "ioc" }, order.options { round = true, post_only = true, tag = "p" },
  order.options { round = "nearest", time_in_force = "fok" }, order.options { round = true, expire = "5s" }, order.options { round = true, deadline = "150us" },
  order.options { round = true, post_only = "slide" }, order.options { round = true, reduce_only = true }, order.options { round = true, display = 10 },
}
local quoted = { order.options { round = true, post_only = true, tag = "a" }, order.options { round = "aggressive", tag = "b" } }
local closing

function s:on_start() if self.params.leaves then timeout.session { symbol = self.symbols[1], at = "close", offset = "-5m", name = "last" } end end
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

-- What else there is to act on, when the data has no quotes; an event's `bid` is then the price.
local function act(self, symbol, price)
  if closing or snapshot.quote(symbol).bid or random() > self.params.busy then return end
  acts[random(#acts)]({ symbol = symbol, bid = price }, price)
end
function s:on_bar(b) act(self, b.symbol, b.close) end
function s:on_trade(t) act(self, t.symbol, t.price) end

function s:on_stop() order.cancel_all {} end

function s:on_fill(o, f)
  if closing then order.flatten { symbol = f.symbol } end
end
return s
]]

-- A walk with gaps, halting stretches and sides that are missing; the same for the same seed.
local function walk(seed, row, count)
  local state = seed * 7919 + 1
  local function draw(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return math.floor(state / 65536) % n
  end
  local lines, cents, ns = {}, 10000, 0
  for i = 1, count do
    cents = math.max(cents + draw(7) - 3 + (draw(200) == 0 and draw(400) - 200 or 0), 100)
    ns = ns + (draw(4) == 0 and 0 or (draw(1000) + 1) * 1e6) + (draw(300) == 0 and 60e9 or 0)
    lines[i] = row(i, cents, 1704205800 + ns / 1e9, draw) -- 2024-01-02 09:30 in New York
  end
  return table.concat(lines, "\n") .. "\n"
end

local function money(cents)
  return ("%d.%02d"):format(math.floor(cents / 100), cents % 100)
end

local function stamp(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(seconds)) .. (".%06dZ"):format(seconds % 1 * 1e6)
end

--- CSV of each kind by name: a function of the seed and the number of rows.
M.csv = {
  quotes = function(seed, count)
    return "time,bid,ask,bid_size,ask_size\n" .. walk(seed, function(_, cents, at, draw)
      local one_side, spread = draw(40), draw(4)
      return ("%s,%s,%s,%d,%d"):format(stamp(at), one_side == 0 and "" or money(cents), one_side == 1 and "" or money(cents + spread),
        draw(20) * 10, draw(20) * 10)
    end, count)
  end,
  trades = function(seed, count)
    return "time,price,size,side\n" .. walk(seed, function(_, cents, at, draw)
      return ("%s,%s,%d,%s"):format(stamp(at), money(cents), draw(50) + 1, ({ "buy", "sell", "" })[draw(3) + 1])
    end, count)
  end,
  depth = function(seed, count)
    return "time,bid1,bid_size1,bid2,bid_size2,ask1,ask_size1,ask2,ask_size2\n" .. walk(seed, function(_, cents, at, draw)
      local spread = draw(3) + 1
      return ("%s,%s,%d,%s,%d,%s,%d,%s,%d"):format(stamp(at), money(cents), draw(20) * 10 + 1, money(cents - 1 - draw(2)), draw(20) * 10 + 1,
        money(cents + spread), draw(20) * 10 + 1, money(cents + spread + 1 + draw(2)), draw(20) * 10 + 1)
    end, count)
  end,
  changes = function(seed, count)
    return "time,side,price,size\n" .. walk(seed, function(i, cents, at, draw)
      local buy = i % 2 == 0
      return ("%s,%s,%s,%d"):format(stamp(at), buy and "bid" or "ask", money(10000 + (cents % 20) + (buy and -20 or 20)), draw(3) == 0 and 0 or draw(50) * 10)
    end, count)
  end,
  bars = function(seed, count)
    local day = 0
    return "date,open,high,low,close,volume\n" .. walk(seed, function(_, cents, _, draw)
      local open = cents + draw(60) - 30
      day = day + 1 + (draw(5) == 0 and 2 or 0)
      return ("%s,%s,%s,%s,%s,%d"):format(os.date("!%Y-%m-%d", 946857600 + day * 86400), money(open), money(math.max(open, cents) + draw(50)),
        money(math.min(open, cents) - draw(50)), money(cents), draw(10) * 100)
    end, count)
  end,
  minutes = function(seed, count)
    return "open time,open,high,low,close,volume\n" .. walk(seed, function(i, cents, _, draw)
      local open = cents + draw(60) - 30
      return ("%s,%s,%s,%s,%s,%d"):format(stamp(1704205800 + math.floor(i / 380) * 86400 + i % 380 * 60), money(open), money(math.max(open, cents) + draw(50)),
        money(math.min(open, cents) - draw(50)), money(cents), draw(10) * 100)
    end, count)
  end,
}

local function e8(wide) return tonumber(ffi.cast("int64_t", wide.low)) end

local CLOSED = { filled = true, canceled = true, rejected = true, denied = true, expired = true }

--- Holds a finished run's parts against each other. Returns how often each status occurred, and the filled quantity.
function M.check(play)
  local mirror, view = C.tl_host_mirror(play.host), C.tl_host_view(play.host)
  local slots, count = C.tl_mirror_orders(mirror), ffi.new "uint64_t[1]"
  assert.equal("", ffi.string(C.tl_host_first_error(play.host)))
  assert.equal(0, tonumber(C.tl_mirror_illegal_transitions(mirror)))
  assert.equal(0, tonumber(C.tl_gateway_illegal_transitions(play.gateway)))
  local counts = ffi.new "tl_gateway_counts"
  C.tl_gateway_count(play.gateway, counts)
  for _, name in ipairs { "commands_malformed", "commands_repeated", "reports_malformed", "duplicate_fills", "overflows", "output_lost" } do
    assert.equal(0, tonumber(counts[name]), name)
  end

  local orders, seen, filled, open = C.tl_recorder_orders(play.recorder, count), {}, 0, 0
  local of_order = {}
  for i = 0, tonumber(count[0]) - 1 do
    local id = tonumber(orders[i].order_id)
    local slot = C.tl_mirror_by_id(mirror, id)
    assert.is_true(slot ~= 0)
    local mine, status = slots[slot], ffi.string(C.tl_order_status_name(orders[i].status))
    local seen_status = ffi.string(C.tl_order_status_name(mine.status_n))
    -- on_stop takes back what rests, and nothing is handled after it
    if seen_status ~= "pending_cancel" or not CLOSED[status] then
      assert.same({ status, tonumber(orders[i].filled) }, { seen_status, mine.filled_n }, "order " .. id)
    end
    assert.is_true(orders[i].filled <= orders[i].quantity, "no more filled than was ordered")
    seen[status] = (seen[status] or 0) + 1
    filled = filled + mine.filled_n
    of_order[id] = tonumber(orders[i].filled)
    if not CLOSED[status] then open = open + 1 end
  end

  -- Fills make the orders, the positions and the cash.
  local fills = C.tl_recorder_fills(play.recorder, count)
  local position, value_e8, fees_e8 = {}, 0, 0
  for i = 0, tonumber(count[0]) - 1 do
    local f = fills[i]
    local one = C.tl_instruments_at(play.instruments, f.instrument)
    local signed = tonumber(f.quantity) * (f.side == C.TL_SIDE_BUY and 1 or -1)
    assert.is_true(f.quantity > 0)
    position[f.instrument] = (position[f.instrument] or 0) + signed
    assert.equal(position[f.instrument], tonumber(f.position))
    value_e8 = value_e8 + signed * tonumber(f.price) * 10 ^ (one.price_exponent + one.quantity_exponent + 8)
    fees_e8 = fees_e8 + tonumber(f.fee_e8)
    of_order[tonumber(f.order_id)] = of_order[tonumber(f.order_id)] - tonumber(f.quantity)
  end
  for id, left in pairs(of_order) do assert.equal(0, left, "fills of order " .. id) end
  for id = 0, tonumber(C.tl_instruments_count(play.instruments)) - 1 do
    local shown, real = C.tl_view_at(view, id).position, C.tl_gateway_position(play.gateway, 0, id)
    if real ~= nil then
      assert.equal(position[id] or 0, tonumber(real.quantity))
      assert.equal(tonumber(real.quantity), shown.quantity_n)
      assert.equal(e8(real.realized_e8) / 1e8, shown.realized)
      assert.equal(e8(real.fees_e8) / 1e8, shown.fees)
    end
  end
  local state = ffi.new "tl_account_state"
  C.tl_gateway_account(play.gateway, 0, state)
  local function near(a, b, what)
    if math.abs(a - b) > 1e-12 * math.abs(value_e8) + 100 then assert.equal(a, b, what) end
  end
  local initial_e8 = play.account.cash * 1e8
  near(initial_e8 - value_e8 - fees_e8, tonumber(state.cash_e8), "cash")
  near(tonumber(state.fees_e8), fees_e8, "fees")
  near(initial_e8 + tonumber(state.realized_e8 + state.unrealized_e8 - state.fees_e8), tonumber(state.equity_e8), "equity")
  assert.equal(open, state.open_orders)
  if open == 0 then near(tonumber(state.gross_exposure_e8), tonumber(state.margin_used_e8) * play.account.leverage, "nothing is reserved for orders") end
  return seen, filled
end

return M

--- Random commands of every kind against every kind of data: whatever comes, each order is answered once, fills within its limit and its
--- quantity, and ends once.
local venue = require "simulated_venue"
local C = venue.C

local SEED = tonumber(os.getenv "TIDELOCK_SEED") or 42
local OPEN = 34200e9
local random = math.random

local function stamp(ns)
  local s = ns / 1e9
  return ("2012-06-21 %02d:%02d:%09.6f"):format(math.floor(s / 3600), math.floor(s / 60) % 60, s % 60)
end

local function price(mantissa) return ("%.2f"):format(mantissa / 100) end

local common = { calendar = C.TL_CALENDAR_XNAS, price_exponent = -2 }

local function with(fields)
  local all = {}
  for name, value in pairs(common) do all[name] = value end
  for name, value in pairs(fields) do all[name] = value end
  return all
end

local function bars(n)
  local lines, at = { "time,open,high,low,close,volume" }, 1000
  for i = 1, n do
    local open = math.max(900, at + random(-3, 3))
    local close = math.max(900, open + random(-10, 10))
    local high, low = math.max(open, close) + random(0, 8), math.min(open, close) - random(0, 8)
    lines[#lines + 1] = table.concat({ stamp(OPEN + (i - 1) * 60e9), price(open), price(high), price(low), price(close), random(0, 500) }, ",")
    at = close
  end
  return { text = table.concat(lines, "\n") .. "\n", options = with { bar_time = C.TL_BAR_TIME_OPEN, interval_ns = 60e9 } }, n * 60e9
end

local function quotes(n)
  local lines, bid = { "time,bid,ask,bid_size,ask_size" }, 1000
  for i = 1, n do
    bid = math.max(900, bid + random(-2, 2))
    lines[#lines + 1] = table.concat({ stamp(OPEN + i * 1e6), random(20) == 1 and "" or price(bid), random(20) == 1 and "" or price(bid + random(1, 3)),
                                       random(0, 9) * 50, random(0, 9) * 50 }, ",")
  end
  return { text = table.concat(lines, "\n") .. "\n", options = common }, n * 1e6
end

local function trades(n)
  local lines, at = { "time,price,size,side" }, 1000
  for i = 1, n do
    at = math.max(900, at + random(-2, 2))
    lines[#lines + 1] = table.concat({ stamp(OPEN + i * 1e6 + 5e5), price(at), random(1, 9) * 20, ({ "", "buy", "sell" })[random(3)] }, ",")
  end
  return { text = table.concat(lines, "\n") .. "\n", options = common }, n * 1e6
end

local function depth(n)
  local lines, bid = { "time,bid1,bid_size1,ask1,ask_size1,bid2,bid_size2,ask2,ask_size2" }, 1000
  for i = 1, n do
    bid = math.max(900, bid + random(-2, 2))
    lines[#lines + 1] = table.concat({ stamp(OPEN + i * 1e6), price(bid), random(1, 9) * 50, price(bid + 1), random(1, 9) * 50, price(bid - 1),
                                       random(1, 9) * 50, price(bid + 2 + random(0, 1)), random(1, 9) * 50 }, ",")
  end
  return { text = table.concat(lines, "\n") .. "\n", options = common }, n * 1e6
end

local function history(n)
  local h, live, reference, bid = venue.history():directory(1):system(OPEN, "Q"), {}, 0, 1000
  for i = 1, n do
    local ts, what = OPEN + i * 1e6, random(1, 20)
    if what <= 9 or #live < 5 then
      reference = reference + 1
      bid = math.max(900, bid + random(-1, 1))
      local buy = random(2) == 1
      h:add(ts, reference, buy and "buy" or "sell", (buy and bid - random(0, 3) or bid + random(1, 4)) * 100, random(1, 9) * 50)
      live[#live + 1] = reference
    elseif what <= 12 then
      h:execute(ts, live[random(#live)], random(1, 200))
    elseif what <= 15 then
      h:delete(ts, table.remove(live, random(#live)))
    elseif what == 16 then
      reference = reference + 1
      h:replace(ts, live[#live], reference, (bid + random(-3, 3)) * 100, random(1, 9) * 50)
      live[#live] = reference
    elseif what == 17 then
      h:hidden(ts, "buy", (bid + random(-3, 3)) * 100, random(1, 300))
    elseif what == 18 then
      h:execute_at(ts, live[random(#live)], random(1, 100), (bid + random(-3, 3)) * 100, random(2) == 1 and "Y" or "N")
    elseif what == 19 then
      h:cross(ts, ({ "O", "C", "H" })[random(3)], (bid + random(-3, 3)) * 100, random(0, 500))
    else
      h:action(ts, ({ "T", "T", "T", "H", "P", "Q" })[random(6)])
    end
  end
  return h, n * 1e6
end

local TYPES = { "limit", "limit", "limit", "market", "stop", "stop_limit", "trailing_stop", "iceberg" }
local TIFS = { "day", "day", "gtc", "ioc", "fok", "gtd", "at_open", "at_close" }

local function random_order(id, unit, now)
  local around = function() return (1000 + random(-12, 12)) * unit end
  local fields = { id = id, side = random(2) == 1 and "buy" or "sell", quantity = random(1, 40) * 5, type = TYPES[random(#TYPES)], tif = TIFS[random(#TIFS)] }
  if fields.type == "limit" or fields.type == "stop_limit" or fields.type == "iceberg" then fields.price = around() end
  if fields.type == "stop" or fields.type == "stop_limit" then fields.stop_price = around() end
  if fields.type == "trailing_stop" then fields.offset = random(1, 6) * unit end
  if fields.type == "iceberg" then fields.display = 5 end
  if fields.tif == "gtd" then fields.expire = now + random(1, 50) * 1e6 end
  if random(6) == 1 then fields.post_only = true end
  if random(9) == 1 then fields.slide = true end
  if random(4) == 1 then fields.reduce_only = true end
  if random(5) == 1 then fields.on_quote = true end
  return fields
end

local function check(name, run, span, unit)
  local orders, answered, next_id, now = {}, 0, 0, 0
  local function wrong(order, what) error(("%s, seed %d, order %d: %s"):format(name, SEED, order.id, what)) end
  function run.on_report(r)
    local order = assert(orders[tonumber(r.order_id)])
    if r.kind == C.TL_REPORT_CANCEL_REJECTED or r.kind == C.TL_REPORT_REPLACE_REJECTED then return end
    if order.ended then wrong(order, "a report behind its end: kind " .. r.kind) end
    if r.kind == C.TL_REPORT_ACCEPTED or r.kind == C.TL_REPORT_REJECTED then
      if order.answered then wrong(order, "answered twice") end
      order.answered, order.ended = true, r.kind == C.TL_REPORT_REJECTED
      order.price = r.price ~= venue.ABSENT and tonumber(r.price) or nil
      order.quantity = tonumber(r.quantity)
      answered = answered + 1
      return
    end
    if not order.answered then wrong(order, "a report before its answer") end
    if r.kind == C.TL_REPORT_FILL then
      local at, quantity = tonumber(r.price), tonumber(r.quantity)
      order.filled = order.filled + quantity
      if quantity <= 0 then wrong(order, "an empty fill") end
      if order.filled ~= tonumber(r.filled) then wrong(order, "filled does not add up") end
      if order.filled > order.quantity then wrong(order, "filled more than its quantity") end
      if order.price and (order.side == "buy" and at > order.price or order.side == "sell" and at < order.price) then
        wrong(order, ("filled at %d, its limit is %d"):format(at, order.price))
      end
      order.ended = order.filled == order.quantity
    elseif r.kind == C.TL_REPORT_REPLACED or r.kind == C.TL_REPORT_RESTATED or r.kind == C.TL_REPORT_TRIGGERED then
      order.price = r.price ~= venue.ABSENT and tonumber(r.price) or nil
      order.quantity = tonumber(r.quantity)
    elseif r.kind == C.TL_REPORT_CANCELED or r.kind == C.TL_REPORT_EXPIRED then
      order.ended = true
    else
      wrong(order, "kind " .. r.kind)
    end
  end
  local last = 0
  while true do
    local ts = run:next()
    if not ts then break end
    if ts < last then error(name .. ": time goes back") end
    now = math.max(now, ts)
    last = ts
    run:step()
    for _ = 1, random(0, 2) do
      local what = random(1, 10)
      if what <= 6 then
        next_id = next_id + 1
        local fields = random_order(next_id, unit, now)
        orders[next_id] = { id = next_id, side = fields.side, quantity = fields.quantity, price = fields.price, filled = 0 }
        run:send(now, fields)
        if not orders[next_id].answered then error(name .. ": no answer for order " .. next_id) end
      elseif next_id > 0 then
        local id = random(math.max(1, next_id - 60), next_id)
        if what <= 8 then
          run:cancel(now, id)
          if #run.report == 0 then error(name .. ": no answer for a cancel") end
        else
          run:replace(now, id, random(3) > 1 and (1000 + random(-12, 12)) * unit or nil, random(3) > 1 and random(0, 40) * 5 or nil)
          if #run.report == 0 then error(name .. ": no answer for a replace") end
        end
      end
    end
  end
  assert.is_true(next_id > 50, next_id .. " orders")
  assert.equal(next_id, answered)
  assert.is_true(now <= math.max(OPEN + span, 57600e9))
end

describe("an own order", function()
  local function rounds() return os.getenv "TIDELOCK_SOAK" and 100 or 6 end
  local function csv_case(name, make, config)
    it("is answered once, fills within its limit and ends once against " .. name, function()
      math.randomseed(SEED)
      for _ = 1, rounds() do
        local inputs, span = make()
        local run = venue.run { csv = inputs, want = 63, config = config }
        C.tl_instruments_edit(run.instruments, run.instrument).tick = 1
        check(name, run, span, 1)
      end
    end)
  end
  local function one(make, n) return function() local input, span = make(n) return { input }, span end end
  csv_case("bars", one(bars, 120), {})
  csv_case("bars with a share of the volume", one(bars, 120), { bar_volume_e8 = 20000000, slippage_ticks = 2, bar_path = C.TL_BAR_PATH_WORST })
  csv_case("quotes", one(quotes, 400), { queue_model = C.TL_QUEUE_PROBABILISTIC, seed = SEED })
  csv_case("quotes and trades", function()
    local q, span = quotes(300)
    return { q, (trades(300)) }, span
  end, { queue_model = C.TL_QUEUE_PROPORTIONAL })
  csv_case("trades", one(trades, 400), {})
  csv_case("depth and trades", function()
    local d, span = depth(300)
    return { d, (trades(300)) }, span
  end, {})

  for self_trade = 0, 3 do
    it("is answered once, fills within its limit and ends once against orders, self-trade policy " .. self_trade, function()
      math.randomseed(SEED + self_trade)
      for _ = 1, rounds() do
        local h, span = history(600)
        check("orders", venue.run { history = h, config = { self_trade = self_trade } }, span, 100)
      end
    end)
  end
end)

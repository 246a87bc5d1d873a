--- Random small histories with random own orders, against a naive model of docs/FILLS.md that keeps every queue as a plain list.
local venue = require "simulated_venue"

local SEED = tonumber(os.getenv "TIDELOCK_SEED") or 20120621
local ROUNDS = os.getenv "TIDELOCK_SOAK" and 2000 or 120

-- ---- the model ----

local Model = {}
Model.__index = Model

--- `queue`: all orders in the order of their arrival at their place: { reference, side, price, real, history, own }.
local function new_model() return setmetatable({ queue = {}, fills = {} }, Model) end

local function other(side) return side == "buy" and "sell" or "buy" end
local function better(side, a, b) if side == "buy" then return a > b end return a < b end
local function reaches(side, limit, price) if side == "buy" then return limit >= price end return limit <= price end

function Model:best_first(side, own_only)
  local list = {}
  for place, o in ipairs(self.queue) do
    if o.side == side and o.real > 0 and (o.own or not own_only) then list[#list + 1] = { o = o, place = place } end
  end
  table.sort(list, function(a, b)
    if a.o.price ~= b.o.price then return better(side, a.o.price, b.o.price) end
    return a.place < b.place
  end)
  local out = {}
  for i, item in ipairs(list) do out[i] = item.o end
  return out
end

function Model:find(reference)
  for place, o in ipairs(self.queue) do if not o.own and o.reference == reference then return o, place end end
end

function Model:sweep()
  for place = #self.queue, 1, -1 do
    local o = self.queue[place]
    if o.real <= 0 and (o.own or o.history <= 0) then table.remove(self.queue, place) end
  end
end

function Model:fill(o, quantity, price, liquidity)
  o.real = o.real - quantity
  self.fills[#self.fills + 1] = ("%d %d@%d %s"):format(o.reference, quantity, price, liquidity)
end

--- Own orders of `side` that `chosen` says, best first, trade up to `left`; returns what is left.
function Model:hit(side, left, chosen)
  for _, o in ipairs(self:best_first(side, true)) do
    if left > 0 and chosen(o) then
      local quantity = math.min(left, o.real)
      self:fill(o, quantity, o.price, "maker")
      left = left - quantity
    end
  end
  return left
end

function Model:bring(reference, side, price, shares, missing)
  local left = math.max(0, shares - missing)
  left = self:hit(other(side), left, function(o) return reaches(side, price, o.price) end)
  self.queue[#self.queue + 1] = { reference = reference, side = side, price = price, real = left, history = shares }
end

function Model:place_of(wanted)
  for place, o in ipairs(self.queue) do if o == wanted then return place end end
end

--- Whether own order `o` stands in front of history's order at `place` (or, when that has nothing real, of the first that has).
function Model:in_front(o, target)
  if target.real <= 0 then
    for _, one in ipairs(self.queue) do
      if one.side == o.side and one.price == o.price and one.real > 0 then
        if not one.own then return false end
        if one == o then return true end
      end
    end
    return false
  end
  return self:place_of(o) < self:place_of(target)
end

function Model:execute(reference, quantity)
  local r = self:find(reference)
  local side = r.side
  local left = self:hit(side, quantity, function(o)
    return better(side, o.price, r.price) or (o.price == r.price and self:in_front(o, r))
  end)
  local open = r.real
  r.real = math.max(0, open - quantity)
  r.history = r.history - quantity
  local excess = math.min(left - open, math.max(0, quantity - open))
  if excess > 0 then
    -- Those right behind it, in front of the next order of history.
    local place, behind = self:place_of(r), nil
    for i, o in ipairs(self.queue) do
      if not behind and not o.own and o.side == side and o.price == r.price and o.real > 0 and (open <= 0 or i > place) then behind = i end
    end
    self:hit(side, excess, function(o) return o.price == r.price and self:place_of(o) < (behind or math.huge) end)
  end
end

--- A hidden trade, or an execution away from its order's price: own orders strictly better than the price.
function Model:strictly_better(side, price, quantity)
  return self:hit(side, quantity, function(o) return better(side, o.price, price) end)
end

function Model:hidden(_, price, quantity)
  self:strictly_better("sell", price, self:strictly_better("buy", price, quantity))
end

function Model:execute_at(reference, quantity, price)
  local r = self:find(reference)
  if price == r.price then return self:execute(reference, quantity) end
  self:strictly_better(r.side, price, quantity)
  self:cancel(reference, quantity)
end

function Model:cancel(reference, quantity)
  local r = self:find(reference)
  r.real = math.max(0, r.real - quantity)
  r.history = r.history - quantity
end

function Model:delete(reference)
  local r = self:find(reference)
  r.real, r.history = 0, 0
end

function Model:replace(reference, new, price, shares)
  local r = self:find(reference)
  local missing, side = r.history - r.real, r.side
  r.real, r.history = 0, 0
  self:bring(new, side, price, shares, missing)
end

--- A step of history: its name and what it says.
function Model:play(step)
  if step[1] == "add" then
    self:bring(step[2], step[3], step[4], step[5], 0)
  else
    self[step[1]](self, unpack(step, 2))
  end
end

function Model:send(id, side, price, quantity, ioc)
  local left = quantity
  for _, o in ipairs(self:best_first(other(side))) do
    if left > 0 and reaches(side, price, o.price) then
      local traded = math.min(left, o.real)
      self.fills[#self.fills + 1] = ("%d %d@%d taker"):format(id, traded, o.price)
      if o.own then self:fill(o, traded, o.price, "maker") else o.real = o.real - traded end
      left = left - traded
    end
  end
  if left > 0 and not ioc then
    self.queue[#self.queue + 1] = { reference = id, side = side, price = price, real = left, own = true }
  end
end

function Model:cancel_own(id)
  for _, o in ipairs(self.queue) do if o.own and o.reference == id then o.real = 0 end end
end

function Model:place(id)
  for place, mine in ipairs(self.queue) do
    if mine.own and mine.reference == id and mine.real > 0 then
      local ahead, total = 0, 0
      for i, o in ipairs(self.queue) do
        if o.side == mine.side and o.price == mine.price then
          total = total + o.real
          if i < place then ahead = ahead + o.real end
        end
      end
      return ahead, total
    end
  end
end

--- Levels of a side, best first, as "size@price".
function Model:levels(side)
  local out, last = {}, nil
  for _, o in ipairs(self:best_first(side)) do
    if last and last.price == o.price then
      last.size = last.size + o.real
    else
      last = { price = o.price, size = o.real }
      out[#out + 1] = last
    end
  end
  for i, level in ipairs(out) do out[i] = ("%d@%d"):format(level.size, level.price) end
  return table.concat(out, " ")
end

-- ---- histories that could have been: made against a market without us ----

local function random_history(random, length)
  local history, pure, steps, ts = venue.history():directory(1), new_model(), {}, 1
  local reference = 0
  local function price_for(side)
    local bids, asks = pure:best_first("buy"), pure:best_first("sell")
    local price = ((side == "buy" and 1000 - random(0, 4) or 1001 + random(0, 4)) + random(-3, 3)) * 100
    if side == "buy" and asks[1] then price = math.min(price, asks[1].price - 100) end
    if side == "sell" and bids[1] then price = math.max(price, bids[1].price + 100) end
    return price
  end
  local function any()
    if #pure.queue == 0 then return nil end
    return pure.queue[random(1, #pure.queue)]
  end
  for _ = 1, length do
    ts = ts + 10
    local what, step = random(1, 12), nil
    local side = random(1, 2) == 1 and "buy" or "sell"
    if what <= 4 or #pure.queue == 0 then
      reference = reference + 1
      step = { "add", reference, side, price_for(side), random(1, 9) * 10 }
    elseif what <= 7 then
      local r = pure:best_first(side)[1] -- history executes whoever is first; now and then somebody else
      if r and random(1, 12) == 1 then r = any() end
      if r then step = { "execute", r.reference, random(1, 4) == 1 and r.real or math.min(r.real, random(1, 9) * 5) } end
    elseif what == 8 then
      local r = any()
      if r.real > 10 then step = { "cancel", r.reference, 10 } end
    elseif what == 9 then
      step = { "delete", any().reference }
    elseif what == 10 then
      step = { "hidden", "buy", (1000 + random(-5, 6)) * 100, random(1, 9) * 10 }
    elseif what == 11 then
      local r = any()
      step = { "execute_at", r.reference, math.min(r.real, random(1, 9) * 5), r.price + random(-2, 2) * 100 }
    else
      local r = any()
      reference = reference + 1
      r.real, r.held = 0, r.real -- it does not stand in its own way
      local price = price_for(r.side)
      r.real = r.held
      step = { "replace", r.reference, reference, price, random(1, 9) * 10 }
    end
    if step then
      history[step[1]](history, ts, unpack(step, 2))
      pure:play(step)
      pure:sweep()
      step.ts = ts
      steps[#steps + 1] = step
    end
  end
  return history, steps
end

-- ---- the comparison ----

local function run_round(seed)
  math.randomseed(seed)
  local random = math.random
  local history, steps = random_history(random, 120)
  local run = venue.run { history = history, config = { self_trade = 3 } }
  local model, told, levels = new_model(), {}, { buy = {}, sell = {} }
  local fills = {}
  function run.on_report(r)
    if r.kind == venue.C.TL_REPORT_FILL then
      fills[#fills + 1] = ("%d %d@%d %s"):format(tonumber(r.order_id), tonumber(r.quantity), tonumber(r.price),
        r.liquidity == 1 and "maker" or "taker")
    end
  end
  function run.on_event(e)
    if e.kind == venue.C.TL_EVENT_QUEUE then
      told[tonumber(e.w[0])] = { tonumber(e.w[1]), tonumber(e.w[2]) }
    elseif e.kind == venue.C.TL_EVENT_LEVEL then
      levels[e.w[3] == 1 and "buy" or "sell"][tonumber(e.w[0])] = e.w[1] > 0 and tonumber(e.w[1]) or nil
    end
  end
  local function picture(side)
    local prices, out = {}, {}
    for price in pairs(levels[side]) do prices[#prices + 1] = price end
    table.sort(prices, function(a, b) return better(side, a, b) end)
    for i, price in ipairs(prices) do out[i] = ("%d@%d"):format(levels[side][price], price) end
    return table.concat(out, " ")
  end
  local id, open = 1000000, {}
  local function compare(what)
    model:sweep()
    local where = ("seed %d, %s"):format(seed, what)
    assert.equal(table.concat(model.fills, "; "), table.concat(fills, "; "), where)
    for _, side in ipairs { "buy", "sell" } do assert.equal(model:levels(side), picture(side), where) end
    for _, one in ipairs(open) do
      local ahead, total = model:place(one)
      if ahead then assert.same({ ahead, total }, told[one], where .. ", order " .. one) end
    end
    model.fills, fills = {}, {}
  end
  for k, step in ipairs(steps) do
    run:play(step.ts)
    model:play(step)
    compare(("step %d: %s"):format(k, table.concat(step, " ")))
    if random(1, 3) == 1 then
      local side = random(1, 2) == 1 and "buy" or "sell"
      local price = (1000 + random(-4, 5)) * 100
      local quantity, ioc = random(1, 9) * 5, random(1, 5) == 1
      id = id + 1
      run:send(step.ts + 1, { id = id, side = side, quantity = quantity, price = price, tif = ioc and "ioc" or "day" })
      model:send(id, side, price, quantity, ioc)
      open[#open + 1] = id
      compare(("own %s %d@%d after step %d"):format(side, quantity, price, k))
    elseif #open > 0 and random(1, 6) == 1 then
      local one = table.remove(open, random(1, #open))
      run:cancel(step.ts + 2, one)
      model:cancel_own(one)
      compare(("cancel %d after step %d"):format(one, k))
    end
  end
  for _, text in ipairs(run:problems()) do error(("seed %d: %s"):format(seed, text)) end
end

describe("own orders in a replayed market", function()
  it("trade, stand in their queues and change the levels as a naive model says", function()
    print(("  seed %d, %d rounds"):format(SEED, ROUNDS))
    for round = 1, ROUNDS do run_round(SEED + round) end
  end)
end)

local matching = require "matching_engine"
local model = require "matching_model"

local soak = os.getenv "TIDELOCK_SOAK"
local seed = tonumber(os.getenv "TIDELOCK_SEED" or "") or 20120621
local operations = soak and 3000000 or 200000

--- One random operation on both sides; returns what was asked, and both answers.
local function step(random, ids, e, m, use)
  local function pick(list) return list[random(#list)] end
  -- The model looks at every order for every question: a book that only grew would stop it.
  local dice = #m.resting > 250 and random(3) > 1 and 62 or random(100)
  local function any_id()
    local list = random(2) == 1 and m.waiting or m.resting
    if #list > 0 and random(10) < 10 then return list[random(#list)].id end
    return #ids > 0 and ids[random(math.max(1, #ids - 60), #ids)] or random(5)
  end
  if dice <= 58 then
    local id = random(50) == 1 and any_id() or ids.next
    ids.next = math.max(ids.next, id + 1)
    ids[#ids + 1] = id
    local side, quantity = pick { "buy", "sell" }, random(20)
    local price = side == "buy" and 30 + random(-10, 2) or 30 + random(-2, 10)
    local more = { owner = random(0, use.owners), tif = pick { "day", "gtc" } }
    local kind = random(100)
    if kind <= 8 then price = nil
    elseif kind <= 16 then more.tif = "ioc"
    elseif kind <= 22 then more.tif = "fok"
    elseif kind <= 34 then more.display = random(quantity)
    elseif kind <= 40 then more.post_only = true
    elseif kind <= 43 then more.slide = true
    elseif kind <= 50 and use.stops then more.type, more.stop, price = "stop", 30 + random(-10, 10), nil
    elseif kind <= 57 and use.stops then
      more.type, more.stop = "stop_limit", 30 + random(-10, 10)
      if random(4) == 1 then more.tif = pick { "ioc", "fok" } end
    elseif kind <= 64 and use.stops then
      more.type, more.offset, price = "trailing_stop", random(6), nil
      if random(3) == 1 then more.stop = 30 + random(-12, 12) end
    end
    if random(10) == 1 and more.tif ~= "ioc" and more.tif ~= "fok" and (price or more.stop or more.offset) then
      more.expire, more.tif = m.now + random(40), "gtd"
    end
    if use.reduce and random(5) == 1 then more.reduce_only = true end
    return { "new", id, side, quantity, price or "market", more }, e:new(id, side, quantity, price, more), m:new(id, side, quantity, price, more)
  elseif dice <= 66 then
    local id = any_id()
    return { "cancel", id }, e:cancel(id), m:cancel(id)
  elseif dice <= 84 then
    local id = any_id()
    local price, quantity = random(3) > 1 and 30 + random(-8, 8) or nil, random(3) > 1 and random(20) or nil
    return { "replace", id, price or "same", quantity or "same" }, e:replace(id, price, quantity), m:replace(id, price, quantity)
  elseif dice <= 98 then
    local ts = m.now + random(8)
    return { "time", ts }, e:time(ts), m:time(ts)
  elseif random(20) == 1 then
    return { "end of day" }, e:end_of_day(), m:end_of_day()
  else
    local name = random(30) == 1 and pick { "halted", "closed" } or "trading"
    return { "state", name }, e:state(name), m:state(name)
  end
end

local function same(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do if a[i] ~= b[i] then return false end end
  return true
end

--- Quantity is conserved, and both sides of a fill agree.
local function check_fills(events)
  local i = 1
  while i <= #events do
    local id, what, against = events[i]:match "^fill (%d+) (%S+) against (%d+) taker"
    if id then
      assert.matches(("^fill %s %s against %s maker"):format(against, what:gsub("%-", "%%-"), id), events[i + 1])
      i = i + 1
    end
    i = i + 1
  end
end

local function run(use, count)
  math.randomseed(seed)
  local random = math.random
  local e, m = matching.new { self_trade = use.self_trade }, model.new { self_trade = use.self_trade }
  local ids = { next = 10 }
  for n = 1, count do
    local asked, got, wanted = step(random, ids, e, m, use)
    if not same(got, wanted) then
      assert.same(wanted, got, ("seed %d, operation %d: %s"):format(seed, n, require("pl.pretty").write(asked, "")))
    end
    check_fills(got)
    if n % 97 == 0 then
      local bids, asks = e:book "buy", e:book "sell"
      if not (same(bids, m:book "buy") and same(asks, m:book "sell")) then
        assert.same({ m:book "buy", m:book "sell" }, { bids, asks }, ("seed %d, operation %d"):format(seed, n))
      end
      if bids[1] and asks[1] then
        assert.is_true(tonumber(bids[1]:match "^%d+") < tonumber(asks[1]:match "^%d+"), "the book is crossed")
      end
      for owner = 1, use.owners do assert.equal(m:position(owner), e:position(owner)) end
    end
    if #ids > 4000 then
      local kept = { next = ids.next }
      for i = #ids - 100, #ids do kept[#kept + 1] = ids[i] end
      ids = kept
    end
  end
end

describe("the matching engine against a naive model, seed " .. seed, function()
  for _, use in ipairs {
    { self_trade = "newest", owners = 0, share = 0.3, name = "plain orders" },
    { self_trade = "newest", owners = 3, stops = true, reduce = true, share = 0.25, name = "everything, newest cancelled" },
    { self_trade = "oldest", owners = 3, stops = true, reduce = true, share = 0.2, name = "everything, oldest cancelled" },
    { self_trade = "both", owners = 2, stops = true, reduce = true, share = 0.1, name = "everything, both cancelled" },
    { self_trade = "allow", owners = 3, stops = true, reduce = true, share = 0.15, name = "everything, self trades allowed" },
  } do
    it("gives the same events: " .. use.name, function() run(use, operations * use.share) end)
  end
end)

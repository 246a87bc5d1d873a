--- For specs: what a matching engine does, written as plainly as can be: one list of orders, searched from end to end for every
--- question. It shares no code with the engine; its events are texts like those of `matching_engine`.
local M = {}
local Model = {}
Model.__index = Model

function M.new(options)
  options = options or {}
  return setmetatable({
    policy = options.self_trade or "newest", tick = options.tick or 1, resting = {}, waiting = {}, triggered = {}, log = {}, positions = {},
    last = nil, now = 0, counter = 0, trading = "trading",
  }, Model)
end

local function opposite(side) return side == "buy" and "sell" or "buy" end
local function reaches(side, limit, price)
  if not limit then return true end
  if side == "buy" then return limit >= price end
  return limit <= price
end

function Model:stamp()
  self.counter = self.counter + 1
  return self.counter
end

function Model:say(fmt, ...) self.log[#self.log + 1] = fmt:format(...) end

function Model:events()
  local log = self.log
  self.log = {}
  return log
end

local function drop(list, order)
  for i, o in ipairs(list) do if o == order then table.remove(list, i) return end end
  error "not in the list"
end

local function find(list, id)
  for _, o in ipairs(list) do if o.id == id then return o end end
end

--- Resting orders of a side, best first.
function Model:queue(side)
  local list = {}
  for _, o in ipairs(self.resting) do if o.side == side then list[#list + 1] = o end end
  table.sort(list, function(a, b)
    if a.price ~= b.price then
      if side == "buy" then return a.price > b.price end
      return a.price < b.price
    end
    return a.place < b.place
  end)
  return list
end

function Model:best(side)
  local best
  for _, o in ipairs(self.resting) do
    if o.side == side and (not best or (side == "buy" and o.price > best.price) or (side == "sell" and o.price < best.price)
                           or (o.price == best.price and o.place < best.place)) then
      best = o
    end
  end
  return best
end

function Model:position(owner) return self.positions[owner] or 0 end

function Model:reducible(owner, side)
  if owner == 0 then return 0 end
  return math.max(0, side == "buy" and -self:position(owner) or self:position(owner))
end

local function open_of(o) return o.total - o.filled end

function Model:move_position(o, quantity)
  if o.owner ~= 0 then self.positions[o.owner] = self:position(o.owner) + (o.side == "buy" and quantity or -quantity) end
end

function Model:canceled(o, reason) self:say("canceled %d %s", o.id, reason) end

function Model:trim(owner)
  if owner == 0 then return end
  local list = {}
  for _, o in ipairs(self.resting) do if o.owner == owner and o.reduce_only then list[#list + 1] = o end end
  table.sort(list, function(a, b) return a.rested > b.rested end)
  for _, o in ipairs(list) do
    local most = self:reducible(owner, o.side)
    local excess = open_of(o) - most
    if excess > 0 and most == 0 then
      drop(self.resting, o)
      self:canceled(o, "reduce_only")
    elseif excess > 0 then
      self:shrink(o, excess)
      o.total = o.total - excess
      self:say("restated %d %d@%d reduce_only", o.id, open_of(o), o.price)
    end
  end
end

function Model:shrink(o, less)
  local of_hidden = math.min(less, o.hidden)
  o.hidden = o.hidden - of_hidden
  o.shown = o.shown - (less - of_hidden)
end

function Model:fill_maker(o, quantity, against)
  o.filled = o.filled + quantity
  self:say("fill %d %d@%d against %d maker left %d", o.id, quantity, o.price, against, open_of(o))
  self:move_position(o, quantity)
  o.shown = o.shown - quantity
  if o.shown == 0 then
    if o.hidden > 0 then
      o.shown = math.min(o.hidden, o.display)
      o.hidden = o.hidden - o.shown
      o.place = self:stamp()
    else
      drop(self.resting, o)
    end
  end
end

local function copy(t)
  local c = {}
  for k, v in pairs(t) do c[k] = v end
  return c
end

--- How much of an order would trade now, found by trading on a copy.
function Model:tradable(o)
  local shadow = setmetatable(copy(self), Model)
  shadow.resting, shadow.log, shadow.positions = {}, {}, copy(self.positions)
  local count = {}
  for _, r in ipairs(self.resting) do
    local key = r.owner .. r.side
    count[key] = (count[key] or 0) + 1
  end
  for _, r in ipairs(self.resting) do
    local c = copy(r)
    -- A reduce-only order beside others of its owner cannot be counted on.
    c.uncertain = r.reduce_only and count[r.owner .. r.side] > 1
    shadow.resting[#shadow.resting + 1] = c
  end
  shadow.waiting = {}
  local want, got = open_of(o), 0
  while got < want do
    local maker = shadow:best(opposite(o.side))
    if not maker or not reaches(o.side, o.price, maker.price) then break end
    if o.owner ~= 0 and maker.owner == o.owner and self.policy ~= "allow" then
      if self.policy ~= "oldest" then break end
      drop(shadow.resting, maker)
    elseif maker.uncertain then
      drop(shadow.resting, maker)
    else
      local quantity = math.min(want - got, maker.shown)
      got = got + quantity
      shadow:fill_maker(maker, quantity, 0)
    end
  end
  return got
end

function Model:print(price)
  self.last = price
  if self.trading ~= "trading" then return end
  for _, s in ipairs(self.waiting) do
    if s.trail and (not s.water or (s.side == "buy" and price < s.water) or (s.side == "sell" and price > s.water)) then
      s.water = price
      local stop = self:trail(s, price)
      if stop and (not s.stop or (s.side == "buy" and stop < s.stop) or (s.side == "sell" and stop > s.stop)) then
        s.stop, s.placed = stop, self:stamp()
      end
    end
  end
  for _, side in ipairs { "buy", "sell" } do
    local list = {}
    for _, s in ipairs(self.waiting) do
      if s.side == side and s.stop and ((side == "buy" and price >= s.stop) or (side == "sell" and price <= s.stop)) then list[#list + 1] = s end
    end
    table.sort(list, function(a, b)
      if a.stop ~= b.stop then
        if side == "buy" then return a.stop < b.stop end
        return a.stop > b.stop
      end
      return a.placed < b.placed
    end)
    for _, s in ipairs(list) do
      drop(self.waiting, s)
      self.triggered[#self.triggered + 1] = s
    end
  end
end

--- nil where an offset is wider than the price.
function Model:trail(s, price)
  local stop = s.side == "buy" and price + s.trail or price - s.trail
  if stop < 1 then return nil end
  return stop
end

function Model:match(o)
  while open_of(o) > 0 do
    local maker = self:best(opposite(o.side))
    if not maker or not reaches(o.side, o.price, maker.price) then return end
    if o.owner ~= 0 and maker.owner == o.owner and self.policy ~= "allow" then
      if self.policy ~= "newest" then
        drop(self.resting, maker)
        self:canceled(maker, "self_trade")
      end
      if self.policy ~= "oldest" then return "self_trade" end
    else
      local quantity, price = math.min(open_of(o), maker.shown), maker.price
      o.filled = o.filled + quantity
      self:move_position(o, quantity)
      self:say("fill %d %d@%d against %d taker left %d", o.id, quantity, price, maker.id, open_of(o))
      self:fill_maker(maker, quantity, o.id)
      self:trim(maker.owner)
      self:trim(o.owner)
      self:print(price)
    end
  end
end

--- Brings an order to the book; `line` is the index of the event that tells how much is ahead of it.
function Model:execute(o, line)
  local reason
  if o.tif == "fok" and self:tradable(o) < open_of(o) then
    reason = "fok"
  else
    reason = self:match(o)
    if not reason then
      if open_of(o) == 0 then return end
      if o.type == "market" then reason = o.filled == 0 and "no_liquidity" or "ioc"
      elseif o.tif == "ioc" then reason = "ioc" end
    end
  end
  if reason then return self:canceled(o, reason) end
  local ahead = 0
  for _, r in ipairs(self.resting) do if r.side == o.side and r.price == o.price then ahead = ahead + r.shown end end
  o.shown = math.min(open_of(o), o.display > 0 and o.display or open_of(o))
  o.hidden = open_of(o) - o.shown
  o.place = self:stamp()
  o.rested = o.place
  self.resting[#self.resting + 1] = o
  self.log[line] = self.log[line] .. " behind " .. ahead
end

local function price_text(o) return o.price and tostring(o.price) or "-" end

function Model:settle()
  while #self.triggered > 0 do
    local o = table.remove(self.triggered, 1)
    o.type = o.type == "stop_limit" and "limit" or "market"
    local reason
    if o.reduce_only then
      local most = self:reducible(o.owner, o.side)
      if most == 0 then reason = "reduce_only" else o.total = math.min(o.total, o.filled + most) end
    end
    self:say("triggered %d %d@%s", o.id, open_of(o), price_text(o))
    local line = #self.log
    if reason then self:canceled(o, reason) else self:execute(o, line) end
  end
end

function Model:await(o)
  if o.trail and not o.water and self.last then
    o.water = self.last
    o.stop = o.stop or self:trail(o, self.last)
  end
  if o.stop and self.last and self.trading == "trading"
     and ((o.side == "buy" and self.last >= o.stop) or (o.side == "sell" and self.last <= o.stop)) then
    self.triggered[#self.triggered + 1] = o
  else
    o.placed = self:stamp()
    self.waiting[#self.waiting + 1] = o
  end
end

function Model:new(id, side, quantity, price, more)
  local o = { id = id, side = side, total = quantity, filled = 0, price = price, type = more.type or (price and "limit" or "market"),
              tif = more.tif, stop = more.stop, trail = more.offset, display = more.display or 0, expire = more.expire,
              owner = more.owner or 0, reduce_only = more.reduce_only, post_only = more.post_only, slide = more.slide }
  local stops = o.type:find "stop"
  local reason
  if self.trading ~= "trading" then reason = self.trading
  elseif o.expire and o.expire <= self.now then reason = "expire_time"
  elseif o.display > o.total then reason = "bad_quantity"
  elseif find(self.resting, id) or find(self.waiting, id) then reason = "duplicate_id"
  elseif o.reduce_only and not stops and self:reducible(o.owner, side) == 0 then reason = "reduce_only" end
  if not reason and (o.post_only or o.slide) then
    local best = self:best(opposite(side))
    if best and reaches(side, price, best.price) then
      local slid = side == "buy" and best.price - self.tick or best.price + self.tick
      if o.slide and slid > 0 then o.price = slid else reason = "post_only" end
    end
  end
  if reason then
    self:say("rejected %d %s", id, reason)
    return self:events()
  end
  if o.reduce_only and not stops then o.total = math.min(o.total, self:reducible(o.owner, side)) end
  o.arrived = self:stamp()
  self:say("accepted %d %d@%s", id, o.total, price_text(o))
  if stops then self:await(o) else self:execute(o, #self.log) end
  self:settle()
  return self:events()
end

function Model:cancel(id)
  local o = find(self.resting, id) or find(self.waiting, id)
  if not o then self:say("cancel_rejected %d unknown_order", id) return self:events() end
  drop(find(self.resting, id) and self.resting or self.waiting, o)
  self:canceled(o, "requested")
  return self:events()
end

function Model:replace(id, price, quantity)
  local resting, waiting = find(self.resting, id), find(self.waiting, id)
  local o = resting or waiting
  local reason
  if not o then reason = "unknown_order"
  elseif self.trading ~= "trading" then reason = self.trading
  elseif price and waiting and o.type == "trailing_stop" then reason = "bad_price" end
  if reason then self:say("replace_rejected %d %s", id, reason) return self:events() end
  local total = quantity or o.total
  if total <= o.filled then
    drop(resting and self.resting or self.waiting, o)
    self:canceled(o, "requested")
    return self:events()
  end
  if waiting and not price and total < o.total then
    o.total = total
    self:say("replaced %d %d@%s", id, open_of(o), price_text(o))
    return self:events()
  end
  if waiting then
    drop(self.waiting, o)
    o.total = total
    if price and o.type == "stop" then o.stop = price elseif price then o.price = price end
    self:say("replaced %d %d@%s", id, open_of(o), price_text(o))
    self:await(o)
    self:settle()
    return self:events()
  end
  if o.reduce_only then total = math.min(total, o.filled + self:reducible(o.owner, o.side)) end
  price = price or o.price
  if price == o.price and total < o.total then
    self:shrink(o, o.total - total)
    o.total = total
    self:say("replaced %d %d@%d", id, open_of(o), o.price)
    return self:events()
  end
  if o.post_only or o.slide then
    local best = self:best(opposite(o.side))
    if best and reaches(o.side, price, best.price) then
      local slid = o.side == "buy" and best.price - self.tick or best.price + self.tick
      if o.slide and slid > 0 then price = slid else
        self:say("replace_rejected %d post_only", id)
        return self:events()
      end
    end
  end
  drop(self.resting, o)
  o.price, o.total = price, total
  self:say("replaced %d %d@%d", id, open_of(o), o.price)
  self:execute(o, #self.log)
  self:settle()
  return self:events()
end

function Model:time(ts)
  while true do
    local due, from
    for _, list in ipairs { self.resting, self.waiting } do
      for _, o in ipairs(list) do
        if o.expire and o.expire <= ts and (not due or o.expire < due.expire or (o.expire == due.expire and o.arrived < due.arrived)) then
          due, from = o, list
        end
      end
    end
    if not due then break end
    drop(from, due)
    self:say("expired %d expire_time", due.id)
  end
  self.now = math.max(self.now, ts)
  return self:events()
end

function Model:end_of_day()
  local due = {}
  for _, list in ipairs { self.resting, self.waiting } do
    for _, o in ipairs(list) do if o.tif == "day" then due[#due + 1] = { o, list } end end
  end
  table.sort(due, function(a, b) return a[1].arrived < b[1].arrived end)
  for _, pair in ipairs(due) do
    drop(pair[2], pair[1])
    self:say("expired %d end_of_day", pair[1].id)
  end
  return self:events()
end

function Model:state(name)
  self.trading = name
  if name == "trading" and self.last then
    self:print(self.last)
    self:settle()
  end
  return self:events()
end

function Model:book(side)
  local list, price = {}, nil
  for _, o in ipairs(self:queue(side)) do
    if o.price ~= price then
      list[#list + 1], price = o.price .. ":", o.price
    end
    list[#list] = ("%s %d*%d"):format(list[#list], o.id, o.shown)
  end
  return list
end

return M

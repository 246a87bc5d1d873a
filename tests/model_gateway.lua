--- For specs of the paper venue: a gateway that believes nothing. It sends random commands, and each report must follow from what was sent and reported before.
local native = require "tidelock.native"
local C = native.C

local M = {}
local BUY, SELL = 1, 2

local Model = {}
Model.__index = Model

function M.new(bench, seed)
  return setmetatable({ bench = bench, seed = seed, orders = {}, open = {}, next_id = 1, execution = 0, cancels = 0, canceled = 0, replaces = 0, replaced = 0,
    fills = 0, unasked = 0 }, Model)
end

function Model:check(condition, report, what)
  if condition then return end
  local order = self.orders[report.id] or {}
  error(("seed %d: order %d %s: %s; report %s quantity %d filled %d reason %q; order quantity %s filled %s state %s"):format(self.seed, report.id, what,
    report.kind, report.kind, report.quantity, report.filled, report.reason, tostring(order.quantity), tostring(order.filled), tostring(order.state)))
end

--- A command that somebody sent.
function Model:sent(fields)
  if fields.kind == C.TL_COMMAND_CANCEL then
    self.cancels = self.cancels + 1
  elseif fields.kind == C.TL_COMMAND_REPLACE then
    self.replaces = self.replaces + 1
  else
    local order = { id = fields.order_id, side = fields.side, quantity = fields.quantity, filled = 0, state = "sent" }
    self.orders[order.id] = order
    self.open[#self.open + 1] = order
  end
end

function Model:act()
  local count, kind = #self.open, math.random()
  if kind < 0.5 or count == 0 then
    local id = self.next_id
    local price = self.middle + math.random(-5, 5) * 100
    local fields = { order_id = id, side = math.random(BUY, SELL), quantity = math.random(1, 400), price = price, strategy = id % 3, instrument = 0,
      flags = math.random() < 0.2 and 1 or 0, time_in_force = math.random() < 0.1 and C.TL_TIF_IOC or C.TL_TIF_GTC }
    if not self.bench:send(fields) then return end
    self.next_id = id + 1
    self:sent(fields)
  else
    local order = self.open[math.random(count)]
    local fields = { kind = C.TL_COMMAND_CANCEL, order_id = order.id, strategy = order.id % 3 }
    if kind >= 0.75 then
      fields.kind, fields.price = C.TL_COMMAND_REPLACE, self.middle + math.random(-5, 5) * 100
      fields.quantity = order.quantity + math.random(0, 50)
    end
    if self.bench:send(fields) then self:sent(fields) end
  end
end

function Model:close(order)
  order.state = "closed"
  for i, other in ipairs(self.open) do
    if other == order then
      table.remove(self.open, i)
      return
    end
  end
end

function Model:read()
  for _, r in ipairs(self.bench:reports()) do
    local order = self.orders[r.id]
    self:check(order, r, "was never sent")
    if r.kind == "accepted" then
      self:check(order.state == "sent", r, "was accepted before")
      self:check(r.quantity == order.quantity and r.filled == 0, r, "was accepted as another")
      order.state = "open"
    elseif r.kind == "rejected" then
      self:check(order.state == "sent", r, "was accepted before")
      self:close(order)
    elseif r.kind == "fill" then
      self:check(order.state == "open", r, "is not open")
      self:check(r.execution > self.execution, r, "has an execution id that was used")
      self.execution = r.execution
      order.filled = order.filled + r.quantity
      self:check(r.filled == order.filled and order.filled <= order.quantity, r, "has lost or doubled a fill")
      self.fills = self.fills + 1
      if order.filled == order.quantity then self:close(order) end
    elseif r.kind == "canceled" then
      self:check(order.state == "open", r, "is not open")
      self:check(r.filled == order.filled, r, "has lost a fill")
      if r.reason == "requested" then self.canceled = self.canceled + 1 else self.unasked = self.unasked + 1 end
      self:close(order)
    elseif r.kind == "cancel_rejected" then
      self:check(order.state == "closed", r, "is open")
      self.canceled = self.canceled + 1
    elseif r.kind == "replaced" then
      self:check(order.state == "open" and r.filled == order.filled, r, "is not open, or has lost a fill")
      order.quantity = r.quantity
      self.replaced = self.replaced + 1
    elseif r.kind == "replace_rejected" then
      self.replaced = self.replaced + 1
    else
      self:check(false, r, "got what nobody asked for")
    end
  end
end

--- Everything that was sent is answered, and no order is left.
function Model:finish(cycle)
  local open = {}
  for i, order in ipairs(self.open) do open[i] = order end -- a cycle may close some
  for _, order in ipairs(open) do
    repeat
      local sent = self.bench:send { kind = C.TL_COMMAND_CANCEL, order_id = order.id, strategy = order.id % 3 }
      if not sent then cycle() end
    until sent
    self.cancels = self.cancels + 1
  end
  for _ = 1, 2000 do
    cycle()
    if #self.open == 0 and self.canceled + self.replaced == self.cancels + self.replaces then break end
  end
  local state = ("seed %d: %d open, %d of %d cancels and %d of %d replaces answered"):format(self.seed, #self.open, self.canceled, self.cancels,
    self.replaced, self.replaces)
  -- A replace to a total that is filled already is answered as a cancel.
  assert(#self.open == 0 and self.cancels + self.replaces == self.canceled + self.replaced, state)
  for id, order in pairs(self.orders) do assert(order.state == "closed", state .. "; order " .. id .. " is " .. order.state) end
end

return M

--- A mirror with instruments and a view, and a tiny venue whose clock, fills and answers a test decides.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}
local World = {}
World.__index = World

M.BUY, M.SELL = 1, 2
M.NAN = 0 / 0
M.ABSENT = -0x7fffffffffffffffLL - 1

--- A mirror over the instruments in `list` (fields of tl_instrument; price_exponent -4 and a tick of 100 unless given).
function M.new(list, strategy)
  local self = setmetatable({ seq = 0, now = 1000000000, venue = {}, wire = {}, reports = {}, execution = 0 }, World)
  self.instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  for _, one in ipairs(list or { { symbol = "AAPL" } }) do
    local instrument = ffi.new "tl_instrument"
    instrument.price_exponent, instrument.tick = -4, 100
    for name, value in pairs(one) do instrument[name] = value end
    native.check(C.tl_instruments_add(self.instruments, instrument, nil))
  end
  self.view = ffi.gc(C.tl_view_create(self.instruments), C.tl_view_destroy)
  self.mirror = ffi.gc(C.tl_mirror_create(self.view, self.instruments, strategy or 7, 1), C.tl_mirror_destroy)
  self.orders = C.tl_mirror_orders(self.mirror)
  self:event()
  return self
end

--- The next event begins `after` ns later.
function World:event(after)
  self.seq, self.now = self.seq + 1, self.now + (after or 1000)
  C.tl_mirror_event(self.mirror, self.seq, self.now)
end

--- Options with everything absent but what `fields` gives.
function M.options(fields)
  local o = ffi.new "tl_order_options"
  o.display, o.stop_price, o.offset, o.percent = M.NAN, M.NAN, M.NAN, M.NAN
  for name, value in pairs(fields or {}) do o[name] = value end
  return o
end

--- Sends; returns the slot, or nil, the code and the error record.
function World:send(side, quantity, price, options, instrument)
  local slot = C.tl_mirror_send(self.mirror, instrument or 0, side, quantity, price or M.NAN, options)
  if slot == 0 then return nil, self:code(), C.tl_mirror_error(self.mirror) end
  return slot
end

function World:quote(side, quantity, price, options, instrument)
  local slot = C.tl_mirror_quote(self.mirror, instrument or 0, side, quantity, price or M.NAN, options)
  if slot == 0xffffffff then return nil, self:code() end
  return slot
end

function World:cancel(slot)
  local ok = C.tl_mirror_cancel(self.mirror, slot, self.orders[slot].generation_n)
  return ok or nil, not ok and self:code() or nil
end

function World:replace(slot, price, quantity, rounding)
  local ok = C.tl_mirror_replace(self.mirror, slot, self.orders[slot].generation_n, price or M.NAN, quantity or M.NAN, rounding or 0)
  return ok or nil, not ok and self:code() or nil
end

function World:code()
  return ffi.string(C.tl_reason_code(C.tl_mirror_error(self.mirror).reason))
end

function World:status(slot)
  return ffi.string(C.tl_order_status_name(self.orders[slot].status_n))
end

--- Takes the commands that were sent, as a list of copies.
function World:take()
  local count = ffi.new "uint32_t[1]"
  local commands, list = C.tl_mirror_commands(self.mirror, count), {}
  for i = 0, count[0] - 1 do list[#list + 1] = ffi.new("tl_command", commands[i]) end
  C.tl_mirror_clear_commands(self.mirror)
  return list
end

--- Gives the mirror a report; returns what scripts are shown and the order's slot.
function World:report(fields)
  local report = ffi.new "tl_report"
  report.price, report.limit, report.value = M.ABSENT, M.ABSENT, M.ABSENT
  report.queue_ahead = M.ABSENT
  for name, value in pairs(fields) do report[name] = value end
  self.seq, self.now = self.seq + 1, self.now + 1000
  local shown = ffi.new "tl_shown_report"
  local slot = C.tl_mirror_report(self.mirror, report, self.now, self.seq, shown)
  return shown, slot
end

--- The venue. Commands travel over `wire` and reports over `reports`, each first in, first out.

function World:post(order, kind, fields)
  local report = { order_id = order.id, kind = kind, instrument = order.instrument, price = order.price,
                   quantity = order.quantity, filled = order.filled }
  for name, value in pairs(fields or {}) do report[name] = value end
  self.reports[#self.reports + 1] = report
end

--- Puts what was sent on the wire.
function World:collect()
  for _, command in ipairs(self:take()) do self.wire[#self.wire + 1] = command end
end

--- The venue takes the next command: `refuse` makes it say no. False when there is none.
function World:arrive(refuse)
  local command = table.remove(self.wire, 1)
  if not command then return false end
  local id = command.order_id
  local key = tostring(id)
  local order = self.venue[key]
  if command.kind == C.TL_COMMAND_NEW then
    order = { id = id, instrument = command.instrument, side = command.side, price = command.price, quantity = command.quantity,
              filled = 0, open = not refuse }
    self.venue[key] = order
    self.venue[#self.venue + 1] = order
    self:post(order, refuse and C.TL_REPORT_REJECTED or C.TL_REPORT_ACCEPTED)
    order.status = refuse and "rejected" or "new"
  elseif command.kind == C.TL_COMMAND_CANCEL then
    if not order.open or refuse then
      self:post(order, C.TL_REPORT_CANCEL_REJECTED)
    else
      order.open, order.status = false, "canceled"
      self:post(order, C.TL_REPORT_CANCELED, { reason = C.TL_REASON_REQUESTED })
    end
  else
    if not order.open or refuse or command.quantity <= order.filled then
      self:post(order, C.TL_REPORT_REPLACE_REJECTED)
    else
      order.price, order.quantity = command.price, command.quantity
      self:post(order, C.TL_REPORT_REPLACED)
    end
  end
  return true
end

--- The venue trades `quantity` of an open order at its price, at 150 where it has none.
function World:trade(order, quantity, fee_e8)
  self.execution = self.execution + 1
  order.filled = order.filled + quantity
  if order.filled == order.quantity then order.open, order.status = false, "filled" end
  local price = order.price ~= M.ABSENT and order.price or 1500000
  self:post(order, C.TL_REPORT_FILL, { price = price, quantity = quantity, execution_id = self.execution, fee_e8 = fee_e8 or 0,
                                       liquidity = C.TL_LIQUIDITY_MAKER })
end

function World:expire(order)
  order.open, order.status = false, "expired"
  self:post(order, C.TL_REPORT_EXPIRED)
end

--- The mirror sees the venue's next report. False when there is none.
function World:deliver()
  local report = table.remove(self.reports, 1)
  if not report then return false end
  local shown, slot = self:report(report)
  self:collect()
  return true, shown, slot
end

--- Everything on its way arrives, in turn, until nothing moves.
function World:settle()
  self:collect()
  repeat
    local moved = self:arrive()
    moved = self:deliver() or moved
  until not moved
end

--- The venue's order of a slot.
function World:at_venue(slot)
  return self.venue[tostring(ffi.cast("uint64_t", self.orders[slot].id_n))]
end

--- Slots of the open orders, by the mirror's lists.
function World:open(instrument, side)
  local list = {}
  local slot = C.tl_mirror_first(self.mirror, instrument or 0xffffffff, side or 0)
  while slot ~= 0 do
    list[#list + 1] = slot
    slot = C.tl_mirror_next(self.mirror, slot, instrument or 0xffffffff, side or 0)
  end
  return list
end

return M

--- Sagas of a test run, as the gateway treats them (docs/SAGAS.md): a leg that fails, the deadline less the reserve and the script's own word undo one. The
--- undo orders are at the venue like any other, for the spec to fill.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}

local ABSENT = -0x7fffffffffffffffLL - 1
local NO_INSTRUMENT = 0xffffffff
local NEVER = 0x7fffffffffffffffLL
local OWN_ID = 0x8000000000ULL -- TL_GATEWAY_ORDER_ID

--- Gives a run its (empty) list of sagas. `post(fields)` sends a report, `accept(order)` puts an order of the gateway's own to the venue.
function M.open(r, post, accept)
  r.sagas, r.saga_undos, r.own_orders = {}, {}, 0
  r.saga_post, r.saga_accept = post, accept
end

local function finish(r, saga, status)
  r.sagas[saga.number] = nil
  r.saga_post(r, {
    order_id = saga.number, price = saga.tag, quantity = status, reason = saga.reason or 0, instrument = NO_INSTRUMENT, kind = C.TL_REPORT_SAGA,
  })
end

--- The order that brings a leg back: what the strategy said first, the market after that.
local function undo(r, saga, leg)
  local said, left = not leg.tried and r.saga_undos[leg.number] or nil, leg.filled - leg.undone
  leg.tried = true
  local c = ffi.new("tl_command", { instrument = leg.instrument, side = leg.side == 1 and 2 or 1, type = C.TL_TYPE_MARKET, quantity = left, price = ABSENT })
  local foreign = said and (said.instrument ~= leg.instrument or said.side == leg.side)
  if said then
    c.instrument, c.side, c.type, c.time_in_force, c.price = said.instrument, said.side, said.type, said.time_in_force, said.price
    if foreign then c.quantity = said.quantity * left / leg.quantity end
  end
  r.own_orders = r.own_orders + 1
  c.kind, c.flags, c.tag, c.order_id = C.TL_COMMAND_NEW, C.TL_FLAG_UNDO, leg.tag, bit.lshift(1ULL, 40) + OWN_ID + r.own_orders
  local terms = c.side + c.type * 256 + c.time_in_force * 65536 + c.flags * 16777216
  r.saga_post(r, {
    order_id = c.order_id, price = c.price, quantity = c.quantity, instrument = c.instrument, kind = C.TL_REPORT_UNDO, execution_id = leg.id,
    fee_e8 = terms, value = ABSENT, reason = saga.reason,
  })
  local order = r.saga_accept(r, c)
  order.undoes, order.covers, order.foreign, order.saga = leg, left, foreign, saga
  leg.undo_open = true
end

local function settle(r, saga)
  if not saga.undoing or r.sagas[saga.number] ~= saga then return end
  for _, leg in ipairs(saga.legs) do
    if leg.open then return end
  end
  local waiting, failed = false, false
  for i = #saga.legs, 1, -1 do
    local leg = saga.legs[i]
    if leg.filled > leg.undone and not leg.undo_open and not leg.given_up then undo(r, saga, leg) end
    waiting = waiting or leg.undo_open
    failed = failed or leg.filled > leg.undone
  end
  if not waiting then finish(r, saga, failed and C.TL_SAGA_FAILED or C.TL_SAGA_UNDONE) end
end

local function fail(r, saga, reason)
  if saga.undoing then return end
  saga.undoing, saga.reason = true, reason
  for i = #saga.legs, 1, -1 do
    local leg = saga.legs[i]
    local why = reason == C.TL_REASON_DEADLINE_PASSED and reason or C.TL_REASON_SAGA
    if leg.open then r.requests[#r.requests + 1] = { kind = tonumber(C.TL_COMMAND_CANCEL), order_id = leg.id, reason = why } end
  end
  settle(r, saga)
end

--- A command of the strategy's about a saga.
function M.take(r, c)
  local number = tonumber(c.group)
  if c.kind == C.TL_COMMAND_SAGA_BEGIN then
    r.sagas[number] = { number = number, tag = c.tag, undo_ns = c.expire_ns + 0LL, legs = {} }
  elseif c.kind == C.TL_COMMAND_SAGA_UNDO then r.saga_undos[tonumber(c.order_id)] = ffi.new("tl_command", c)
  elseif r.sagas[number] and not r.sagas[number].undoing then
    if c.quantity == 0 then finish(r, r.sagas[number], C.TL_SAGA_DONE) else fail(r, r.sagas[number], tonumber(c.quantity)) end
  end
end

--- A new order that is a leg.
function M.join(r, order, c)
  local saga = r.sagas[tonumber(c.group)]
  if not saga then return end
  order.saga, order.undone, order.partial = saga, 0LL, bit.band(c.flags, C.TL_FLAG_PARTIAL) ~= 0
  saga.legs[#saga.legs + 1] = order
end

--- A leg or an undo order has closed, its report is posted.
function M.ended(r, order, reason)
  local saga, leg = order.saga, order.undoes
  if not saga then return end
  if leg then
    leg.undo_open = false
    if not order.foreign then leg.undone = leg.undone + order.filled
    elseif order.filled == order.quantity then leg.undone = leg.undone + order.covers end
    leg.given_up = leg.filled > leg.undone and (order.foreign or order.type == C.TL_TYPE_MARKET)
    settle(r, saga)
  elseif order.filled == order.quantity or (order.partial and order.filled > 0) or saga.undoing then settle(r, saga)
  else fail(r, saga, reason ~= 0 and reason or C.TL_REASON_REQUESTED) end
end

--- When the next saga's legs are cancelled, and doing it.
function M.next_ns(r)
  local first = NEVER
  for _, saga in pairs(r.sagas) do
    if not saga.undoing and saga.undo_ns < first and not saga.cut then first = saga.undo_ns end
  end
  return first
end

function M.time(r, now)
  local due = {}
  for _, saga in pairs(r.sagas) do
    if not saga.undoing and not saga.cut and saga.undo_ns <= now then due[#due + 1] = saga end
  end
  table.sort(due, function(a, b) return a.number < b.number end)
  for _, saga in ipairs(due) do
    saga.cut = true
    for _, leg in ipairs(saga.legs) do
      if leg.open then
        r.requests[#r.requests + 1] = { kind = tonumber(C.TL_COMMAND_CANCEL), order_id = leg.id, reason = C.TL_REASON_DEADLINE_PASSED }
      end
    end
  end
end

return M

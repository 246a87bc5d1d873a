--- What a call returns beside nil when the strategy's own inputs forbid it: `code`, `field`, `limit`, `value`; tostring() gives a sentence.
--- There is one object a code, made once: the next refusal of that code refills it.
local context = require "tidelock.runtime.context"
local C, ffi = context.C, context.ffi

local M = {}

local FIELD = { [0] = nil, "symbol", "quantity", "price", "stop_price", "display", "deadline", "expire", "offset" }
local NO_INSTRUMENT = 0xffffffff

-- NaN has a sign that differs between compiled and interpreted code; a sentence must not.
local function number(value)
  return value ~= value and "nan" or ("%.14g"):format(value)
end

local say = {}
function say.unknown_symbol(err) return context.unknown_symbol(tostring(err.value)) end
function say.off_tick(err, of) return ("%s %.14g%s is not a multiple of the tick %.14g"):format(err.field, err.value, of, err.limit) end
function say.bad_price(err, of)
  if err.value == nil then return ("%s%s is missing; a price is a number above 0"):format(err.field, of) end
  if err.value > 0 and err.value < math.huge and not err.limit then -- a replace of what has no limit price
    return ("%s %s%s: the order has no limit price to be replaced; cancel it and send another"):format(err.field, number(err.value), of)
  end
  return ("%s %s%s is no price; a price is a number above 0"):format(err.field, number(err.value), of)
end
function say.bad_quantity(err, of, id)
  local head = err.value and ("%s %s%s"):format(err.field, number(err.value), of) or (err.field .. of)
  local value = err.value
  if not value or value ~= value or value <= 0 or value == math.huge then return head .. " is no quantity; a quantity is a number above 0" end
  if id then
    local one = C.tl_instruments_at(context.instruments, id)
    local lot = tonumber(one.lot) / C.tl_power_of_ten(-one.quantity_exponent)
    if err.limit == lot and value % lot ~= 0 then return ("%s is not a multiple of the lot %.14g"):format(head, lot) end
  end
  if not err.limit then return head .. " is not allowed" end
  if value < err.limit then return ("%s is less than the least, %.14g"):format(head, err.limit) end
  return ("%s is more than the most, %.14g"):format(head, err.limit)
end
function say.overflow(err, of) return ("%s %.14g%s is more than can be counted"):format(err.field or "value", err.value or 0, of) end
function say.bad_field(err, of)
  if err.field == "expire" and not err.value then return "time_in_force gtd needs expire" .. of end
  return ("%s%s has passed"):format(err.field or "a field", of)
end
function say.deadline_passed(_, of) return "the deadline" .. of .. " has passed" end
function say.halted(_, of) return "trading" .. of .. " is halted" end
function say.order_closed(err) return err.value and ("order %.0f is closed"):format(err.value) or "the order is closed" end
function say.warming_up() return "no orders are taken while history is played" end
function say.too_many_orders(err) return ("%.0f orders are open, which is the most"):format(err.limit or 0) end

local Refusal = { __metatable = "error" }
local hidden = {} -- instrument ids of refusals: not a script's business
Refusal.__index = Refusal
function Refusal.__tostring(err)
  local id = hidden[err]
  local of = id and " of " .. context.symbol(id) or ""
  local speak = say[err.code]
  return speak and speak(err, of, id) or (err.code:gsub("_", " ") .. of)
end

local codes, errors = {}, {}

--- The code of a reason's number, nil for none.
function M.code(reason)
  local code = codes[reason]
  if not code then
    code = ffi.string(C.tl_reason_code(reason))
    codes[reason] = code
  end
  if code == "" then return nil end
  return code
end

for reason = 1, tonumber(C.TL_REASONS) - 1 do
  local code = M.code(reason)
  errors[code] = setmetatable({ code = code }, Refusal)
end

local function fill(code, field, limit, value, instrument)
  local err = errors[code]
  err.code, err.field, err.limit, err.value = code, field, limit, value
  hidden[err] = instrument
  return nil, err
end

--- nil and the error of the mirror's last refusal; `handle` is the order that it was about, if any.
function M.last(handle)
  local e = C.tl_mirror_error(context.mirror)
  local limit, value = e.limit, e.value
  if limit ~= limit then limit = nil end
  if value ~= value and FIELD[e.field] ~= "quantity" and FIELD[e.field] ~= "price" then value = nil end
  local instrument = e.instrument ~= NO_INSTRUMENT and e.instrument or nil
  local code = M.code(e.reason)
  if code == "order_closed" and handle then
    local order = context.orders[handle.slot_n]
    if order.generation_n == handle.generation_n then value = order.id_n end
  end
  return fill(code, FIELD[e.field], limit, value, instrument)
end

--- nil and an error that the library itself has found; `handle` names the order's instrument.
function M.make(code, field, limit, value, handle)
  local instrument
  if handle then instrument = context.orders[handle.slot_n].instrument_n end
  return fill(code, field, limit, value, instrument)
end

function M.unknown_symbol(symbol)
  return fill("unknown_symbol", "symbol", nil, symbol)
end

return M

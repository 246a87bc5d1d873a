--- What a script holds of an order: a handle, two numbers that may be kept, compared with == and printed. Handles are values and
--- therefore no table keys: `o.id` is one.
local context = require "tidelock.runtime.context"
local nearest = require "tidelock.nearest"
local refusals = require "tidelock.runtime.refusals"
local tags = require "tidelock.runtime.tags"
local C, ffi = context.C, context.ffi
local symbol_of = context.symbol

local M = {}

local handle_t = ffi.typeof "tl_order_handle"
M.handle_t = handle_t

local function names_of(name, count)
  local names = {}
  for i = 0, count - 1 do names[i] = ffi.string(name(i)) end
  return names
end

local STATUS = names_of(C.tl_order_status_name, tonumber(C.TL_ORDER_STATUSES))
local TYPE = names_of(C.tl_order_type_name, tonumber(C.TL_TYPES))
local TIME_IN_FORCE = names_of(C.tl_time_in_force_name, tonumber(C.TL_TIFS))
local FILLED = tonumber(C.TL_ORDER_FILLED)
local POST_ONLY, POST_SLIDE, REDUCE_ONLY = tonumber(C.TL_FLAG_POST_ONLY), tonumber(C.TL_FLAG_POST_SLIDE), tonumber(C.TL_FLAG_REDUCE_ONLY)
local TRIGGER_QUOTE, TRIGGER_MARK = tonumber(C.TL_FLAG_TRIGGER_QUOTE), tonumber(C.TL_FLAG_TRIGGER_MARK)
local TRAIL_PERCENT = tonumber(C.TL_FLAG_TRAIL_PERCENT)
local UNDO = tonumber(C.TL_FLAG_UNDO)
local band = bit.band
local NAN = 0 / 0

local FIELDS = {
  "id", "symbol", "side", "type", "time_in_force", "status", "is_open", "pending", "price", "quantity", "filled", "remaining", "average_price",
  "wanted_price", "wanted_quantity", "stop_price", "offset", "percent", "display", "queue_ahead", "queue_total", "tag", "adopted", "created", "updated",
  "expire", "deadline", "undo", "post_only", "reduce_only", "round", "trigger", "venue", "account", "reason", "cancel", "replace", "age",
}

M.FIELDS = FIELDS

local function check(self, method, level)
  if not ffi.istype(handle_t, self) then error(("call it as a method: order:%s()"):format(method), level + 1) end
end

--- The mirror's slot of a handle. Raises once the slot belongs to another order.
local function slot_of(self, level)
  local order = context.orders[self.slot_n]
  if order.generation_n ~= self.generation_n then
    error("this order closed long ago: 65,536 others have closed since, and nothing is known of it any more", level + 1)
  end
  return order
end
M.slot_of = slot_of

--- The handle of a slot.
function M.handle(slot)
  return handle_t(slot, context.orders[slot].generation_n)
end

local methods = {}

--- Asks for the end of the order; true when asked, or asked before. nil and an error when it is closed.
function methods.cancel(self)
  check(self, "cancel", 2)
  if C.tl_mirror_cancel(context.mirror, self.slot_n, self.generation_n) then return true end
  return refusals.last(self)
end

--- Asks for another price and (or) total quantity; what is not given stays.
---@param price number|nil
---@param quantity number|nil the new total, what is filled included
function methods.replace(self, price, quantity)
  check(self, "replace", 2)
  if price == nil then price = NAN
  elseif type(price) ~= "number" then error("replace(price, quantity): price is a number, not a " .. type(price), 2)
  elseif price ~= price then return refusals.make("bad_price", "price", nil, price, self) end
  if quantity == nil then quantity = NAN
  elseif type(quantity) ~= "number" then error("replace(price, quantity): quantity is a number, not a " .. type(quantity), 2)
  elseif quantity ~= quantity then return refusals.make("bad_quantity", "quantity", nil, quantity, self) end
  local rounding = context.orders[self.slot_n].rounding_n
  if C.tl_mirror_replace(context.mirror, self.slot_n, self.generation_n, price, quantity, rounding) then return true end
  return refusals.last(self)
end

--- ns since it was sent.
function methods.age(self)
  check(self, "age", 2)
  return tonumber(context.now_ns() - slot_of(self, 2).created_ns)
end

local function absent_or(n, unit)
  if n ~= n then return nil end
  return n / unit
end

-- The fields that are read seldom.
local seldom = {}
function seldom.reason(o) return refusals.code(o.reason_n) end
function seldom.tag(o) return tags.name(o.tag_n) end
function seldom.display(o) return absent_or(o.display_n, o.size_unit) end
function seldom.adopted(o) return o.adopted_n ~= 0 end
function seldom.expire(o) return o.expire_ns ~= 0 and tonumber(o.expire_ns) or nil end
function seldom.deadline(o) return o.deadline_ns ~= 0 and tonumber(o.deadline_ns) or nil end
function seldom.undo(o) return band(o.flags_n, UNDO) ~= 0 end
function seldom.reduce_only(o) return band(o.flags_n, REDUCE_ONLY) ~= 0 end
function seldom.post_only(o)
  if band(o.flags_n, POST_SLIDE) ~= 0 then return "slide" end
  return band(o.flags_n, POST_ONLY) ~= 0
end
local ROUND = { [0] = nil, "passive", "nearest", "aggressive" } -- tl_rounding
function seldom.round(o) return ROUND[o.rounding_n] end
function seldom.venue(o) return ffi.string(C.tl_instruments_at(context.instruments, o.instrument_n).venue) end
function seldom.account() return ffi.string(C.tl_runtime_config(context.host).account) end
function seldom.trigger(o)
  if band(o.flags_n, TRIGGER_MARK) ~= 0 then return "mark" end
  return band(o.flags_n, TRIGGER_QUOTE) ~= 0 and "quote" or "last"
end
function seldom.offset(o)
  if band(o.flags_n, TRAIL_PERCENT) ~= 0 then return nil end
  return absent_or(o.offset_n, o.price_unit)
end
function seldom.percent(o)
  if band(o.flags_n, TRAIL_PERCENT) == 0 then return nil end
  return o.offset_n / 1e6
end

--- Compiled code knows the key: nothing is left of the chain.
local function read(self, key)
  local method = methods[key]
  if method then return method end
  local o = slot_of(self, 2)
  if key == "status" then return STATUS[o.status_n]
  elseif key == "is_open" then return o.status_n ~= 0 and o.status_n < FILLED
  elseif key == "pending" then return o.request_n ~= 0
  elseif key == "price" then return absent_or(o.price_n, o.price_unit)
  elseif key == "quantity" then return o.quantity_n / o.size_unit
  elseif key == "filled" then return o.filled_n / o.size_unit
  elseif key == "remaining" then
    if o.status_n >= FILLED then return 0 end
    return (o.quantity_n - o.filled_n) / o.size_unit
  elseif key == "average_price" then
    if o.filled_n == 0 then return nil end
    return o.cost_n / o.filled_n / o.price_unit
  elseif key == "side" then return o.side_n == 1 and "buy" or "sell"
  elseif key == "symbol" then return symbol_of(o.instrument_n)
  elseif key == "id" then return o.id_n
  elseif key == "type" then return TYPE[o.type_n]
  elseif key == "time_in_force" then return TIME_IN_FORCE[o.time_in_force_n]
  elseif key == "wanted_price" then return absent_or(o.wanted_price_n, o.price_unit)
  elseif key == "wanted_quantity" then return o.wanted_quantity_n / o.size_unit
  elseif key == "stop_price" then return absent_or(o.stop_price_n, o.price_unit)
  elseif key == "queue_ahead" then return absent_or(o.queue_ahead_n, o.size_unit)
  elseif key == "queue_total" then return absent_or(o.queue_total_n, o.size_unit)
  elseif key == "created" then return tonumber(o.created_ns)
  elseif key == "updated" then return tonumber(o.updated_ns)
  end
  local reader = seldom[key]
  if reader then return reader(o) end
  error(nearest.sentence("field of an order", key, FIELDS), 2)
end

local function show(self)
  local o = slot_of(self, 2)
  local price = o.price_n == o.price_n and (" at %.14g"):format(o.price_n / o.price_unit) or ""
  return ("order %.0f %s %.14g %s%s: %s, %.14g filled"):format(o.id_n, o.side_n == 1 and "buy" or "sell", o.quantity_n / o.size_unit,
    symbol_of(o.instrument_n), price, STATUS[o.status_n], o.filled_n / o.size_unit)
end

local function equal(a, b)
  return ffi.istype(handle_t, a) and ffi.istype(handle_t, b) and a.slot_n == b.slot_n and a.generation_n == b.generation_n
end

ffi.metatype(handle_t, {
  __index = read, __eq = equal, __tostring = show, __metatable = "order",
  __newindex = function(_, key) error(("order.%s cannot be set: use order:replace() and order:cancel()"):format(tostring(key)), 2) end,
})

return M

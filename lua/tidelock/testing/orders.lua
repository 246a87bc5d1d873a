--- A test run's orders: read like the script's own (API.md), for the spec to look at.
local native = require "tidelock.native"
local nearest = require "tidelock.nearest"
local C, ffi = native.C, native.ffi

local M = {}

local FIELDS = {
  "id", "symbol", "side", "type", "time_in_force", "status", "is_open", "pending", "price", "quantity", "filled", "remaining", "average_price",
  "wanted_price", "wanted_quantity", "stop_price", "display", "tag", "reason", "undo", "post_only", "reduce_only", "created", "updated", "expire", "deadline",
}

local function absent_or(n, unit)
  if n ~= n then return nil end
  return n / unit
end

local function instant(ns) return ns ~= 0 and tonumber(ns) or nil end

local function text_or_nil(text)
  local found = ffi.string(text)
  return found ~= "" and found or nil
end

local read = {}
function read.id(o) return o.id_n end
function read.symbol(o, r) return r.symbols[o.instrument_n + 1] end
function read.side(o) return o.side_n == 1 and "buy" or "sell" end
function read.type(o) return ffi.string(C.tl_order_type_name(o.type_n)) end
function read.time_in_force(o) return ffi.string(C.tl_time_in_force_name(o.time_in_force_n)) end
function read.status(o) return ffi.string(C.tl_order_status_name(o.status_n)) end
function read.is_open(o) return o.status_n < C.TL_ORDER_FILLED end
function read.pending(o) return o.request_n ~= 0 end
function read.price(o) return absent_or(o.price_n, o.price_unit) end
function read.quantity(o) return o.quantity_n / o.size_unit end
function read.filled(o) return o.filled_n / o.size_unit end
function read.remaining(o) return o.status_n < C.TL_ORDER_FILLED and (o.quantity_n - o.filled_n) / o.size_unit or 0 end
function read.average_price(o) return o.filled_n ~= 0 and o.cost_n / o.filled_n / o.price_unit or nil end
function read.wanted_price(o) return absent_or(o.wanted_price_n, o.price_unit) end
function read.wanted_quantity(o) return o.wanted_quantity_n / o.size_unit end
function read.stop_price(o) return absent_or(o.stop_price_n, o.price_unit) end
function read.display(o) return absent_or(o.display_n, o.size_unit) end
function read.tag(o, r) return text_or_nil(C.tl_mirror_tag_name(r.mirror, o.tag_n)) end
function read.reason(o) return text_or_nil(C.tl_reason_code(o.reason_n)) end
function read.undo(o) return bit.band(o.flags_n, C.TL_FLAG_UNDO) ~= 0 end
function read.post_only(o) return bit.band(o.flags_n, C.TL_FLAG_POST_ONLY + C.TL_FLAG_POST_SLIDE) ~= 0 end
function read.reduce_only(o) return bit.band(o.flags_n, C.TL_FLAG_REDUCE_ONLY) ~= 0 end
function read.created(o) return tonumber(o.created_ns) end
function read.updated(o) return tonumber(o.updated_ns) end
function read.expire(o) return instant(o.expire_ns) end
function read.deadline(o) return instant(o.deadline_ns) end

local Order = {}
local OWNER = {} -- the key of a function that returns the run and the id of an order

function Order.__index(self, key)
  local reader = read[key]
  if not reader then error(nearest.sentence("field of an order", key, FIELDS), 2) end
  local r, id = rawget(self, OWNER)()
  local slot = C.tl_mirror_by_id(r.mirror, id)
  if slot == 0 then error("this order closed long ago", 2) end
  return reader(r.slots[slot], r)
end
function Order.__newindex(_, key) error(("an order's %s cannot be set"):format(tostring(key)), 2) end
function Order.__tostring(self)
  return ("order %.0f %s %.14g %s: %s"):format(self.id, self.side, self.quantity, self.symbol, self.status)
end

--- The order of an id, the same object each time.
local function order_of(r, id)
  r.shown = r.shown or {}
  local order = r.shown[id]
  if not order then
    order = setmetatable({ [OWNER] = function() return r, id end }, Order)
    r.shown[id] = order
  end
  return order
end

--- The id of what a spec gives for an order.
function M.id(r, order)
  local reach = type(order) == "table" and rawget(order, OWNER)
  if not reach then error("an order of this run is wanted, such as run:open_orders()[1], not " .. tostring(order), 3) end
  local run, id = reach()
  if run ~= r then error("this order belongs to another run", 3) end
  return id
end

local FILTER = { "symbol", "side", "tag", "status", "type" }

function M.list(r, filter, open_only)
  local list = {}
  for key in pairs(filter or {}) do
    local known = false
    for _, name in ipairs(FILTER) do known = known or name == key end
    if not known then error(nearest.sentence("filter", key, FILTER), 3) end
  end
  for _, sent in ipairs(r.sent) do
    local slot = C.tl_mirror_by_id(r.mirror, sent.number)
    if slot ~= 0 and (not open_only or r.slots[slot].status_n < C.TL_ORDER_FILLED) then
      local order, wanted = order_of(r, sent.number), true
      for key, value in pairs(filter or {}) do wanted = wanted and order[key] == value end
      if wanted then list[#list + 1] = order end
    end
  end
  return list
end

return M

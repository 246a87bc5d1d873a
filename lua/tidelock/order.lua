--- The script's orders: `local order = require "order"`. The contract is API.md's; docs/ORDERS.md tells an order's life.
---
--- buy, sell, quote, cancel and replace take numbers and an options object and make no tables and no closures. What is wrong with the program raises; what
--- follows from the strategy's own inputs returns nil and an error (docs/ERRORS.md).
local context = require "tidelock.runtime.context"
local fields_of = require "tidelock.runtime.order_fields"
local object = require "tidelock.runtime.order_object"
local refusals = require "tidelock.runtime.refusals"
local tags = require "tidelock.runtime.tags"
local C, ffi = context.C, context.ffi
local instrument_of = context.instrument
local handle_t, options_t = object.handle_t, fields_of.options_t

local M = {}

local BUY, SELL, ANY = 1, 2, 0
local NO_INSTRUMENT = 0xffffffff
local NAN = 0 / 0
local LIMIT, STOP_LIMIT = fields_of.TYPE.limit, fields_of.TYPE.stop_limit
local IOC, FOK = tonumber(C.TL_TIF_IOC), tonumber(C.TL_TIF_FOK)
local scratch = options_t()

local function handle(slot)
  return handle_t(slot, context.orders[slot].generation_n)
end

--- The checks of buy, sell and quote that a program can fail. `level` as for error(), seen from the caller.
local function check_call(name, quantity, price, options, level)
  if not context.bound then error(("order.%s: orders are sent from handlers, not while the script is loaded"):format(name), level + 1) end
  if type(quantity) ~= "number" then error(("order.%s: quantity is a number, not a %s"):format(name, type(quantity)), level + 1) end
  if price ~= nil and type(price) ~= "number" then error(("order.%s: price is a number, not a %s"):format(name, type(price)), level + 1) end
  if options ~= nil and not ffi.istype(options_t, options) then
    error(("order.%s: options are made once by order.options { ... }; this is a %s"):format(name, type(options)), level + 1)
  end
end

local function send(symbol, side, quantity, price, options)
  local id = instrument_of(symbol)
  if not id then return refusals.unknown_symbol(symbol) end
  local slot = C.tl_mirror_send(context.mirror, id, side, quantity, price, options)
  if slot == 0 then return refusals.last() end
  return handle(slot)
end

-- buy and sell call it last: their frames are gone, and level 2 is the script.
local function send_limit(name, symbol, side, quantity, price, options)
  check_call(name, quantity, price, options, 2)
  if price == nil then return refusals.make("bad_price", "price") end
  if options ~= nil and options.type ~= LIMIT and options.type ~= STOP_LIMIT then
    error(("order.%s sends limit orders: offset and percent belong to order.trailing_stop"):format(name), 2)
  end
  return send(symbol, side, quantity, price, options)
end

--- Options that are checked once and used often.
function M.options(fields)
  local options = fields_of.options(fields, 2)
  return options
end

--- A limit order to buy. The order, or nil and an error.
function M.buy(symbol, quantity, price, options)
  return send_limit("buy", symbol, BUY, quantity, price, options)
end

--- A limit order to sell. The order, or nil and an error.
function M.sell(symbol, quantity, price, options)
  return send_limit("sell", symbol, SELL, quantity, price, options)
end

--- Keeps exactly one working order per symbol, side and tag. `quantity` is what should be open; 0 takes the order back. Asking again for the same price and
--- quantity leaves a partly filled order in its place. The order, true when there is none and none is wanted, or nil and an error.
function M.quote(symbol, side, quantity, price, options)
  check_call("quote", quantity, price, options, 2)
  local number = side == "buy" and BUY or side == "sell" and SELL
  if not number then error(("order.quote: side is \"buy\" or \"sell\", not %s"):format(tostring(side)), 2) end
  if options ~= nil then
    if options.type ~= LIMIT or options.display == options.display then
      error("order.quote keeps plain limit orders: no stop_price, offset, percent, display", 2)
    end
    local tif = options.time_in_force
    if tif == IOC or tif == FOK then error("order.quote keeps orders that rest: not ioc, not fok", 2) end
  end
  local id = instrument_of(symbol)
  if not id then return refusals.unknown_symbol(symbol) end
  if price == nil then
    if quantity ~= 0 then return refusals.make("bad_price", "price") end
    price = NAN
  end
  local slot = C.tl_mirror_quote(context.mirror, id, number, quantity, price, options)
  if slot == NO_INSTRUMENT then return refusals.last() end
  if slot == 0 then return true end
  return handle(slot)
end

local function named(kind)
  return function(given)
    local symbol, side, quantity, price = fields_of.read(scratch, kind, given, nil, 2)
    check_call(kind, quantity, price, nil, 2)
    if price == nil and (kind == "limit" or kind == "stop_limit" or kind == "iceberg") then return refusals.make("bad_price", "price") end
    return send(symbol, side, quantity, price or NAN, scratch)
  end
end

M.limit, M.market, M.stop = named "limit", named "market", named "stop"
M.stop_limit, M.trailing_stop, M.iceberg = named "stop_limit", named "trailing_stop", named "iceberg"

-- ---- orders that hang together ----

--- The type that a table of fields means where it does not say.
local function kind_of(given, level)
  if type(given) ~= "table" then error(("an order is a table of named fields, not a %s"):format(type(given)), level + 1) end
  local kind = given.type
  if kind ~= nil then
    if type(kind) ~= "string" or not fields_of.TYPE[kind] then
      error(require("tidelock.nearest").sentence("type", kind, fields_of.TYPE_WORDS), level + 1)
    end
    return kind
  end
  if given.offset or given.percent then return "trailing_stop" end
  if given.stop_price then return given.price and "stop_limit" or "stop" end
  if given.display then return "iceberg" end
  return given.price and "limit" or "market"
end

--- One order of a group, read and checked but not sent.
local function prepare(given, link, group, level)
  local part = { options = options_t() }
  part.symbol, part.side, part.quantity, part.price = fields_of.read(part.options, kind_of(given, level + 1), given, { "type" }, level + 1)
  part.options.link, part.options.group = link, group
  return part
end

context.prepare_order = prepare

--- Sends all of a group, or none: nil and the error of the first that would be refused.
local function send_group(parts)
  if not context.bound then error("orders are sent from handlers, not while the script is loaded", 3) end
  for _, part in ipairs(parts) do
    part.id = instrument_of(part.symbol)
    if not part.id then return refusals.unknown_symbol(part.symbol) end
    if not C.tl_mirror_check(context.mirror, part.id, part.side, part.quantity, part.price or NAN, part.options) then return refusals.last() end
  end
  local sent = {}
  for i, part in ipairs(parts) do
    local slot = C.tl_mirror_send(context.mirror, part.id, part.side, part.quantity, part.price or NAN, part.options)
    if slot == 0 then return refusals.last() end
    sent[i] = handle(slot)
  end
  return unpack(sent)
end

--- Two orders of which a fill or the end of one cancels the other; the gateway holds the pair. Tables of named fields, with `type` where price and
--- stop_price do not tell it. Both orders, or nil and an error with neither sent.
function M.oco(a, b)
  local group = C.tl_mirror_new_group(context.mirror)
  local link = tonumber(C.TL_LINK_OCO)
  return send_group { prepare(a, link, group, 2), prepare(b, link, group, 2) }
end

local function leg_of(entry, given, price_field, name)
  if given == nil then return nil end
  if type(given) == "number" then given = { [price_field] = given } end
  if type(given) ~= "table" then error(("order.bracket: %s is a price or a table of named fields, not a %s"):format(name, type(given)), 3) end
  local leg = {}
  for key, value in next, given do leg[key] = value end
  if leg.symbol == nil then leg.symbol = entry.symbol end
  if leg.quantity == nil then leg.quantity = entry.quantity end
  if leg.side == nil then leg.side = entry.side == "buy" and "sell" or "buy" end
  return leg
end

--- An entry with two exits that the gateway holds until the entry fills, in its filled quantity, and of which one ends the other. An exit is a price or a
--- table of named fields; its symbol, side and quantity follow from the entry. Entry, take_profit and stop_loss, or nil and an error with nothing sent.
function M.bracket(given)
  if type(given) ~= "table" then error("order.bracket { entry =, take_profit =, stop_loss = } takes a table", 2) end
  context.check_keys("field of a bracket", given, { "entry", "take_profit", "stop_loss" }, 2)
  if type(given.entry) ~= "table" then error("order.bracket: entry is a table of named fields", 2) end
  if given.take_profit == nil and given.stop_loss == nil then error("order.bracket needs take_profit or stop_loss", 2) end
  local group, link = C.tl_mirror_new_group(context.mirror), tonumber(C.TL_LINK_BRACKET_LEG)
  local parts = { prepare(given.entry, tonumber(C.TL_LINK_BRACKET_ENTRY), group, 2) }
  local take_profit = leg_of(given.entry, given.take_profit, "price", "take_profit")
  local stop_loss = leg_of(given.entry, given.stop_loss, "stop_price", "stop_loss")
  if take_profit then parts[#parts + 1] = prepare(take_profit, link, group, 2) end
  if stop_loss then parts[#parts + 1] = prepare(stop_loss, link, group, 2) end
  local entry, first, second = send_group(parts)
  if not entry then return nil, first end
  if not take_profit then return entry, nil, first end
  return entry, first, second
end

-- ---- wanted positions ----

local account = ffi.new "tl_runtime_account"

local function equity()
  C.tl_runtime_account_state(context.host, account)
  return account.equity
end

--- Signed quantity that is held or will be, from orders that are open and would trade by themselves.
local function exposed(id)
  local seen = C.tl_view_at(context.view, id)
  return seen.position.quantity_n / seen.size_unit + C.tl_mirror_open_quantity(context.mirror, id, BUY)
    - C.tl_mirror_open_quantity(context.mirror, id, SELL)
end

--- The quantity that `weight` of `total` buys at the last price; nil while no price is known.
local function quantity_of_weight(id, weight, total)
  local seen = C.tl_view_at(context.view, id)
  local price = seen.last_price ~= -0x7fffffffffffffffLL - 1 and tonumber(seen.last_price) or seen.position.mark_n
  if price ~= price or price <= 0 then return nil end
  local value = price / seen.price_unit * seen.position.multiplier -- of one unit of quantity
  return C.tl_ticks_round_quantity(C.tl_instruments_at(context.instruments, id), weight * total / value)
end

--- `difference` as far as it can be paid with its fee: a weight says what share of the equity is wanted, not that nothing is to be left for fees and for
--- what the market asks above the last price. What cannot be paid at all stays as it is, for the gateway to deny.
local function payable(id, difference, price)
  C.tl_runtime_account_state(context.host, account)
  local buys, held = difference > 0, exposed(id)
  local position = C.tl_view_at(context.view, id).position
  local multiplier, mark = position.multiplier, position.mark_n / position.price_unit
  if price ~= price then price = C.tl_runtime_value_price(context.host, id, buys and BUY or SELL) end
  local instrument, leverage = C.tl_instruments_at(context.instruments, id), tonumber(C.tl_runtime_config(context.host).leverage)
  local reduces = held * difference < 0 and math.min(math.abs(held), math.abs(difference)) or 0
  local value, margin = price * multiplier, tonumber(instrument.margin_e8) / 1e8
  if margin > 0 then value = margin * leverage end
  local function bound(quantity) -- what it takes of the buying power
    return (quantity - reduces) * value + leverage * C.tl_runtime_fee(context.host, quantity, quantity * price * multiplier)
  end
  local wanted, power = math.abs(difference), account.buying_power + reduces * (margin > 0 and value or math.min(value, mark * multiplier))
  if wanted == reduces or not (bound(wanted) > power) then return difference end
  local unit = bound(wanted + 1) - bound(wanted)
  local quantity = C.tl_ticks_round_quantity(instrument, reduces + (power - bound(reduces)) / unit * (1 - 1e-12))
  if not (quantity > 0) then return difference end
  return buys and quantity or -quantity
end

--- Sends the difference of `wanted` to what is held; true when that is less than a lot or within `least`. `by_weight`: as much of it as can be paid.
local function send_difference(id, wanted, least, price, options, by_weight)
  local instrument = C.tl_instruments_at(context.instruments, id)
  local difference = C.tl_ticks_round_quantity(instrument, wanted - exposed(id))
  if difference ~= difference then return refusals.make("overflow", "quantity", nil, wanted) end
  if by_weight and difference ~= 0 then difference = payable(id, difference, price) end
  if difference == 0 or math.abs(difference) <= least then return true end
  local slot = C.tl_mirror_send(context.mirror, id, difference > 0 and BUY or SELL, math.abs(difference), price, options)
  if slot == 0 then return refusals.last() end
  return handle(slot)
end

local TARGET_FIELDS = { "symbol", "quantity", "weight", "type", "price", "band", unpack(fields_of.OPTIONS) }

--- Sends what is missing to a wanted position: `quantity` (signed), or `weight` of the strategy's equity at the last price, to the lot toward zero;
--- positions and open orders count. Differences up to `band` (in what was given: quantity or weight) are left. The order, true when nothing is
--- missing, or nil and an error.
function M.target(given)
  if type(given) ~= "table" then error("order.target { symbol =, quantity = or weight = } takes a table", 2) end
  context.check_keys("field of order.target", given, TARGET_FIELDS, 2)
  local by = given.quantity ~= nil and "quantity" or "weight"
  if (given.quantity ~= nil) == (given.weight ~= nil) then error("order.target takes quantity or weight, one of the two", 2) end
  local amount, least = given[by], given.band or 0
  if type(amount) ~= "number" then error(("order.target: %s is a number, not a %s"):format(by, type(amount)), 2) end
  if type(least) ~= "number" or least ~= least or least < 0 then error("order.target: band is a number, 0 or more", 2) end
  if type(given.symbol) ~= "string" then error("symbol is a string, not a " .. type(given.symbol), 2) end
  local kind = given.type or "market"
  local filled = { symbol = given.symbol, side = "buy", quantity = 1, price = given.price }
  for _, name in ipairs(fields_of.OPTIONS) do filled[name] = given[name] end
  filled.type = kind
  local options = prepare(filled, 0, 0, 2).options
  if not context.bound then error("orders are sent from handlers, not while the script is loaded", 2) end
  local id = instrument_of(given.symbol)
  if not id then return refusals.unknown_symbol(given.symbol) end
  if amount ~= amount or math.abs(amount) == math.huge then return refusals.make("bad_quantity", by, nil, amount) end
  local wanted = amount
  if by == "weight" then
    local total = equity()
    wanted = quantity_of_weight(id, amount, total)
    if not wanted then return refusals.make("bad_price", "price") end
    if least > 0 then least = quantity_of_weight(id, least, total) end
  end
  return send_difference(id, wanted, least, given.price or NAN, options, by == "weight")
end

local market = fields_of.options_t()
fields_of.fill(market, {}, 1)
market.type = fields_of.TYPE.market

--- Brings all weights about at one equity, by market orders, reductions first. Symbols that are held and not named are closed, or kept with
--- others = "keep". True, or nil and the first error; what can be sent is sent all the same, but nothing when a symbol or a price is not known.
function M.rebalance(given)
  if type(given) ~= "table" or type(given.weights) ~= "table" then error("order.rebalance { weights = { A = 0.1 } } takes a table of weights", 2) end
  context.check_keys("field of order.rebalance", given, { "weights", "others" }, 2)
  local others = given.others or "close"
  if others ~= "close" and others ~= "keep" then error(("others is \"close\" or \"keep\", not %s"):format(tostring(others)), 2) end
  if not context.bound then error("orders are sent from handlers, not while the script is loaded", 2) end
  local wanted, unknown = {}, nil
  local total = equity()
  for symbol, weight in next, given.weights do
    if type(symbol) ~= "string" or type(weight) ~= "number" then error("order.rebalance: weights are symbols and numbers", 2) end
    if weight ~= weight or math.abs(weight) == math.huge then return refusals.make("bad_quantity", "weight", nil, weight) end
    local id = instrument_of(symbol)
    if id then wanted[id] = weight elseif unknown == nil or symbol < unknown then unknown = symbol end
  end
  if unknown then return refusals.unknown_symbol(unknown) end
  local reductions, additions = {}, {}
  for id = 0, tonumber(C.tl_instruments_count(context.instruments)) - 1 do
    local weight, held = wanted[id], exposed(id)
    if weight == nil and others == "close" and held ~= 0 then weight = 0 end
    if weight ~= nil then
      local quantity = weight == 0 and 0 or quantity_of_weight(id, weight, total)
      if not quantity then return refusals.make("bad_price", "price") end
      local list = (quantity - held) * held < 0 and reductions or additions
      list[#list + 1] = { id = id, quantity = quantity }
    end
  end
  local first
  for _, list in ipairs { reductions, additions } do
    for _, one in ipairs(list) do
      local ok, err = send_difference(one.id, one.quantity, 0, NAN, market, true)
      if not ok then first = first or err end
    end
  end
  if first then return nil, first end
  return true
end

--- The instrument and side of a filter: ids, or nil and an error.
local function filter(symbol, side, level)
  local id, number = NO_INSTRUMENT, ANY
  if symbol ~= nil then
    id = instrument_of(symbol)
    if not id then return nil end
  end
  if side == "buy" then number = BUY elseif side == "sell" then number = SELL
  elseif side ~= nil then error(("side is \"buy\" or \"sell\", not %s"):format(tostring(side)), level + 1) end
  return id, number
end

local FILTERS = {
  cancel_all = { symbol = true, side = true, tag = true }, flatten = { symbol = true }, find = { tag = true, symbol = true, side = true, id = true },
}

local function unknown_key(name, key)
  local known = {}
  for one in next, FILTERS[name] do known[#known + 1] = one end
  table.sort(known)
  error(require("tidelock.nearest").sentence("field of order." .. name, key, known), 4)
end

--- Written out, as a loop in here would end the trace of the handler that calls. A filter has at most four keys.
local function check_filter(name, given)
  if type(given) ~= "table" then error(("order.%s { symbol = ... } takes a table"):format(name), 3) end
  if given.tag ~= nil and type(given.tag) ~= "string" then error("a tag is a string, not a " .. type(given.tag), 3) end
  local known = FILTERS[name]
  local key = next(given)
  if key == nil then return end
  if not known[key] then unknown_key(name, key) end
  key = next(given, key)
  if key == nil then return end
  if not known[key] then unknown_key(name, key) end
  key = next(given, key)
  if key == nil then return end
  if not known[key] then unknown_key(name, key) end
  key = next(given, key)
  if key == nil then return end
  if not known[key] then unknown_key(name, key) end
  key = next(given, key)
  if key ~= nil then unknown_key(name, key) end
end

--- Cancels open orders by symbol, side and tag, all of them without; how many were asked that were not before.
function M.cancel_all(given)
  if given == nil then return C.tl_mirror_cancel_all(context.mirror, NO_INSTRUMENT, ANY, 0) end
  check_filter("cancel_all", given)
  local id, side = filter(given.symbol, given.side, 2)
  if not id then return refusals.unknown_symbol(given.symbol) end
  local tag = 0
  if given.tag then
    tag = tags.known(given.tag)
    if not tag then return 0 end
  end
  return C.tl_mirror_cancel_all(context.mirror, id, side, tag)
end

--- Cancels what rests of an instrument and closes its position at the market. Market orders that are on their way count.
local function flatten_one(id)
  local mirror, orders = context.mirror, context.orders
  local seen = C.tl_view_at(context.view, id)
  local held = seen.position.quantity_n
  local slot = C.tl_mirror_first(mirror, id, ANY)
  while slot ~= 0 do
    local o = orders[slot]
    if o.type_n == market.type then held = held + (o.side_n == BUY and 1 or -1) * (o.quantity_n - o.filled_n)
    else C.tl_mirror_cancel(mirror, slot, o.generation_n) end
    slot = C.tl_mirror_next(mirror, slot, id, ANY)
  end
  if held == 0 then return 0 end
  local sent = C.tl_mirror_send(mirror, id, held > 0 and SELL or BUY, math.abs(held) / seen.size_unit, NAN, market)
  if sent == 0 then return nil end
  return 1
end

--- Cancels open orders and closes positions by market orders: of a symbol, or of all. How many orders were sent; nil and the first error when one
--- was refused.
function M.flatten(given)
  if given ~= nil then check_filter("flatten", given) end
  if not context.bound then error("orders are sent from handlers, not while the script is loaded", 2) end
  if given and given.symbol ~= nil then
    local id = filter(given.symbol, nil, 2)
    if not id then return refusals.unknown_symbol(given.symbol) end
    local sent = flatten_one(id)
    if not sent then return refusals.last() end
    return sent
  end
  local count, refused = 0, nil
  for id = 0, tonumber(C.tl_instruments_count(context.instruments)) - 1 do
    local sent = flatten_one(id)
    if sent then count = count + sent
    elseif not refused then refused = select(2, refusals.last()) end
  end
  if refused then return nil, refused end
  return count
end

-- ---- open orders ----

local walk_t = ffi.typeof "struct { uint32_t instrument, side, slot; double last; }"

-- A script can reach the walk and write into it: C looks at the slot before anything is read.
local function step(walk, i)
  if not ffi.istype(walk_t, walk) then error("order.each() belongs into a for loop", 2) end
  local slot = C.tl_mirror_visit(context.mirror, walk.slot, walk.last)
  if slot == 0 then return nil end
  walk.slot = C.tl_mirror_next(context.mirror, slot, walk.instrument, walk.side)
  return i + 1, handle(slot)
end

--- `for i, o in order.each(symbol, side) do`: open orders in order of creation. Orders sent meanwhile are not visited.
function M.each(symbol, side)
  local id, number = filter(symbol, side, 2)
  local first = 0
  if id then first = C.tl_mirror_first(context.mirror, id, number) else id, number = NO_INSTRUMENT, ANY end
  return step, walk_t(id, number, first, C.tl_mirror_last_id(context.mirror)), 0
end

--- How many orders are open, of a symbol and side where given.
function M.count(symbol, side)
  local id, number = filter(symbol, side, 2)
  if not id then return refusals.unknown_symbol(symbol) end
  return C.tl_mirror_open_count(context.mirror, id, number)
end

--- The first open order with a tag (and symbol, and side), or the order of an id, open or closed; nil when there is none.
function M.find(given)
  check_filter("find", given)
  if given.id ~= nil then
    if type(given.id) ~= "number" then error("an id is a number, not a " .. type(given.id), 2) end
    local slot = C.tl_mirror_by_id(context.mirror, given.id)
    if slot == 0 then return nil end
    return handle(slot)
  end
  local tag = 0
  if given.tag then
    tag = tags.known(given.tag)
    if not tag then return nil end
  end
  local id, number = filter(given.symbol, given.side, 2)
  if not id then return refusals.unknown_symbol(given.symbol) end
  local slot = C.tl_mirror_first(context.mirror, id, number)
  while slot ~= 0 do
    if tag == 0 or context.orders[slot].tag_n == tag then return handle(slot) end
    slot = C.tl_mirror_next(context.mirror, slot, id, number)
  end
  return nil
end

return context.module("order", M)

--- What a strategy sees of the market and of itself as of the event in hand: `local snapshot = require "snapshot"`.
---
--- Views are made once per symbol and kind and read the strategy's own view in place: nothing here blocks or allocates in the steady state. An unknown
--- symbol gives nil and an error.
local context = require "tidelock.runtime.context"
local events = require "tidelock.runtime.events"
local nearest = require "tidelock.nearest"
local C, ffi = context.C, context.ffi
local instrument_of, symbol_of = context.instrument, context.symbol

local M = {}

local function unknown_symbol(symbol)
  return nil, context.refusal("unknown_symbol", context.unknown_symbol(symbol), "symbol", nil, symbol)
end

local function unknown(what, key, known)
  error(nearest.sentence("field of " .. what, key, known), 3)
end

local function read_only(what)
  return function(_, key) error(("%s.%s cannot be set: snapshots are read-only"):format(what, tostring(key)), 2) end
end

--- What the view holds of an instrument, read-only: it is refilled in place.
local function shown_part(id, pointer, name)
  return ffi.cast(pointer, ffi.cast("char *", C.tl_view_at(context.view, id)) + ffi.offsetof("tl_view_instrument", name))[0]
end

-- ---- quote ----

local quotes = {}

--- The last quote of a symbol: the fields of on_quote's `q`.
function M.quote(symbol)
  local quote = quotes[symbol]
  if quote then return quote end
  local id = instrument_of(symbol)
  if not id then return unknown_symbol(symbol) end
  quote = shown_part(id, "const tl_shown_quote *", "quote")
  quotes[symbol] = quote
  return quote
end

-- ---- book ----

local book_t = ffi.typeof "tl_shown_book"
local level = ffi.new "tl_view_level"
local walked = ffi.new "double[2]"
local BUY, SELL = tonumber(C.TL_SIDE_BUY), tonumber(C.TL_SIDE_SELL)
local book_fields = { "bid", "ask", "own", "mid", "microprice", "imbalance", "vwap", "depth", "seq", "ts", "ts_recv", "symbol", "iso", "copy" }

local function side_number(side, level_)
  if side == "buy" then return BUY elseif side == "sell" then return SELL end
  error(("a side is \"buy\" or \"sell\", not %s"):format(tostring(side)), level_ + 1)
end

local function check_book(self, method)
  if not ffi.istype(book_t, self) then error(("call it as a method: book:%s()"):format(method), 3) end
end

local function level_at(self, side, i)
  if type(i) ~= "number" then error("a level is a number, 1 the best", 3) end
  if i ~= i or i < 1 or i > 4e9 then return false end
  return C.tl_view_book_level(context.view, self.instrument_n, side, i - 1, level)
end

local function shown_level(self, side, i)
  if not level_at(self, side, i) then return nil end
  return tonumber(level.price) / self.price_unit, tonumber(level.size) / self.size_unit, level.count
end

local book_methods = {}

--- The i-th best bid (1 = best): price, size, orders; nil past the end.
function book_methods.bid(self, i)
  check_book(self, "bid")
  return shown_level(self, BUY, i)
end

function book_methods.ask(self, i)
  check_book(self, "ask")
  return shown_level(self, SELL, i)
end

--- Own open quantity in the i-th level of a side.
function book_methods.own(self, side, i)
  check_book(self, "own")
  local number = side_number(side, 2)
  if not level_at(self, number, i) then return nil end
  local price, sum = tonumber(level.price), 0
  local mirror, orders = context.mirror, C.tl_mirror_orders(context.mirror)
  local slot = C.tl_mirror_first(mirror, self.instrument_n, number)
  while slot ~= 0 do
    local order = orders[slot]
    if order.price_n == price and order.status_n ~= C.TL_ORDER_PENDING_NEW then sum = sum + order.quantity_n - order.filled_n end
    slot = C.tl_mirror_next(mirror, slot, self.instrument_n, number)
  end
  return sum / self.size_unit
end

--- The middle of the best prices; nil when a side is empty.
function book_methods.mid(self)
  check_book(self, "mid")
  if not level_at(self, BUY, 1) then return nil end
  local bid = tonumber(level.price)
  if not level_at(self, SELL, 1) then return nil end
  return (bid + tonumber(level.price)) / 2 / self.price_unit
end

--- The best prices weighted by the size of the other side.
function book_methods.microprice(self)
  check_book(self, "microprice")
  if not level_at(self, BUY, 1) then return nil end
  local bid, bid_size = tonumber(level.price), tonumber(level.size)
  if not level_at(self, SELL, 1) then return nil end
  local ask, ask_size = tonumber(level.price), tonumber(level.size)
  return (bid * ask_size + ask * bid_size) / (bid_size + ask_size) / self.price_unit
end

--- (bids - asks) / (bids + asks) over the sizes of the best n levels, in [-1, 1]; nil for an empty book. n defaults to 1.
function book_methods.imbalance(self, n)
  check_book(self, "imbalance")
  n = n or 1
  if type(n) ~= "number" or n ~= n or n < 1 or n > 4e9 then error("imbalance(n) takes a number of levels", 2) end
  local bids = C.tl_view_book_size(context.view, self.instrument_n, BUY, n)
  local asks = C.tl_view_book_size(context.view, self.instrument_n, SELL, n)
  if bids + asks == 0 then return nil end
  return (bids - asks) / (bids + asks)
end

--- The average price of buying (from the asks) or selling `quantity` now, and the quantity that is there; nil, 0 for an empty side.
function book_methods.vwap(self, side, quantity)
  check_book(self, "vwap")
  local number = side_number(side, 2)
  if type(quantity) ~= "number" or quantity ~= quantity or quantity <= 0 then error("vwap(side, quantity) takes a quantity above 0", 2) end
  C.tl_view_book_walk(context.view, self.instrument_n, number, quantity * self.size_unit, walked, walked + 1)
  if walked[1] == 0 then return nil, 0 end
  return walked[0] / self.price_unit, walked[1] / self.size_unit
end

function book_methods.iso(self)
  check_book(self, "iso")
  return events.iso(self.at_ns)
end

-- A copied book is tables: it is made to be kept, not to be fast.
local Copied = { __metatable = "book" }
Copied.__index = function(_, key)
  return Copied[key] or unknown("a book", key, book_fields)
end
Copied.__newindex = read_only "book"

local function copied_level(self, list, i)
  if type(i) ~= "number" then error("a level is a number, 1 the best", 3) end
  local one = list[i]
  if not one then return nil end
  return one.price / self.price_unit, one.size / self.size_unit, one.orders
end

function Copied:bid(i) return copied_level(self, self.bids, i) end
function Copied:ask(i) return copied_level(self, self.asks, i) end

function Copied:own(side, i)
  local one = (side_number(side, 2) == BUY and self.bids or self.asks)[i]
  return one and one.own
end

function Copied:mid()
  local bid, ask = self.bids[1], self.asks[1]
  return bid and ask and (bid.price + ask.price) / 2 / self.price_unit or nil
end

function Copied:microprice()
  local bid, ask = self.bids[1], self.asks[1]
  return bid and ask and (bid.price * ask.size + ask.price * bid.size) / (bid.size + ask.size) / self.price_unit or nil
end

function Copied:imbalance(n)
  local bids, asks = 0, 0
  for i = 1, math.min(n or 1, self.depth) do
    bids, asks = bids + (self.bids[i] and self.bids[i].size or 0), asks + (self.asks[i] and self.asks[i].size or 0)
  end
  if bids + asks == 0 then return nil end
  return (bids - asks) / (bids + asks)
end

function Copied:vwap(side, quantity)
  local list, wanted = side_number(side, 2) == BUY and self.asks or self.bids, quantity * self.size_unit
  local left, value = wanted, 0
  for i = 1, #list do
    if left <= 0 then break end
    local take = math.min(list[i].size, left)
    value, left = value + take * list[i].price, left - take
  end
  local found = wanted - left
  if found == 0 then return nil, 0 end
  return value / found / self.price_unit, found / self.size_unit
end

function Copied:iso() return self.iso_text end

--- The book as it is now, to be kept.
function book_methods.copy(self)
  check_book(self, "copy")
  local copy = {
    bids = {}, asks = {}, symbol = symbol_of(self.instrument_n), seq = self.sequence_n, ts = tonumber(self.at_ns), ts_recv = tonumber(self.received_ns),
    depth = math.max(self.bids_n, self.asks_n), iso_text = events.iso(self.at_ns), price_unit = self.price_unit, size_unit = self.size_unit,
  }
  for side, list in pairs { buy = copy.bids, sell = copy.asks } do
    local number = side_number(side, 2)
    for i = 1, copy.depth do
      if not level_at(self, number, i) then break end
      list[i] = { price = tonumber(level.price), size = tonumber(level.size), orders = level.count, own = self:own(side, i) }
    end
  end
  return setmetatable(copy, Copied)
end

ffi.metatype(book_t, {
  __index = function(self, key)
    if key == "depth" then return math.max(self.bids_n, self.asks_n)
    elseif key == "symbol" then return symbol_of(self.instrument_n)
    elseif key == "seq" then return self.sequence_n
    elseif key == "ts" then return tonumber(self.at_ns)
    elseif key == "ts_recv" then return tonumber(self.received_ns)
    end
    return book_methods[key] or unknown("a book", key, book_fields)
  end,
  __newindex = read_only "book", __metatable = "book", __tostring = function(self) return "book " .. symbol_of(self.instrument_n) end,
})

local books = {}

--- The book of a symbol, as deep as the strategy's feed shows it.
function M.book(symbol)
  local book = books[symbol]
  if book then return book end
  local id = instrument_of(symbol)
  if not id then return unknown_symbol(symbol) end
  book = shown_part(id, "const tl_shown_book *", "book")
  books[symbol] = book
  return book
end

-- ---- bars ----

local bars_t = ffi.typeof "tl_shown_bars"
local bars_fields = { "open", "high", "low", "close", "volume", "trades", "vwap", "ts", "ts_open", "symbol", "interval", "copy" }
local bars_methods = {}

local function bar_at(self, i, method)
  if not ffi.istype(bars_t, self) then error(("call it as a method: bars:%s(i)"):format(method), 3) end
  if type(i) ~= "number" then error(("bars:%s(i): i is a number, 1 the oldest, -1 the newest"):format(method), 3) end
  local bar = C.tl_view_bar(context.view, self.instrument_n, self.interval_ns, self.count_n, i)
  if bar == nil then return nil end
  return bar
end

for _, name in ipairs { "open", "high", "low", "close", "vwap" } do
  local member = name .. "_n"
  bars_methods[name] = function(self, i)
    local bar = bar_at(self, i, name)
    if not bar then return nil end
    local n = bar[member]
    if n ~= n then return nil end
    return n / self.price_unit
  end
end

function bars_methods.volume(self, i)
  local bar = bar_at(self, i, "volume")
  if not bar or bar.volume_n ~= bar.volume_n then return nil end
  return bar.volume_n / self.size_unit
end

function bars_methods.trades(self, i)
  local bar = bar_at(self, i, "trades")
  if not bar or bar.trades_n ~= bar.trades_n then return nil end
  return bar.trades_n
end

function bars_methods.ts(self, i)
  local bar = bar_at(self, i, "ts")
  return bar and tonumber(bar.at_ns)
end

function bars_methods.ts_open(self, i)
  local bar = bar_at(self, i, "ts_open")
  return bar and tonumber(bar.opened_ns)
end

local CopiedBars = { __metatable = "bars", __newindex = read_only "bars" }
CopiedBars.__index = function(_, key)
  return rawget(CopiedBars, key) or unknown("bars", key, bars_fields)
end
for _, name in ipairs { "open", "high", "low", "close", "vwap", "volume", "trades", "ts", "ts_open" } do
  CopiedBars[name] = function(self, i)
    local bar = rawget(self, i < 0 and #self + 1 + i or i)
    return bar and bar[name]
  end
end

--- The bars as they are now, to be kept.
function bars_methods.copy(self)
  bar_at(self, 1, "copy")
  local copy = {}
  for i = 1, self.count_n do
    copy[i] = {}
    for _, name in ipairs { "open", "high", "low", "close", "vwap", "volume", "trades", "ts", "ts_open" } do copy[i][name] = bars_methods[name](self, i) end
  end
  copy.symbol, copy.interval = symbol_of(self.instrument_n), events.interval_name(tonumber(self.interval_ns))
  return setmetatable(copy, CopiedBars)
end

ffi.metatype(bars_t, {
  __len = function(self) return self.count_n end,
  __index = function(self, key)
    if key == "symbol" then return symbol_of(self.instrument_n)
    elseif key == "interval" then return events.interval_name(tonumber(self.interval_ns)) end
    return bars_methods[key] or unknown("bars", key, bars_fields)
  end,
  __newindex = read_only "bars", __metatable = "bars", __tostring = function(self) return "bars " .. symbol_of(self.instrument_n) end,
})

local series = {} -- by interval as it is written, then by symbol: the view and a pointer to its count

--- The last n closed bars of a symbol: `#bars`, `bars:close(i)` with 1 the oldest and -1 the newest. The interval is one that the strategy declares.
---@param symbol string
---@param interval string
---@param n number
function M.bars(symbol, interval, n)
  if type(n) ~= "number" or n ~= n or n < 1 or n > 1e6 then error("snapshot.bars(symbol, interval, n): n is a number of bars from 1 to 1,000,000", 2) end
  local of_interval = series[interval]
  if not of_interval then
    of_interval = {}
    series[interval] = of_interval
  end
  local one = of_interval[symbol]
  if not one then
    local id = instrument_of(symbol)
    if not id then return unknown_symbol(symbol) end
    local ns = require("tidelock.runtime.declaration").interval(interval, 2)
    if C.tl_view_bars_of(context.view, id, ns) == nil then
      error(("there are no bars of %s for %s: declare bars = { \"%s\" } and subscribe to the symbol"):format(interval, symbol, interval), 2)
    end
    local r = C.tl_view_at(context.view, id)
    local view = ffi.new("const tl_shown_bars", { interval_ns = ns, price_unit = r.price_unit, size_unit = r.size_unit, instrument_n = id })
    one = { view = view, writable = ffi.cast("tl_shown_bars *", view), id = id, ns = ns }
    of_interval[symbol] = one
  end
  one.writable.count_n = C.tl_view_bars_count(context.view, one.id, one.ns, n)
  return one.view
end

-- ---- group ----

local Group = {}

local function read_group(self)
  local hidden = self[Group]
  if not hidden.sources then
    hidden.sources = {}
    for i, symbol in ipairs(hidden.symbols) do
      context.literal(symbol, 2)
      if not context.bound then error("a group is read in a handler, when the instruments are known", 2) end
      hidden.sources[i] = C.tl_view_at(context.view, instrument_of(symbol)).quote
    end
  end
  for i = 1, #hidden.sources do ffi.copy(hidden.pointers[i], hidden.sources[i], ffi.sizeof "tl_shown_quote") end
  return self
end

--- Quotes of several symbols as of one moment: `g:read()` takes them, `g.KO.bid` reads them, until the next read.
---@param symbols string[]
function M.group(symbols)
  if type(symbols) ~= "table" or #symbols == 0 then error("snapshot.group takes a list of symbols", 2) end
  local hidden = { symbols = {}, pointers = {} }
  local members = { read = read_group, [Group] = hidden }
  for i, symbol in ipairs(symbols) do
    context.literal(symbol, 2)
    local nan = 0 / 0
    local quote = ffi.new("const tl_shown_quote", { bid_n = nan, ask_n = nan, bid_size_n = nan, ask_size_n = nan, price_unit = 1, size_unit = 1,
      live_n = 1 })
    hidden.symbols[i], hidden.pointers[i] = symbol, ffi.cast("tl_shown_quote *", quote)
    members[symbol] = quote
  end
  return setmetatable({}, {
    __index = function(_, key)
      local member = members[key]
      if member == nil then error(nearest.sentence("symbol of the group", key, hidden.symbols), 2) end
      return member
    end,
    __newindex = read_only "group", __metatable = "group",
  })
end

-- ---- position ----

local position_t = ffi.typeof "tl_shown_position"
local position_fields = { "symbol", "quantity", "average_price", "realized_pnl", "unrealized_pnl", "fees", "net_pnl", "funding", "currency", "copy" }

local const_position_t = ffi.typeof("const $", position_t)

local function copy_position(self)
  if not ffi.istype(position_t, self) then error("call it as a method: position:copy()", 2) end
  return const_position_t(self)
end

local function unrealized(self)
  local quantity, mark = self.quantity_n, self.mark_n
  if quantity == 0 or mark ~= mark then return 0 end
  return quantity / self.size_unit * (mark / self.price_unit - self.average) * self.multiplier
end

ffi.metatype(position_t, {
  __index = function(self, key)
    if key == "quantity" then return self.quantity_n / self.size_unit
    elseif key == "average_price" then
      if self.quantity_n == 0 then return nil end
      return self.average
    elseif key == "realized_pnl" then return self.realized
    elseif key == "unrealized_pnl" then return unrealized(self)
    elseif key == "net_pnl" then return self.realized + unrealized(self) - self.fees - self.funding
    elseif key == "symbol" then return symbol_of(self.instrument_n)
    elseif key == "currency" then return events.settle(self.instrument_n)
    elseif key == "copy" then return copy_position
    end
    return unknown("a position", key, position_fields)
  end,
  __newindex = read_only "position", __metatable = "position",
  __tostring = function(self) return ("position %s %.14g"):format(symbol_of(self.instrument_n), self.quantity_n / self.size_unit) end,
})

local positions = {}
local account_name

local function own_account()
  if not account_name then account_name = ffi.string(C.tl_runtime_config(context.host).account) end
  return account_name
end

local function unknown_account(name)
  return nil, context.refusal("unknown_account", ("there is no account '%s' here; the strategy trades '%s'"):format(tostring(name), own_account()),
    "account", nil, name)
end

--- The strategy's own position: `quantity` (signed), `average_price` (nil while flat), P&L gross, `fees` and `funding` positive when paid.
---@param symbol string
---@param account string|nil
function M.position(symbol, account)
  if account ~= nil and account ~= own_account() then return unknown_account(account) end
  local position = positions[symbol]
  if position then return position end
  local id = instrument_of(symbol)
  if not id then return unknown_symbol(symbol) end
  position = shown_part(id, "const tl_shown_position *", "position")
  positions[symbol] = position
  return position
end

-- ---- account ----

local account_state = ffi.new "tl_runtime_account"
local account_fields = { "name", "currency", "equity", "cash", "buying_power", "margin_used", "balance" }
local account_view

local function account_number(key)
  C.tl_runtime_account_state(context.host, account_state)
  return account_state[key]
end

--- The account as the strategy's own positions and open orders make it; `balance(currency)` is its cash in that currency.
---@param name string|nil
function M.account(name)
  if name ~= nil and name ~= own_account() then return unknown_account(name) end
  if account_view then return account_view end
  local currency = ffi.string(C.tl_runtime_config(context.host).currency)
  local function balance(_, of)
    if of == currency then return account_number "cash" end
    return 0
  end
  account_view = setmetatable({}, {
    __index = function(_, key)
      if key == "equity" or key == "cash" or key == "buying_power" or key == "margin_used" then return account_number(key)
      elseif key == "name" then return own_account()
      elseif key == "currency" then return currency
      elseif key == "balance" then return balance end
      error(nearest.sentence("field of an account", key, account_fields), 2)
    end,
    __newindex = read_only "account", __metatable = "account",
  })
  return account_view
end

--- What one unit of `from` is worth in `to`: 1 for the same currency, else nil and an error while there is no rate.
function M.rate(from, to)
  if type(from) ~= "string" or type(to) ~= "string" then error("snapshot.rate(from, to) takes two currencies", 2) end
  if from == to then return 1 end
  return nil, context.refusal("no_rate", ("there is no rate from %s to %s"):format(from, to), "currency", nil, from)
end

-- ---- instrument ----

local instrument_fields = {
  "symbol", "venue", "base", "quote", "settle", "multiplier", "inverse", "tick", "lot", "min_quantity", "max_quantity", "min_notional", "price_band", "zone",
  "status", "open", "close", "next_open", "round", "round_quantity",
}
local session_times = ffi.new "double[3]"

local function session_time(id, index)
  C.tl_runtime_session(context.host, id, C.tl_runtime_now_ns(context.host), session_times, session_times + 1, session_times + 2)
  local ts = session_times[index]
  if ts ~= ts then return nil end
  return ts
end

local function instrument_view(id)
  local one, r = C.tl_instruments_at(context.instruments, id), C.tl_view_at(context.view, id)
  local price_unit, size_unit = r.price_unit, r.size_unit
  local function size(mantissa)
    if mantissa == 0 then return nil end
    return tonumber(mantissa) / size_unit
  end
  local static = {
    symbol = ffi.string(one.symbol), venue = ffi.string(one.venue), base = ffi.string(one.base), quote = ffi.string(one.quote),
    settle = ffi.string(one.settle), multiplier = tonumber(one.multiplier_e8) / 1e8, inverse = false, lot = tonumber(one.lot) / size_unit,
    min_quantity = size(one.min_quantity), max_quantity = size(one.max_quantity),
    min_notional = one.min_notional_e8 ~= 0 and tonumber(one.min_notional_e8) / 1e8 or nil,
  }
  local calendars = C.tl_runtime_config(context.host).calendars
  static.zone = calendars ~= nil and ffi.string(C.tl_calendars_zone(calendars, one.calendar)) or "UTC"
  --- A price on the tick: towards the passive side of an order of `side`, else to the nearest.
  function static.round(_, price, side)
    if type(price) ~= "number" then error("instrument:round(price, side) takes a number", 2) end
    local rounded = C.tl_ticks_round_price(one, price, side and C.TL_ROUND_PASSIVE or C.TL_ROUND_NEAREST, side and side_number(side, 2) or BUY)
    if rounded ~= rounded then return nil end
    return rounded
  end
  --- A quantity to the lot, toward zero.
  function static.round_quantity(_, quantity)
    if type(quantity) ~= "number" then error("instrument:round_quantity(quantity) takes a number", 2) end
    local rounded = C.tl_ticks_round_quantity(one, quantity)
    if rounded ~= rounded then return nil end
    return rounded
  end
  return setmetatable({}, {
    __index = function(_, key)
      local value = static[key]
      if value ~= nil then return value end
      if key == "tick" then return tonumber(one.tick) / price_unit -- a file's later rows may make it finer
      elseif key == "status" then
        if r.state == 0 then return nil end
        return events.STATUS[r.state]
      elseif key == "open" then return session_time(id, 0)
      elseif key == "close" then return session_time(id, 1)
      elseif key == "next_open" then return session_time(id, 2)
      end
      for _, name in ipairs(instrument_fields) do if name == key then return nil end end
      error(nearest.sentence("field of an instrument", key, instrument_fields), 2)
    end,
    __newindex = read_only "instrument", __metatable = "instrument",
  })
end

local instruments = {}

--- What is fixed of an instrument, and its session as of now.
function M.instrument(symbol)
  local view = instruments[symbol]
  if view then return view end
  local id = instrument_of(symbol)
  if not id then return unknown_symbol(symbol) end
  view = instrument_view(id)
  instruments[symbol] = view
  return view
end

return context.module("snapshot", M)

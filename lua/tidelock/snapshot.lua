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

local ABSENT = ffi.new("int64_t", bit.lshift(1LL, 63))

local function unknown_symbol(symbol)
  return nil, context.refusal("unknown_symbol", context.unknown_symbol(symbol), "symbol", nil, symbol)
end

local function unknown(what, key, known)
  error(nearest.sentence("field of " .. what, key, known), 3)
end

local function read_only(what)
  return function(_, key) error(("%s.%s cannot be set: snapshots are read-only"):format(what, tostring(key)), 2) end
end

-- ---- quote ----

local quotes = {}

--- The last quote of a symbol: the fields of on_quote's `q`.
function M.quote(symbol)
  local quote = quotes[symbol]
  if quote then return quote end
  local id = instrument_of(symbol)
  if not id then return unknown_symbol(symbol) end
  quote = ffi.cast("const tl_shown_quote *", ffi.cast("char *", C.tl_view_at(context.view, id)) + ffi.offsetof("tl_view_instrument", "quote"))[0]
  quotes[symbol] = quote
  return quote
end

-- ---- book ----

local book_t = ffi.typeof "tl_shown_book"
local level = ffi.new "tl_view_level"
local walked = ffi.new "double[2]"
local BUY, SELL = tonumber(C.TL_SIDE_BUY), tonumber(C.TL_SIDE_SELL)
local book_fields = { "bid", "ask", "own", "mid", "microprice", "imbalance", "vwap", "depth", "seq", "ts", "ts_recv", "symbol", "iso" }

local function side_number(side, level_)
  if side == "buy" then return BUY elseif side == "sell" then return SELL end
  error(("a side is \"buy\" or \"sell\", not %s"):format(tostring(side)), level_ + 1)
end

local function check_book(self, method)
  if not ffi.istype(book_t, self) then error(("call it as a method: book:%s()"):format(method), 3) end
end

local function level_at(self, side, i)
  if type(i) ~= "number" then error("a level is a number, 1 the best", 3) end
  if not (i >= 1) or i > 4e9 then return false end
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
  if type(n) ~= "number" or not (n >= 1) or n > 4e9 then error("imbalance(n) takes a number of levels", 2) end
  local bids = C.tl_view_book_size(context.view, self.instrument_n, BUY, n)
  local asks = C.tl_view_book_size(context.view, self.instrument_n, SELL, n)
  if bids + asks == 0 then return nil end
  return (bids - asks) / (bids + asks)
end

--- The average price of buying (from the asks) or selling `quantity` now, and the quantity that is there; nil, 0 for an empty side.
function book_methods.vwap(self, side, quantity)
  check_book(self, "vwap")
  local number = side_number(side, 2)
  if type(quantity) ~= "number" or not (quantity > 0) then error("vwap(side, quantity) takes a quantity above 0", 2) end
  C.tl_view_book_walk(context.view, self.instrument_n, number, quantity * self.size_unit, walked, walked + 1)
  if walked[1] == 0 then return nil, 0 end
  return walked[0] / self.price_unit, walked[1] / self.size_unit
end

function book_methods.iso(self)
  check_book(self, "iso")
  return events.iso(self.at_ns)
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
  book = ffi.cast("const tl_shown_book *", ffi.cast("char *", C.tl_view_at(context.view, id)) + ffi.offsetof("tl_view_instrument", "book"))[0]
  books[symbol] = book
  return book
end

return M

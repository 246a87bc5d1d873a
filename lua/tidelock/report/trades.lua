--- Round trips: which fill closed which, first in first out, per instrument.
---
--- A fill against the open position closes the oldest open lots, one trade for each lot (or part of one) and closing fill; what is left
--- of it opens a lot on the other side. A fill's fee is shared over its quantity. What is still open at the end is no trade.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

ffi.cdef [[
typedef struct tl_round_trip {
    int64_t entry_ns, exit_ns;
    int64_t quantity;       /* mantissa, > 0 */
    int64_t entry_price, exit_price;
    int64_t entry_value_e8; /* notional at entry, > 0 for positive prices */
    int64_t gross_e8, fees_e8;
    uint64_t entry_fill, exit_fill; /* indices of the fills */
    uint32_t instrument;
    int32_t direction; /* 1 long, -1 short */
} tl_round_trip;
]]

local M = {}

local value = ffi.new "int64_t[1]"

--- Notional of `quantity` at `price` in 1e-8 of the settle currency.
local function notional(instrument, quantity, price)
  native.check(C.tl_notional_e8(instrument, quantity, price, value))
  return value[0]
end

--- What falls on the first `quantity` of a `whole` that an amount is shared over.
local function upto(amount, whole, quantity)
  if quantity == whole then return amount + 0LL end
  return ffi.cast("int64_t", math.floor(tonumber(amount) * (tonumber(quantity) / tonumber(whole)) + 0.5))
end

--- A part of an amount, by quantity, so that the parts of a whole add up to it: `done` of `whole` were shared out before. No closure: this is compiled.
local function share(amount, whole, done, part)
  if amount == 0 then return 0LL end
  return upto(amount, whole, done + part) - upto(amount, whole, done)
end

--- Pairs fills into round trips.
---@param fills ffi.cdata* tl_record_fill array in order
---@param count integer
---@param instruments ffi.cdata* tl_instruments
---@return table list `n` trades in `at` (tl_round_trip, from 0), in order of exit; `open` lots by instrument
function M.pair(fills, count, instruments)
  local at = ffi.new("tl_round_trip[?]", math.max(count, 1))
  local n = 0
  local books = {} -- by instrument: the open lots, oldest first
  for i = 0, count - 1 do
    local fill = fills[i]
    local id = fill.instrument
    local book = books[id]
    if not book then
      book = { first = 1, last = 0, direction = 0, fill = {}, left = {}, instrument = C.tl_instruments_at(instruments, id) }
      books[id] = book
    end
    local direction = fill.side == 1 and 1 or -1
    local left, done = fill.quantity + 0LL, 0LL
    while left > 0 and book.first <= book.last and book.direction ~= direction do
      local entry = fills[book.fill[book.first]]
      local open = book.left[book.first]
      local part = open < left and open or left
      local trade = at[n]
      n = n + 1
      trade.instrument, trade.direction = id, book.direction
      trade.entry_fill, trade.exit_fill = book.fill[book.first], i
      trade.entry_ns, trade.exit_ns = entry.ts_ns, fill.ts_ns
      trade.quantity = part
      trade.entry_price, trade.exit_price = entry.price, fill.price
      trade.entry_value_e8 = notional(book.instrument, part, entry.price)
      trade.gross_e8 = (notional(book.instrument, part, fill.price) - trade.entry_value_e8) * book.direction
      trade.fees_e8 = share(entry.fee_e8, entry.quantity, entry.quantity - open, part) + share(fill.fee_e8, fill.quantity, done, part)
      left, done = left - part, done + part
      if part == open then
        book.fill[book.first], book.left[book.first] = nil, nil
        book.first = book.first + 1
      else
        book.left[book.first] = open - part
      end
    end
    if left > 0 then
      book.direction = direction
      book.last = book.last + 1
      book.fill[book.last], book.left[book.last] = i, left
    end
  end
  local open = {}
  for id, book in pairs(books) do
    local quantity = 0LL
    for lot = book.first, book.last do quantity = quantity + book.left[lot] end
    if quantity ~= 0 then open[#open + 1] = { instrument = id, quantity = quantity * book.direction, lots = book.last - book.first + 1 } end
  end
  table.sort(open, function(a, b) return a.instrument < b.instrument end)
  return { n = n, at = at, open = open }
end

return M

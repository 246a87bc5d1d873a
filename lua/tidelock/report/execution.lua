--- How orders were executed: fill ratio, makers' share, queue time, slippage against arrival, markouts, refusals by reason.
--- Each formula is stated in docs/STATISTICS.md.
local native = require "tidelock.native"
local statistics = require "tidelock.report.statistics"
local C, ffi = native.C, native.ffi

local M = {}

local ABSENT = -9223372036854775807LL - 1
local MAKER, BUY = 1, 1
local NO_ORDER = 0xffffffff

--- The k-th smallest (from 0) of values[0..n-1], which is reordered (Hoare's selection).
local function select(values, n, k)
  local low, high = 0, n - 1
  while low < high do
    local pivot = values[math.floor((low + high) / 2)]
    local i, j = low, high
    while i <= j do
      while values[i] < pivot do i = i + 1 end
      while values[j] > pivot do j = j - 1 end
      if i <= j then
        values[i], values[j] = values[j], values[i]
        i, j = i + 1, j - 1
      end
    end
    if k <= j then high = j elseif k >= i then low = i else break end
  end
  return values[k]
end

--- The median of values[0..n-1], the mean of the middle two for an even count; nil for none.
function M.median(values, n)
  if n == 0 then return nil end
  local half = math.floor(n / 2)
  local upper = select(values, n, half)
  if n % 2 == 1 then return upper end
  return (select(values, n, half - 1) + upper) / 2
end

local function units(instruments)
  local known = {}
  return function(id)
    local u = known[id]
    if not u then
      local instrument = C.tl_instruments_at(instruments, id)
      u = { price = C.tl_fixed_to_double(1, instrument.price_exponent), quantity = C.tl_fixed_to_double(1, instrument.quantity_exponent),
        multiplier = tonumber(instrument.multiplier_e8) / 1e8 }
      known[id] = u
    end
    return u
  end
end

--- How long makers' orders waited from acceptance to their first fill: an array and its length.
local function queue_times(source)
  local waits, n = ffi.new("double[?]", math.max(source.fill_count, 1)), 0
  local seen = ffi.new("uint8_t[?]", math.max(source.order_count, 1))
  local sum = 0
  for i = 0, source.fill_count - 1 do
    local fill = source.fills[i]
    local index = fill.order
    if index ~= NO_ORDER and seen[index] == 0 then
      seen[index] = 1
      local order = source.orders[index]
      if fill.liquidity == MAKER and order.accepted_ns ~= 0 then
        waits[n] = tonumber(fill.ts_ns - order.accepted_ns)
        sum, n = sum + waits[n], n + 1
      end
    end
  end
  return waits, n, n > 0 and sum / n or nil
end

--- The execution statistics of a run.
---@param source table from report.source
---@param instruments ffi.cdata* tl_instruments
---@return table with the members that statistics.execution_keys lists, and `traded_value`, `maker_value`
function M.build(source, instruments)
  local unit_of = units(instruments)
  local totals = source.totals
  local sent, filled = 0, 0
  for i = 0, source.order_count - 1 do
    local order = source.orders[i]
    if order.status ~= C.TL_ORDER_DENIED then
      local unit = unit_of(order.instrument).quantity
      sent, filled = sent + tonumber(order.quantity) * unit, filled + tonumber(order.filled) * unit
    end
  end
  local traded, maker = 0, 0
  local slip, slip_quantity, slip_money, slip_value = 0, 0, 0, 0
  local moved, moved_value = { 0, 0, 0 }, { 0, 0, 0 }
  for i = 0, source.fill_count - 1 do
    local fill = source.fills[i]
    local unit = unit_of(fill.instrument)
    local quantity = tonumber(fill.quantity) * unit.quantity
    local price = tonumber(fill.price) * unit.price
    local value = math.abs(quantity * price * unit.multiplier)
    local sign = fill.side == BUY and 1 or -1
    traded = traded + value
    if fill.liquidity == MAKER then maker = maker + value end
    if fill.arrival_price ~= ABSENT then
      local paid = sign * (price - tonumber(fill.arrival_price) * unit.price / 2)
      slip, slip_quantity = slip + paid * quantity, slip_quantity + quantity
      slip_money, slip_value = slip_money + paid * quantity * unit.multiplier, slip_value + value
    end
    for h = 0, 2 do
      if fill.mark[h] ~= ABSENT then
        local gain = sign * (tonumber(fill.mark[h]) * unit.price / 2 - price)
        moved[h + 1] = moved[h + 1] + gain * quantity * unit.multiplier
        moved_value[h + 1] = moved_value[h + 1] + value
      end
    end
  end
  local waits, wait_count, wait_mean = queue_times(source)
  local ratio = statistics.ratio
  local slippage_fraction = ratio(slip_money, slip_value)
  local markouts = {}
  for h, name in ipairs(statistics.horizons) do
    local fraction = ratio(moved[h], moved_value[h])
    markouts[name] = fraction and fraction * 1e4
  end
  return {
    orders = totals.orders, replaces = totals.replaces, cancels = totals.cancels, fills = totals.fills,
    fill_ratio = ratio(filled, sent),
    maker_share = ratio(maker, traded),
    order_to_trade = ratio(totals.orders + totals.replaces + totals.cancels, totals.fills),
    queue_time_ns = wait_mean,
    queue_time_p50_ns = M.median(waits, wait_count),
    slippage = ratio(slip, slip_quantity),
    slippage_bps = slippage_fraction and slippage_fraction * 1e4,
    markouts = markouts,
    denies = source.denies, rejects = source.rejects, cancel_rejects = source.refusals,
    traded_value = traded,
  }
end

return M

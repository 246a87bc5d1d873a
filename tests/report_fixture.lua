-- A run without a market: fills and marks as a recorder would hold them, made from a list of fills by plain arithmetic.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}

local ABSENT = -9223372036854775807LL - 1
M.ABSENT = ABSENT
M.DAY_NS = 86400000000000LL

--- 2024-01-02T00:00:00Z
M.START_NS = 1704153600000000000LL

--- Instruments with prices in cents and whole quantities.
function M.instruments(symbols, change)
  local table_ = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  for _, symbol in ipairs(symbols or { "XYZ" }) do
    local one = ffi.new("tl_instrument", { symbol = symbol, price_exponent = -2, quantity_exponent = 0 })
    if change then change(one) end
    native.check(C.tl_instruments_add(table_, one, nil))
  end
  return table_
end

--- A source (what report.source reads) of a list of steps, in order of time:
---   { at = ns after the start, fill = { side =, quantity =, price = (mantissa), fee_e8 =, liquidity =, instrument =, order = } }
---   { at =, price = mantissa, instrument = }   a mark
--- An order (by number) is made of the fills that name it; without one each fill has its own.
function M.source(steps, initial_e8, instruments)
  local fills, marks = ffi.new("tl_record_fill[?]", #steps + 1), ffi.new("tl_record_equity[?]", #steps + 1)
  local orders = ffi.new("tl_record_order[?]", #steps + 1)
  local n_fills, n_marks, n_orders = 0, 1, 0
  local cash, positions, prices, order_of = initial_e8, {}, {}, {}
  local fees = 0LL
  marks[0].ts_ns, marks[0].equity_e8, marks[0].cash_e8 = M.START_NS, initial_e8, initial_e8
  local first, last, paths = {}, {}, {}
  for _, step in ipairs(steps) do
    local ts_ns = M.START_NS + step.at
    local id = step.instrument or step.fill and step.fill.instrument or 0
    local instrument = C.tl_instruments_at(instruments, id)
    local money = instrument.multiplier_e8 / 100 -- 1e-8 of the currency a cent
    if step.fill then
      local f = step.fill
      local sign = f.side == 1 and 1 or -1
      positions[id] = (positions[id] or 0LL) + sign * f.quantity
      cash = cash - sign * f.quantity * f.price * money - (f.fee_e8 or 0)
      fees = fees + (f.fee_e8 or 0)
      prices[id] = f.price
      local order = f.order and order_of[f.order]
      if not order then
        order = n_orders
        n_orders = n_orders + 1
        if f.order then order_of[f.order] = order end
        local o = orders[order]
        o.order_id, o.instrument, o.side, o.status, o.arrival_price = order + 1, id, f.side, C.TL_ORDER_FILLED, f.arrival or ABSENT
        o.accepted_ns, o.first_fill_ns = ts_ns - (f.waited or 0), ts_ns
      end
      orders[order].quantity, orders[order].filled = orders[order].quantity + f.quantity, orders[order].filled + f.quantity
      local to = fills[n_fills]
      n_fills = n_fills + 1
      to.ts_ns, to.order_id, to.order, to.instrument = ts_ns, order + 1, order, id
      to.price, to.quantity, to.fee_e8, to.side, to.liquidity = f.price, f.quantity, f.fee_e8 or 0, f.side, f.liquidity or 2
      to.arrival_price, to.position, to.tag = f.arrival or ABSENT, positions[id], f.tag or 0
      for h = 0, 2 do to.mark[h] = f.marks and f.marks[h + 1] or ABSENT end
    else
      prices[id] = step.price
    end
    first[id], last[id] = first[id] or 2 * prices[id], 2 * prices[id]
    paths[id] = paths[id] or {}
    table.insert(paths[id], { ts_ns, 2 * prices[id], 2 * prices[id], 2 * prices[id], 2 * prices[id] })
    local equity, exposure = cash, 0LL
    for other, quantity in pairs(positions) do
      local value = quantity * prices[other] * (C.tl_instruments_at(instruments, other).multiplier_e8 / 100)
      equity, exposure = equity + value, exposure + (value < 0 and -value or value)
    end
    local mark = marks[n_marks]
    n_marks = n_marks + 1
    mark.ts_ns, mark.equity_e8, mark.cash_e8, mark.exposure_e8 = ts_ns, equity, cash, exposure
  end
  return {
    fills = fills, fill_count = n_fills, marks = marks, mark_count = n_marks, orders = orders, order_count = n_orders,
    totals = { first_ns = M.START_NS, last_ns = marks[n_marks - 1].ts_ns, orders = n_orders, replaces = 0, cancels = 0, fills = n_fills,
      exposure_ns = 0, merged = 0 },
    denies = {}, rejects = {}, refusals = {}, decisions_hash = "00000000deadbeef",
    path = function(id)
      local list = paths[id] or {}
      return ffi.new("tl_record_path[?]", #list + 1, list), #list
    end,
    price_span = function(id) return first[id], last[id] end,
    fees_e8 = fees,
  }
end

--- A random walk of prices with random fills on it; `random(n)` gives 1..n. Prices stay above 10.00.
function M.random_steps(random, count, step_ns)
  local steps, price = {}, 10000
  for i = 1, count do
    price = math.max(1000, price + random(41) - 21)
    local at = i * step_ns
    if random(3) == 1 then
      steps[i] = { at = at, fill = { side = random(2), quantity = random(9) * 100, price = price + random(3) - 2, fee_e8 = (random(5) - 2) * 1234567,
        liquidity = random(2), arrival = 2 * price, marks = { 2 * price + random(5) - 3, 2 * price, ABSENT } } }
    else
      steps[i] = { at = at, price = price }
    end
  end
  return steps
end

return M

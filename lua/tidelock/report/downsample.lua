--- Long series made short for a page, without losing extremes: of each stretch the lowest and the highest value stay, in their order.
local M = {}

--- Calls `keep(i)` for at most about `limit` of the indices first..last: the lowest and highest of each stretch of equal length by `value(i)`,
--- and the first and last of all.
local function extremes(first, last, limit, value, keep)
  local count = last - first + 1
  if count <= limit then
    for i = first, last do keep(i) end
    return
  end
  local stretch = math.ceil((count - 2) / ((limit - 2) / 2))
  keep(first)
  local from = first + 1
  while from < last do
    local to = math.min(from + stretch - 1, last - 1)
    local low, high = from, from
    for i = from + 1, to do
      if value(i) < value(low) then low = i end
      if value(i) > value(high) then high = i end
    end
    keep(math.min(low, high))
    if low ~= high then keep(math.max(low, high)) end
    from = to + 1
  end
  keep(last)
end

--- The equity curve with its drawdown.
---@param marks ffi.cdata* tl_record_equity array
---@param count integer
---@param initial number
---@param limit integer
---@return table columns `ts` (int64), `equity`, `drawdown` (at most 0)
function M.equity(marks, count, initial, limit)
  local out = { ts = {}, equity = {}, drawdown = {} }
  local peak, seen = initial, 0
  local function equity_at(i) return tonumber(marks[i].equity_e8) / 1e8 end
  extremes(0, count - 1, limit, equity_at, function(i)
    while seen <= i do
      peak = math.max(peak, equity_at(seen))
      seen = seen + 1
    end
    local n = #out.ts + 1
    out.ts[n], out.equity[n] = marks[i].ts_ns, equity_at(i)
    -- seven digits are more than a chart shows, and half the length
    out.drawdown[n] = peak > 0 and math.ceil(math.min(equity_at(i) / peak - 1, 0) * 1e7 - 0.5) / 1e7 or 0
  end)
  return out
end

--- The position after each fill of an instrument: times and quantities (mantissas).
---@param fills ffi.cdata* tl_record_fill array
---@param indices integer[] the instrument's fills
---@param limit integer
function M.position(fills, indices, limit)
  local ts, held = {}, {}
  extremes(1, #indices, limit, function(i) return tonumber(fills[indices[i]].position) end, function(i)
    ts[#ts + 1] = fills[indices[i]].ts_ns
    held[#held + 1] = tonumber(fills[indices[i]].position)
  end)
  return ts, held
end

--- A recorded series: arrays of times and values, from 0.
function M.series(times, values, count, limit)
  local ts, out = {}, {}
  if count == 0 then return ts, out end
  extremes(0, count - 1, limit, function(i) return values[i] end, function(i)
    ts[#ts + 1], out[#out + 1] = times[i], values[i]
  end)
  return ts, out
end

return M

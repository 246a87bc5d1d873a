--- Numbers, times and durations as text: for people (summary, HTML) and, exact, for files (CSV, JSON).
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}

local text = ffi.new "char[48]"

--- The exact decimal of an int64 mantissa with a power-of-ten exponent, without trailing zeros.
---@param mantissa integer|ffi.cdata*
---@param exponent integer
---@return string
function M.decimal(mantissa, exponent)
  return ffi.string(text, C.tl_fixed_format(mantissa, exponent, text))
end

--- A price that is kept doubled (a middle of two prices), exactly.
function M.half(twice, exponent)
  return M.decimal(ffi.cast("int64_t", twice) * 5, exponent - 1)
end

--- Year, month and day of a number of days since 1970-01-01 (proleptic Gregorian).
local function civil(days)
  local z = days + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  return yoe + era * 400 + (month <= 2 and 1 or 0), month, doy - math.floor((153 * mp + 2) / 5) + 1
end

local function split(ts_ns)
  local ns = ffi.cast("int64_t", ts_ns)
  local fraction = ns % 1000000000LL
  if fraction < 0 then fraction = fraction + 1000000000LL end
  local seconds = tonumber((ns - fraction) / 1000000000LL)
  local days = math.floor(seconds / 86400)
  return days, seconds - days * 86400, tonumber(fraction)
end

--- "2012-06-21T13:30:00.000000001Z": UTC, all digits that are not zero at the end of the fraction.
---@param ts_ns ffi.cdata*|number ns since the Unix epoch
---@return string
function M.iso(ts_ns)
  local days, second, fraction = split(ts_ns)
  local year, month, day = civil(days)
  local head = ("%04d-%02d-%02dT%02d:%02d:%02d"):format(year, month, day, second / 3600, second / 60 % 60, second % 60)
  if fraction == 0 then return head .. "Z" end
  return head .. "." .. (("%09d"):format(fraction):gsub("0+$", "")) .. "Z"
end

--- yyyymmdd of an instant in UTC, as a number.
function M.utc_date(ts_ns)
  local year, month, day = civil((split(ts_ns)))
  return year * 10000 + month * 100 + day
end

--- "2012-06-21" of 20120621.
function M.date(yyyymmdd)
  return ("%04d-%02d-%02d"):format(math.floor(yyyymmdd / 10000), math.floor(yyyymmdd / 100) % 100, yyyymmdd % 100)
end

local function group_thousands(digits)
  local head, rest = digits:match "^([-+]?%d+)(.*)$"
  if not head then return digits end
  local sign, number = head:match "^([-+]?)(%d+)$"
  number = number:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
  return sign .. number .. rest
end

--- 1234567.891 -> "1,234,567.89". nil -> "-".
function M.number(value, decimals)
  if not value or value ~= value then return "-" end
  if value == math.huge or value == -math.huge then return value > 0 and "inf" or "-inf" end
  local digits = ("%%.%df"):format(decimals or 2):format(value)
  if tonumber(digits) == 0 then digits = digits:gsub("^-", "") end
  return group_thousands(digits)
end

--- A whole number with thousands grouped.
function M.count(value)
  return value and group_thousands(("%.0f"):format(tonumber(value))) or "-"
end

--- Money: two decimals, more where the amount is small.
function M.money(value)
  if not value then return "-" end
  local size = math.abs(value)
  return M.number(value, (size == 0 or size >= 1) and 2 or size >= 0.01 and 4 or 8)
end

--- 0.1234 -> "12.34 %"; small fractions keep digits that tell something.
function M.percent(fraction)
  if not fraction then return "-" end
  local size = math.abs(fraction)
  return M.number(fraction * 100, (size == 0 or size >= 0.0005) and 2 or 4) .. " %"
end

--- A ratio with two decimals.
function M.ratio(value)
  return M.number(value, 2)
end

--- Basis points with two decimals.
function M.bps(value)
  return value and M.number(value, 2) .. " bp" or "-"
end

local units = { { 86400e9, "d" }, { 3600e9, "h" }, { 60e9, "m" }, { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" }, { 1, "ns" } }

--- Nanoseconds as its two largest units: "12 d 4 h", "350 us".
function M.duration(ns)
  if not ns then return "-" end
  ns = tonumber(ns)
  if ns < 0 then return "-" .. M.duration(-ns) end
  if ns < 1 then return "0" end
  for i, unit in ipairs(units) do
    if ns >= unit[1] then
      if unit[1] <= 1e9 then
        local value = ns / unit[1]
        local shown = (value >= 100 and "%.0f %s" or value >= 10 and "%.1f %s" or "%.2f %s"):format(value, unit[2])
        return (shown:gsub("%.0+ ", " "))
      end
      local whole = math.floor(ns / unit[1])
      local rest = math.floor((ns - whole * unit[1]) / units[i + 1][1])
      return rest > 0 and ("%d %s %d %s"):format(whole, unit[2], rest, units[i + 1][2]) or ("%d %s"):format(whole, unit[2])
    end
  end
end

return M

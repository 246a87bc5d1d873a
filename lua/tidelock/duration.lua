--- Durations as people write them: "250us", "5ms", "1s", "2m", "1h", "1d", or nanoseconds as a number.
local M = {}

-- So long that nobody means more, and any instant of this century plus it can be counted.
local MOST_NS = 100 * 365 * 86400e9
local UNIT_NS = { ns = 1, us = 1e3, ms = 1e6, s = 1e9, m = 60e9, h = 3600e9, d = 86400e9 }

--- Nanoseconds of a duration. A string is digits with an optional fraction and a unit (ns us ms s m h d); a negative one starts with "-".
--- A number is nanoseconds; one between 0 and 1000 exclusive is refused: someone meant seconds.
---@param value string|number
---@return number|nil ns
---@return string|nil why a sentence when it is no duration
function M.parse(value)
  if type(value) == "number" then
    if value ~= value or value == math.huge or value == -math.huge then return nil, "a duration must be finite" end
    if value ~= 0 and value > -1000 and value < 1000 then
      return nil, ("a duration of %g nanoseconds is surely meant in another unit; write \"%gs\" or \"%gms\""):format(value, value, value)
    end
    if value > MOST_NS or value < -MOST_NS then return nil, ("a duration of %g ns is more than a hundred years"):format(value) end
    return value
  end
  if type(value) ~= "string" then return nil, "a duration is a string such as \"250us\" or nanoseconds, not a " .. type(value) end
  local sign, digits, unit = value:match "^(%-?)(%d+%.?%d*)(%a+)$"
  local scale = unit and UNIT_NS[unit]
  if not scale then return nil, ("'%s' is no duration; write \"250us\", \"5ms\", \"1s\", \"2m\", \"1h\" or \"1d\""):format(value:sub(1, 32)) end
  local ns = tonumber(digits) * scale
  if ns > MOST_NS then return nil, ("'%s' is more than a hundred years"):format(value) end
  return sign == "-" and -ns or ns
end

--- A short text for `ns`, in the largest unit that leaves it exact: 250000 -> "250us".
---@param ns number
---@return string
function M.format(ns)
  if ns == 0 then return "0" end
  for _, unit in ipairs { "d", "h", "m", "s", "ms", "us" } do
    if ns % UNIT_NS[unit] == 0 then return ("%d%s"):format(ns / UNIT_NS[unit], unit) end
  end
  return ("%gns"):format(ns)
end

return M

--- A script's tags as the small numbers that orders carry, in the order of their first use; 0 is no tag.
local M = {}

local numbers, names = {}, {}

--- The number of a tag, made at its first use.
---@param tag string
---@return number
function M.number(tag)
  local number = numbers[tag]
  if not number then
    number = #names + 1
    names[number], numbers[tag] = tag, number
  end
  return number
end

--- The number of a tag that was used before, nil otherwise.
function M.known(tag)
  return numbers[tag]
end

--- The tag of a number, nil for none.
function M.name(number)
  return names[number]
end

return M

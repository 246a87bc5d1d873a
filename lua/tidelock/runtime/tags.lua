--- A script's tags as the small numbers that orders carry; 0 is no tag. The mirror keeps them, so that whoever reads orders can name them;
--- here they are kept once more, so that each is looked up once.
local context = require "tidelock.runtime.context"
local C, ffi = context.C, context.ffi

local M = {}

local numbers, names, mirror = {}, {}, nil

local function attach()
  if mirror ~= context.mirror then numbers, names, mirror = {}, {}, context.mirror end
end

--- The number of a tag, made at its first use.
---@param tag string
---@return number
function M.number(tag)
  attach()
  local number = numbers[tag]
  if not number then
    number = C.tl_mirror_tag(mirror, tag)
    if number == 0 then error("65,536 different tags are in use, which is the most", 0) end
    names[number], numbers[tag] = tag, number
  end
  return number
end

--- The number of a tag that was used before, nil otherwise.
function M.known(tag)
  attach()
  return numbers[tag]
end

--- The tag of a number, nil for none.
function M.name(number)
  attach()
  if number == 0 then return nil end
  local name = names[number]
  if not name then
    name = ffi.string(C.tl_mirror_tag_name(mirror, number))
    names[number] = name
  end
  return name
end

return M

--- Where a text is not UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
local M = {}

local REPLACEMENT = "\239\191\189" -- U+FFFD

--- The place of the first byte at which a text stops being UTF-8, nil when it never does.
---@param text string
---@param from integer|nil where to begin, at the start of a character (default 1)
---@return integer|nil
function M.fault(text, from)
  local at = from or 1
  local length = #text
  while true do
    at = text:find("[\128-\255]", at)
    if not at then return nil end
    local b, more = text:byte(at), nil
    local low, high = 0x80, 0xbf
    if b >= 0xc2 and b <= 0xdf then more = 1
    elseif b >= 0xe0 and b <= 0xef then
      more = 2
      if b == 0xe0 then low = 0xa0 elseif b == 0xed then high = 0x9f end
    elseif b >= 0xf0 and b <= 0xf4 then
      more = 3
      if b == 0xf0 then low = 0x90 elseif b == 0xf4 then high = 0x8f end
    else return at end
    if at + more > length then return at end
    for i = 1, more do
      local c = text:byte(at + i)
      if c < low or c > high then return at end
      low, high = 0x80, 0xbf
    end
    at = at + more + 1
  end
end

--- A text with U+FFFD for each byte that is not UTF-8.
---@param text string
---@return string
function M.clean(text)
  local parts, from = {}, 1
  local at = M.fault(text)
  while at do
    parts[#parts + 1] = text:sub(from, at - 1) .. REPLACEMENT
    from = at + 1
    at = M.fault(text, from)
  end
  return from == 1 and text or table.concat(parts) .. text:sub(from)
end

return M

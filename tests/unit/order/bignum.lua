-- Integers of any size, written for clearness and not for speed: the model that exact C arithmetic is compared with.
-- A number is { sign = 1 or -1, digits of base 10^4, the lowest first }; zero has no digits.
local BASE = 10000
local Big = {}
Big.__index = Big

local function trim(n)
  while n[#n] == 0 do n[#n] = nil end
  if #n == 0 then n.sign = 1 end
  return n
end

local function new(sign) return setmetatable({ sign = sign }, Big) end

--- From a decimal text, an int64 cdata or a whole Lua number.
local function big(value)
  if getmetatable(value) == Big then return value end
  local text = type(value) == "number" and ("%.0f"):format(value) or tostring(value):gsub("U?LL$", "")
  local n = new(text:sub(1, 1) == "-" and -1 or 1)
  text = text:gsub("^-", "")
  for last = #text, 1, -4 do n[#n + 1] = tonumber(text:sub(math.max(1, last - 3), last)) end
  return trim(n)
end

local function compare_size(a, b)
  if #a ~= #b then return #a < #b and -1 or 1 end
  for i = #a, 1, -1 do
    if a[i] ~= b[i] then return a[i] < b[i] and -1 or 1 end
  end
  return 0
end

local function add_size(a, b, sign)
  local n, carry = new(sign), 0
  for i = 1, math.max(#a, #b) + 1 do
    local d = (a[i] or 0) + (b[i] or 0) + carry
    n[i], carry = d % BASE, d >= BASE and 1 or 0
  end
  return trim(n)
end

local function subtract_size(a, b, sign)
  local n, borrow = new(sign), 0
  for i = 1, #a do
    local d = a[i] - (b[i] or 0) - borrow
    n[i], borrow = d % BASE, d < 0 and 1 or 0
  end
  return trim(n)
end

function Big.__unm(a)
  local n = new(-a.sign)
  for i = 1, #a do n[i] = a[i] end
  return trim(n)
end

function Big.__add(a, b)
  a, b = big(a), big(b)
  if a.sign == b.sign then return add_size(a, b, a.sign) end
  if compare_size(a, b) >= 0 then return subtract_size(a, b, a.sign) end
  return subtract_size(b, a, b.sign)
end

function Big.__sub(a, b) return big(a) + -big(b) end

function Big.__mul(a, b)
  a, b = big(a), big(b)
  local n = new(a.sign * b.sign)
  for i = 1, #a + #b do n[i] = 0 end
  for i = 1, #a do
    local carry = 0
    for j = 1, #b do
      local d = n[i + j - 1] + a[i] * b[j] + carry
      n[i + j - 1], carry = d % BASE, math.floor(d / BASE)
    end
    n[i + #b] = n[i + #b] + carry
  end
  return trim(n)
end

--- Quotient and rest of the sizes, by long division with each digit searched for.
local function divide_size(a, b)
  local quotient, rest = new(1), new(1)
  for i = #a, 1, -1 do
    table.insert(rest, 1, a[i])
    trim(rest)
    local low, high = 0, BASE - 1
    while low < high do
      local middle = math.ceil((low + high) / 2)
      local product = big(middle) * b
      product.sign = 1
      if compare_size(product, rest) <= 0 then low = middle else high = middle - 1 end
    end
    local product = big(low) * b
    product.sign = 1
    rest = subtract_size(rest, product, 1)
    quotient[i] = low
  end
  return trim(quotient), rest
end

--- a / b to the nearest integer, halves to even.
local function divide_half_even(a, b)
  a, b = big(a), big(b)
  local quotient, rest = divide_size(a, b)
  local order = compare_size(rest + rest, add_size(b, big(0), 1))
  if order > 0 or (order == 0 and (quotient[1] or 0) % 2 == 1) then quotient = quotient + 1 end
  quotient.sign = a.sign * b.sign
  return trim(quotient)
end

function Big.__eq(a, b) return a.sign == b.sign and compare_size(a, b) == 0 end

function Big.__tostring(n)
  local out = { #n == 0 and "0" or tostring(n[#n]) }
  for i = #n - 1, 1, -1 do out[#out + 1] = ("%04d"):format(n[i]) end
  return (n.sign < 0 and "-" or "") .. table.concat(out)
end

return { big = big, divide_half_even = divide_half_even }

--- `x ^ y` in scripts: the interpreter and compiled code give different last bits (x^2 becomes x*x, others go through exp2 and log2), so that each `^` is
--- rewritten, before a script is compiled, into a call of the C library's pow(), the same for both. Line numbers stay.
local context = require "tidelock.runtime.context"
local pow = context.C.tl_math_pow

local M = {}

--- The name under which the function stands in a script's environment.
M.NAME = "__pow"

function M.pow(x, y)
  if type(x) == "number" and type(y) == "number" then return pow(x, y) end
  local base, exponent = tonumber(x), tonumber(y)
  if base and exponent then return pow(base, exponent) end
  for _, operand in ipairs { x, y } do
    local meta = type(operand) == "table" and debug.getmetatable(operand)
    local own = meta and rawget(meta, "__pow")
    if own then return (own(x, y)) end
  end
  error(("attempt to perform arithmetic on a %s value (operand of ^)"):format(type(base and y or x)), 2)
end

local KEYWORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true until while"):gmatch "%a+" do
  KEYWORDS[word] = true
end
local CONSTANTS = { ["nil"] = true, ["true"] = true, ["false"] = true }
local OPENERS = { [")"] = "(", ["]"] = "[", ["}"] = "{" }

local function long_bracket(text, at)
  local equals = text:match("^%[(=*)%[", at)
  if not equals then return nil end
  local _, last = text:find("]" .. equals .. "]", at, true)
  return last or #text
end

--- Tokens as { kind, first, last } with kind "name", "number", "string", "end" of a keyword's own text, or the operator itself.
local function tokens_of(text)
  local tokens, at = {}, 1
  while true do
    at = text:find("%S", at)
    if not at then break end
    local last, kind
    if text:find("^%-%-", at) then
      last = long_bracket(text, at + 2) or (text:find("\n", at, true) or #text)
    elseif text:find("^[%a_\128-\255]", at) then
      last = select(2, text:find("^[%w_\128-\255]+", at))
      local word = text:sub(at, last)
      kind = KEYWORDS[word] and word or "name"
    elseif text:find("^%.?%d", at) then
      last = select(2, text:find("^0[xX][%x%.]*[pP][%+%-]?[%w_]*", at)) or select(2, text:find("^0[xX][%w_%.]*", at))
        or select(2, text:find("^[%d%.]+[eE][%+%-]%w*", at)) or select(2, text:find("^[%w%.]+", at))
      local dots = text:find("..", at, true) -- 1..2 is malformed, "a".. is not ours
      if dots and dots < last and not text:find("^0[xX]", at) then last = math.max(at, dots - 1) end
      kind = "number"
    elseif text:find("^[\"']", at) then
      local quote, i = text:sub(at, at), at + 1
      while i <= #text do
        local c = text:sub(i, i)
        if c == "\\" then i = i + 1 elseif c == quote or c == "\n" then break end
        i = i + 1
      end
      last, kind = math.min(i, #text), "string"
    elseif text:find("^%[=*%[", at) then
      last, kind = long_bracket(text, at), "string"
    else
      last = select(2, text:find("^%.%.%.", at)) or select(2, text:find("^%.%.", at)) or select(2, text:find("^[=~<>]=", at))
        or select(2, text:find("^::", at)) or at
      kind = text:sub(at, last)
    end
    if kind then tokens[#tokens + 1] = { kind = kind, first = at, last = last } end
    at = last + 1
  end
  return tokens
end

local function ends_value(token)
  return token and (token.kind == "name" or token.kind == "string" or token.kind == ")" or token.kind == "]" or token.kind == "}")
end

--- The index of the first token of the operand that ends at token `i`; nil when there is none.
local function operand_start(tokens, match, i)
  while tokens[i] do
    local kind = tokens[i].kind
    if kind == "number" or kind == "..." or CONSTANTS[kind] then return i end
    if kind == "name" then
      local before = tokens[i - 1] and tokens[i - 1].kind
      if before ~= "." and before ~= ":" then return i end
      i = i - 2
    elseif kind == "string" then
      if not ends_value(tokens[i - 1]) then return i end
      i = i - 1
    elseif OPENERS[kind] then
      local open = match[i]
      if not open then return nil end
      local called = ends_value(tokens[open - 1])
      if kind ~= "]" and not called then return open end
      i = open - 1
    else
      return nil
    end
  end
end

--- The index of the last token of the operand that begins at token `i`, with the `^` of its own right side.
local function operand_end(tokens, match, i)
  while tokens[i] and (tokens[i].kind == "-" or tokens[i].kind == "not" or tokens[i].kind == "#") do i = i + 1 end
  local token = tokens[i]
  if not token then return nil end
  if token.kind == "(" or token.kind == "{" then
    i = match[i]
  elseif token.kind ~= "name" and token.kind ~= "number" and token.kind ~= "string" and token.kind ~= "..." and not CONSTANTS[token.kind] then
    return nil
  end
  while i and tokens[i + 1] do
    local kind = tokens[i + 1].kind
    if (kind == "." or kind == ":") and tokens[i + 2] then i = i + 2
    elseif (kind == "(" or kind == "[" or kind == "{") and ends_value(tokens[i]) then i = match[i + 1]
    elseif kind == "string" and ends_value(tokens[i]) then i = i + 1
    else break end
  end
  if i and tokens[i + 1] and tokens[i + 1].kind == "^" then return operand_end(tokens, match, i + 2) end
  return i
end

--- The text with each `a ^ b` as `__pow(a, b)`. A text that is no Lua comes back as it is, for the compiler to say what is wrong.
---@param text string
---@return string
function M.rewrite(text)
  if not text:find("^", 1, true) then return text end
  local tokens, match, open = tokens_of(text), {}, {}
  local found = false
  for i, token in ipairs(tokens) do
    if token.kind == "(" or token.kind == "[" or token.kind == "{" then
      open[#open + 1] = i
    elseif OPENERS[token.kind] then
      local from = table.remove(open)
      if not from or tokens[from].kind ~= OPENERS[token.kind] then return text end
      match[i], match[from] = from, i
    end
    found = found or token.kind == "^"
  end
  if not found then return text end
  local before, after, commas = {}, {}, {}
  for i, token in ipairs(tokens) do
    if token.kind == "^" then
      local first, last = operand_start(tokens, match, i - 1), operand_end(tokens, match, i + 1)
      if not first or not last then return text end
      before[tokens[first].first] = (before[tokens[first].first] or "") .. M.NAME .. "("
      after[tokens[last].last] = (after[tokens[last].last] or "") .. ")"
      commas[token.first] = true
    end
  end
  local out, at = {}, 1
  local marks = {}
  for position in next, before do marks[#marks + 1] = position end
  for position in next, after do marks[#marks + 1] = position end
  for position in next, commas do marks[#marks + 1] = position end
  table.sort(marks)
  local last_mark
  for _, position in ipairs(marks) do
    if position ~= last_mark then
      out[#out + 1] = text:sub(at, position - 1)
      out[#out + 1] = before[position] or ""
      out[#out + 1] = commas[position] and "," or text:sub(position, position)
      out[#out + 1] = after[position] or ""
      at, last_mark = position + 1, position
    end
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out)
end

return M

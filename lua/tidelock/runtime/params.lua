--- Params: what a strategy declares, what the configuration overrides, and the read-only table that handlers read.
---
--- A declaration is a default, or a table with `default min max step type choices help`. The type is the declared one, else that of the default; a whole
--- default is an integer.
local nearest = require "tidelock.nearest"
local duration = require "tidelock.duration"

local M = {}

local SPEC_KEYS = { "default", "min", "max", "step", "type", "choices", "help" }
local TYPES = { "integer", "number", "boolean", "string", "duration" }

local function quoted(value)
  return type(value) == "string" and ("'%s'"):format(value) or tostring(value)
end

local function type_of_default(name, value)
  local t = type(value)
  if t == "number" then return value % 1 == 0 and "integer" or "number" end
  if t == "boolean" or t == "string" then return t end
  error(("param %s: a default is a number, a boolean or a string, not a %s"):format(name, t), 0)
end

--- Raises when `value` is not allowed for the param; returns it (a number of ns for a duration).
local function checked(name, spec, value)
  local kind, t = spec.type, type(value)
  if kind == "duration" then
    local ns, why = duration.parse(value)
    if not ns then error(("param %s: %s"):format(name, why), 0) end
    value = ns
  elseif kind == "integer" or kind == "number" then
    if t ~= "number" or value ~= value then error(("param %s must be a number, not %s"):format(name, quoted(value)), 0) end
    if kind == "integer" and value % 1 ~= 0 then error(("param %s must be an integer, not %.14g"):format(name, value), 0) end
  elseif t ~= kind then
    error(("param %s must be a %s, not %s"):format(name, kind, quoted(value)), 0)
  end
  if type(value) == "number" then
    if spec.min and value < spec.min then error(("param %s is %.14g, below its min %.14g"):format(name, value, spec.min), 0) end
    if spec.max and value > spec.max then error(("param %s is %.14g, above its max %.14g"):format(name, value, spec.max), 0) end
  end
  if spec.choices then
    for _, choice in ipairs(spec.choices) do
      if choice == value then return value end
    end
    local listed = {}
    for i, choice in ipairs(spec.choices) do listed[i] = quoted(choice) end
    error(("param %s is %s, and its choices are %s"):format(name, quoted(value), table.concat(listed, ", ")), 0)
  end
  return value
end

local function bound(name, key, value, kind)
  if value == nil then return nil end
  if kind == "duration" then
    local ns, why = duration.parse(value)
    if not ns then error(("param %s: %s: %s"):format(name, key, why), 0) end
    return ns
  end
  if type(value) ~= "number" then error(("param %s: %s must be a number, not %s"):format(name, key, quoted(value)), 0) end
  return value
end

--- The choices as values of the param's kind.
local function choices_of(name, given, kind)
  if given == nil then return nil end
  if type(given) ~= "table" or #given == 0 then error(("param %s: choices is a list of values"):format(name), 0) end
  local list = {}
  for i, choice in ipairs(given) do list[i] = checked(name .. ", a choice of it,", { type = kind }, choice) end
  return list
end

local function read_spec(name, given)
  if type(name) ~= "string" or not name:match "^[%a_][%w_]*$" then error(("param %s: a name is letters, digits and _"):format(quoted(name)), 0) end
  if type(given) ~= "table" then given = { default = given } end
  for key in next, given do
    local known = false
    for _, k in ipairs(SPEC_KEYS) do known = known or k == key end
    if not known then error(("param %s: %s"):format(name, nearest.sentence("key", key, SPEC_KEYS)), 0) end
  end
  if given.default == nil then error(("param %s has no default"):format(name), 0) end
  local kind = given.type or type_of_default(name, given.default)
  local known = false
  for _, t in ipairs(TYPES) do known = known or t == kind end
  if not known then error(("param %s: %s"):format(name, nearest.sentence("type", kind, TYPES)), 0) end
  local spec = {
    name = name, type = kind, min = bound(name, "min", given.min, kind), max = bound(name, "max", given.max, kind),
    step = bound(name, "step", given.step, kind), choices = choices_of(name, given.choices, kind), help = given.help,
  }
  if spec.step and not (spec.step > 0) then error(("param %s: step is %.14g; it must be above 0"):format(name, spec.step), 0) end
  spec.default = checked(name, spec, given.default)
  return spec
end

--- The declared params as specs, sorted by name.
function M.read(declared)
  local specs = {}
  for name, given in next, declared or {} do specs[#specs + 1] = read_spec(name, given) end
  table.sort(specs, function(a, b) return a.name < b.name end)
  for _, spec in ipairs(specs) do specs[spec.name] = spec end
  return specs
end

local function from_text(spec, text)
  if spec.type == "boolean" then
    if text == "true" then return true elseif text == "false" then return false end
    return text
  elseif spec.type == "string" then
    return text
  elseif spec.type == "duration" then
    return tonumber(text) or text
  end
  return tonumber(text) or text
end

local function names_of(specs)
  local names = {}
  for i, spec in ipairs(specs) do names[i] = spec.name end
  return names
end

--- A read-only table over `values`: an unknown name raises and names the nearest.
local function shown(values, specs)
  local names = names_of(specs)
  setmetatable(values, { __index = function(_, key) error(nearest.sentence("param", key, names), 2) end })
  return setmetatable({}, {
    __index = values, __metatable = "params",
    __newindex = function(_, key) error(("self.params.%s cannot be set: params are read-only"):format(tostring(key)), 2) end,
  })
end

--- Effective values: defaults, then overrides (each { symbol =, name =, text = }). Returns the table scripts read, a function that gives the one of a
--- symbol, and the values behind each such table.
function M.resolve(specs, overrides, check)
  local values, by_symbol, order = {}, {}, {}
  for _, spec in ipairs(specs) do values[spec.name] = spec.default end
  for _, override in ipairs(overrides) do
    local spec = specs[override.name]
    if not spec then error(nearest.sentence("param", override.name, names_of(specs)), 0) end
    local value = checked(spec.name, spec, from_text(spec, override.text))
    if override.symbol then
      if not by_symbol[override.symbol] then
        by_symbol[override.symbol] = {}
        order[#order + 1] = override.symbol
      end
      by_symbol[override.symbol][spec.name] = value
    else
      values[spec.name] = value
    end
  end
  local function agree(these, of)
    if not check then return end
    local ok, why = check(shown(these, specs))
    if not ok then
      local listed = {}
      for i, spec in ipairs(specs) do listed[i] = ("%s = %s"):format(spec.name, quoted(rawget(these, spec.name))) end
      error(("the strategy's check refuses its params%s%s: %s"):format(of and " of " .. of or "", why and (" (" .. tostring(why) .. ")") or "",
        table.concat(listed, ", ")), 0)
    end
  end
  local base = shown(values, specs)
  agree(values)
  local views, tables = {}, { [base] = values }
  for _, symbol in ipairs(order) do
    local own = by_symbol[symbol]
    for _, spec in ipairs(specs) do
      if own[spec.name] == nil then own[spec.name] = values[spec.name] end
    end
    views[symbol] = shown(own, specs)
    tables[views[symbol]] = own
    agree(own, symbol)
  end
  return base, function(symbol) return views[symbol] or base end, tables
end

--- A value as text, as it is shown and as it may be given again.
function M.text(spec, value)
  if spec.type == "duration" then return duration.format(value) end
  if type(value) == "number" then return ("%.14g"):format(value) end
  return tostring(value)
end

M.checked = checked

return M

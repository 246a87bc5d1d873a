--- What all indicators have in common: arguments, the way back to the first push, saving and restoring.
local nearest = require "tidelock.nearest"

local floor, type, error, setmetatable, getmetatable = math.floor, type, error, setmetatable, getmetatable

local M = {}

local MAX_LENGTH = 1000000
local SAVED_VERSION = 1

--- By name: { options = { { name, default, least, kind } ... }, numbers = fields to save, arrays = { name = length of }, parts = names }.
local kinds = {}

--- Constructors by name, and the names in order of definition.
M.make, M.names = {}, {}

--- The value of an option, or nil and what is wrong with it.
local function check_option(option, value)
  local name = option.name
  if value == nil then value = option.default end
  if value == nil then return nil, name .. " is missing" end
  if option.kind == "boolean" then
    if type(value) ~= "boolean" then return nil, ("%s is true or false, not %s"):format(name, tostring(value)) end
  elseif type(value) ~= "number" or value - value ~= 0 then
    return nil, ("%s is a number, not %s"):format(name, tostring(value))
  elseif option.kind == "length" then
    if floor(value) ~= value then return nil, ("%s is a whole number, not %g"):format(name, value) end
    if value < option.least or value > MAX_LENGTH then
      return nil, ("%s goes from %d to %d, and %g was given"):format(name, option.least, MAX_LENGTH, value)
    end
  elseif value <= 0 then
    return nil, ("%s is greater than 0, and %g was given"):format(name, value)
  end
  return value
end

--- Puts the arguments of a call, by place and by name, into `object`; returns what is wrong with them.
local function take_options(options, object, ...)
  local places, count, named = { ... }, select("#", ...), nil
  if type(places[count]) == "table" then
    named = places[count]
    places[count] = nil
    count = count - 1
  end
  if count > #options then return ("takes %d arguments at most, and %d were given"):format(#options, count) end
  local known, is_known = {}, {}
  for i, option in ipairs(options) do
    known[i], is_known[option.name], is_known[i] = option.name, true, true
    local value = places[i]
    if named then
      local by_name = named[option.name]
      if by_name == nil then by_name = named[i] end
      if value ~= nil and by_name ~= nil then return option.name .. " was given twice" end
      if value == nil then value = by_name end
    end
    local checked, wrong = check_option(option, value)
    if wrong then return wrong end
    object[option.name] = checked
  end
  for name in next, named or {} do
    if not is_known[name] then return nearest.sentence("option", name, known) end
  end
  return nil
end

function M.length(name, default, least) return { name = name, default = default, least = least or 1, kind = "length" } end
function M.positive(name, default) return { name = name, default = default, kind = "positive" } end
M.SAMPLE = { name = "sample", default = false, kind = "boolean" }

--- The state as a plain table of numbers, booleans, strings and tables: what hand-over and checkpoints keep.
---@return table
local function save(self)
  local what = kinds[self.kind]
  local saved = { indicator = self.kind, version = SAVED_VERSION, options = {}, ready = self.ready, count = self.count, value = self.value }
  for _, option in ipairs(what.options) do saved.options[option.name] = self[option.name] end
  for _, name in ipairs(what.numbers or {}) do saved[name] = self[name] end
  for _, name in ipairs(what.arrays or {}) do
    local from, to = self[name], {}
    for i = 1, #from do to[i] = from[i] end
    saved[name] = to
  end
  for _, name in ipairs(what.parts or {}) do saved[name] = self[name]:save() end
  return saved
end

--- Adds to a sum in two parts: what rounding takes from the first goes to the second, so that what came in goes out again to the last bit.
function M.add(sum, rest, x)
  local after = sum + x
  local taken = after - sum
  return after, rest + ((sum - (after - taken)) + (x - taken))
end

--- Defines indicator.<kind>. `class` has start (back to the first push), push, and perhaps check, which returns what is wrong with the
--- options; `what` says what is saved.
function M.define(kind, options, what, class)
  what.options = options
  kinds[kind] = what
  M.names[#M.names + 1] = kind
  class.__index = class
  class.kind = kind
  class.save = save
  class.reset = function(self)
    self.value, self.ready, self.count = nil, false, 0
    self:start()
    return self
  end
  what.class = class
  M.make[kind] = function(...)
    local object = setmetatable({}, class)
    local wrong = take_options(options, object, ...) or class.check and class.check(object)
    if wrong then error(("indicator.%s: %s"):format(kind, wrong), 2) end
    return object:reset()
  end
end

function M.zeros(n)
  local list = {}
  for i = 1, n do list[i] = 0 end
  return list
end

function M.no_number(self, x)
  error(("%s:push: a finite number is needed, and %s was given"):format(self.kind, type(x) == "number" and tostring(x) or type(x)), 3)
end

function M.no_bar(self, bar, fields)
  if type(bar) == "number" or bar == nil or type(bar) == "string" or type(bar) == "boolean" then
    error(("%s:push: a bar with %s is needed, and %s was given"):format(self.kind, fields, tostring(bar)), 3)
  end
  error(("%s:push: the bar needs finite numbers in %s"):format(self.kind, fields), 3)
end

local function is_saved_kind(saved) return type(saved) == "table" and kinds[saved.indicator] ~= nil end

--- Numbers that are places in a window: where they may lie, at most `self.length`.
local LEAST_PLACE = { index = 1, age = 0 }

local function restore(saved, level)
  if not is_saved_kind(saved) or type(saved.options) ~= "table" then error("indicator.restore: this is no saved indicator", level) end
  if saved.version ~= SAVED_VERSION then
    error(("indicator.restore: %s was saved by version %s, and this is version %d"):format(saved.indicator, tostring(saved.version), SAVED_VERSION), level)
  end
  local what = kinds[saved.indicator]
  local self = M.make[saved.indicator](saved.options)
  local function wrong(name) error(("indicator.restore: %s of a saved %s is not what it was"):format(name, saved.indicator), level + 1) end
  if type(saved.count) ~= "number" or floor(saved.count) ~= saved.count or saved.count < 0 then wrong "count" end
  if type(saved.ready) ~= "boolean" then wrong "ready" end
  if saved.value ~= nil and type(saved.value) ~= "number" then wrong "value" end
  self.count, self.ready, self.value = saved.count, saved.ready, saved.value
  for _, name in ipairs(what.numbers or {}) do
    local value = saved[name]
    if value ~= nil and type(value) ~= "number" then wrong(name) end
    if value == nil and self[name] ~= nil then wrong(name) end
    local least = LEAST_PLACE[name]
    if least and (floor(value) ~= value or value < least or value > (self.length > 1 and self.length or 1)) then wrong(name) end
    self[name] = value
  end
  for _, name in ipairs(what.arrays or {}) do
    local from, to = saved[name], self[name]
    if type(from) ~= "table" or #from ~= #to then wrong(name) end
    for i = 1, #to do
      if type(from[i]) ~= "number" then wrong(name) end
      to[i] = from[i]
    end
  end
  for _, name in ipairs(what.parts or {}) do
    if not is_saved_kind(saved[name]) or saved[name].indicator ~= self[name].kind then wrong(name) end
    self[name] = restore(saved[name], level + 1)
  end
  return self
end

--- The indicator that `saved`, made by `:save()`, was.
---@param saved table
function M.restore(saved) return restore(saved, 3) end

--- Is this an indicator?
function M.is(value)
  if type(value) ~= "table" then return false end
  local class = getmetatable(value)
  return type(class) == "table" and kinds[class.kind] ~= nil and kinds[class.kind].class == class
end

return M

--- What the modules of one strategy's state share: the native library, the host's agents, symbols, the clock.
---
--- In a strategy's state it is filled from the host before any other module is loaded; a test of one module may fill it itself with
--- `context.attach { mirror =, view =, instruments =, host = }`. Nothing of it is in a script's reach.
local native = require "tidelock.native"
local nearest = require "tidelock.nearest"
local duration = require "tidelock.duration"
local C, ffi = native.C, native.ffi

local M = {
  C = C, ffi = ffi,
  host = nil, ---@type ffi.cdata*|nil tl_host *
  mirror = nil, ---@type ffi.cdata*|nil tl_mirror *
  view = nil, ---@type ffi.cdata*|nil tl_view *
  orders = nil, ---@type ffi.cdata*|nil const tl_shown_order *: the mirror's slots
  instruments = nil, ---@type ffi.cdata*|nil const tl_instruments *
  bound = false, -- instruments are known: symbols can be resolved
}

local NO_INSTRUMENT = 0xffffffff

-- Both ways between symbols and ids, filled as they are asked for. Ids count from 0.
local names, ids = {}, {}
local literals = {}
-- What was said of unknown symbols: looking for the nearest of thousands takes a while, and a handler may ask at each event.
local sentences, sentence_count = {}, 0
local MAX_SENTENCES = 1000

function M.attach(agents)
  M.host, M.mirror, M.view, M.instruments = agents.host, agents.mirror, agents.view, agents.instruments
  M.orders = agents.mirror ~= nil and ffi.cast("const tl_shown_order *", C.tl_mirror_orders(agents.mirror)) or nil
  names, ids, literals, sentences, sentence_count = {}, {}, {}, {}, 0
  M.bound = agents.bound ~= false
end

local function intern(id)
  local name = ffi.string(C.tl_instruments_at(M.instruments, id).symbol)
  names[id] = name
  return name
end

--- The symbol of an instrument id.
---@param id number
---@return string
function M.symbol(id)
  return names[id] or intern(id)
end

local function resolve(symbol)
  if type(symbol) ~= "string" then error("a symbol is a string, not a " .. type(symbol), 3) end
  if not M.bound then return nil end
  local id = tonumber(C.tl_instruments_find(M.instruments, symbol))
  if id == NO_INSTRUMENT then return nil end
  ids[symbol] = id
  return id
end

--- The id of a symbol, nil when there is no such instrument (or none is known yet).
---@param symbol string
---@return number|nil
function M.instrument(symbol)
  return ids[symbol] or resolve(symbol)
end

--- All symbols, in the order of their ids.
function M.symbols()
  local all = {}
  for id = 0, tonumber(C.tl_instruments_count(M.instruments)) - 1 do all[#all + 1] = M.symbol(id) end
  return all
end

--- The sentence for a symbol that is not known, with the nearest known one.
function M.unknown_symbol(symbol)
  local sentence = sentences[symbol]
  if not sentence then
    sentence = nearest.listed("symbol", symbol, M.symbols())
    if sentence_count < MAX_SENTENCES then
      sentences[symbol], sentence_count = sentence, sentence_count + 1
    end
  end
  return sentence
end

--- A symbol that stands in a script as a literal: checked now, or, while instruments are not known, as soon as they are.
---@param symbol string
---@param level number|nil of the error, as for error()
function M.literal(symbol, level)
  if type(symbol) ~= "string" then error("a symbol is a string, not a " .. type(symbol), (level or 1) + 1) end
  if not M.bound then
    literals[#literals + 1] = symbol
  elseif not M.instrument(symbol) then
    error(M.unknown_symbol(symbol), (level or 1) + 1)
  end
end

--- Called when the instruments are known.
function M.bind()
  M.bound = true
  for _, symbol in ipairs(literals) do
    if not M.instrument(symbol) then error(M.unknown_symbol(symbol), 0) end
  end
  literals = {}
end

--- The runtime's clock in ns since the epoch: int64, constant within a handler.
function M.now_ns()
  return C.tl_runtime_now_ns(M.host)
end

local MAX_PARSED = 1000
local parsed, parsed_count = {}, 0

--- Nanoseconds of a duration ("250us", or ns as a number); strings are parsed once. Raises what is none.
---@param value string|number
---@param level number|nil of the error
---@return number
function M.duration(value, level)
  local ns = parsed[value]
  if ns then return ns end
  local why
  ns, why = duration.parse(value)
  if not ns then error(why, (level or 1) + 1) end
  if type(value) == "string" and parsed_count < MAX_PARSED then
    parsed[value], parsed_count = ns, parsed_count + 1
  end
  return ns
end

--- An error that a call returns beside nil: `code`, `field`, `limit`, `value`; tostring() gives the sentence.
local Refusal = { __tostring = function(self) return self.text end, __metatable = "error" }
Refusal.__index = Refusal
function M.refusal(code, text, field, limit, value)
  return setmetatable({ code = code, text = text, field = field, limit = limit, value = value }, Refusal)
end

--- Raises for a key of `given` (a table) that is not in the list `known`, naming the nearest; looks at keys in order, so that the same one is named in
--- every run.
function M.check_keys(what, given, known, level)
  local unknown
  for key in next, given do
    local found = false
    for _, name in ipairs(known) do found = found or name == key end
    if not found and (unknown == nil or tostring(key) < tostring(unknown)) then unknown = key end
  end
  if unknown ~= nil then error(nearest.sentence(what, unknown, known), (level or 1) + 1) end
end

--- Makes a module that scripts see: reading a field that it has not raises and names the nearest, writing raises.
function M.module(name, fields)
  local known = {}
  for key in next, fields do known[#known + 1] = key end
  table.sort(known)
  return setmetatable(fields, {
    __index = function(_, key) error(nearest.sentence("field of " .. name, key, known), 2) end,
    __newindex = function(_, key) error(("%s.%s cannot be set: the library is read-only"):format(name, tostring(key)), 2) end,
    __metatable = name,
  })
end

return M

--- Checks a strategy without data: it is compiled, looked at, loaded into a host of its own and bound to the symbols that it declares.
local native = require "tidelock.native"
local code = require "tidelock.check.code"
local C, ffi = native.C, native.ffi

local M = {}

local MAX_INPUTS = 64

local function read(path)
  local file, why = io.open(path, "r")
  if not file then return nil, why:gsub("^.-: ", "") end
  local text = file:read "*a"
  file:close()
  if not text then return nil, "is no file that can be read" end
  return text
end

local function fields_of_module(name)
  local ok, module = pcall(require, "tidelock." .. name)
  if not ok or type(module) ~= "table" then return nil end
  local fields = {}
  for key in next, module do
    if type(key) == "string" then fields[#fields + 1] = key end
  end
  table.sort(fields)
  return fields
end

--- What the library holds, for the look at the code.
local function known_names()
  local modules = {}
  for _, name in ipairs { "order", "snapshot", "timeout", "indicator", "log", "metric", "record", "signal" } do modules[name] = fields_of_module(name) end
  local events = require "tidelock.runtime.events".FIELDS
  local order = { what = "an order", fields = require "tidelock.runtime.order_object".FIELDS }
  local report = { what = "a report", fields = events.report }
  return modules, {
    on_quote = { { what = "a quote", fields = events.quote } }, on_trade = { { what = "a trade", fields = events.trade } },
    on_bar = { { what = "a bar", fields = events.bar } }, on_mark = { { what = "a mark", fields = events.mark } },
    on_order = { order, report }, on_fill = { order, report },
  }
end

local modules, handlers

--- A host that has loaded the script: it, or nil and the error's text.
local function load_host(path, library, inputs, instruments, calendars)
  local config = ffi.new("tl_host_config", {
    script = path, library = library, account = "main", currency = "USD", calendars = calendars, instruments = instruments, seed = 1, cash_e8 = 1e14,
    leverage = 1, strategy = 1, epoch = 1, poison = 1,
  })
  local out = ffi.new "tl_host *[1]"
  native.check(C.tl_host_create(config, out))
  local host = ffi.gc(out[0], C.tl_host_destroy)
  for _, name in ipairs(inputs) do native.check(C.tl_host_data(host, name, 0, nil)) end
  if C.tl_host_load(host) ~= 0 then return nil, ffi.string(C.tl_error_text()) end
  return host
end

--- Loads and binds; returns the names of the params, or nil and the error's text.
local function try(path, library)
  local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  local calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
  local inputs, host, why = {}, nil, nil
  repeat -- outside inputs are known by the script's word alone
    host, why = load_host(path, library, inputs, instruments, calendars)
    local wanted = not host and why:match "the strategy wants data '([^']+)'"
    inputs[#inputs + 1] = wanted or nil
  until host or not wanted or #inputs > MAX_INPUTS
  if not host then return nil, why end
  for i = 0, tonumber(C.tl_host_symbols(host)) - 1 do
    local one = ffi.new "tl_instrument"
    one.symbol, one.price_exponent, one.quantity_exponent, one.tick, one.lot = ffi.string(C.tl_host_symbol_at(host, i)), -8, -8, 1000000, 100000000
    native.check(C.tl_instruments_add(instruments, one, nil))
  end
  if C.tl_host_symbols(host) > 0 and C.tl_host_bind(host) ~= 0 then return nil, ffi.string(C.tl_error_text()) end
  local params = {}
  for i = 0, tonumber(C.tl_host_param_count(host)) - 1 do params[i + 1] = ffi.string(C.tl_host_param_name(host, i)) end
  return params
end

--- The problems of a script: { { path =, line = (nil where there is none), text = }, ... }; empty when it is in order.
---@param path string
---@param library string folder of lua/
function M.file(path, library)
  local text, missing = read(path)
  if not text then return { { path = path, text = missing } } end
  if not modules then modules, handlers = known_names() end
  local found, refused = {}, nil
  local params, why = try(path, library)
  if not params then
    local file, line, sentence = why:match "^(.-):(%d+): (.*)$"
    refused = { path = file or path, line = tonumber(line), text = (sentence or why):match "^[^\n]*" }
    found[1] = refused
  end
  for _, problem in ipairs(code.problems(text, path, { modules = modules, handlers = handlers, params = params }) or {}) do
    local same = refused and refused.path == path and refused.line == problem.line
    if not same then found[#found + 1] = { path = path, line = problem.line, text = problem.text } end
  end
  table.sort(found, function(a, b)
    local x, y = a.line or 0, b.line or 0
    return x < y or (x == y and a.text < b.text)
  end)
  return found
end

return M

--- What a run leaves behind besides orders: `record.series("fast", { pane = "price" }):push(value)` and `record.result("hits", 12)`.
local context = require "tidelock.runtime.context"
local C, ffi = context.C, context.ffi

local M = {}

local Series = { __metatable = "series" }
Series.__index = Series

--- Adds a point at the runtime's time; nil and NaN are left out.
---@param value number|nil
function Series:push(value)
  if value == nil or value ~= value then return end
  if type(value) ~= "number" then error(("a series takes numbers, not a %s"):format(type(value)), 2) end
  if C.tl_kept_series_push(C.tl_runtime_kept(context.host), self.index, C.tl_runtime_now_ns(context.host), value) ~= 0 then
    error(ffi.string(C.tl_error_text()), 2)
  end
end

local made = {}

--- A series that the report draws: `pane = "price"` over the prices, any other name in a pane of its own (the default is the series' name).
---@param name string
---@param options table|nil { pane = }
function M.series(name, options)
  local series = made[name]
  if series then return series end
  if type(name) ~= "string" then error(("record.series(name) takes a string, not a %s"):format(type(name)), 2) end
  local pane = name
  if options then
    context.check_keys("option of a series", options, { "pane" }, 2)
    pane = options.pane or name
  end
  if type(pane) ~= "string" then error(("pane is a string, not a %s"):format(type(pane)), 2) end
  local index = C.tl_kept_series_open(C.tl_runtime_kept(context.host), name, pane)
  if index < 0 then error(ffi.string(C.tl_error_text()), 2) end
  series = setmetatable({ index = index }, Series)
  made[name] = series
  return series
end

--- Sets a result of the run: `custom.NAME` in its JSON.
---@param name string
---@param value number|string|boolean
function M.result(name, value)
  if type(name) ~= "string" then error(("record.result(name, value): a name is a string, not a %s"):format(type(name)), 2) end
  local kind, number, text = C.TL_RESULT_NUMBER, 0, ""
  if type(value) == "number" then number = value
  elseif type(value) == "boolean" then kind, number = C.TL_RESULT_TRUTH, value and 1 or 0
  elseif type(value) == "string" then kind, text = C.TL_RESULT_TEXT, value
  else error(("record.result(name, value): a value is a number, a string or a boolean, not a %s"):format(type(value)), 2) end
  if C.tl_kept_result_set(C.tl_runtime_kept(context.host), name, kind, number, text) < 0 then error(ffi.string(C.tl_error_text()), 2) end
end

return context.module("record", M)

--- Counters, gauges and histograms of a strategy: `metric.counter("signals"):add()`.
local context = require "tidelock.runtime.context"
local C, ffi = context.C, context.ffi

local M = {}

local function kind(name, number, methods)
  local made = {}
  local meta = {
    __index = function(_, key) error(require("tidelock.nearest").sentence("method of a " .. name, key, methods.names), 2) end,
    __metatable = name,
  }
  M[name] = function(label)
    local one = made[label]
    if one then return one end
    if type(label) ~= "string" then error(("metric.%s(name) takes a string, not a %s"):format(name, type(label)), 2) end
    local index = C.tl_kept_metric_open(C.tl_runtime_kept(context.host), label, number)
    if index < 0 then error(ffi.string(C.tl_error_text()), 2) end
    one = {}
    for method, call in next, methods.calls do one[method] = call(index) end
    made[label] = setmetatable(one, meta)
    return one
  end
end

local function number(value, level)
  if type(value) ~= "number" or value ~= value then error(("a metric takes a number, not %s"):format(tostring(value)), level + 1) end
  return value
end

kind("counter", C.TL_METRIC_COUNTER, { names = { "add" }, calls = {
  --- Adds n (1 when it is left out), never below 0.
  add = function(index)
    return function(_, n)
      n = n == nil and 1 or number(n, 2)
      if n < 0 then error("a counter only grows; use a gauge", 2) end
      C.tl_kept_metric_add(C.tl_runtime_kept(context.host), index, n)
    end
  end,
} })

kind("gauge", C.TL_METRIC_GAUGE, { names = { "set" }, calls = {
  set = function(index)
    return function(_, value) C.tl_kept_metric_set(C.tl_runtime_kept(context.host), index, number(value, 2)) end
  end,
} })

kind("histogram", C.TL_METRIC_HISTOGRAM, { names = { "record" }, calls = {
  record = function(index)
    return function(_, value) C.tl_kept_metric_observe(C.tl_runtime_kept(context.host), index, number(value, 2)) end
  end,
} })

return context.module("metric", M)

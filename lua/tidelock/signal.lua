--- Signals to other strategies: `signal.send("regime", 1)`; they arrive there as on_signal. A backtest has one strategy: they go nowhere, and are counted.
local context = require "tidelock.runtime.context"
local refusals = require "tidelock.runtime.refusals"
local C = context.C

local M = {}

local MAX_NAME = tonumber(C.TL_SIGNAL_NAME_BYTES) - 1

--- Sends a number under a name. True, or nil and an error while history is played.
---@param name string at most 63 bytes
---@param value number
function M.send(name, value)
  if type(name) ~= "string" or name == "" or #name > MAX_NAME or name:find("\0", 1, true) then
    error(("signal.send(name, value): name is a string of 1 to %d bytes, not %s"):format(MAX_NAME, tostring(name)), 2)
  end
  if type(value) ~= "number" then error(("signal.send(name, value): value is a number, not a %s"):format(type(value)), 2) end
  if not context.bound then error("signals are sent from handlers, not while the script is loaded", 2) end
  if C.tl_runtime_signal(context.host, name, value) then return true end
  return refusals.make("warming_up")
end

return context.module("signal", M)

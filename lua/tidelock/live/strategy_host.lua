--- A strategy's host as a plan describes it: made by the master, which looks at its declaration, and by its worker, which runs it.
local native = require "tidelock.native"
local settings = require "tidelock.settings"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

--- Loads and binds a strategy; raises what is wrong with it.
---@param one table of the plan's strategies
---@param plan table its venue and accounts
---@return ffi.cdata* tl_host
function M.open(one, plan, instruments, calendars, epoch)
  local account, fees = plan.accounts[one.account], plan.venue.fees
  local config = ffi.new("tl_host_config", {
    script = one.script, name = one.name, library = plan.library, account = account.name, currency = account.currency,
    calendars = calendars, instruments = instruments, seed = one.seed, cash_e8 = settings.e8(account.cash, "cash"), leverage = account.leverage,
    strategy = one.id, epoch = epoch, taker_fee = fees.taker or 0, fee_per_unit = fees.per_unit or 0, least_fee = fees.minimum or 0,
    time_handlers = 1,
  })
  local out = ffi.new "tl_host *[1]"
  check(C.tl_host_create(config, out))
  local host = ffi.gc(out[0], C.tl_host_destroy)
  for name, value in pairs(one.params) do native.set_param(host, nil, name, value) end
  for symbol, params in pairs(one.per_symbol) do
    for name, value in pairs(params) do native.set_param(host, symbol, name, value) end
  end
  for _, symbol in ipairs(one.symbols) do check(C.tl_host_symbol(host, symbol)) end
  check(C.tl_host_load(host))
  check(C.tl_host_bind(host))
  return host
end

return M

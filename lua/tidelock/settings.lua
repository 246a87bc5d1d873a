--- What a configuration says, made into what C takes: shared by the backtest and the live runtime.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}

local QUEUE_MODELS = { conservative = 0, proportional = 1, probabilistic = 2 }
local BAR_PATHS = { nearest = 0, high_first = 1, low_first = 2, worst = 3 }
local SELF_TRADE = { cancel_newest = 0, cancel_oldest = 1, cancel_both = 2, allow = 3 }
local LATENCY_KINDS = { constant = 0, uniform = 1, exponential = 2, lognormal = 3, empirical = 4 }
M.LEGS = { "feed", "compute", "entry", "report" }

--- An amount of money in 1e-8; `what` names it in the error.
function M.e8(amount, what)
  local value = math.floor(amount * 1e8 + 0.5)
  if not (value < 9.2e18 and value > -9.2e18) then error(("%s of %g is too large"):format(what, amount), 0) end
  return value
end

--- A C object that its last reference destroys; raises when there is none.
function M.created(pointer, destroy, what)
  if pointer == nil then
    local why = ffi.string(C.tl_error_text())
    error(why ~= "" and why or "no memory for " .. what, 0)
  end
  return ffi.gc(pointer, destroy)
end

--- The latency of a leg (its place in LEGS) from a checked setting; nil for none.
function M.latency_leg(setting, seed, leg)
  if not setting then return nil end
  local config = ffi.new("tl_latency_config", {
    kind = LATENCY_KINDS[setting.kind], least_ns = setting.base or setting.min or 0, most_ns = setting.max or 0, mean_ns = setting.mean or 0,
    median_ns = setting.median or 0, p99_ns = setting.p99 or 0, seed = seed, leg = leg,
  })
  local quantiles, values
  if setting.quantiles then
    local n = #setting.quantiles
    quantiles, values = ffi.new("double[?]", n), ffi.new("int64_t[?]", n)
    for i, pair in ipairs(setting.quantiles) do quantiles[i - 1], values[i - 1] = pair[1], pair[2] end
    config.points, config.quantiles, config.values_ns = n, quantiles, values
  end
  local out = ffi.new "tl_latency *[1]"
  local status = C.tl_latency_create(config, out)
  if status ~= 0 then error(("latency of the %s leg: %s"):format(M.LEGS[leg], ffi.string(C.tl_error_text())), 0) end
  return ffi.gc(out[0], C.tl_latency_destroy)
end

--- Risk limits from a configuration's table (nil: none).
function M.limits(setting)
  local limits = ffi.new "tl_risk_limits"
  for name, value in pairs(setting or {}) do
    if name == "max_order_notional" or name == "max_gross_exposure" or name == "max_daily_loss" then
      limits[name .. "_e8"] = M.e8(value, name)
    elseif type(value) == "boolean" then
      limits[name] = value and 1 or 0
    else
      limits[name] = value
    end
  end
  return limits
end

--- A schedule of fees.
function M.fees(setting)
  local fees = ffi.new "tl_fee_schedule"
  setting = setting or {}
  fees.maker, fees.taker, fees.auction = setting.maker or 0, setting.taker or 0, setting.auction or setting.taker or 0
  fees.per_unit_e8, fees.minimum_e8 = M.e8(setting.per_unit or 0, "fee per unit"), M.e8(setting.minimum or 0, "least fee")
  return fees
end

--- What a venue can do (words; nil: everything), as a mask.
function M.supports(words)
  if not words then return tonumber(C.TL_SUPPORTS_ALL) end
  local mask = 0
  for _, word in ipairs(words) do mask = bit.bor(mask, tonumber(C["TL_SUPPORTS_" .. word:upper()])) end
  return mask
end

--- The models by which own orders fill.
function M.fill(setting, seed)
  return ffi.new("tl_simulator_config", {
    seed = seed, queue_model = QUEUE_MODELS[setting.queue or "conservative"], bar_path = BAR_PATHS[setting.bar_path or "nearest"],
    slippage_ticks = setting.slippage_ticks or 0, bar_volume_e8 = math.floor((setting.volume_share or 0) * 1e8 + 0.5),
    self_trade = SELF_TRADE[setting.self_trade or "cancel_newest"],
  })
end

--- An account: cash, leverage, short (all there), currency.
function M.account(name, setting, limits)
  return ffi.new("tl_account_config", {
    name = name:sub(1, 31), currency = setting.currency:sub(1, 7), cash_e8 = M.e8(setting.cash, "cash"),
    leverage = setting.leverage, allow_short = setting.short and 1 or 0, limits = M.limits(limits),
  })
end

--- Applies a configuration's `instruments` to a table; `find` gives the id of a symbol, nil for one to be passed over.
function M.edit_instruments(instruments, calendars, settings, find)
  local symbols = {}
  for symbol in pairs(settings or {}) do symbols[#symbols + 1] = symbol end
  table.sort(symbols)
  for _, symbol in ipairs(symbols) do
    local setting, id = settings[symbol], find(symbol)
    if id then
      local one = C.tl_instruments_edit(instruments, id)
      local function mantissa(name, field, exponent)
        if not setting[name] then return end
        local exact = setting[name] * 10 ^ -exponent
        local value = math.floor(exact + 0.5)
        if value >= 2 ^ 53 then error(("instruments.%s.%s: %g is too large"):format(symbol, name, setting[name]), 0) end
        if value <= 0 or math.abs(exact - value) > 1e-6 * value then
          error(("instruments.%s.%s: %g is no multiple of 1e%d"):format(symbol, name, setting[name], exponent), 0)
        end
        one[field] = value
      end
      mantissa("tick", "tick", one.price_exponent)
      mantissa("lot", "lot", one.quantity_exponent)
      mantissa("min_quantity", "min_quantity", one.quantity_exponent)
      mantissa("max_quantity", "max_quantity", one.quantity_exponent)
      if setting.min_notional then one.min_notional_e8 = M.e8(setting.min_notional, "min_notional") end
      if setting.multiplier then one.multiplier_e8 = M.e8(setting.multiplier, "multiplier") end
      if setting.margin then one.margin_e8 = M.e8(setting.margin, "margin") end
      if setting.quote then ffi.copy(one.quote, setting.quote:sub(1, 7)) end
      if setting.settle then ffi.copy(one.settle, setting.settle:sub(1, 7)) end
      if setting.calendar then
        local calendar = C.tl_calendars_find(calendars, setting.calendar)
        if calendar < 0 then error(("instruments.%s.calendar: there is no calendar '%s'"):format(symbol, setting.calendar), 0) end
        one.calendar = calendar
      end
    end
  end
end

return M

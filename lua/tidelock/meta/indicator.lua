---@meta _

---@class Indicator
---@field kind string its constructor's name
---@field value number|nil what the last push returned
---@field ready boolean
---@field count number pushes, counted up to the window's length where it has one
local Indicator = {}
--- Takes the next value, bar, or pair of values. Errors on what is no finite number.
---@param x number|Bar
---@param y number|nil
---@return number|nil value nil until ready
function Indicator:push(x, y) end
--- Back to before the first push.
---@return Indicator
function Indicator:reset() end
--- The whole state as plain data, for on_save and on_load.
---@return table
function Indicator:save() end

---@class Macd : Indicator
---@field macd number|nil
---@field signal number|nil
---@field histogram number|nil

---@class Bollinger : Indicator
---@field upper number|nil
---@field middle number|nil
---@field lower number|nil

---@class Stochastic : Indicator
---@field k number|nil
---@field d number|nil
---@field fast_k number|nil before smoothing

---@class Adx : Indicator
---@field adx number|nil
---@field plus_di number|nil
---@field minus_di number|nil

---@class Ols : Indicator
---@field slope number|nil
---@field intercept number|nil
---@field residual number|nil of the last pair
---@field r2 number|nil

indicator = {}
---@param length integer
---@return Indicator
function indicator.sma(length) end
---@param length integer
---@return Indicator
function indicator.ema(length) end
---@param length integer
---@return Indicator
function indicator.wma(length) end
---@param length integer
---@return Indicator
function indicator.rolling_min(length) end
---@param length integer
---@return Indicator
function indicator.rolling_max(length) end
---@param length integer
---@param options { sample: boolean|nil }|nil
---@return Indicator
function indicator.rolling_std(length, options) end
---@param length integer
---@param options { sample: boolean|nil }|nil
---@return Indicator
function indicator.zscore(length, options) end
---@param length integer|nil 20
---@param deviations number|nil 2
---@param options { sample: boolean|nil }|nil
---@return Bollinger
function indicator.bollinger(length, deviations, options) end
--- push(x, y)
---@param length integer
---@return Indicator
function indicator.correlation(length) end
--- push(x, y): the line y = intercept + slope x
---@param length integer
---@return Ols
function indicator.ols(length) end
---@param length integer|nil 14
---@return Indicator
function indicator.rsi(length) end
---@param fast integer|nil 12
---@param slow integer|nil 26
---@param signal_length integer|nil 9
---@return Macd
function indicator.macd(fast, slow, signal_length) end
--- Of bars.
---@param length integer|nil 14
---@return Indicator
function indicator.atr(length) end
--- Of bars.
---@param length integer|nil 14
---@return Adx
function indicator.adx(length) end
--- Of bars.
---@param length integer|nil 14
---@param smooth integer|nil 3
---@param signal_length integer|nil 3
---@return Stochastic
function indicator.stochastic(length, smooth, signal_length) end
--- Of bars.
---@return Indicator
function indicator.obv() end
--- Of bars; without a length from the first bar or the last reset on.
---@param length integer|nil
---@return Indicator
function indicator.vwap(length) end
--- The indicator that saved data was.
---@param saved table
---@return Indicator
function indicator.restore(saved) end
---@param value any
---@return boolean
function indicator.is(value) end

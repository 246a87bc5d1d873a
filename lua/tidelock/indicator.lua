--- Indicators: numbers kept up to date one push at a time.
---
---     local fast = indicator.sma(20)
---     function s:on_bar(b) local average = fast:push(b.close) if average then ... end end
---
--- A push costs the same whatever the history (where a window is looked over again, it is once in as many pushes as it is long), makes no table,
--- and returns nil until `.ready`. Formulas and seeding: docs/INDICATORS.md; where TA-Lib has an indicator, its values are these.
local kinds = require "tidelock.indicator.kinds"
require "tidelock.indicator.windows"
require "tidelock.indicator.market"

--- `sma ema wma rsi macd bollinger atr stochastic adx vwap obv zscore ols rolling_min rolling_max rolling_std correlation`, each a constructor.
local M = {}
for _, name in ipairs(kinds.names) do M[name] = kinds.make[name] end

M.restore, M.is, M.names = kinds.restore, kinds.is, kinds.names

return M

-- Backtrader's sample strategy: long one when the close crosses above its moving average, out when it crosses below. Used by
-- backtrader_spec.lua, which knows what came out there.
local strategy, order, snapshot, indicator = require "strategy", require "order", require "snapshot", require "indicator"

local crossing = strategy {
  name = "close_over_average",
  tier = "L3",
  symbols = { "DAY" },
  bars = { "1d" },
  params = { period = 15 },
}

function crossing:on_start()
  self.state.average = indicator.sma(self.params.period)
end

function crossing:on_bar(bar)
  local average = self.state.average:push(bar.close)
  if not average or bar.close == average then return end
  local above, before = bar.close > average, self.state.above
  self.state.above = above
  if before == nil or above == before then return end
  local held = snapshot.position(bar.symbol).quantity
  if above and held == 0 then
    order.market { symbol = bar.symbol, side = "buy", quantity = 1 }
  elseif not above and held > 0 then
    order.market { symbol = bar.symbol, side = "sell", quantity = held }
  end
end

return crossing

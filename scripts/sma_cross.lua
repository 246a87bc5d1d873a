-- Holds a full position while a fast moving average of the closes is above a slow one, none otherwise. Decides on each bar's close;
-- its orders fill at the next bar's open.
local strategy, order, indicator, record = require "strategy", require "order", require "indicator", require "record"

local sma_cross = strategy {
  name    = "sma_cross",
  tier    = "L3",
  symbols = "*",
  bars    = { "1d" },
  params  = {
    fast   = { default = 10, min = 2, max = 100, help = "bars in the fast average" },
    slow   = { default = 20, min = 3, max = 400, help = "bars in the slow average" },
    weight = { default = 0.95, min = 0.01, max = 1.0, type = "number", help = "share of the equity that is invested, split over the symbols" },
  },
  check = function(p) return p.fast < p.slow, "fast must be below slow" end,
}

function sma_cross:on_start()
  self.state.averages = self.state.averages or {}
  for _, symbol in ipairs(self.symbols) do
    self.state.averages[symbol] = self.state.averages[symbol]
      or { fast = indicator.sma(self.params.fast), slow = indicator.sma(self.params.slow) }
  end
end

function sma_cross:on_bar(bar)
  local averages = self.state.averages[bar.symbol]
  local fast, slow = averages.fast:push(bar.close), averages.slow:push(bar.close)
  if not slow then return end
  if bar.symbol == self.symbols[1] then -- drawn over its price in the report
    record.series("fast", { pane = "price" }):push(fast)
    record.series("slow", { pane = "price" }):push(slow)
  end
  local above = fast > slow
  if above == averages.above then return end
  averages.above = above
  order.target { symbol = bar.symbol, weight = above and self.params.weight / #self.symbols or 0 }
end

return sma_cross

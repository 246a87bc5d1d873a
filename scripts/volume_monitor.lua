-- Watches who trades: over each window it weighs what buyers took against what sellers hit, says so where one side clearly leads, and holds a small position
-- with that side until a window says otherwise.
local strategy, order, timeout, log = require "strategy", require "order", require "timeout", require "log"

local volume_monitor = strategy {
  name    = "volume_monitor",
  tier    = "L3",
  symbols = "*",
  params  = {
    window    = { default = "2s", type = "duration", help = "how long trades are added up before it decides" },
    threshold = { default = 0.5, min = 0.05, max = 1.0, type = "number", help = "lead of one side, as a share of the volume, that it follows" },
    least     = { default = 1000, min = 1, max = 10000000, help = "volume of a window below which nothing is concluded" },
    size      = { default = 100, min = 1, max = 1000, help = "shares held with the leading side" },
  },
}

function volume_monitor:on_start()
  for _, symbol in ipairs(self.symbols) do
    self.state[symbol] = self.state[symbol] or { buy = 0, sell = 0 }
  end
  timeout.every(self.params.window, "window")
end

function volume_monitor:on_trade(t)
  if not t.aggressor then return end
  local taken = self.state[t.symbol]
  taken[t.aggressor] = taken[t.aggressor] + t.size
end

function volume_monitor:on_timer()
  for _, symbol in ipairs(self.symbols) do
    local taken = self.state[symbol]
    local volume = taken.buy + taken.sell
    if volume >= self.params.least then
      local lead = (taken.buy - taken.sell) / volume
      local side = lead > self.params.threshold and 1 or lead < -self.params.threshold and -1 or 0
      if side ~= 0 then log.info("%s: %s lead by %.0f %% of %.0f shares", symbol, side > 0 and "buyers" or "sellers", math.abs(lead) * 100, volume) end
      order.target { symbol = symbol, quantity = side * self.params.size, type = "market" }
    end
    taken.buy, taken.sell = 0, 0
  end
end

function volume_monitor:on_stop()
  order.flatten {}
end

return volume_monitor

-- Quotes both sides around the middle, a fixed distance away, and leans on neither: when the position reaches its limit the side
-- that would add to it is pulled.
local strategy, order, snapshot = require "strategy", require "order", require "snapshot"

local market_maker = strategy {
  name    = "market_maker",
  tier    = "L1",
  symbols = "*",
  params  = {
    half_spread  = { default = 0.02, min = 0.01, max = 0.10, step = 0.01, help = "distance from the middle" },
    size         = { default = 100, min = 1, max = 1000, help = "shares a quote" },
    max_position = { default = 500, min = 0, max = 100000, help = "shares held at most, long or short" },
  },
}

local passive = order.options { post_only = true, round = true, deadline = "1s", tag = "mm" }

function market_maker:on_quote(q)
  if not (q.bid and q.ask) then order.cancel_all { symbol = q.symbol } return end
  local p, position = self.params, snapshot.position(q.symbol).quantity
  local mid = (q.bid + q.ask) / 2
  order.quote(q.symbol, "buy",  position <  p.max_position and p.size or 0, mid - p.half_spread, passive)
  order.quote(q.symbol, "sell", position > -p.max_position and p.size or 0, mid + p.half_spread, passive)
end

return market_maker

-- Trades two symbols against each other: when the ratio of their prices is far from its mean it sells the dear one and buys the cheap one, and turns both
-- back when the ratio is near its mean again. Both orders belong to one saga: when one is not filled in time, the gateway gives back what the other got.
local strategy, snapshot, indicator, timeout = require "strategy", require "snapshot", require "indicator", require "timeout"

local pair_trade = strategy {
  name    = "pair_trade",
  tier    = "L2",
  symbols = { "KO", "PEP" },
  params  = {
    size     = { default = 100, min = 1, max = 10000, help = "of the first symbol; of the second as much money" },
    window   = { default = 500, min = 10, max = 100000, help = "quotes in the mean of the ratio" },
    entry    = { default = 2.0, min = 0.1, max = 10, type = "number", help = "standard deviations at which it opens" },
    exit     = { default = 0.5, min = 0, max = 10, type = "number", help = "at which it closes" },
    patience = { default = "50ms", type = "duration", help = "in which both orders are filled, or undone" },
  },
  check = function(p) return p.exit < p.entry, "exit must be below entry" end,
}

function pair_trade:on_start()
  self.one, self.other = self.symbols[1], self.symbols[2]
  self.ratio = indicator.zscore(self.params.window)
  self.prices = snapshot.group { self.one, self.other }
end

--- A limit order at the other side's best price, for what rests there now.
local function taking(quote, symbol, side, quantity)
  return { symbol = symbol, side = side, quantity = quantity, price = side == "buy" and quote.ask or quote.bid }
end

--- Both orders or none: `side` of the first symbol, the opposite of the second.
function pair_trade:trade(side, quantity, other_quantity)
  local prices = self.prices:read()
  local one = taking(prices[self.one], self.one, side, quantity)
  local other = taking(prices[self.other], self.other, side == "buy" and "sell" or "buy", other_quantity)
  self.saga = timeout.saga("pair", self.params.patience, function(s)
    s:leg { send = one }
    s:leg { send = other }
  end)
end

function pair_trade:on_quote()
  local prices = self.prices:read()
  local one, other = prices[self.one], prices[self.other]
  if not (one.bid and one.ask and other.bid and other.ask) then return end
  local ratio = (one.bid + one.ask) / (other.bid + other.ask)
  local distance = self.ratio:push(ratio)
  if not distance or self.saga then return end
  local held, held_other = snapshot.position(self.one).quantity, snapshot.position(self.other).quantity
  if held == 0 and math.abs(distance) > self.params.entry then
    local other_size = math.max(1, math.floor(self.params.size * ratio + 0.5))
    self:trade(distance > 0 and "sell" or "buy", self.params.size, other_size)
  elseif held ~= 0 and math.abs(distance) < self.params.exit then
    self:trade(held > 0 and "sell" or "buy", math.abs(held), math.abs(held_other))
  end
end

function pair_trade:on_saga(saga, outcome)
  self.saga = nil
  if outcome.status ~= "done" then log.info("%s: %s, as %s", saga.name, outcome.status, outcome.reason) end
end

return pair_trade

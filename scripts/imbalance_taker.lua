-- Takes the touch when the book leans hard to one side, and leaves after a while: the crowd at the bid often moves the price before
-- the crowd at the ask does.
local strategy, order, snapshot, timeout = require "strategy", require "order", require "snapshot", require "timeout"

local imbalance_taker = strategy {
  name    = "imbalance_taker",
  tier    = "L2",
  symbols = "*",
  depth   = 5,
  params  = {
    threshold = { default = 0.7, min = 0.1, max = 1.0, step = 0.1, help = "imbalance of the best levels that counts as a lean" },
    levels    = { default = 3, min = 1, max = 5, help = "levels looked at" },
    size      = { default = 100, min = 1, max = 1000, help = "shares an entry" },
    hold      = { default = "5s", type = "duration", help = "how long a position is held" },
  },
}

local take = order.options { time_in_force = "ioc", round = "aggressive", tag = "entry" }

function imbalance_taker:on_book(book)
  local symbol = book.symbol
  if snapshot.position(symbol).quantity ~= 0 or order.count(symbol) > 0 then return end
  local lean = book:imbalance(self.params.levels)
  if not lean then return end
  if lean > self.params.threshold then
    order.buy(symbol, self.params.size, (book:ask(1)), take)
  elseif lean < -self.params.threshold then
    order.sell(symbol, self.params.size, (book:bid(1)), take)
  end
end

function imbalance_taker:on_fill(o, fill)
  if o.tag == "entry" then timeout.once(self.params.hold, "leave " .. fill.symbol) end
end

function imbalance_taker:on_timer(name)
  order.flatten { symbol = name:match "^leave (.+)$" }
end

function imbalance_taker:on_stop()
  order.flatten {}
end

return imbalance_taker

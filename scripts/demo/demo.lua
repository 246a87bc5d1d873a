-- The session of `make run`: simulated participants make a market, two strategies on two tiers trade in it, the gateway holds their limits.
return {
  instance = "demo",
  strategies = {
    { script = "../market_maker.lua", params = { half_spread = 0.02, size = 100, max_position = 500 } },            -- L1: a core of its own
    { script = "../volume_monitor.lua", params = { window = "1s", threshold = 0.3, least = 500 }, on_death = "keep" }, -- L3: housekeeping
  },
  accounts = { main = { cash = 1000000, leverage = 2, short = true } },
  feeds    = { { kind = "generated", seed = 42, symbols = 3, rate = 4000 } },
  venues   = { { name = "paper", kind = "exchange", fees = { maker = -0.00001, taker = 0.00003 },
                 latency = { entry = "50us", report = "50us" } } },
  risk = {
    account    = { max_daily_loss = 20000, max_gross_exposure = 1000000 },
    strategies = {
      market_maker   = { max_order_quantity = 500, max_position = 1000, price_collar = 0.05, max_orders_per_second = 5000 },
      volume_monitor = { max_order_quantity = 100, max_position = 100, max_orders_per_second = 20 },
    },
  },
}

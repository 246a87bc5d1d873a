local cli = require "integration.cli"
local backtest = require "tidelock.backtest"
local everything = require "support.everything"

local LATE = {
  feed = { kind = "constant", base = 20e3 }, compute = { kind = "constant", base = 5e3 },
  entry = { kind = "exponential", base = 10e3, mean = 150e3 }, report = { kind = "exponential", base = 10e3, mean = 150e3 },
}

describe("the mirror, after a backtest that did everything", function()
  local folder

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  local function play(data, seed, options)
    local run = backtest.open {
      script = cli.write(folder .. "/all.lua", everything.SCRIPT), seed = seed, data = { data }, quiet = true, library = "lua",
      params = { { "busy", options.busy }, { "leaves", options.leaves or "true" } },
      config = { accounts = { main = { cash = 1e7, leverage = 4, short = true } }, latency = options.latency, fill = options.fill,
        fees = { maker = -0.0001, taker = 0.0003, minimum = 0.01 } },
    }
    run:play()
    assert.is_nil(run.failure)
    return everything.check(run)
  end

  for name, latency in pairs { ["no latency"] = {}, ["latencies that overtake each other"] = { latency = LATE } } do
    for seed = 1, 3 do
      it(("equals the gateway, with %s, seed %d"):format(name, seed), function()
        local session = folder .. "/session_2024-01-02.itch"
        assert.equal(0, (cli.run(("generate --seed %d --symbols 2 --messages 30000 --out %s"):format(seed, session))))
        local seen, filled = play(session, seed, { latency = latency.latency, busy = "0.25" })
        assert.is_true(filled > 1000)
        for _, status in ipairs { "filled", "canceled", "expired", "rejected" } do assert.truthy(seen[status], status .. " did not occur") end
      end)
    end
  end

  for kind, csv in pairs(everything.csv) do
    for seed = 1, 4 do
      it(("equals the gateway on %s, seed %d"):format(kind, seed), function()
        local fill = { queue = ({ "conservative", "proportional", "probabilistic" })[seed % 3 + 1], slippage_ticks = seed % 2,
          bar_path = ({ "nearest", "high_first", "low_first", "worst" })[seed], volume_share = seed == 2 and 0.1 or nil }
        local data = "X=" .. cli.write(folder .. "/data.csv", csv(seed, 2000))
        local seen, filled = play(data, seed, { busy = "0.7", leaves = "false", latency = seed > 2 and LATE or nil, fill = fill })
        assert.is_true(filled > 1000, "fills")
        assert.truthy(seen.filled and seen.canceled)
      end)
    end
  end
end)

--- `tidelock new NAME`: a strategy and its spec, ready to run.
local M = { summary = "write a new strategy and its spec, ready to run" }

function M.parser(parser)
  parser:argument("name", "of the strategy: letters, digits and _")
  parser:option("--dir", "folder to write into"):argname "DIR":default "."
  parser:epilog "Example:\n  tidelock new my_idea && tidelock test . && tidelock backtest my_idea.lua --data day.itch"
end

local STRATEGY = [[
-- NAME: buys when the price has fallen below its average by a few standard deviations, sells when it is back.
local strategy, order, snapshot, indicator = require "strategy", require "order", require "snapshot", require "indicator"

---@class CLASS : Strategy
local NAME = strategy {
  name    = "NAME",
  tier    = "L2",
  symbols = "*", -- all that the data holds; or { "AAPL", "MSFT" }
  params  = {
    length = { default = 200, min = 10, max = 5000, help = "quotes in the average" },
    entry  = { default = 2.0, min = 0.5, max = 5.0, step = 0.5, type = "number", help = "standard deviations below it at which to buy" },
    size   = { default = 100, min = 1, max = 1000, help = "shares" },
  },
}

local take = order.options { time_in_force = "ioc", round = "aggressive" }

function NAME:on_start()
  self.state.scores = self.state.scores or {}
  for _, symbol in ipairs(self.symbols) do
    self.state.scores[symbol] = self.state.scores[symbol] or indicator.zscore(self.params.length)
  end
end

function NAME:on_quote(q)
  if not (q.bid and q.ask) then return end
  local score = self.state.scores[q.symbol]:push((q.bid + q.ask) / 2)
  if not score or order.count(q.symbol) > 0 then return end
  local position = snapshot.position(q.symbol).quantity
  if position == 0 and score < -self.params.entry then
    order.buy(q.symbol, self.params.size, q.ask, take)
  elseif position > 0 and score > 0 then
    order.sell(q.symbol, position, q.bid, take)
  end
end

function NAME:on_stop()
  order.flatten {}
end

return NAME
]]

local SPEC = [[
local sim = require "tidelock.testing"

describe("NAME", function()
  it("buys after a fall and sells when the price is back", function()
    local run = sim.load("PATH", { symbols = { "AAPL" }, params = { length = 10, entry = 1.0 } })
    for i = 1, 12 do run:quote("AAPL", 150.00 + i % 2 / 100, 150.02 + i % 2 / 100) end
    assert.equal(0, #run:open_orders())
    run:quote("AAPL", 149.00, 149.02)
    local bought = run:open_orders { side = "buy" }
    assert.equal(1, #bought)
    assert.equal(149.02, bought[1].price)
    run:fill(bought[1], 100)
    run:quote("AAPL", 150.50, 150.52)
    assert.equal(1, #run:open_orders { side = "sell" })
  end)
end)
]]

local function write_new(path, text)
  local there = io.open(path, "r")
  if there then
    there:close()
    error(path .. " exists already; nothing was written over it", 0)
  end
  local file, why = io.open(path, "w")
  if not file then error("cannot write " .. why, 0) end
  local ok, reason = file:write(text)
  file:close()
  if not ok then error(("cannot write %s: %s"):format(path, reason), 0) end
end

function M.run(args)
  local name = args.name:gsub("%.lua$", "")
  if not name:match "^[%a_][%w_]*$" then error({ usage = ("'%s' is no name for a strategy: letters, digits and _, not a digit first"):format(name) }, 0) end
  local class = name:gsub("_(%w)", string.upper):gsub("^%l", string.upper)
  local path, spec = args.dir .. "/" .. name .. ".lua", args.dir .. "/" .. name .. "_spec.lua"
  path, spec = path:gsub("^%./", ""), spec:gsub("^%./", "")
  local function fill(text) return (text:gsub("NAME", name):gsub("CLASS", class):gsub("PATH", path)) end
  write_new(path, fill(STRATEGY))
  write_new(spec, fill(SPEC))
  print(("wrote %s and %s\n\nnext:\n  tidelock test %s\n  tidelock backtest %s --data FILE --report report.html"):format(path, spec, args.dir, path))
  return 0
end

return M

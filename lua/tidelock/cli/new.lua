--- `tidelock new NAME`: a strategy and its spec, ready to run.
local draft = require "tidelock.draft"

local M = { summary = "write a new strategy and its spec, ready to run" }

function M.parser(parser)
  parser:argument("name", "of the strategy: letters, digits and _")
  parser:option("--dir", "folder to write into"):argname "DIR":default "."
  parser:epilog "Example:\n  tidelock new my_idea && tidelock test . && tidelock backtest my_idea.lua --data day.itch"
end

local STRATEGY = [[
-- NAME: buys when the ask has fallen below the band around the average price, sells when the bid is back at the average.
local strategy, order, snapshot, indicator = require "strategy", require "order", require "snapshot", require "indicator"

---@class CLASS : Strategy
local NAME = strategy {
  name    = "NAME",
  tier    = "L2",
  symbols = "*", -- all that the data holds; or { "AAPL", "MSFT" }
  params  = {
    length = { default = 500, min = 10, max = 10000, help = "quotes in the average" },
    width  = { default = 2.0, min = 0.5, max = 5.0, step = 0.5, type = "number", help = "standard deviations from the average to the band" },
    size   = { default = 100, min = 1, max = 1000, help = "shares" },
  },
}

local take = order.options { time_in_force = "ioc" }

function NAME:on_start()
  -- self.state survives a reload: what is there already is kept.
  for _, symbol in ipairs(self.symbols) do
    self.state[symbol] = self.state[symbol] or indicator.bollinger(self.params.length, self.params.width)
  end
end

function NAME:on_quote(q)
  if not (q.bid and q.ask) then return end
  local band = self.state[q.symbol]
  band:push((q.bid + q.ask) / 2)
  if not band.ready or order.count(q.symbol) > 0 then return end
  local position = snapshot.position(q.symbol).quantity
  if position == 0 and q.ask < band.lower then
    order.buy(q.symbol, self.params.size, q.ask, take)
  elseif position > 0 and q.bid >= band.middle then
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
  local run

  before_each(function()
    run = sim.load("NAME.lua", { symbols = { "AAPL" }, params = { length = 10 } })
    for i = 1, 10 do run:quote("AAPL", 150.00 + i % 2 / 100, 150.02 + i % 2 / 100) end
  end)

  it("does nothing while the price is near its average", function()
    run:quote("AAPL", 150.00, 150.02)
    assert.equal(0, #run:orders())
  end)

  it("buys at the ask after a fall", function()
    run:quote("AAPL", 149.00, 149.02)
    local bought = run:open_orders { side = "buy" }
    assert.equal(1, #bought)
    assert.same({ 149.02, 100 }, { bought[1].price, bought[1].quantity })
  end)

  it("sells what it holds when the price is back", function()
    run:quote("AAPL", 149.00, 149.02)
    run:fill(run:open_orders()[1], 60)
    run:cancel(run:open_orders()[1])
    run:quote("AAPL", 149.50, 149.52)
    assert.equal(0, #run:open_orders())
    run:quote("AAPL", 150.00, 150.02)
    local sold = run:open_orders { side = "sell" }
    assert.equal(1, #sold)
    assert.same({ 150.00, 60 }, { sold[1].price, sold[1].quantity })
  end)
end)
]]

-- What the template's own locals, the library's modules and the language are called.
local TAKEN = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until while
  strategy order snapshot timeout indicator log metric record signal tidelock take self]]):gmatch "%a+" do TAKEN[word] = true end

local function refuse_existing(path)
  local there = io.open(path, "r")
  if not there then return end
  there:close()
  error(path .. " exists already; nothing was written over it", 0)
end

local function write_new(path, text)
  local file = draft.open(path)
  file:write(text)
  return file
end

function M.run(args)
  local name = args.name:gsub("%.lua$", "")
  if not name:match "^[%a_][%w_]*$" then error({ usage = ("'%s' is no name for a strategy: letters, digits and _, not a digit first"):format(name) }, 0) end
  if TAKEN[name] then error({ usage = ("'%s' cannot name a strategy: it is a word of Lua or of the library"):format(name) }, 0) end
  local class = name:gsub("_(%w)", string.upper):gsub("^%l", string.upper)
  local path, spec = args.dir .. "/" .. name .. ".lua", args.dir .. "/" .. name .. "_spec.lua"
  path, spec = path:gsub("^%./", ""), spec:gsub("^%./", "")
  local words = { NAME = name, CLASS = class }
  local function fill(text) return (text:gsub("%u%u+", words)) end
  refuse_existing(path)
  refuse_existing(spec)
  local files = { write_new(path, fill(STRATEGY)), write_new(spec, fill(SPEC)) } -- both or none
  for _, file in ipairs(files) do file:commit() end
  print(("wrote %s and %s\n\nnext:\n  tidelock test %s\n  tidelock backtest %s --data FILE --report report.html"):format(path, spec, spec, path))
  return 0
end

return M

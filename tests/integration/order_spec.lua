local sim = require "tidelock.testing"
local cli = require "integration.cli"

local HEAD = [[
local strategy, order, snapshot, timeout, log = require "strategy", require "order", require "snapshot", require "timeout", require "log"
]]

describe("a strategy's orders", function()
  local folder
  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  local function load(body, options)
    return sim.load(cli.write(folder .. "/s.lua", HEAD .. body .. "\nreturn s\n"), options)
  end

  local function texts(run)
    local list = {}
    for i, line in ipairs(run:logs()) do list[i] = line.text end
    return list
  end

  it("reach a weight of the equity, to the lot toward zero", function()
    local run = load([[
      local s = strategy {}
      function s:on_quote(q) log.info("%s", tostring(order.target { symbol = q.symbol, weight = 0.5, band = 0.1 } == true)) end
    ]], { cash = 10000, instruments = { AAPL = { lot = 5 } }, symbols = { "AAPL" } })
    local _, why = pcall(run.quote, run, "AAPL", 99, 101)
    assert.is_nil(why)
    assert.equal(50, run:open_orders()[1].quantity)
    run:fill(run:open_orders()[1], 50, 100)
    run:quote("AAPL", 109, 111) -- worth 5,500 of 10,500: within the band
    assert.equal("true", texts(run)[2])
    assert.equal(0, #run:open_orders())
    run:quote("AAPL", 59, 61) -- 3,000 of 8,000: out of it
    assert.same({ "buy", 15, "market" }, { run:open_orders()[1].side, run:open_orders()[1].quantity, run:open_orders()[1].type })
  end)

  it("are refused where a weight has no price", function()
    local run = load [[
      local s = strategy { symbols = { "A", "B" } }
      function s:on_quote(q)
        local _, err = order.target { symbol = "B", weight = 0.5 }
        log.info("%s %s", err.code, tostring(err))
      end
    ]]
    run:quote("A", 1, 2)
    assert.same({ "bad_price price is missing; a price is a number above 0" }, texts(run))
  end)

  it("rebalance at one equity, reductions first, and close what is not named", function()
    local run = load([[
      local s = strategy { symbols = { "A", "B", "C" } }
      local step = 0
      function s:on_quote(q)
        if q.symbol ~= "C" then return end
        step = step + 1
        if step == 1 then log.info("%s", tostring(order.rebalance { weights = { A = 0.5, B = 0.25, C = 0.25 } }))
        elseif step == 2 then log.info("%s", tostring(order.rebalance { weights = { C = 0.5, B = 0.25 } }))
        elseif step == 3 then log.info("%s", tostring(order.rebalance { weights = { B = 0.1 }, others = "keep" }))
        else
          local _, err = order.rebalance { weights = { X = 0.1, B = 0 } }
          log.info("%s", tostring(err))
        end
      end
    ]], { cash = 10000 })
    local function quotes() for _, symbol in ipairs { "A", "B", "C" } do run:quote(symbol, 10, 10) end end
    local function fill_all()
      local list = {}
      for i, o in ipairs(run:open_orders()) do
        list[i] = o.side .. " " .. o.quantity .. " " .. o.symbol
        run:fill(o)
      end
      return list
    end
    quotes()
    assert.same({ "buy 500 A", "buy 250 B", "buy 250 C" }, fill_all())
    quotes()
    assert.same({ "sell 500 A", "buy 250 C" }, fill_all())
    quotes()
    assert.same({ "sell 150 B" }, fill_all())
    quotes()
    assert.same({}, fill_all())
    assert.same({ "true", "true", "true", "unknown symbol 'X'; did you mean 'A'?" }, texts(run))
  end)

  it("inherit the deadline of a scope", function()
    local run = load [[
      local s = strategy {}
      local own = order.options { deadline = "1ms" }
      function s:on_quote(q)
        timeout.scope("5ms", function()
          local a, b = order.buy(q.symbol, 1, 1), order.buy(q.symbol, 1, 1, own)
          log.info("%.2f %.2f", (a.deadline - a.created) / 1e6, (b.deadline - b.created) / 1e6)
        end)
        log.info("%s", tostring(order.buy(q.symbol, 1, 1).deadline))
        log.info("%s", tostring(order.buy(q.symbol, 1, 1, order.options { deadline = timeout.after "3ms", expire = timeout.after "1s" }).expire ~= nil))
      end
    ]]
    run:quote("AAPL", 1, 2)
    assert.same({ "5.00 1.00", "nil", "true" }, texts(run))
  end)

  it("are refused in a halt, at once, and cancels pass", function()
    local run = load [[
      local s = strategy {}
      function s:on_status(symbol, status)
        local _, err = order.buy(symbol, 1, 1)
        log.info("%s: %s", status, tostring(err))
        for _, o in order.each(symbol) do log.info("%s", tostring(o:cancel())) end
      end
      function s:on_quote(q) order.buy(q.symbol, 1, 1) end
    ]]
    run:quote("AAPL", 1, 2)
    run:status("AAPL", "halted")
    run:status("AAPL", "trading")
    assert.same({ "halted: trading of AAPL is halted", "true", "trading: nil", "true" }, texts(run))
    assert.equal(0, #run:open_orders())
  end)

  it("raise what the program got wrong, with its line", function()
    local run = load [[
      local s = strategy {}
      function s:on_quote(q) order.buy(q.symbol, 1, 1, { tag = "x" }) end
    ]]
    local _, why = pcall(run.quote, run, "AAPL", 1, 2)
    assert.matches("s.lua:3: order.buy: options are made once by order.options", why)
    local ok
    ok, why = pcall(load, "local s = strategy {} order.options { tga = 'x' }")
    assert.is_false(ok)
    assert.matches("s.lua:2: unknown option 'tga'; did you mean 'tag'", why)
    ok, why = pcall(load, "local s = strategy {} order.buy('AAPL', 1, 1)")
    assert.is_false(ok)
    assert.matches("s.lua:2: order.buy: orders are sent from handlers, not while the script is loaded", why)
  end)
end)

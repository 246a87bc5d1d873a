local allocations = require "allocations"
local backtest = require "tidelock.backtest"
local cli = require "integration.cli"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local QUOTING = [[
local strategy, order = require "strategy", require "order"
local s = strategy { name = "quoting", tier = "L1", symbols = { "AAPL" } }
local passive = order.options { post_only = true, round = true }
function s:on_quote(q)
  if not (q.bid and q.ask) then return end
  local mid = (q.bid + q.ask) / 2
  order.quote("AAPL", "buy", 10, mid - 0.01, passive)
  order.quote("AAPL", "sell", 10, mid + 0.01, passive)
end
return s]]

describe("the backtest driver", function()
  local folder, session

  setup(function()
    folder = cli.folder()
    session = folder .. "/day_2024-01-02.itch"
    assert.equal(0, (cli.run("generate --seed 4 --symbols 1 --messages 300000 --out " .. session)))
  end)

  teardown(function() cli.remove(folder) end)

  local function open(script)
    return backtest.open { script = cli.write(folder .. "/script.lua", script), data = { session }, library = "lua", quiet = true, cash = 1e6 }
  end

  it("allocates nothing in the steady state", function()
    if not allocations.known() then pending "the heap is not jemalloc here" return end
    local run = open(QUOTING)
    assert.equal(0, C.tl_backtest_run(run.driver, 400000)) -- traces are compiled, queues have grown
    local counts = ffi.new "tl_backtest_counts"
    C.tl_backtest_count(run.driver, counts)
    local commands = counts.commands
    local bytes = allocations.of(function() assert.equal(0, C.tl_backtest_run(run.driver, 200000)) end)
    C.tl_backtest_count(run.driver, counts)
    assert.is_true(counts.commands - commands > 1000)
    assert.equal(0, bytes)
  end)

  it("plays the same whatever a run's portion is", function()
    local hashes = {}
    for _, portion in ipairs { 1000000, 7, 1 } do
      local run = open(QUOTING)
      local played = 0
      repeat
        local status = C.tl_backtest_run(run.driver, portion)
        played = played + portion
      until status ~= 0 or played > 60000
      if portion == 1000000 then
        run = open(QUOTING)
        C.tl_backtest_run(run.driver, 60000)
      end
      hashes[#hashes + 1] = run
    end
    local counts, orders = ffi.new "tl_backtest_counts", ffi.new "uint64_t[1]"
    local first
    for _, run in ipairs(hashes) do
      C.tl_backtest_count(run.driver, counts)
      C.tl_recorder_orders(run.recorder, orders)
      assert.is_true(orders[0] > 10)
      local list = C.tl_recorder_orders(run.recorder, orders)
      local ids = {}
      for i = 0, 9 do ids[#ids + 1] = ("%d %d %d"):format(tonumber(list[i].order_id), tonumber(list[i].sent_ns), tonumber(list[i].price)) end
      first = first or ids
      assert.same(first, ids)
    end
  end)

  it("ends a strategy that answers itself without time passing", function()
    local run = open [[
      local strategy, order = require "strategy", require "order"
      local s = strategy { name = "storm", symbols = { "AAPL" } }
      function s:on_quote(q) if q.bid and order.count("AAPL") == 0 then order.buy("AAPL", 1, 1.00) end end
      function s:on_order(o, r) if o.is_open and not o.pending then o:cancel() end if not o.is_open then order.buy("AAPL", 1, 1.00) end end
      return s]]
    local ok, why = pcall(run.play, run)
    assert.is_false(ok)
    assert.matches("commands at one instant", why)
  end)
end)

local venue = require "simulated_venue"
local C = venue.C

local OPEN = 34200e9 -- 09:30
local MS = 1e6

local function at(ms) return ("2012-06-21 09:30:%06.3f"):format(ms / 1000) end

--- Quotes { ms, bid, bid_size, ask, ask_size }, trades { ms, price, size, side }; prices are mantissas of -2.
local function market(options)
  local csv = {}
  local common = { calendar = C.TL_CALENDAR_XNAS, price_exponent = -2 }
  if options.quotes then
    local lines = { options.no_sizes and "time,bid,ask" or "time,bid,ask,bid_size,ask_size" }
    for _, q in ipairs(options.quotes) do
      lines[#lines + 1] = options.no_sizes and ("%s,%.2f,%.2f"):format(at(q[1]), q[2] / 100, q[4] / 100) or
        ("%s,%.2f,%.2f,%d,%d"):format(at(q[1]), q[2] / 100, q[4] / 100, q[3], q[5])
    end
    csv[#csv + 1] = { text = table.concat(lines, "\n") .. "\n", options = common }
  end
  if options.depth then
    local lines = { "time,bid1,bid_size1,ask1,ask_size1,bid2,bid_size2,ask2,ask_size2" }
    for _, d in ipairs(options.depth) do
      local cells = { at(d[1]) }
      for i = 2, 9 do cells[i] = (i % 2 == 0) and ("%.2f"):format(d[i] / 100) or ("%d"):format(d[i]) end
      lines[#lines + 1] = table.concat(cells, ",")
    end
    csv[#csv + 1] = { text = table.concat(lines, "\n") .. "\n", options = common }
  end
  if options.trades then
    local lines = { "time,price,size,side" }
    for _, t in ipairs(options.trades) do lines[#lines + 1] = ("%s,%.2f,%d,%s"):format(at(t[1]), t[2] / 100, t[3], t[4] or "") end
    csv[#csv + 1] = { text = table.concat(lines, "\n") .. "\n", options = common }
  end
  local run = venue.run { csv = csv, want = options.want or 1 + 2 + 4 + 32, config = options.config }
  C.tl_instruments_edit(run.instruments, run.instrument).tick = 1
  return run
end

local function played(run, ms) return run:play(ms and OPEN + ms * MS) end
local function send(run, ms, fields) return run:send(OPEN + ms * MS, fields) end

local function fills(run)
  local all = {}
  for _, text in ipairs(run.said) do if text:match "^fill" then all[#all + 1] = text end end
  return table.concat(all, "; ")
end

local function queue(run)
  for i = #run.said, 1, -1 do
    local ahead = run.said[i]:match "^queue %d+ (%d+)"
    if ahead then return tonumber(ahead) end
  end
end

describe("fills against quotes", function()
  it("takes what is displayed, and it stays taken until that quote is another", function()
    local run = market { quotes = { { 1, 1000, 500, 1002, 300 }, { 20, 1001, 400, 1002, 300 }, { 30, 1001, 400, 1002, 250 } } }
    send(played(run, 1), 10, { id = 1, side = "buy", quantity = 200, price = 1002 })
    assert.same({ "accepted 1", "fill 1 200@1002 taker" }, run.report)
    assert.same({ "trade 200@1002 buy normal", "level sell 100@1002 (0)", "quote 500 x 1000 / 1002 x 100", "book" }, run.event)
    send(run, 11, { id = 2, side = "buy", quantity = 200, price = 1002, tif = "fok" })
    assert.same({ "accepted 2", "canceled 2 fok" }, run.report)
    send(run, 11, { id = 3, side = "buy", quantity = 200, tif = "ioc" })
    assert.same({ "accepted 3", "fill 3 100@1002 taker", "canceled 3 ioc" }, run.report)
    assert.equal("quote 500 x 1000 / - x 0", run.event[3])
    send(played(run, 20), 21, { id = 4, side = "buy", quantity = 10 })
    assert.same({ "accepted 4", "canceled 4 no_liquidity" }, run.report)
    send(played(run, 30), 31, { id = 5, side = "buy", quantity = 10 })
    assert.same({ "accepted 5", "fill 5 10@1002 taker" }, run.report)
  end)

  it("puts an order behind what is displayed; only trades bring it forward under the conservative model", function()
    local run = market { quotes = { { 1, 1000, 500, 1002, 300 }, { 30, 1000, 450, 1002, 300 }, { 50, 1000, 350, 1002, 300 } },
                         trades = { { 20, 1000, 100, "sell" }, { 60, 1000, 200, "sell" }, { 61, 1000, 200, "sell" } } }
    send(played(run, 1), 10, { id = 1, side = "buy", quantity = 100, price = 1000 })
    assert.equal(500, queue(run))
    assert.same({ "level buy 600@1000 (1)", "queue 1 500 of 600", "book" }, run.event) -- the quote is the others'
    played(run, 20)
    assert.equal(400, queue(run))
    played(run, 30) -- 100 of the 50 less were traded: somebody joined
    assert.equal(400, queue(run))
    played(run, 50) -- 350 are left: no more can stand before it
    assert.equal(350, queue(run))
    played(run, 60)
    assert.equal(150, queue(run))
    played(run)
    assert.equal("fill 1 50@1000 maker", fills(run))
  end)

  it("shrinks evenly before and behind under the proportional model", function()
    local run = market { config = { queue_model = C.TL_QUEUE_PROPORTIONAL },
                         quotes = { { 1, 1000, 400, 1002, 300 }, { 20, 1000, 800, 1002, 300 }, { 30, 1000, 600, 1002, 300 } } }
    send(played(run, 1), 10, { id = 1, side = "buy", quantity = 100, price = 1000 })
    played(run, 20)
    assert.equal(400, queue(run))
    played(run, 30)
    assert.equal(300, queue(run))
  end)

  it("draws where cancels fall under the probabilistic model, the same for one seed", function()
    local function places(seed)
      local quotes = { { 1, 1000, 1000, 1002, 300 }, { 2, 1000, 2000, 1002, 300 } }
      for i = 1, 30 do quotes[#quotes + 1] = { 20 + i, 1000, 2000 - 30 * i, 1002, 300 } end
      local run = market { config = { queue_model = C.TL_QUEUE_PROBABILISTIC, seed = seed }, quotes = quotes }
      send(played(run, 1), 1.5, { id = 1, side = "buy", quantity = 100, price = 1000 })
      local all = {}
      for i = 1, 30 do
        played(run, 20 + i)
        all[i] = queue(run)
        assert.is_true(all[i] >= 0 and all[i] <= (all[i - 1] or 1000))
      end
      assert.is_true(all[30] < 1000)
      return table.concat(all, " ")
    end
    assert.equal(places(1), places(1))
    assert.are_not.equal(places(1), places(2))
  end)

  it("fills what a trade goes through, and better own prices first", function()
    local run = market { quotes = { { 1, 1000, 500, 1004, 300 } }, trades = { { 20, 1000, 120, "sell" }, { 30, 999, 1000, "sell" } } }
    send(played(run, 1), 10, { id = 1, side = "buy", quantity = 100, price = 1000 })
    send(run, 10, { id = 2, side = "buy", quantity = 100, price = 1001 })
    played(run, 20)
    assert.equal("fill 2 100@1001 maker", fills(run))
    assert.equal(480, queue(run))
    played(run)
    assert.equal("fill 2 100@1001 maker; fill 1 100@1000 maker", fills(run))
  end)

  it("fills a resting order that the other side's quote comes to, up to what that shows", function()
    local run = market { quotes = { { 1, 1000, 500, 1004, 300 }, { 20, 999, 500, 1001, 60 }, { 30, 999, 500, 1000, 500 } } }
    send(played(run, 1), 10, { id = 1, side = "buy", quantity = 100, price = 1002 })
    played(run, 20)
    assert.equal("fill 1 60@1002 maker", fills(run))
    assert.equal("quote 500 x 999 / - x 0", run.event[#run.event - 1])
    played(run)
    assert.equal("fill 1 60@1002 maker; fill 1 40@1002 maker", fills(run))
  end)

  it("stands first where nothing is displayed any more, and last where the quote comes to it", function()
    local run = market { quotes = { { 1, 1000, 500, 1004, 300 }, { 20, 999, 700, 1004, 300 }, { 30, 998, 100, 1004, 300 } } }
    send(played(run, 1), 10, { id = 1, side = "buy", quantity = 100, price = 1000 })
    send(run, 10, { id = 2, side = "buy", quantity = 100, price = 999 })
    played(run, 20)
    assert.equal("queue 1 0 of 100; queue 2 700 of 800; quote 700 x 999 / 1004 x 300; book", table.concat(run.event, "; ", #run.event - 3))
    played(run, 30)
    assert.equal("queue 2 0 of 100", run.event[#run.event - 2])
  end)

  it("knows no limit of size where the data has no sizes", function()
    local run = market { no_sizes = true, quotes = { { 1, 1000, 0, 1002, 0 }, { 20, 1003, 0, 1005, 0 } } }
    send(played(run, 1), 10, { id = 1, side = "buy", quantity = 100000 })
    assert.equal("fill 1 100000@1002 taker", fills(run))
    send(run, 11, { id = 2, side = "sell", quantity = 5, price = 1003 })
    played(run)
    assert.equal("fill 2 5@1003 maker", fills(run):match "fill 2.*")
  end)

  it("triggers stops by the last trade, and by the quote where there is none or it is asked for", function()
    local run = market { quotes = { { 1, 1000, 500, 1002, 300 }, { 20, 997, 500, 999, 300 } } }
    send(played(run, 1), 10, { id = 1, side = "sell", quantity = 100, type = "stop", stop_price = 998 })
    played(run)
    assert.equal("fill 1 100@997 taker", fills(run))
    run = market { quotes = { { 1, 1000, 500, 1002, 300 }, { 20, 997, 500, 999, 300 } }, trades = { { 2, 1001, 10 }, { 30, 998, 10 } } }
    send(played(run, 2), 10, { id = 1, side = "sell", quantity = 100, type = "stop", stop_price = 998 })
    send(run, 10, { id = 2, side = "sell", quantity = 100, type = "stop", stop_price = 998, on_quote = true })
    send(run, 10, { id = 3, side = "buy", quantity = 10, type = "trailing_stop", offset = 3 })
    played(run, 20)
    assert.equal("fill 2 100@997 taker", fills(run))
    played(run)
    assert.equal("fill 2 100@997 taker; fill 1 100@997 taker", fills(run))
  end)

  it("walks depth, and knows the queue at every level that is displayed", function()
    local run = market { depth = { { 1, 1000, 100, 1002, 50, 999, 200, 1003, 80 }, { 20, 1000, 100, 1002, 50, 999, 150, 1003, 80 } },
                         config = { queue_model = C.TL_QUEUE_PROPORTIONAL } }
    send(played(run, 1), 10, { id = 1, side = "buy", quantity = 100, price = 1003 })
    assert.same({ "accepted 1", "fill 1 50@1002 taker", "fill 1 50@1003 taker" }, run.report)
    assert.same({ "trade 50@1002 buy normal", "trade 50@1003 buy normal", "level sell 0@1002 (0)", "level sell 30@1003 (0)",
                  "quote 100 x 1000 / 1003 x 30", "book" }, run.event)
    send(run, 11, { id = 2, side = "buy", quantity = 10, price = 999 })
    assert.equal("queue 2 200 of 210", run.event[#run.event - 1])
    played(run, 20)
    assert.equal("queue 2 150 of 160", run.event[#run.event - 1])
    run:cancel(OPEN + 21 * MS, 2)
    assert.same({ "level buy 150@999 (0)", "book" }, run.event)
  end)

  it("fills at the next trade where only trades are known", function()
    local run = market { trades = { { 1, 1000, 50 }, { 20, 1001, 30 }, { 30, 1003, 500 }, { 40, 999, 30 }, { 41, 999, 30 }, { 50, 998, 500 } } }
    send(played(run, 1), 10, { id = 1, side = "buy", quantity = 50 })
    send(run, 10, { id = 2, side = "buy", quantity = 20, price = 999 }) -- as much as itself stands before it
    send(run, 10, { id = 3, side = "buy", quantity = 20, price = 998, tif = "ioc" })
    played(run, 20)
    assert.equal("fill 1 30@1001 taker", fills(run))
    assert.same({ "fill 1 30@1001 taker", "canceled 3 ioc" }, run.report)
    played(run, 30)
    assert.equal("fill 1 30@1001 taker; fill 1 20@1003 taker", fills(run))
    played(run, 40)
    assert.equal("fill 2 10@999 maker", fills(run):match "fill 2.*")
    played(run)
    assert.equal("fill 2 10@999 maker; fill 2 10@999 maker", fills(run):match "fill 2.*")
  end)

  it("takes at-open and at-close orders, and ends day orders at the close", function()
    local run = market { quotes = { { -1000, 990, 500, 994, 300 }, { 1, 1000, 500, 1002, 300 }, { 100, 1000, 400, 1002, 300 } } }
    run:play(OPEN - 900 * MS)
    run:send(OPEN - 800 * MS, { id = 1, side = "buy", quantity = 10, tif = "at_open" })
    run:send(OPEN - 800 * MS, { id = 2, side = "sell", quantity = 10, tif = "at_close" })
    run:send(OPEN - 800 * MS, { id = 3, side = "sell", quantity = 10, price = 1100 })
    assert.equal("", fills(run))
    played(run)
    assert.equal("fill 1 10@1002 auction; fill 2 10@1000 auction", fills(run))
    assert.equal("expired 3 end_of_day", run.report[1])
  end)
end)

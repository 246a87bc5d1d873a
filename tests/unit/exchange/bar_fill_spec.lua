local venue = require "simulated_venue"
local C = venue.C

local MINUTE = 60e9
local OPEN = 34200e9 -- 09:30

--- Minute bars from 09:30 on, stamped at their open; prices in cents of a mantissa of -2.
local function minutes(rows, options)
  local lines = { "time,open,high,low,close,volume" }
  for i, row in ipairs(rows) do
    local minute = row.at or (i - 1)
    lines[#lines + 1] = ("2012-06-21 %02d:%02d:00,%g,%g,%g,%g,%d"):format(9 + math.floor((30 + minute) / 60), (30 + minute) % 60, row[1], row[2],
      row[3], row[4], row[5] or 1000)
  end
  options = options or {}
  local csv = { { text = table.concat(lines, "\n") .. "\n",
                  options = { calendar = C.TL_CALENDAR_XNAS, bar_time = C.TL_BAR_TIME_OPEN, interval_ns = MINUTE, price_exponent = -2 } } }
  local run = venue.run { csv = csv, want = options.want or 16, config = options.config }
  C.tl_instruments_edit(run.instruments, run.instrument).tick = 1 -- a cent; the data alone tell 10
  return run
end

local function fills(run)
  local all = {}
  for _, text in ipairs(run.said) do if text:match "^fill" then all[#all + 1] = text end end
  return table.concat(all, "; ")
end

local function reports(run)
  local all = {}
  for _, text in ipairs(run.said) do if not text:match "^bar" and not text:match "^status" then all[#all + 1] = text end end
  return table.concat(all, "; ")
end

describe("fills against bars", function()
  it("shows a bar at its close and nothing of it before", function()
    local run = minutes { { 10, 10.5, 9.8, 10.2 }, { 10.2, 10.3, 10.1, 10.3 } }
    local seen = {}
    function run.on_event(e) if e.kind == C.TL_EVENT_BAR then seen[#seen + 1] = tonumber(e.ts_ns - run.midnight) end end
    run:play()
    assert.same({ OPEN + MINUTE, OPEN + 2 * MINUTE }, seen)
    assert.same({ "status trading", "bar 1000 1050 980 1020", "bar 1020 1030 1010 1030", "status closed" }, run.said)
  end)

  it("fills a market order that was sent at a close at the next open, also when both are at the same time", function()
    local run = minutes { { 10, 10.5, 9.8, 10.2 }, { 10.4, 10.6, 10.1, 10.3 } }
    run:play(OPEN + MINUTE - 1)
    local ts, after_orders = run:next()
    assert.same({ OPEN + MINUTE, false }, { ts, after_orders })
    run:step() -- the close
    ts, after_orders = run:next()
    assert.same({ OPEN + MINUTE, true }, { ts, after_orders })
    run:send(OPEN + MINUTE, { id = 1, side = "buy", quantity = 10 }):play()
    assert.equal("accepted 1; fill 1 10@1040 taker", reports(run))
  end)

  it("fills a waiting limit at the open when that is better, else at its price when the path touches it", function()
    local run = minutes { { 10, 10, 10, 10 }, { 10, 10.5, 9.8, 10.2 }, { 9.7, 10, 9.6, 10 } }
    run:play(OPEN):play(OPEN + MINUTE - 1):step()
    local at = OPEN + MINUTE
    run:send(at, { id = 1, side = "buy", quantity = 10, price = 10.1 * 100 }) -- the open is better
    run:send(at, { id = 2, side = "buy", quantity = 10, price = 1000 })       -- the open is its price
    run:send(at, { id = 3, side = "buy", quantity = 10, price = 980 })        -- touched by the low
    run:send(at, { id = 4, side = "buy", quantity = 10, price = 979 })        -- not in this bar
    run:send(at, { id = 5, side = "sell", quantity = 10, price = 1050 })      -- touched by the high
    run:send(at, { id = 6, side = "sell", quantity = 10, price = 1051 })
    run:play(at + MINUTE - 1)
    assert.equal("fill 1 10@1000 taker; fill 2 10@1000 maker; fill 3 10@980 maker; fill 5 10@1050 maker", fills(run))
    run:play()
    assert.equal("fill 4 10@970 taker", fills(run):match("fill 4.*"))
  end)

  it("goes to the nearer extreme first, or as it is told", function()
    -- High 3 above the open, low 2 below it: low first. An order at each side, joined by its stop: who is first?
    local rows = { { 10, 10, 10, 10 }, { 10, 10.3, 9.8, 10.1 } }
    local function first(path)
      local run = minutes(rows, { config = { bar_path = path } })
      run:play(OPEN + MINUTE - 1):step()
      run:send(OPEN + MINUTE, { id = 1, side = "sell", quantity = 10, price = 1030 })
      run:send(OPEN + MINUTE, { id = 2, side = "buy", quantity = 10, price = 980 })
      run:play()
      return fills(run):match("^fill (%d)")
    end
    assert.equal("2", first(C.TL_BAR_PATH_NEAREST))
    assert.equal("1", first(C.TL_BAR_PATH_HIGH_FIRST))
    assert.equal("2", first(C.TL_BAR_PATH_LOW_FIRST))
    -- The worst for a long position between a target and a stop: the stop.
    local run = minutes(rows, { config = { bar_path = C.TL_BAR_PATH_WORST } })
    run:play(OPEN + MINUTE - 1):step()
    run:send(OPEN + MINUTE, { id = 1, side = "sell", quantity = 10, price = 1030 })
    run:send(OPEN + MINUTE, { id = 2, side = "sell", quantity = 10, type = "stop", stop_price = 985 }):play()
    assert.equal("fill 2 10@985 taker; fill 1 10@1030 maker", fills(run))
  end)

  it("triggers stops at their price, at the open when that has passed it, and slips them", function()
    local run = minutes({ { 10, 10, 10, 10 }, { 10, 10.5, 9.8, 10.2 }, { 10.6, 10.8, 10.5, 10.5 } }, { config = { slippage_ticks = 2 } })
    run:play(OPEN + MINUTE - 1):step()
    local at = OPEN + MINUTE
    run:send(at, { id = 1, side = "sell", quantity = 10, type = "stop", stop_price = 990 })
    run:send(at, { id = 2, side = "buy", quantity = 10, type = "stop", stop_price = 1055 })
    run:send(at, { id = 3, side = "buy", quantity = 10, type = "stop_limit", stop_price = 1040, price = 1041 })
    run:send(at, { id = 4, side = "buy", quantity = 10 })
    run:play(at + MINUTE - 1)
    assert.equal("fill 4 10@1002 taker; fill 1 10@988 taker; fill 3 10@1040 taker", fills(run))
    run:play()
    assert.equal("fill 2 10@1062 taker", fills(run):match("fill 2.*"))
    assert.matches("triggered 2; fill 2", reports(run))
  end)

  it("works a triggered stop-limit that the price ran away from on the rest of the path", function()
    local run = minutes { { 10, 10, 10, 10 }, { 10.6, 10.7, 9.9, 10 } }
    run:play(OPEN + MINUTE - 1):step()
    run:send(OPEN + MINUTE, { id = 1, side = "buy", quantity = 10, type = "stop_limit", stop_price = 1040, price = 1045 }):play()
    assert.equal("accepted 1; triggered 1; fill 1 10@1045 maker; ", reports(run) .. "; ")
  end)

  it("trails a stop behind the best price of the path", function()
    local run = minutes { { 10, 10, 10, 10 }, { 10, 10.9, 9.95, 10.8 }, { 10.8, 10.85, 10.5, 10.6 } }
    run:play(OPEN + MINUTE - 1):step()
    -- Low first (nearer): 9.95 does not trigger 9.80; the high lifts it to 10.70; the close does not reach that; the next bar does.
    run:send(OPEN + MINUTE, { id = 1, side = "sell", quantity = 10, type = "trailing_stop", offset = 20 }):play()
    assert.equal("accepted 1; triggered 1; fill 1 10@1070 taker", reports(run))
  end)

  it("fills what comes within a bar at the last point passed", function()
    local run = minutes { { 10, 10.3, 9.8, 10.1 } }
    run:play(OPEN)
    run:send(OPEN + 1, { id = 1, side = "buy", quantity = 10 })
    assert.equal("fill 1 10@1000 taker", fills(run))
    run:play(OPEN + 25e9) -- a third of the minute: the low
    run:send(OPEN + 25e9, { id = 2, side = "buy", quantity = 10 })
    assert.equal("fill 2 10@980 taker", fills(run):match("fill 2.*"))
    run:send(OPEN + 25e9, { id = 3, side = "buy", quantity = 10, price = 979, tif = "ioc" })
    assert.same({ "accepted 3", "canceled 3 ioc" }, run.report)
    run:send(OPEN + 25e9, { id = 4, side = "buy", quantity = 10, price = 990, post_only = true })
    assert.same({ "rejected 4 post_only" }, run.report)
    run:send(OPEN + 25e9, { id = 5, side = "buy", quantity = 10, price = 990, slide = true })
    run:send(OPEN + 25e9, { id = 6, side = "sell", quantity = 10, price = 1025 })
    run:play()
    assert.equal("fill 6 10@1025 maker", fills(run):match("fill 6.*"))
    assert.is_nil(fills(run):match("fill 5"))
  end)

  it("fills no more than its share of the volume", function()
    local run = minutes({ { 10, 10, 10, 10 }, { 10, 10.2, 9.8, 10, 1000 }, { 10, 10.2, 9.8, 10, 300 }, { 10, 10, 10, 10, 5000 } },
      { config = { bar_volume_e8 = 10000000 } })
    run:play(OPEN + MINUTE - 1):step()
    local at = OPEN + MINUTE
    run:send(at, { id = 1, side = "buy", quantity = 120 })
    run:send(at, { id = 2, side = "buy", quantity = 50, tif = "fok" })
    run:send(at, { id = 3, side = "sell", quantity = 400, price = 1010 })
    run:play()
    assert.equal("accepted 1; accepted 2; accepted 3; fill 1 100@1000 taker; canceled 2 fok; fill 1 20@1000 taker; fill 3 10@1010 maker",
      reports(run):match("(.-); expired"))
  end)

  it("ends day orders at the session's close, and others when their time has come", function()
    local run = minutes { { 10, 10, 10, 10 }, { 10, 10, 10, 10, at = 388 }, { 10, 10, 9, 10, at = 389 } }
    run:play(OPEN + MINUTE - 1):step()
    run:send(OPEN + MINUTE, { id = 1, side = "buy", quantity = 10, price = 800 })
    run:send(OPEN + MINUTE, { id = 2, side = "buy", quantity = 10, price = 800, tif = "gtd", expire = OPEN + 5 * MINUTE })
    run:send(OPEN + MINUTE, { id = 3, side = "buy", quantity = 10, price = 800, tif = "gtc" })
    run:send(OPEN + MINUTE, { id = 4, side = "sell", quantity = 10, tif = "at_close" })
    run:play()
    assert.equal("accepted 1; accepted 2; accepted 3; accepted 4; expired 2 expire_time; fill 4 10@1000 auction; expired 1 end_of_day",
      reports(run))
  end)

  it("fills at-open orders at the first open of a session's regular hours", function()
    local run = minutes { { 10, 10, 10, 10, at = -5 }, { 10.1, 10.2, 10, 10, at = 0 } }
    run:play(OPEN - 5 * MINUTE)
    run:send(OPEN - 4.5 * MINUTE, { id = 1, side = "buy", quantity = 10, tif = "at_open" })
    run:send(OPEN - 4.5 * MINUTE, { id = 2, side = "buy", quantity = 10, price = 1009, tif = "at_open" })
    run:play()
    assert.equal("accepted 1; accepted 2; fill 1 10@1010 auction; expired 2 no_liquidity", reports(run))
  end)

  it("keeps reduce-only orders within the position", function()
    local run = minutes { { 10, 10, 10, 10 }, { 10, 10.4, 9.5, 10 }, { 10, 10, 10, 10 } }
    run:play(OPEN + MINUTE - 1):step()
    local at = OPEN + MINUTE
    run:send(at, { id = 1, side = "sell", quantity = 10, price = 1050, reduce_only = true })
    assert.same({ "rejected 1 reduce_only" }, run.report)
    run:send(at, { id = 2, side = "buy", quantity = 5 }):play(at)
    run:send(at + 1, { id = 3, side = "sell", quantity = 10, price = 1040, reduce_only = true })
    run:send(at + 1, { id = 4, side = "sell", quantity = 10, type = "stop", stop_price = 960, reduce_only = true }):play()
    assert.equal("fill 2 5@1000 taker; fill 3 5@1040 maker", fills(run))
    assert.matches("restated 3 reduce_only; fill 3 5@1040 maker; triggered 4; canceled 4 reduce_only", reports(run))
  end)

  it("cancels and replaces what waits", function()
    local run = minutes { { 10, 10, 10, 10 }, { 10, 10.5, 9.5, 10 } }
    run:play(OPEN + MINUTE - 1):step()
    local at = OPEN + MINUTE
    run:send(at, { id = 1, side = "buy", quantity = 10, price = 900 }):replace(at, 1, 960, 20)
    assert.same({ "replaced 1" }, run.report)
    run:replace(at, 1, 960, 0)
    assert.same({ "replace_rejected 1 bad_quantity" }, run.report)
    run:send(at, { id = 2, side = "buy", quantity = 10, price = 960 }):cancel(at, 2)
    assert.same({ "canceled 2 requested" }, run.report)
    run:cancel(at, 2)
    assert.same({ "cancel_rejected 2 unknown_order" }, run.report)
    run:send(at, { id = 1, side = "buy", quantity = 10, price = 960 })
    assert.same({ "rejected 1 duplicate_id" }, run.report)
    run:send(at, { id = 3, side = "sell", quantity = 5, type = "stop", stop_price = 900 }):replace(at, 3, 970, 6)
    run:play()
    assert.equal("fill 3 6@970 taker; fill 1 20@960 maker", fills(run))
  end)

  it("merges several files by time, at equal times in the order in which they were added", function()
    local function daily(symbol, first)
      return { text = "date,open,high,low,close,volume\n2012-06-20,10,11,9,10.5,100\n2012-06-21," .. first .. ",12,9,10,100\n",
               options = { calendar = C.TL_CALENDAR_XNAS, symbol = symbol, price_exponent = -2 } }
    end
    local run = venue.run { csv = { daily("BBB", 11), daily("AAA", 10.5) }, want = 16 }
    C.tl_simulator_want(run.simulator, 0, 16)
    C.tl_simulator_want(run.simulator, 1, 16)
    local order = {}
    function run.on_event(e) if e.kind == C.TL_EVENT_BAR then order[#order + 1] = tonumber(e.instrument) end end
    run:play(-1e9) -- the end of the day before
    assert.same({ 0, 1 }, order)
    local bbb = C.tl_instruments_find(run.instruments, "BBB")
    run:send(-1e9, { id = 1, side = "buy", quantity = 10, instrument = bbb })
    run:play()
    assert.same({ 0, 1, 0, 1 }, order)
    assert.equal("fill 1 10@1100 taker", fills(run))
  end)
end)

local bench = require "unit.gateway.bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local FOREVER = 9223372036854775807LL
local PLAIN = bit.bor(tonumber(C.TL_SUPPORTS_LIMIT), tonumber(C.TL_SUPPORTS_MARKET))

--- A bench whose venue has limit and market orders only.
local function open(opts)
  local b = bench.new(opts)
  native.check(C.tl_gateway_venue_supports(b.gateway, 0, opts and opts.supports or PLAIN))
  b:quote(99.99, 100.01)
  b:trade(100)
  return b
end

local function last_command(b) return b.commands[#b.commands].raw end

describe("a stop that its venue lacks", function()
  it("is accepted by the gateway, and goes to the venue as a market order when its price trades", function()
    local b = open()
    local id = b:send("buy", 5, nil, { type = "stop", stop_price = 101 })
    assert.equal("accepted", b:take())
    assert.equal(1, C.tl_gateway_waiting(b.gateway))
    b:trade(100.99)
    b:quote(101, 102)
    assert.equal("", b:take())
    b:trade(101)
    local sent = last_command(b)
    assert.same({ tonumber(C.TL_TYPE_MARKET), 5, true }, { sent.type, tonumber(sent.quantity), sent.stop_price == bench.ABSENT })
    assert.equal("triggered, > new 5", b:take())
    assert.equal("triggered", b:status(id))
    b:report(id, "accepted", { quantity = 5 })
    b:fill(id, 2, 101)
    b:fill(id, 3, 101)
    assert.equal("fill, fill", b:take()) -- its strategy had it accepted
    assert.equal(0, C.tl_gateway_waiting(b.gateway))
    assert.equal(0, b:account().open_orders)
  end)

  it("triggers at once when its price is there, and waits for trading while there is none", function()
    local b = open()
    b:send("sell", 5, nil, { type = "stop", stop_price = 100 })
    assert.equal("accepted, triggered, > new 5", b:take())
    b:market("status", { tonumber(C.TL_STATE_PRE_OPEN) })
    b:send("sell", 5, nil, { type = "stop", stop_price = 100 })
    b:trade(99)
    assert.equal("accepted", b:take())
    b:market("status", { tonumber(C.TL_STATE_TRADING) })
    assert.equal("triggered, > new 5", b:take())
    b:market("status", { tonumber(C.TL_STATE_CLOSED) })
    b:send("sell", 5, nil, { type = "stop", stop_price = 90 })
    assert.equal("rejected closed", b:take())
  end)

  it("with a limit becomes a limit order, that may be replaced and rests for self-trade prevention from then on", function()
    local b = open { limits = { prevent_self_trade = 1 } }
    local id = b:send("buy", 5, 101, { type = "stop_limit", stop_price = 100.5 })
    assert.equal("accepted", b:take())
    b:send("sell", 1, 100.9)
    assert.equal("> new 1", b:take())
    b:cancel(bit.lshift(3ULL, 40) + 2)
    b:report(bit.lshift(3ULL, 40) + 2, "canceled")
    b:clear()
    b:replace(id, 102, 7)
    assert.equal("replaced", b:take())
    b:trade(100.5)
    assert.same({ tonumber(C.TL_TYPE_LIMIT), 1020000 }, { last_command(b).type, tonumber(last_command(b).price) })
    assert.equal("triggered, > new 7", b:take())
    b:report(id, "accepted", { quantity = 7, price = 102 })
    b:send("sell", 1, 102)
    assert.equal("denied risk_self_trade", b:take())
    b:replace(id, 101, 6)
    assert.equal("> replace 6", b:take())
    b:report(id, "replaced", { quantity = 6, price = 101 })
    b:cancel(id)
    b:report(id, "canceled", { reason = "requested" })
    assert.equal("replaced, canceled requested, > cancel", b:take())
  end)

  it("looks at the quote or the mark where it says so", function()
    local b = open()
    b:send("buy", 1, nil, { type = "stop", stop_price = 101, flags = C.TL_FLAG_TRIGGER_QUOTE })
    b:send("sell", 2, nil, { type = "stop", stop_price = 99, flags = C.TL_FLAG_TRIGGER_QUOTE })
    b:send("sell", 3, nil, { type = "stop", stop_price = 99, flags = C.TL_FLAG_TRIGGER_MARK })
    b:send("sell", 4, nil, { type = "stop", stop_price = 99, flags = bit.bor(C.TL_FLAG_TRIGGER_MARK, C.TL_FLAG_TRIGGER_QUOTE) })
    b:trade(105)
    b:trade(95)
    b:market("mark", { 1000000 })
    assert.equal("accepted, accepted, accepted, rejected bad_field", b:take())
    b:quote(99.01, 101)
    assert.equal("triggered, > new 1", b:take())
    b:quote(99, 101)
    assert.equal("triggered, > new 2", b:take())
    b:market("mark", { 989900 })
    assert.equal("triggered, > new 3", b:take())
  end)

  it("goes in order of price, then of arrival", function()
    local b = open()
    for _, stop in ipairs { 101, 103, 102, 101, 102 } do
      b:send("buy", b.counter + 1, nil, { type = "stop", stop_price = stop })
    end
    b:clear()
    b:trade(102)
    assert.equal("triggered, triggered, triggered, triggered, > new 1, > new 4, > new 3, > new 5", b:take())
  end)

  it("keeps its place when its quantity alone shrinks, and goes behind the others of its price else", function()
    local b = open()
    local first = b:send("buy", 5, nil, { type = "stop", stop_price = 101 })
    b:send("buy", 6, nil, { type = "stop", stop_price = 101 })
    b:replace(first, bench.ABSENT, 4)
    b:trade(101)
    assert.equal("accepted, accepted, replaced, triggered, triggered, > new 4, > new 6", b:take())
    b:trade(100)
    first = b:send("buy", 5, 102, { type = "stop_limit", stop_price = 101 })
    b:send("buy", 6, 102, { type = "stop_limit", stop_price = 101 })
    b:replace(first, 103, 4)
    b:trade(101)
    assert.equal("accepted, accepted, replaced, triggered, triggered, > new 6, > new 4", b:take())
  end)

  it("trails by an offset or a percentage, on the tick, and only towards the market", function()
    local b = open()
    b:send("sell", 1, nil, { type = "trailing_stop", offset = 10000 }) -- 1.00
    b:send("sell", 2, nil, { type = "trailing_stop", offset = 5000000, flags = C.TL_FLAG_TRAIL_PERCENT }) -- 5 %
    b:send("buy", 3, nil, { type = "trailing_stop", offset = 20000 })
    assert.equal("accepted, accepted, accepted", b:take())
    b:trade(101.5)
    b:trade(101)
    assert.equal("", b:take())
    b:trade(100.5)
    assert.equal("triggered, > new 1", b:take())
    b:trade(97)
    assert.equal("", b:take())
    b:trade(96.42)
    assert.equal("triggered, > new 2", b:take())
    b:trade(98.41)
    assert.equal("", b:take())
    b:trade(98.42)
    assert.equal("triggered, > new 3", b:take())
  end)

  it("is cancelled, replaced, expired and killed where it waits", function()
    local b = open()
    local id = b:send("buy", 5, nil, { type = "stop", stop_price = 101 })
    b:replace(id, bench.ABSENT, 8)
    b:cancel(id)
    assert.equal("accepted, replaced, canceled requested", b:take())
    b:send("buy", 5, nil, { type = "stop", stop_price = 101, time_in_force = "gtd", expire_ns = b.now + 1000 })
    assert.equal(b.now + 1000, C.tl_gateway_next_timer_ns(b.gateway))
    b:time(1000)
    assert.equal("accepted, expired expire_time", b:take())
    b:send("buy", 5, nil, { type = "stop", stop_price = 101 })
    b:send("buy", 5, 100, { type = "stop_limit", stop_price = 101, instrument = 1 })
    C.tl_gateway_kill(b.gateway, -1, true, b.now)
    b:drain()
    assert.equal("accepted, accepted, canceled risk_kill_switch, canceled risk_kill_switch", b:take())
    assert.equal(0, C.tl_gateway_waiting(b.gateway))
    assert.equal(FOREVER, C.tl_gateway_next_timer_ns(b.gateway))
    b:trade(101)
    assert.equal("", b:take())
  end)

  it("of the day ends with its session, or when the venue says that it has closed", function()
    local calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
    local b = open { calendars = calendars, calendar = C.TL_CALENDAR_XNAS }
    local function at(hour) return C.tl_calendars_instant(calendars, C.TL_CALENDAR_XNAS, 20240314, hour * 3600 * 1000000000LL) end
    b.now = at(10)
    b:send("buy", 5, nil, { type = "stop", stop_price = 101 })
    b:send("buy", 6, nil, { type = "stop", stop_price = 101, time_in_force = "gtc" })
    assert.equal(at(16), C.tl_gateway_next_timer_ns(b.gateway))
    b:time(tonumber(at(16) - at(10)))
    assert.equal("accepted, accepted, expired end_of_day", b:take())
    b.now = at(15)
    b:send("buy", 5, nil, { type = "stop", stop_price = 101 })
    b:market("status", { tonumber(C.TL_STATE_CLOSED) })
    assert.equal("accepted, expired end_of_day", b:take())
    assert.equal(1, C.tl_gateway_waiting(b.gateway))
  end)

  it("counts for positions, exposure and buying power while it waits", function()
    local b = open { cash = 10000, limits = { max_position = 99 } }
    b:send("buy", 90, nil, { type = "stop", stop_price = 110 })
    assert.equal(100, b:account().buying_power)
    b:send("buy", 10, 100)
    assert.equal("accepted, denied risk_position", b:take())
    b:send("buy", 2, 100)
    assert.equal("denied risk_buying_power", b:take())
    b:trade(110)
    b:report(bit.lshift(3ULL, 40) + 1, "rejected", { reason = "halted" })
    assert.equal("triggered, canceled halted, > new 90", b:take())
    assert.equal(10000, b:account().buying_power)
  end)

  it("that only reduces is cut to what is left to reduce, or ends when nothing is", function()
    local b = open()
    local id = b:send("buy", 10, 100)
    b:fill(id, 10, 100)
    local cut = b:send("sell", 10, nil, { type = "stop", stop_price = 99, flags = C.TL_FLAG_REDUCE_ONLY })
    local sale = b:send("sell", 6, 100)
    b:fill(sale, 6, 100)
    b:clear()
    b:trade(99)
    assert.equal("triggered, > new 4", b:take())
    b:fill(cut, 4, 99)
    assert.equal("filled", b:status(cut))
    id = b:send("buy", 10, 100)
    b:fill(id, 10, 100)
    b:send("sell", 10, nil, { type = "stop", stop_price = 98, flags = C.TL_FLAG_REDUCE_ONLY })
    sale = b:send("sell", 10, 100)
    b:fill(sale, 10, 100)
    b:clear()
    b:trade(98)
    assert.equal("triggered, canceled reduce_only", b:take())
  end)

  it("is denied where the venue has not what it becomes", function()
    local b = open { supports = tonumber(C.TL_SUPPORTS_LIMIT) }
    b:send("buy", 1, nil, { type = "stop", stop_price = 101 })
    b:send("buy", 1)
    b:send("buy", 1, 101, { type = "stop_limit", stop_price = 101 })
    assert.equal("denied unsupported, denied unsupported, accepted", b:take())
    assert.equal(0, tonumber(b:counts().output_lost))
  end)

  it("takes no report from its venue before that has seen it", function()
    local b = open()
    local id = b:send("buy", 1, nil, { type = "stop", stop_price = 101 })
    b:clear()
    b:fill(id, 1, 100)
    b:report(id, "canceled")
    assert.equal("", b:take())
    assert.equal(2, tonumber(b:counts().reports_malformed))
    assert.equal(0, tonumber(b:position().quantity))
  end)

  it("works as an exit of a bracket and in a pair", function()
    local b = open()
    local entry = b:send("buy", 10, 100, { link = "bracket_entry", group = 1 })
    local profit = b:send("sell", 10, 105, { link = "bracket_leg", group = 1 })
    local loss = b:send("sell", 10, nil, { link = "bracket_leg", group = 1, type = "stop", stop_price = 95 })
    b:accept(entry)
    b:clear()
    b:fill(entry, 4, 100)
    assert.equal("fill, restated, > new 4", b:take()) -- the stop's quantity; the venue has the limit
    b:report(profit, "accepted", { quantity = 4, price = 105 })
    b:clear()
    b:fill(entry, 6, 100)
    assert.equal("fill, restated, > replace 10", b:take())
    b:report(profit, "restated", { quantity = 10, price = 105 })
    b:clear()
    b:trade(95)
    assert.equal("triggered, > new 10", b:take())
    b:fill(loss, 10, 95)
    assert.equal("fill, > cancel", b:take())
    local a = b:send("buy", 1, 99, { link = "oco", group = 2 })
    b:send("buy", 1, nil, { link = "oco", group = 2, type = "stop", stop_price = 110 })
    b:accept(a)
    b:fill(a, 1, 99)
    assert.equal("accepted, accepted, fill, canceled oco, > new 1", b:take())
  end)

  it("sees bars along their path when it has waited through them", function()
    local b = open()
    b:send("sell", 1, nil, { type = "stop", stop_price = 99 })
    b:clear()
    local function bar(open_ns, close_ns, o, h, l, c)
      local event, tail = ffi.new "tl_event", ffi.new "tl_event_tail"
      event.kind, event.ts_ns, event.ts_recv_ns = C.TL_EVENT_BAR, close_ns, close_ns
      for i, price in ipairs { o, h, l, c } do event.w[i - 1] = price * 10000 end
      tail.w[3] = open_ns
      C.tl_gateway_market(b.gateway, event, tail)
      b:drain()
    end
    bar(b.now - 1000, b.now + 1000, 100, 101, 98, 100) -- some of it was before the stop
    assert.equal("", b:take())
    bar(b.now + 1000, b.now + 2000, 100, 101, 99.5, 100)
    assert.equal("", b:take())
    bar(b.now + 2000, b.now + 3000, 100, 101, 98.5, 100)
    assert.equal("triggered, > new 1", b:take())
  end)

  it("goes by thousands, and leaves nothing behind", function()
    local b = open()
    for round = 1, 3 do
      local ids = {}
      for i = 1, 2000 do
        local buy = i % 2 == 0
        ids[i] = b:send(buy and "buy" or "sell", 1, nil, { type = "stop", stop_price = buy and 200 + i % 37 or 50 - i % 23 })
      end
      assert.equal(2000, C.tl_gateway_waiting(b.gateway))
      for i = 1, 2000, 3 do b:cancel(ids[i]) end
      b:clear()
      b:trade(240)
      assert.equal(667, #b.commands)
      b:trade(10)
      assert.equal(1333, #b.commands)
      assert.equal(0, C.tl_gateway_waiting(b.gateway))
      for _, c in ipairs(b.commands) do b:report(c.id, "rejected") end
      b:trade(100)
      b:clear()
      assert.equal(0, b:account().open_orders, round)
    end
  end)
end)

describe("gtd that its venue lacks", function()
  it("goes there as gtc, and the gateway ends it in time", function()
    local b = open()
    local id = b:send("buy", 5, 99, { time_in_force = "gtd", expire_ns = b.now + 1000 })
    assert.same({ tonumber(C.TL_TIF_GTC), 0 }, { last_command(b).time_in_force, tonumber(last_command(b).expire_ns) })
    b:accept(id)
    b:clear()
    b:time(1000)
    b:report(id, "canceled", { reason = "requested" })
    assert.equal("expired expire_time, > cancel", b:take())
  end)
end)

describe("an iceberg that its venue lacks", function()
  local function iceberg(b, quantity, display, price)
    if not b.slices then -- the ids of what the venue was sent
      local drain = b.drain
      b.slices = {}
      b.drain = function(self)
        local before = #self.commands
        drain(self)
        for i = before + 1, #self.commands do
          if self.commands[i].kind == "new" then b.slices[#b.slices + 1] = self.commands[i].raw.order_id end
        end
      end
    end
    return b:send("buy", quantity, price or 100, { type = "iceberg", display = display })
  end

  --- A venue's report about the slice that it was sent last.
  local function slice(b, kind, fields)
    local id = b.slices[#b.slices]
    local all = { instrument = 0 }
    for k, v in pairs(fields or {}) do all[k] = v end
    if kind == "fill" then
      b.execution = b.execution + 1
      all.execution_id, all.liquidity = b.execution, C.TL_LIQUIDITY_MAKER
    end
    b:report(id, kind, all)
  end

  it("is sent slice by slice, and looks like one order", function()
    local b = open()
    local id = iceberg(b, 10, 4)
    local sent = last_command(b)
    assert.same({ tonumber(C.TL_TYPE_LIMIT), 4, 0 }, { sent.type, tonumber(sent.quantity), tonumber(sent.display) })
    slice(b, "accepted", { quantity = 4, price = 100 })
    assert.equal(10, b.reports[1].quantity)
    assert.equal("accepted, > new 4", b:take())
    slice(b, "fill", { quantity = 4, price = 100 })
    assert.are_not.equal(tostring(sent.order_id), tostring(last_command(b).order_id))
    assert.equal(tostring(id), tostring(b.reports[1].id))
    assert.equal("fill, > new 4", b:take())
    slice(b, "accepted", { quantity = 4, price = 100 })
    b:report(id, "canceled") -- of the slice that is gone
    slice(b, "fill", { quantity = 1, price = 100 })
    assert.equal("fill", b:take())
    slice(b, "fill", { quantity = 3, price = 100 })
    slice(b, "fill", { quantity = 2, price = 100 })
    assert.equal("fill, fill, > new 2", b:take())
    assert.equal("filled", b:status(id))
    assert.equal(10, tonumber(b:position().quantity))
    assert.equal(0, b:account().open_orders)
  end)

  it("counts whole, and no slice fills more than it is", function()
    local b = open { cash = 1000 }
    iceberg(b, 10, 1)
    assert.equal(0, b:account().buying_power)
    slice(b, "fill", { quantity = 2, price = 100 })
    assert.equal("> new 1", b:take())
    assert.equal(0, tonumber(b:position().quantity))
  end)

  it("is replaced without the venue where the slice will do, else by replacing the slice", function()
    local b = open()
    local id = iceberg(b, 10, 4)
    slice(b, "accepted", { quantity = 4, price = 100 })
    b:clear()
    b:replace(id, 100, 20)
    assert.equal("replaced", b:take())
    b:replace(id, 99, 20)
    assert.equal("> replace 4", b:take())
    slice(b, "replaced", { quantity = 4, price = 99 })
    assert.same({ 990000LL, 20 }, { b.reports[1].price, b.reports[1].quantity })
    b:clear()
    slice(b, "fill", { quantity = 1, price = 99 })
    b:replace(id, 99, 3)
    assert.equal("fill, > replace 3", b:take())
    slice(b, "replaced", { quantity = 3, price = 99 })
    slice(b, "fill", { quantity = 2, price = 99 })
    assert.equal("replaced, fill", b:take())
    assert.equal("filled", b:status(id))
  end)

  it("whose slice traded before a request got there does as asked", function()
    local b = open()
    local id = iceberg(b, 10, 4)
    slice(b, "accepted", { quantity = 4, price = 100 })
    b:replace(id, 98, 9)
    b:clear()
    slice(b, "fill", { quantity = 4, price = 100 })
    assert.equal("fill", b:take())
    slice(b, "replace_rejected", { reason = "unknown_order" })
    assert.equal(980000LL, last_command(b).price)
    assert.equal("replaced, > new 4", b:take())
    slice(b, "accepted", { quantity = 4, price = 98 })
    b:cancel(id)
    b:clear()
    slice(b, "fill", { quantity = 4, price = 98 })
    slice(b, "cancel_rejected", { reason = "unknown_order" })
    assert.equal("fill, canceled requested", b:take())
    assert.equal("canceled", b:status(id))
  end)

  it("ends with a slice that its venue ends or refuses", function()
    local b = open()
    local id = iceberg(b, 10, 4)
    slice(b, "rejected", { reason = "halted" })
    assert.equal("rejected halted, > new 4", b:take())
    id = iceberg(b, 10, 4)
    slice(b, "fill", { quantity = 4, price = 100 })
    slice(b, "rejected", { reason = "halted" })
    assert.equal("fill, canceled halted, > new 4, > new 4", b:take())
    assert.equal("canceled", b:status(id))
    assert.equal(0, b:account().open_orders)
  end)
end)

describe("an order that the gateway held until its deadline had passed", function()
  it("is not stopped by it: it got there", function()
    local b = open()
    local id = b:send("buy", 5, nil, { type = "stop", stop_price = 101, deadline_ns = b.now + 1000 })
    b:time(2000)
    b:trade(101)
    assert.equal("accepted, triggered, > new 5", b:take())
    b:time(2000)
    b:fill(id, 5, 101)
    assert.equal("fill", b:take())
  end)
end)

describe("stops that the gateway holds and those of an exchange", function()
  --- Two strategies' flow over a simulated venue, whose trades move the stops (a venue without data shows no quote but that of others): the reports in words.
  local function play(seed, supports)
    math.randomseed(seed)
    local b = bench.new { leverage = 1000, strategies = 2, cash = 1e9 }
    native.check(C.tl_gateway_venue_supports(b.gateway, 0, supports))
    local config = ffi.new "tl_simulator_config"
    local simulator = ffi.gc(C.tl_simulator_create(b.instruments, nil, config), C.tl_simulator_destroy)
    C.tl_simulator_want(simulator, 0, bit.bor(C.TL_WANT_QUOTES, C.TL_WANT_TRADES))
    local queue, words, count = {}, {}, ffi.new "uint32_t[1]"
    local function drain()
      b:drain()
      for _, c in ipairs(b.commands) do queue[#queue + 1] = c.raw end
      for _, r in ipairs(b.reports) do
        local id = tonumber(r.id % 2 ^ 40)
        words[id] = words[id] or {}
        table.insert(words[id], ("%s %s %s %d %d"):format(r.kind, r.reason, tostring(r.price), r.quantity, r.filled))
      end
      b:clear()
    end
    local function settle()
      drain()
      while #queue > 0 do
        C.tl_simulator_submit(simulator, table.remove(queue, 1), b.now)
        local reports = C.tl_simulator_reports(simulator, count)
        local copies = ffi.new("tl_report[?]", count[0])
        for i = 0, count[0] - 1 do copies[i] = reports[i] end
        local n = count[0]
        local events = C.tl_simulator_events(simulator, count)
        local slots = ffi.new("tl_event[?]", count[0])
        for i = 0, count[0] - 1 do slots[i] = events[i] end
        local m = count[0]
        C.tl_simulator_clear_output(simulator)
        for i = 0, n - 1 do C.tl_gateway_report(b.gateway, copies[i], b.now) drain() end
        for i = 0, m - 1 do
          slots[i].ts_recv_ns = b.now
          C.tl_gateway_market(b.gateway, slots[i], nil)
          drain()
        end
      end
    end
    local list = {}
    b:quote(99.99, 100.01)
    for i = 0, 1 do -- a first price, for stops to look at
      b.strategy = 3 + i
      list[#list + 1] = b:send(i == 0 and "buy" or "sell", 10, 100)
      settle()
    end
    for _ = 1, 1500 do
      b.strategy = math.random(3, 4)
      b.now = b.now + math.random(1, 2000000)
      local side, kind = math.random() < 0.5 and "buy" or "sell", math.random(100)
      local price, stop, quantity = math.random(9950, 10050) / 100, math.random(9950, 10050) / 100, math.random(3, 40)
      local trigger, which = math.random(4), math.random(#list + 1)
      if kind <= 45 then
        list[#list + 1] = b:send(side, quantity, price)
      elseif kind <= 50 then
        list[#list + 1] = b:send(side, quantity)
      elseif kind <= 80 then
        if trigger == 1 then list[#list + 1] = b:send(side, quantity, price, { type = "stop_limit", stop_price = stop })
        elseif trigger == 2 then list[#list + 1] = b:send(side, quantity, nil, { type = "trailing_stop", offset = math.random(1, 30) * 100 })
        else list[#list + 1] = b:send(side, quantity, nil, { type = "stop", stop_price = stop }) end
      elseif kind <= 90 and list[which] then
        b.strategy = tonumber(bit.rshift(list[which], 40))
        b:cancel(list[which])
      elseif list[which] then
        b.strategy = tonumber(bit.rshift(list[which], 40))
        local record = C.tl_gateway_order(b.gateway, list[which])
        local limit = record ~= nil and (record.last.type == C.TL_TYPE_LIMIT or record.last.type == C.TL_TYPE_STOP_LIMIT)
        b:replace(list[which], limit and price or bench.ABSENT, quantity)
      end
      settle()
    end
    local counts = b:counts()
    assert.same({ 0, 0 }, { tonumber(counts.illegal_transitions), tonumber(counts.reports_malformed) })
    return words
  end

  it("tell of each order the same in the same order", function()
    for seed = 1, 3 * (os.getenv "TIDELOCK_SOAK" and 100 or 1) do
      local venue, held = play(seed, tonumber(C.TL_SUPPORTS_ALL)), play(seed, PLAIN)
      local triggered = 0
      for id, words in ipairs(venue) do
        assert.same(words, held[id], ("seed %d order %d"):format(seed, id))
        if table.concat(words, ","):find "triggered" then triggered = triggered + 1 end
      end
      assert.equal(#venue, #held)
      assert.is_true(triggered > 100, triggered)
    end
  end)
end)

local native = require "tidelock.native"
local source_of = require "tidelock.report.source"
local C, ffi, check = native.C, native.ffi, native.check

local ABSENT = -9223372036854775807LL - 1
local BUY, SELL = 1, 2
local MS, S = 1000000LL, 1000000000LL
local START = 1704205800000000000LL -- 2024-01-02T14:30:00Z

--- A gateway with one account of 100,000 and a recorder behind it, and the calls of a driver in short.
local function bench_of(symbols)
  local self = { calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy), instruments = ffi.gc(C.tl_instruments_create(),
    C.tl_instruments_destroy), now = START, next_id = 0, execution = 0,
    sequence = 0 }
  for _, symbol in ipairs(symbols or { "XYZ" }) do
    check(C.tl_instruments_add(self.instruments, ffi.new("tl_instrument", { symbol = symbol, price_exponent = -2, calendar = 1 }), nil))
  end
  self.gateway = ffi.gc(C.tl_gateway_create(self.instruments, self.calendars), C.tl_gateway_destroy)
  local account = ffi.new("tl_account_config", { name = "main", currency = "USD", cash_e8 = 10000000000000LL, leverage = 4, allow_short = 1 })
  check(C.tl_gateway_add_account(self.gateway, account, nil or ffi.new "uint32_t[1]"))
  check(C.tl_gateway_add_venue(self.gateway, "simulated", ffi.new("tl_fee_schedule", { maker = -0.0001, taker = 0.0003 }), ffi.new "uint32_t[1]"))
  check(C.tl_gateway_add_strategy(self.gateway, 1, 0, ffi.new "tl_risk_limits"))
  self.recorder = ffi.gc(C.tl_recorder_create(self.instruments, self.gateway, 1, 0), C.tl_recorder_destroy)

  function self.at(after) self.now = START + after end
  function self.event(kind, words, instrument, tail)
    local event = ffi.new("tl_event", { ts_ns = self.now, ts_recv_ns = self.now, kind = kind, instrument = instrument or 0 })
    for i, word in ipairs(words) do event.w[i - 1] = word end
    local behind = ffi.new "tl_event_tail"
    for i, word in ipairs(tail or {}) do behind.w[i - 1] = word end
    C.tl_gateway_market(self.gateway, event, behind)
    C.tl_recorder_market(self.recorder, event, behind, self.now)
  end
  function self.quote(bid, ask, instrument) self.event(C.TL_EVENT_QUOTE, { bid or ABSENT, ask or ABSENT, bid and 100 or 0, ask and 100 or 0 }, instrument) end
  function self.bar(open, high, low, close, interval_ns, instrument)
    self.event(C.TL_EVENT_BAR, { open, high, low, close }, instrument, { 100, 1, close, self.now - interval_ns, interval_ns })
  end
  function self.drain()
    local count = ffi.new "uint32_t[1]"
    local reports = C.tl_gateway_reports(self.gateway, count)
    for i = 0, count[0] - 1 do C.tl_recorder_report(self.recorder, reports + i, self.now) end
    C.tl_gateway_clear_output(self.gateway)
  end
  function self.command(fields)
    self.sequence = self.sequence + 1
    local command = ffi.new("tl_command", { input_sequence = self.sequence, strategy = 1, epoch = 1, ts_ns = self.now, price = ABSENT,
      stop_price = ABSENT, arrival_price = ABSENT })
    for key, value in pairs(fields) do command[key] = value end
    C.tl_gateway_command(self.gateway, command, self.now)
    C.tl_recorder_command(self.recorder, command, self.now)
    self.drain()
  end
  function self.report(kind, id, fields)
    local report = ffi.new("tl_report", { order_id = id, kind = kind, strategy = 1, ts_venue_ns = self.now, price = ABSENT, limit = ABSENT,
      value = ABSENT, queue_ahead = ABSENT })
    for key, value in pairs(fields or {}) do report[key] = value end
    C.tl_gateway_report(self.gateway, report, self.now)
    self.drain()
  end
  --- Sends and has accepted; the order's id.
  function self.order(side, quantity, price, more)
    self.next_id = self.next_id + 1
    local id = 2 ^ 40 + self.next_id
    local fields = { kind = C.TL_COMMAND_NEW, order_id = id, side = side, quantity = quantity, price = price, type = C.TL_TYPE_LIMIT,
      time_in_force = C.TL_TIF_DAY }
    for key, value in pairs(more or {}) do fields[key] = value end
    self.command(fields)
    self.report(C.TL_REPORT_ACCEPTED, id, { price = price, quantity = quantity, instrument = fields.instrument or 0 })
    return id
  end
  function self.fill(id, quantity, price, filled, liquidity, instrument)
    self.execution = self.execution + 1
    self.report(C.TL_REPORT_FILL, id, { quantity = quantity, price = price, filled = filled or quantity, liquidity = liquidity or 1,
      execution_id = self.execution, instrument = instrument or 0 })
  end
  function self.finish()
    C.tl_recorder_finish(self.recorder, self.now)
    return source_of.read(self.recorder)
  end
  return self
end

describe("the recorder", function()
  it("marks the account at the start, at fills, when a held instrument moves, and at the end", function()
    local b = bench_of()
    b.quote(10000, 10002)
    b.at(1 * S)
    b.quote(10002, 10004) -- flat: nothing moved
    local id = b.order(BUY, 100, 10002)
    b.at(2 * S)
    b.fill(id, 100, 10002)
    b.at(3 * S)
    b.quote(10010, 10012)
    b.quote(10012, 10014) -- the same time: one mark, the last
    b.at(4 * S)
    b.quote(10012, 10014) -- no change
    b.at(5 * S)
    local source = b.finish()
    local times = {}
    for i = 0, source.mark_count - 1 do times[i + 1] = tonumber((source.marks[i].ts_ns - START) / S) end
    assert.same({ 0, 2, 3, 5 }, times)
    assert.equal(10000000000000LL, source.marks[0].equity_e8)
    -- maker's rebate 0.0001 x 10002.00, and 100 shares 0.11 above the price paid at the middle
    assert.equal(10000000000000LL + 100020000LL + 1100000000LL, source.marks[2].equity_e8)
    assert.is_true(source.marks[2].exposure_e8 > 0)
    assert.equal(source.marks[2].equity_e8, source.marks[3].equity_e8)
    assert.equal(tonumber(3 * S), source.totals.exposure_ns)
    assert.equal(1, source.totals.maker_fills)
  end)

  it("counts time with any position open once, whatever is held beside it", function()
    local b = bench_of { "A", "B" }
    b.quote(10000, 10002)
    b.quote(10000, 10002, 1)
    local function trade(at, side, instrument)
      b.at(at)
      b.fill(b.order(side, 10, 10001, { instrument = instrument }), 10, 10001, nil, nil, instrument)
    end
    trade(1 * S, BUY, 0)
    trade(3 * S, BUY, 1)
    trade(4 * S, SELL, 0)
    trade(6 * S, SELL, 1)
    trade(8 * S, BUY, 0)
    b.at(9 * S)
    assert.equal(tonumber(6 * S), b.finish().totals.exposure_ns)
  end)

  it("marks each hour of data and each close of a bar, also while nothing is held", function()
    local b = bench_of()
    for minute = 0, 150, 10 do
      b.at(minute * 60 * S)
      b.quote(10000 + minute, 10002 + minute)
    end
    local source = b.finish()
    assert.equal(4, source.mark_count)
    local quiet = bench_of()
    quiet.event(C.TL_EVENT_STATUS, { C.TL_STATE_TRADING, 0 })
    quiet.at(7200 * S)
    quiet.event(C.TL_EVENT_STATUS, { C.TL_STATE_CLOSED, 0 })
    assert.equal(1, quiet.finish().mark_count) -- the end alone
    local bars = bench_of { "A", "B" }
    for day = 1, 5 do
      bars.at(day * 86400 * S)
      bars.bar(100, 110, 90, 105, 86400 * S, 0)
      bars.bar(100, 110, 90, 105, 86400 * S, 1)
    end
    assert.equal(5, bars.finish().mark_count)
  end)

  it("takes the middle of 100 ms, 1 s and 10 s later, as it stood then", function()
    local b = bench_of()
    b.quote(10000, 10002)
    local id = b.order(BUY, 100, 10000, { arrival_price = 20002 })
    b.fill(id, 100, 10000)
    b.at(100 * MS)
    b.quote(10001, 10003) -- just at the horizon: counts
    b.at(100 * MS + 1)
    b.quote(10005, 10007)
    b.at(2 * S)
    b.quote(9990, 9992)
    b.at(9 * S)
    b.quote(nil, 9992)
    b.at(11 * S)
    b.quote(9000, 9002)
    local fill = b.finish().fills[0]
    assert.equal(20004LL, fill.mark[0])
    assert.equal(20012LL, fill.mark[1])
    assert.equal(ABSENT, fill.mark[2]) -- one side was missing then
    assert.equal(20002LL, fill.arrival_price)
  end)

  it("leaves markouts beyond the end of the data unknown", function()
    local b = bench_of()
    b.quote(10000, 10002)
    b.fill(b.order(SELL, 10, 10002), 10, 10002)
    b.at(3 * S)
    b.quote(10000, 10004)
    local fill = b.finish().fills[0]
    assert.equal(20002LL, fill.mark[0])
    assert.equal(20002LL, fill.mark[1])
    assert.equal(ABSENT, fill.mark[2])
  end)

  it("measures by bars only where they are no longer than the horizon", function()
    local b = bench_of()
    b.bar(10000, 10000, 10000, 10000, S)
    b.fill(b.order(BUY, 10, 10000), 10, 10000)
    for second = 1, 12 do
      b.at(second * S)
      b.bar(10000, 10000, 10000, 10000 + second, S)
    end
    local fill = b.finish().fills[0]
    assert.equal(ABSENT, fill.mark[0])
    assert.equal(20002LL, fill.mark[1])
    assert.equal(20020LL, fill.mark[2])
  end)

  it("knows each order from its sending to its end", function()
    local b = bench_of()
    b.quote(10000, 10002)
    local id = b.order(BUY, 100, 10000)
    b.at(1 * S)
    b.fill(id, 40, 10000, 40)
    b.at(2 * S)
    b.command { kind = C.TL_COMMAND_REPLACE, order_id = id, side = BUY, quantity = 80, price = 10001, arrival_price = 20003 }
    b.report(C.TL_REPORT_REPLACED, id, { price = 10001, quantity = 80 })
    b.at(3 * S)
    b.command { kind = C.TL_COMMAND_CANCEL, order_id = id }
    b.report(C.TL_REPORT_CANCELED, id, { quantity = 80, filled = 40, reason = C.TL_REASON_REQUESTED })
    local refused = b.order(BUY, 10, 9000)
    b.report(C.TL_REPORT_EXPIRED, refused, { reason = C.TL_REASON_END_OF_DAY })
    local source = b.finish()
    assert.equal(2, source.order_count)
    local order = source.orders[0]
    assert.equal(40, tonumber(order.filled))
    assert.equal(80, tonumber(order.quantity))
    assert.equal(10001, tonumber(order.price))
    assert.equal(20003, tonumber(order.arrival_price))
    assert.equal(START, order.accepted_ns)
    assert.equal(START + 1 * S, order.first_fill_ns)
    assert.equal(START + 3 * S, order.closed_ns)
    assert.equal(tonumber(C.TL_ORDER_CANCELED), order.status)
    assert.equal(1, order.replaces)
    assert.equal(1, order.cancels)
    assert.equal(tonumber(C.TL_ORDER_EXPIRED), source.orders[1].status)
    assert.same({ 4, 2, 1, 1 }, { source.totals.commands, source.totals.orders, source.totals.replaces, source.totals.cancels })
  end)

  it("counts refusals by reason, the gateway's and the venue's apart", function()
    local b = bench_of()
    b.quote(10000, 10002)
    C.tl_gateway_restrict(b.gateway, 0, true)
    b.command { kind = C.TL_COMMAND_NEW, order_id = 2 ^ 40 + 77, side = BUY, quantity = 10, price = 10000 }
    C.tl_gateway_restrict(b.gateway, 0, false)
    b.command { kind = C.TL_COMMAND_NEW, order_id = 2 ^ 40 + 78, side = BUY, quantity = 10, price = 10000 }
    b.report(C.TL_REPORT_REJECTED, 2 ^ 40 + 78, { reason = C.TL_REASON_POST_ONLY })
    local source = b.finish()
    assert.same({ risk_restricted = 1 }, source.denies)
    assert.same({ post_only = 1 }, source.rejects)
    assert.equal(tonumber(C.TL_ORDER_DENIED), source.orders[0].status)
    assert.equal(tonumber(C.TL_ORDER_REJECTED), source.orders[1].status)
  end)

  it("hashes every value and the time of each command", function()
    local function hash(change)
      local b = bench_of()
      b.quote(10000, 10002)
      local fields = { kind = C.TL_COMMAND_NEW, order_id = 2 ^ 40 + 1, side = BUY, quantity = 10, price = 10000, ts_ns = START }
      for key, value in pairs(change or {}) do fields[key] = value end
      b.command(fields)
      return b.finish().decisions_hash
    end
    local plain, seen = hash(), {}
    assert.matches("^%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x$", plain)
    assert.equal(plain, hash())
    -- not a decision: where it stood in the log, what the market was
    assert.equal(plain, hash { input_sequence = 99, index = 3, arrival_price = 5 })
    for _, change in ipairs { { side = SELL }, { quantity = 11 }, { price = 10001 }, { ts_ns = START + 1 }, { order_id = 2 ^ 40 + 2 },
      { kind = C.TL_COMMAND_CANCEL }, { type = C.TL_TYPE_MARKET },
      { time_in_force = C.TL_TIF_IOC }, { stop_price = 1 }, { flags = 1 }, { deadline_ns = 1 }, { expire_ns = 1 }, { display = 1 }, { offset = 1 } } do
      local h = hash(change)
      assert.is_nil(seen[h])
      assert.are_not.equal(plain, h)
      seen[h] = true
    end
  end)

  if os.getenv "TIDELOCK_SOAK" then
    it("thins marks past their bound, and peaks and troughs survive", function()
      local b = bench_of()
      b.quote(10000, 10002)
      b.fill(b.order(BUY, 100, 10002), 100, 10002)
      local event, tail = ffi.new("tl_event", { kind = C.TL_EVENT_QUOTE }), ffi.new "tl_event_tail"
      local total = tonumber(C.TL_RECORDER_MARKS) + 100000
      for i = 1, total do
        local price = i == 3333333 and 9000 or i == 5555555 and 11000 or 10000 + i % 7
        event.ts_ns = START + i * 1000
        event.w[0], event.w[1] = price, price + 2
        C.tl_gateway_market(b.gateway, event, tail)
        C.tl_recorder_market(b.recorder, event, tail, event.ts_ns)
      end
      b.at(total * 1000)
      local source = b.finish()
      assert.is_true(source.mark_count <= tonumber(C.TL_RECORDER_MARKS))
      assert.is_true(source.totals.merged > 4000000)
      local low, high = math.huge, -math.huge
      for i = 1, source.mark_count - 1 do
        low, high = math.min(low, tonumber(source.marks[i].equity_e8)), math.max(high, tonumber(source.marks[i].equity_e8))
        assert(source.marks[i].ts_ns >= source.marks[i - 1].ts_ns)
      end
      assert.equal(100 * 20 * 1e8, high - low)
    end)
  end

  it("keeps a price path that never outgrows its room and never loses an extreme", function()
    local b = bench_of()
    local event, tail = ffi.new("tl_event", { kind = C.TL_EVENT_QUOTE }), ffi.new "tl_event_tail"
    local prices, step = {}, 250000000LL
    for i = 1, 200000 do
      prices[i] = 2 * (10000 + i * 7919 % 1009)
      event.ts_ns = START + i * step
      event.w[0], event.w[1] = prices[i] / 2 - 1, prices[i] / 2 + 1
      C.tl_recorder_market(b.recorder, event, tail, event.ts_ns)
    end
    local path, count = b.finish().path(0)
    assert.is_true(count > 2048 and count <= 4096)
    local i = 1
    for k = 0, count - 1 do
      assert.equal(START + i * step, path[k].ts_ns)
      local open, low, high, close = prices[i], math.huge, -math.huge, nil
      while i <= #prices and (k == count - 1 or START + i * step < path[k + 1].ts_ns) do
        low, high, close = math.min(low, prices[i]), math.max(high, prices[i]), prices[i]
        i = i + 1
      end
      assert.same({ open, high, low, close }, { tonumber(path[k].open), tonumber(path[k].high), tonumber(path[k].low), tonumber(path[k].close) })
    end
    assert.equal(#prices + 1, i)
  end)

  it("tells the first and last price by trades, else by the middle", function()
    local b = bench_of { "A", "B", "C" }
    b.quote(100, 102, 0)
    b.event(C.TL_EVENT_TRADE, { 101, 10, 1, 0 }, 0)
    b.event(C.TL_EVENT_TRADE, { 103, 10, 2, 0 }, 0)
    b.quote(200, 202, 1)
    b.quote(204, 206, 1)
    local source = b.finish()
    assert.same({ 202, 206 }, { source.price_span(0) })
    assert.same({ 402, 410 }, { source.price_span(1) })
    assert.same({}, { source.price_span(2) })
  end)
end)

local native = require "tidelock.native"
local live_world = require "support.live_world"
local C, ffi = native.C, native.ffi

local HEAD = [[
local strategy, order, snapshot, log, timeout = require "strategy", require "order", require "snapshot", require "log", require "timeout"
local s = strategy { symbols = { "AAPL" } }
]]

local worlds = {}

local function new(body, options)
  options = options or {}
  options.script = HEAD .. body .. "\nreturn s\n"
  local world = live_world.new(options)
  worlds[#worlds + 1] = world
  return world
end

describe("a strategy agent", function()
  after_each(function()
    for _, world in ipairs(worlds) do world:close() end
    worlds = {}
  end)

  it("asks the gateway what there is before on_start, which then knows positions, orders and the market", function()
    local world = new [[
      function s:on_quote() log.info "quote" end
      function s:on_start(why)
        local p, q = snapshot.position "AAPL", snapshot.quote "AAPL"
        log.info("%s %g at %g, %g bid, %d open", why, p.quantity, p.average_price, q.bid, order.count "AAPL")
        for _, o in order.each "AAPL" do log.info("%s %s %g of %g at %g %s", o.status, o.side, o.filled, o.quantity, o.price, tostring(o.adopted)) end
      end
    ]]
    world:quote("AAPL", 150.00, 150.10)
    world.feed_agent.work(world.feed_agent.state, world:now())
    local position = ffi.new("tl_position", { quantity = 30, cost = { low = 45000000 }, fills = 1 })
    local last = ffi.new("tl_command", { order_id = 3 * 2 ^ 40 + 9, strategy = 3, kind = C.TL_COMMAND_NEW, side = C.TL_SIDE_BUY, quantity = 100,
      price = 1499000, stop_price = live_world.ABSENT })
    world:attach { { "TL_MESSAGE_POSITION", { instrument = 0, position = position } },
      { "TL_MESSAGE_ORDER", { adopted = { last = last, filled = 30, wanted_price = 1499000, wanted_quantity = 100, status = C.TL_ORDER_PARTIALLY_FILLED,
        before = C.TL_ORDER_PARTIALLY_FILLED } } } }
    assert.same({ "start 30 at 150, 150 bid, 1 open", "partially_filled buy 30 of 100 at 149.9 true" }, world:lines_of())
    assert.equal(3 * 2 ^ 40 + 9, C.tl_mirror_last_id(C.tl_host_mirror(world.host)))
  end)

  it("passes on what a handler sends before the next handler runs, and what comes back moves the order", function()
    local world = new [[
      function s:on_quote(q) order.buy("AAPL", 10, q.bid) log.info("sent at %g", q.bid) end
      function s:on_order(o, r) log.info("%s %s", r.kind, o.status) end
      function s:on_fill(o, f) log.info("filled %g at %g, holds %g", f.quantity, f.price, snapshot.position("AAPL").quantity) end
    ]]
    world:attach()
    world:quote("AAPL", 150.00, 150.10):quote("MSFT", 1, 2):quote("AAPL", 150.01, 150.10):cycle()
    local sent = world:take()
    assert.equal(2, #sent)
    assert.same({ 1500000, 1500100 }, { tonumber(sent[1].price), tonumber(sent[2].price) })
    assert.is_true(sent[2].input_sequence == sent[1].input_sequence + 1) -- MSFT is not in its log
    assert.same({ 3, 1 }, { sent[1].strategy, sent[1].epoch })
    world:report(sent[1], "TL_REPORT_ACCEPTED"):report(sent[1], "TL_REPORT_FILL", { quantity = 4, filled = 4 }):cycle()
    assert.same({ "sent at 150", "sent at 150.01", "accepted new", "filled 4 at 150, holds 4", "fill partially_filled" }, world:lines_of())
    assert.equal(2, tonumber(world:decisions().commands))
    assert.is_true(world:section("worker", "tl_worker_page *").decisions_hash == world:decisions().hash)
  end)

  it("tells what did not fit into the ring as denied", function()
    local world = new [[
      function s:on_quote(q) for i = 1, 70 do order.buy("AAPL", i, q.bid) end end
      function s:on_order(o, r) self.n = (self.n or 0) + 1 if self.n == 1 then log.info("%s %s %s", r.kind, r.reason, o.status) end end
      function s:on_stop() log.info("%d denied, %d open", self.n, order.count()) end
    ]]
    world:attach()
    world:quote("AAPL", 150.00, 150.10):cycle()
    assert.is_true(world:stop())
    assert.same({ "denied ring_full denied", "6 denied, 64 open" }, world:lines_of())
  end)

  it("asks the gateway anew when its reports were cut: orders and positions are right again, and only then the market goes on", function()
    local world = new [[
      function s:on_quote(q)
        log.info("%g, holds %g, %d open", q.bid, snapshot.position("AAPL").quantity, order.count "AAPL")
        if self.sent ~= 2 then self.sent = (self.sent or 0) + 1 order.buy("AAPL", 10, q.bid) end
      end
      function s:on_order(o) log.info("%s %g", o.status, o.filled) order.sell("AAPL", 1, 200) end
    ]]
    world:attach()
    world:quote("AAPL", 150.00, 150.10):quote("AAPL", 150.01, 150.10):cycle()
    local sent = world:take()
    world:report(sent[1], "TL_REPORT_ACCEPTED"):message("TL_MESSAGE_CUT", {}):quote("AAPL", 150.02, 150.10):cycle()
    local asked = world:take()
    assert.same({ 2, C.TL_COMMAND_NEW, C.TL_COMMAND_ATTACH, 1 }, { #asked, asked[1].kind, asked[2].kind, asked[2].epoch })
    assert.same({ "150, holds 0, 0 open", "150.01, holds 0, 1 open", "reports were lost, as too many waited: the gateway is asked for orders and positions",
      "new 0" }, world:lines_of())
    -- The first order is gone with its fills, the second is half filled, the third is on its way.
    world:message("TL_MESSAGE_POSITION", { instrument = 0, position = ffi.new("tl_position", { quantity = 15, fills = 2 }) })
    for i, filled in pairs { [2] = 5 } do
      world:message("TL_MESSAGE_ORDER", { adopted = { last = sent[i], filled = filled, wanted_price = sent[i].price, wanted_quantity = 10,
        status = C.TL_ORDER_PARTIALLY_FILLED, before = C.TL_ORDER_PARTIALLY_FILLED } })
    end
    world:message("TL_MESSAGE_ORDER", { adopted = { last = asked[1], wanted_price = asked[1].price, wanted_quantity = 1,
      status = C.TL_ORDER_PENDING_NEW, before = C.TL_ORDER_PENDING_NEW } })
    world:message("TL_MESSAGE_ATTACHED", { word = 9 }):cycle()
    assert.same({ "150.02, holds 15, 2 open" }, world:lines_of())
  end)

  it("asks when there is room, if its predecessor left the ring full, and works through the log once", function()
    local world = new [[
      function s:on_start() log.info "start" end
      function s:on_quote(q) for i = 1, 64 do order.buy("AAPL", i, q.bid) end end
    ]]
    world:attach()
    world:quote("AAPL", 150.00, 150.10):cycle()
    local decisions = world:decisions().commands
    world:die()
    world:revive()
    for _ = 1, 5 do world:work() end
    assert.is_true(world.agent.next_ns(world.agent.state) < world:now() + 2000000)
    assert.equal(decisions, world:decisions().commands)
    assert.equal(64, #world:take())
    world:attach()
    assert.same({ "start", "start" }, world:lines_of()) -- once a life
    assert.equal(decisions, world:decisions().commands)
  end)

  it("counts errors over its generations, from a checkpoint or without one", function()
    local world = new [[
      function s:on_quote(q) log.info "quote" error "no" end
    ]]
    local page, raised = world:section("worker", "tl_worker_page *"), 0
    local function quote()
      world:quote("AAPL", 150.00, 150.10):cycle()
      for _, line in ipairs(world:lines_of()) do raised = raised + (line == "quote" and 1 or 0) end
      assert.equal(raised, tonumber(page.errors))
    end
    world:attach()
    for _ = 1, 3 do quote() end
    for life = 1, 4 do
      if life == 2 then for i = 0, 1 do ffi.fill(world:section("checkpoint." .. i), 4096) end end
      world:die()
      world:revive()
      world:attach()
      quote()
    end
    assert.is_true(raised >= 7)
  end)

  it("keeps timers, and takes one only when its turn in the log has come", function()
    local world = new [[
      function s:on_start()
        self.first = timeout.once("1us", function() log.info("first, cancels: %s", tostring(self.second:cancel())) end)
        self.second = timeout.once("2us", function() log.info "second" end)
        timeout.every("1h", "hour")
      end
    ]]
    world:attach()
    world:cycle()
    assert.same({ "first, cancels: true" }, world:lines_of())
    assert.is_true(world.agent.next_ns(world.agent.state) > world:now())
  end)

  it("stops in order: on_stop may still send", function()
    local world = new [[
      function s:on_stop(why) log.info(why) order.sell("AAPL", 1, 150) end
      function s:on_quote() log.info "late" end
    ]]
    world:attach()
    assert.is_true(world:stop())
    world:quote("AAPL", 150, 150.1):cycle()
    assert.same({ "stop" }, world:lines_of())
    assert.equal(1, #world:take())
  end)

  it("is lapped by the ring: the snapshot is whole again before on_gap", function()
    local world = new [[
      function s:on_gap(symbol, missed)
        local b = snapshot.book "AAPL"
        log.info("%s missed %s: %g x %g, book %g", symbol, missed > 0 and "some" or "none", snapshot.quote("AAPL").bid, snapshot.quote("AAPL").ask, b:bid(1))
        log.info("levels %s", tostring(b:bid(3)))
      end
      function s:on_quote(q) self.n = (self.n or 0) + 1 self.last = q.bid end
      function s:on_stop() log.info("last %g", self.last) end
    ]]
    world:attach()
    world:level("AAPL", "buy", 149, 10):level("AAPL", "buy", 148, 10):quote("AAPL", 149, 150):cycle()
    for i = 1, 12 do
      for j = 1, 100 do world:quote("AAPL", 100 + i + j * 0.01, 150) end
      world:level("AAPL", "buy", 100 + i, 10)
      if i == 12 then world:level("AAPL", "buy", 149, 0) end
      while world.feed_agent.work(world.feed_agent.state, world:now()) > 0 do end
    end
    world:cycle()
    assert.same({ "AAPL missed some: 113 x 150, book 148", "levels 111" }, world:lines_of())
    world:quote("AAPL", 120, 150):cycle()
    world:stop()
    assert.same({ "last 120" }, world:lines_of())
  end)

  it("looks up what a handler subscribes to, and no longer shows what it unsubscribes", function()
    local world = new [[
      function s:on_quote(q) log.info("%s %g", q.symbol, q.bid) if q.symbol == "AAPL" then self:subscribe "MSFT" self:unsubscribe "AAPL" end end
    ]]
    world:quote("MSFT", 40, 41)
    world.feed_agent.work(world.feed_agent.state, world:now())
    world:attach()
    world:quote("AAPL", 10, 11):cycle()
    world:quote("AAPL", 12, 13):quote("MSFT", 42, 43):cycle()
    assert.same({ "AAPL 10", "MSFT 40", "MSFT 42" }, world:lines_of())
  end)

  it("shows which event is in hand, and fails with what the host says", function()
    local failed
    local world = new("function s:on_quote() error 'no' end", { config = { error_budget = 2 } })
    world:attach()
    world:quote("AAPL", 150, 150.1):cycle()
    assert.equal(1, tonumber(world:section("worker", "tl_worker_page *").errors))
    assert.equal(0, tonumber(world:section("worker", "tl_worker_page *").in_hand))
    assert.equal(0, C.tl_live_status(world.live))
    world:quote("AAPL", 150, 150.2):cycle()
    failed = C.tl_live_status(world.live)
    assert.equal(C.TL_ERR_SCRIPT, failed)
    local lines = world:lines_of()
    assert.matches("error budget of 2 is spent", lines[#lines])
  end)

  it("is not at rest while the ring holds what it has not looked at", function()
    local world = new "function s:on_quote(q) order.buy('AAPL', 1, q.bid) end"
    world:attach()
    for i = 1, 400 do world:quote("MSFT", 40, 41 + i) end
    world:quote("AAPL", 10, 11)
    while world.feed_agent.work(world.feed_agent.state, world:now()) > 0 do end
    while world:work() > 0 do end
    assert.equal(1, #world:take())
  end)

  it("waits for a recorder that is behind, and not for one that has given up", function()
    local world = new([[ function s:on_quote(q) log.info("%g", q.bid) end ]], { recorded = true, slots = 1024 })
    world:attach()
    world:lines_of()
    local recorded = ffi.cast("uint64_t *", C.tl_region_find(world.house, "recorded:one", nil))
    local function heard()
      local before = tonumber(C.tl_host_handled(world.host))
      for i = 1, 2000 do world:quote("AAPL", 10 + i % 5, 20):cycle() end
      return tonumber(C.tl_host_handled(world.host)) - before
    end
    assert.is_true(heard() < 1024)
    recorded[0] = 0x7fffffffffffffffULL
    assert.is_true(heard() >= 2000)
  end)

  it("sends signals to others and hears theirs", function()
    local world = new([[
      local signal = require "signal"
      function s:on_quote(q) signal.send("edge", q.bid / 2) end
      function s:on_signal(e) log.info("%s %s %g", e.from, e.name, e.value) end
    ]], { peer = true })
    local theirs, reader = ffi.new "tl_broadcast_writer", ffi.new "tl_broadcast_reader"
    native.check(C.tl_broadcast_attach_writer(theirs, C.tl_region_find(world.house, "signals", nil), C.TL_LIVE_SIGNALS, C.TL_LIVE_SIGNAL_BYTES))
    native.check(C.tl_broadcast_attach_reader(reader, world:section "signals", C.TL_LIVE_SIGNALS, C.TL_LIVE_SIGNAL_BYTES))
    world:attach()
    world:quote("AAPL", 10, 11):cycle()
    local slot, lost = ffi.new "tl_event[2]", ffi.new "uint64_t[1]"
    assert.equal(1, C.tl_broadcast_copy(reader, slot, 1, lost))
    assert.equal("edge", ffi.string(ffi.cast("const char *", slot + 1)))
    C.tl_broadcast_stage(theirs, slot, 1)
    C.tl_broadcast_publish(theirs)
    world:cycle()
    assert.same({ "peer edge 5" }, world:lines_of())
  end)

  it("closes bars by the clock", function()
    local world = live_world.new { script = HEAD:gsub("symbols", "bars = { '1s' }, symbols") ..
      [[function s:on_bar(b) log.info("bar %g %g %g %g %g", b.open, b.high, b.low, b.close, b.volume) end return s]] }
    worlds[1] = world
    world:attach()
    for _, price in ipairs { 10, 12, 9, 11 } do world:trade("AAPL", price, 5) end
    world:cycle()
    local due = world.agent.next_ns(world.agent.state)
    assert.is_true(due - world:now() <= 1000000000LL)
    C.tl_runtime_clock_start(world.clock, due + 3000000)
    world:cycle()
    assert.same({ "bar 10 12 9 11 20" }, world:lines_of())
  end)
end)

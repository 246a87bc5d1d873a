local gateway_world = require "support.gateway_world"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local MS = 1e6
local HEAD = [[
local strategy, log, timeout, order, snapshot = require "strategy", require "log", require "timeout", require "order", require "snapshot"
local s = strategy {}
local function pair(saga)
  local one = saga:leg { send = { symbol = "AAPL", side = "buy", quantity = 100, price = 100.01 } }
  log.info("one %s at %g", one.status, one.average_price)
  local other = saga:leg { send = { symbol = "MSFT", side = "sell", quantity = 50, price = 199.99 } }
  log.info("other %s", other.status)
end
function s:on_saga(saga, outcome)
  local legs = {}
  for i, o in ipairs(outcome.legs) do legs[i] = ("%s %g"):format(o.symbol, o.filled) end
  log.info("on_saga %s %s %s%s: %s", saga.name, saga.status, outcome.status, outcome.reason and " " .. outcome.reason or "", table.concat(legs, ", "))
end
]]

local function world_of(body, options)
  options = options or {}
  options.script = HEAD .. body .. "\nreturn s\n"
  local world = assert(gateway_world.new(options))
  world:start():run()
  world:market("AAPL", 99.99, 100.01)
  world:market("MSFT", 199.99, 200.01):run()
  return world
end

local STARTS = [[
function s:on_start() self.n = 0 end
function s:on_quote(q)
  if q.symbol == "MSFT" and not self.saga then self.saga = timeout.saga("pair", "100ms", pair) log.info("started %s", self.saga.status) end
end
]]

describe("timeout.saga", function()
  it("runs its function leg by leg and is done when that returns", function()
    local world = world_of(STARTS)
    assert.same({ "new buy 100 AAPL limit 100.01" }, world:take())
    world:report(1, "accepted"):fill(1, 40, 100):run()
    assert.same({}, world:take())
    world:fill(1, 60, 100.01):run()
    assert.same({ "new sell 50 MSFT limit 199.99" }, world:take())
    world:fill(2, 50, 199.99):run()
    assert.same({ "started running", "one filled at 100.006", "other filled", "on_saga pair done done: AAPL 100, MSFT 50" }, world:lines())
    assert.same({}, world:take())
    assert.equal(0, C.tl_mirror_sagas(world.mirror))
  end)

  it("is undone when a leg fails, and the function goes no further", function()
    local world = world_of(STARTS)
    world:fill(1, 100, 100):run():take()
    world:reject(2, "post_only"):run()
    assert.same({ "undo sell 100 AAPL market" }, world:take())
    assert.same({ "started running", "one filled at 100" }, world:lines())
    world:fill(3, 100, 99.99):run()
    assert.equal("on_saga pair undone undone post_only: AAPL 100, MSFT 0", world:lines()[3])
    assert.equal(0, tonumber(C.tl_gateway_position(world.gateway, 0, 0).quantity))
    assert.equal(0, C.tl_view_at(C.tl_host_view(world.host), 0).position.quantity_n)
  end)

  it("cancels a leg at the deadline less the reserve and undoes what it was filled", function()
    local world = world_of(STARTS)
    world:report(1, "accepted"):fill(1, 30, 100):run():take()
    world:pass(89 * MS)
    assert.same({}, world:take())
    world:pass(1 * MS)
    assert.same({ "cancel 1" }, world:take())
    world:canceled(1):run()
    assert.same({ "undo sell 30 AAPL market" }, world:take())
    world:fill(2, 30, 99):run()
    assert.equal("on_saga pair undone undone deadline_passed: AAPL 30", world:lines()[2])
  end)

  it("shows undo orders as orders of the strategy, with the leg's tag", function()
    local world = world_of [[
      function s:on_quote(q)
        if q.symbol ~= "MSFT" or self.saga then return end
        self.saga = timeout.saga("one", "100ms", function(saga)
          saga:leg { send = { symbol = "AAPL", side = "buy", quantity = 10, price = 100.01, tag = "leg" } }
          error("no more", 0)
        end)
      end
      function s:on_fill(o, f) log.info("fill %s %s %g %s %s", tostring(o.undo), o.tag, f.quantity, o.side, o.type) end
      function s:on_order(o, r)
        log.info("%s %s %s, open %d, cancel_all %d, cancel %s", tostring(o.undo), r.kind, o.status, order.count(), order.cancel_all(),
          tostring(select(2, o:cancel())))
        for _, each in order.each() do log.info("open: %s %s", each.side, tostring(each == o)) end
      end]]
    world:fill(1, 10, 100):run()
    assert.same({ "new buy 10 AAPL limit 100.01", "undo sell 10 AAPL market" }, world:take())
    world:report(2, "accepted"):run()
    world:fill(2, 10, 99):run()
    local lines = world:lines()
    assert.equal("fill false leg 10 buy limit", lines[1])
    assert.matches("^false fill filled, open 0", lines[2])
    assert.matches("^timeout.saga raised: no more", lines[3])
    assert.equal("true accepted new, open 1, cancel_all 0, cancel illegal state of AAPL", lines[4])
    assert.equal("open: sell true", lines[5])
    assert.equal("fill true leg 10 sell market", lines[6])
    assert.equal("on_saga one undone undone script_error: AAPL 10", lines[8])
    assert.equal(1, tonumber(C.tl_host_errors(world.host)))
  end)

  it("that the gateway undoes while a new generation attaches leaves that its own ids", function()
    local world = world_of(STARTS)
    local adopted = ffi.new("tl_adopted", { status = C.TL_ORDER_NEW, before = C.TL_ORDER_NEW, last = {
      order_id = 0x8000000001ULL, kind = C.TL_COMMAND_NEW, side = 2, type = C.TL_TYPE_MARKET, quantity = 10, price = bit.lshift(1LL, 63),
      flags = C.TL_FLAG_UNDO } })
    local slot = C.tl_mirror_adopt(world.mirror, adopted, world.now)
    assert.is_true(slot ~= 0)
    assert.equal(1, C.tl_mirror_last_id(world.mirror))
    C.tl_mirror_attaching(world.mirror)
    assert.equal(0, C.tl_mirror_attached(world.mirror, world.now) - 1) -- the leg that is open, as this attach does not name it
    assert.is_true(C.tl_mirror_orders(world.mirror)[slot].status_n == C.TL_ORDER_NEW)
    C.tl_mirror_attaching(world.mirror)
    assert.equal(1, C.tl_mirror_attached(world.mirror, world.now)) -- nor does the next one name the undo order
  end)

  it("sends legs together and goes on when all are done", function()
    local world = world_of [[
      function s:on_quote(q)
        if q.symbol ~= "MSFT" or self.saga then return end
        self.saga = timeout.saga("both", "100ms", function(saga, word)
          local a, b = saga:legs {
            { send = { symbol = "AAPL", side = "buy", quantity = 10, price = 100.01 } },
            { send = { symbol = "MSFT", side = "sell", quantity = 5, price = 199.99 }, partial = true } }
          log.info("%s %g %g", word, a.filled, b.filled)
        end, "word")
      end]]
    assert.same({ "new buy 10 AAPL limit 100.01", "new sell 5 MSFT limit 199.99" }, world:take())
    world:fill(2, 3, 200):run()
    world:fill(1, 10, 100):run()
    world:canceled(2):run()
    assert.same({ "word 10 3", "on_saga both done done: AAPL 10, MSFT 3" }, world:lines())
  end)

  it("undoes as the script said", function()
    local world = world_of [[
      function s:on_quote(q)
        if q.symbol ~= "MSFT" or self.saga then return end
        self.saga = timeout.saga("x", { "100ms", reserve = "40ms" }, function(saga)
          saga:leg { send = { symbol = "AAPL", side = "buy", quantity = 10, price = 100.01 }, undo = { price = 99.50 } }
          saga:leg { send = { symbol = "MSFT", side = "buy", quantity = 10, price = 200.01 }, undo = { symbol = "AAPL", quantity = 20, type = "market" } }
          self.saga:cancel()
          saga:leg { send = { symbol = "MSFT", side = "buy", quantity = 10, price = 200.01 } }
          log.info("never")
        end)
      end]]
    world:fill(1, 10, 100):run():fill(2, 10, 200):run()
    assert.same({ "new buy 10 AAPL limit 100.01", "new buy 10 MSFT limit 200.01", "undo sell 20 AAPL market", "undo sell 10 AAPL limit 99.5" }, world:take())
    world:fill(3, 20, 99):run():fill(4, 10, 99.5):run()
    assert.same({ "on_saga x undone undone requested: AAPL 10, MSFT 10" }, world:lines())
  end)

  it("fails a leg that its own inputs forbid, with the reason", function()
    local world = world_of [[
      function s:on_quote(q)
        if q.symbol ~= "MSFT" or self.saga then return end
        self.saga = timeout.saga("x", "100ms", function(saga)
          saga:leg { send = { symbol = "AAPL", side = "buy", quantity = 10, price = 100.01 } }
          saga:legs {
            { send = { symbol = "MSFT", side = "buy", quantity = 1, price = 200 } },
            { send = { symbol = "AAPL", side = "buy", quantity = 10, price = 100.005 } } }
          log.info("never")
        end)
      end]]
    world:fill(1, 10, 100):run()
    assert.same({ "new buy 10 AAPL limit 100.01", "undo sell 10 AAPL market" }, world:take())
    world:fill(2, 10, 100):run()
    assert.same({ "on_saga x undone undone off_tick: AAPL 10" }, world:lines())
  end)

  it("gives orders of the function the saga's deadline, and of the handler its own", function()
    local world = world_of [[
      local function left() local d = timeout.current() return d and d:remaining() / 1e6 end
      function s:on_quote(q)
        if q.symbol ~= "MSFT" or self.saga then return end
        timeout.scope("30ms", function()
          self.saga = timeout.saga("x", "100ms", function(saga)
            log.info("%s", left())
            timeout.scope("20ms", function()
              log.info("%s", left())
              saga:leg { send = { symbol = "AAPL", side = "buy", quantity = 10, price = 100.01 } }
              log.info("%s", left())
            end)
            log.info("%s", left())
          end)
          log.info("%s", left())
        end)
        log.info("%s", left())
      end
      function s:on_order() log.info("handler %s", left()) end]]
    world.now = world.now + 5e6
    world:fill(1, 10, 100):run()
    assert.same({ "30", "20", "30", "nil", "handler nil", "15", "25", "on_saga x done done: AAPL 10" }, world:lines())
    assert.equal(20e6, tonumber(world.sent[1].deadline_ns - world.sent[1].ts_ns))
  end)

  it("takes a step after the report's handlers, with views as of that event", function()
    local world = world_of [[
      local kept
      function s:on_quote(q)
        kept = q
        if q.symbol ~= "MSFT" or self.saga then return end
        self.saga = timeout.saga("x", "100ms", function(saga, quote)
          log.info("bid %g", quote.bid)
          saga:leg { send = { symbol = "AAPL", side = "buy", quantity = 10, price = 100.01 } }
          log.info("step, position %g, %s", snapshot.position("AAPL").quantity, tostring((pcall(function() return quote.bid end))))
        end, q)
      end
      function s:on_fill() log.info "on_fill" end
      function s:on_order() log.info "on_order" end]]
    world:fill(1, 10, 100):run()
    assert.same({ "bid 199.99", "on_fill", "on_order", "step, position 10, true" }, { unpack(world:lines(), 1, 4) })
  end)

  it("is undone when the strategy is stopped", function()
    local world = world_of(STARTS)
    world:fill(1, 60, 100):run():take()
    world:stop():run()
    assert.same({ "cancel 1" }, world:take())
    world:canceled(1):run()
    assert.same({ "undo sell 60 AAPL market" }, world:take())
  end)

  it("that a generation left is told to the next one, with its name where that is known", function()
    local world = world_of(STARTS)
    world:fill(1, 60, 100):run():take()
    C.tl_gateway_strategy_ended(world.gateway, 0, 0, true, world.now)
    world:canceled(1):run()
    assert.same({ "cancel 1", "undo sell 60 AAPL market" }, world:take())
    world:fill(2, 60, 100):run()
    assert.equal("on_saga pair undone undone generation_ended: AAPL 60", world:lines()[2])
  end)

  it("that its generation never heard of, or that ended before its start, is told behind the start", function()
    local world = assert(gateway_world.new { script = HEAD .. "function s:on_start() log.info 'start' end return s" })
    C.tl_host_set_hooks(world.host, ffi.new("tl_host_hooks", { live = true }))
    local report = ffi.new("tl_report", {
      order_id = 77, price = 9, quantity = C.TL_SAGA_FAILED, reason = C.TL_REASON_GENERATION_ENDED, kind = C.TL_REPORT_SAGA, instrument = 0xffffffff })
    local event, tail = ffi.new("tl_event", { kind = C.TL_EVENT_REPORT, ts_recv_ns = world.now, instrument = 0xffffffff }), ffi.new "tl_event_tail"
    ffi.copy(event.w, report, 32)
    ffi.copy(tail, ffi.cast("char *", report) + 32, 64)
    assert.is_true(C.tl_input_log_append(world.log, event, tail))
    world:run()
    assert.same({}, world:lines())
    world:start():run()
    assert.same({ "start", "on_saga  failed failed generation_ended: " }, world:lines())
    assert.is_true(C.tl_input_log_append(world.log, event, tail))
    world:run()
    assert.equal("on_saga  failed failed generation_ended: ", world:lines()[3])
  end)

  it("says what is wrong with its use", function()
    local world = world_of [[
      local function why(...) log.info("%s", (select(2, pcall(...)))) end
      local leg = { send = { symbol = "AAPL", side = "buy", quantity = 10, price = 100.01 } }
      local function with(fields) local all = {} for k, v in pairs(leg) do all[k] = v end for k, v in pairs(fields) do all[k] = v end return all end
      local door
      function s:on_start()
        why(timeout.saga, "", "1s", print) why(timeout.saga, "x", "1s") why(timeout.saga, "x", -5000, print)
        why(timeout.saga, "x", { "1s", reserv = "1ms" }, print) why(timeout.saga, "x", { "10ms", reserve = "10ms" }, print)
      end
      function s:on_quote(q)
        if q.symbol ~= "MSFT" or self.saga then return end
        self.saga = timeout.saga("x", "1s", function(saga)
          door = saga
          why(saga.leg, saga, 5) why(saga.leg, saga, {}) why(saga.leg, saga, with { und = 1 }) why(saga.leg, saga, with { undo = "flaten" })
          why(saga.leg, saga, with { undo = { price = 100, post_only = true } }) why(saga.leg, saga, with { undo = { quantity = 9 } })
          why(saga.leg, saga, with { undo = { stop_price = 9 } }) why(saga.leg, saga, with { send = { symbol = "AAPL", side = "buy" } })
          why(saga.leg, saga, with { partial = 1 }) why(saga.legs, saga, {}) why(function() return saga.leggs end) why(function() saga.x = 1 end)
          why(saga.leg, {}, leg) why(coroutine.wrap(function() saga:leg(leg) end)) why(coroutine.wrap(function() saga:leg(leg) end))
        end)
        why(function() return self.saga.state end) why(function() self.saga.name = "y" end) why(self.saga.cancel, {})
        why(door.leg, door, leg) log.info("%s %s", tostring(self.saga), tostring(timeout.saga("y", 0.0, print)))
      end]]
    local lines, expected = world:lines(), {
      "name is a string", "takes a function", "takes a while", "did you mean 'reserve'", "reserve is shorter", "a leg is a table", "a leg has send",
      "did you mean 'undo'", "did you mean 'flatten'", "field of an undo", "takes no quantity", "field of an undo", "quantity is a number",
      "partial is true or false", "takes a list",
      "did you mean 'leg", "cannot be set", "call it as a method", "in the saga's own function", "in the saga's own function",
      "did you mean 'status'", "cannot be set",
      "call it as a method", "in the saga's own function" }
    for i, word in ipairs(expected) do assert.is_truthy(lines[i] and lines[i]:find(word, 1, true), ("%d: %s: %s"):format(i, word, tostring(lines[i]))) end
  end)

  it("is refused while history is played", function()
    local world = assert(gateway_world.new { script = HEAD .. [[
      function s:on_start() log.info("%s", tostring(select(2, timeout.saga("x", "1s", function() log.info("never") end)))) end
      return s]] })
    world:phase(C.TL_PHASE_HISTORY):start():run()
    assert.same({ "no orders are taken while history is played" }, world:lines())
  end)

  it("is undone with an error where its function yields by itself", function()
    local world = world_of [[
      function s:on_quote(q)
        if q.symbol ~= "MSFT" or self.tried then return end
        self.tried = true
        timeout.saga("y", "1s", function() coroutine.yield() end)
      end]]
    assert.matches("s:leg and s:legs, not with coroutine.yield", world:lines()[1])
    assert.equal("on_saga y undone undone script_error: ", world:lines()[2])
  end)

  it("waits on when the script resumes its coroutine", function()
    local world = world_of [[
      function s:on_quote(q)
        if q.symbol == "MSFT" and not self.saga then
          self.saga = timeout.saga("x", "1s", function(saga)
            self.thread = coroutine.running()
            log.info("leg %s", saga:leg { send = { symbol = "AAPL", side = "buy", quantity = 10, price = 100.01 } }.status)
          end)
        elseif self.thread then
          log.info("%s", tostring(coroutine.resume(self.thread)))
        end
      end]]
    world:quote("AAPL", 99.99, 100.01):run()
    assert.same({ "true" }, world:lines())
    world:fill(1, 10, 100):run()
    assert.same({ "true", "leg filled", "on_saga x done done: AAPL 10" }, world:lines())
  end)
end)

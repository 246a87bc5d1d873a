local native = require "tidelock.native"
local live_world = require "support.live_world"
local C = native.C

local HEAD = [[
local strategy, order, snapshot, log, timeout = require "strategy", require "order", require "snapshot", require "log", require "timeout"
]]

-- What it decides depends on its state, a random number, a named timer, its orders and its position.
local TRADER = HEAD .. [[
local s = strategy { symbols = { "AAPL" }, bars = { "1s" }, params = { size = 10 } }
local mine = order.options { tag = "mine" }
function s:on_start(why)
  log.info("on_start %s", why)
  self.state.n = self.state.n or 0
  timeout.every("1h", "hour")
end
function s:on_quote(q)
  self.state.n = self.state.n + 1
  order.quote("AAPL", "buy", self.params.size + math.random(5), q.bid - self.state.n % 7 * 0.01, mine)
  if self.state.n % 3 == 0 then order.sell("AAPL", 1 + math.abs(snapshot.position("AAPL").quantity), q.ask) end
  if self.state.n % 10 == 0 then timeout.once("3h", "later") end
end
function s:on_timer(name) self.state[name] = (self.state[name] or 0) + 1 order.buy("AAPL", self.state[name], 1) end
function s:on_fill(o, f) self.state.filled = (self.state.filled or 0) + f.quantity end
function s:on_param(name, new) self.state.param = new end
function s:on_stop() log.info("n %d filled %d", self.state.n, self.state.filled or 0) end
return s
]]

local worlds = {}
local function new(script, options)
  options = options or {}
  options.script = script
  local world = live_world.new(options)
  worlds[#worlds + 1] = world
  return world
end

--- The gateway accepts what is sent and fills every third order.
local function answer(world)
  for _, command in ipairs(world:take()) do
    if command.kind == C.TL_COMMAND_NEW then
      world:report(command, "TL_REPORT_ACCEPTED")
      if command.order_id % 3 == 0 then world:report(command, "TL_REPORT_FILL", { filled = command.quantity, fee_e8 = 7 }) end
    elseif command.kind == C.TL_COMMAND_REPLACE then
      world:report(command, "TL_REPORT_REPLACED")
    elseif command.kind == C.TL_COMMAND_CANCEL then
      world:report(command, "TL_REPORT_CANCELED")
    end
  end
  world:cycle()
end

local function play(world, from, to)
  for i = from, to do
    world:quote("AAPL", 100 + i % 13 * 0.01, 101):trade("AAPL", 100.5, i):cycle()
    answer(world)
  end
end

--- The orders, position and quote of a strategy as text.
local function picture(world)
  local mirror, out = C.tl_host_mirror(world.host), {}
  local slot = C.tl_mirror_first(mirror, 0xffffffff, 0)
  while slot ~= 0 do
    local o = C.tl_mirror_orders(mirror)[slot]
    out[#out + 1] = ("%.0f %d %d %g %g %g %g %d"):format(
      o.id_n % 2 ^ 40, o.side_n, o.status_n, o.price_n, o.quantity_n, o.filled_n, o.wanted_price_n, o.quoted_n)
    slot = C.tl_mirror_next(mirror, slot, 0xffffffff, 0)
  end
  local seen = C.tl_view_at(C.tl_host_view(world.host), 0)
  out[#out + 1] = ("%g at %g, fees %g, %g %g, %d bids, last %d"):format(seen.position.quantity_n, seen.position.average, seen.position.fees, seen.quote.bid_n,
    seen.quote.ask_n, seen.sides[0].count, tonumber(seen.last_price))
  return table.concat(out, "\n")
end

describe("a successor", function()
  after_each(function()
    for _, world in ipairs(worlds) do world:close() end
    worlds = {}
  end)

  it("goes on from checkpoint and log as if nothing had happened, and sends nothing twice", function()
    local world = new(TRADER)
    world:attach()
    play(world, 1, 40)
    local before, decided, named = picture(world), world:decisions(), world:named()
    local handled = world:head().commits[world:head().commit % 2].next_sequence
    world:lines_of()
    world:die()
    world:revive()
    assert.equal(0, #world:attach(named))
    assert.equal(before, picture(world))
    assert.is_true(decided.hash == world:decisions().hash)
    assert.is_true(decided.commands == world:decisions().commands)
    assert.is_true(world:head().commits[world:head().commit % 2].next_sequence > handled)
    assert.same({ "on_start recovery" }, world:lines_of())
    assert.equal(1, tonumber(C.tl_counter_find(world:section("counters", "tl_counter *"), 256, "strategy.checkpoints")))
    play(world, 41, 45)
    world:stop()
    assert.matches("^n 45 ", world:lines_of()[1])
  end)

  it("decides the same whether or not its predecessors died, whenever that was", function()
    local function run(deaths)
      local world = new(TRADER, { slots = 2048 })
      world:attach()
      for i = 1, 60 do
        play(world, i, i)
        if deaths[i] then
          local named = world:named()
          world:die()
          world:revive()
          assert.equal(0, #world:attach(named))
        end
      end
      -- records of recoveries take sequences of their own, so that numbers differ; what was decided does not
      local text = picture(world)
      world:stop()
      local lines = world:lines_of()
      return text .. "\n" .. lines[#lines]
    end
    local undisturbed = run {}
    assert.equal(undisturbed, run { [1] = true, [2] = true })
    assert.equal(undisturbed, run { [20] = true, [21] = true, [59] = true })
    assert.equal(undisturbed, run { [33] = true })
  end)

  it("tries the event in hand once more and skips it at the second death; on_error is told", function()
    local world = new(HEAD .. [[
      local s = strategy { symbols = { "AAPL" } }
      function s:on_quote(q) log.info("%g", q.bid) order.buy("AAPL", 1, q.bid) end
      function s:on_error(e) log.warn("%s %s", e.handler, e.message) end
      return s
    ]])
    world:attach()
    world:quote("AAPL", 10, 11):cycle()
    world:quote("AAPL", 12, 13):cycle()
    local at = tonumber(world:take()[2].input_sequence)
    world:lines_of()
    for death = 1, 2 do
      world:die(at)
      world:revive()
      local sent = world:attach()
      assert.equal(0, #sent)
      local lines = world:lines_of()
      if death == 1 then assert.same({ "12" }, lines)
      else assert.matches("skipped: two generations died in its handler", lines[1]) end
    end
    local page = world:section("worker", "tl_worker_page *")
    assert.same({ 1, at }, { tonumber(page.skipped), tonumber(page.skip_at) })
    world:quote("AAPL", 14, 15):cycle()
    assert.equal(1, #world:take())
  end)

  it("starts cold where there is no checkpoint, with what the gateway has, and is told of the gap", function()
    local world = new(HEAD .. [[
      local s = strategy { symbols = { "AAPL" } }
      local tag = order.options { tag = "q" }
      function s:on_start(why) log.info("%s, %d open", why, order.count()) end
      function s:on_gap(symbol, missed) log.info("gap %s %g", symbol, snapshot.quote("AAPL").bid) end
      function s:on_save() error "not today" end
      function s:on_quote(q) order.quote("AAPL", "buy", 10, q.bid, tag) end
      return s
    ]])
    world:attach()
    world:quote("AAPL", 10, 11):cycle()
    local first = world:take()[1]
    world:lines_of()
    world:die()
    world:revive()
    world:attach { { "TL_MESSAGE_ORDER", { adopted = { last = first, wanted_price = first.price, wanted_quantity = 10, status = C.TL_ORDER_NEW,
      before = C.TL_ORDER_NEW } } } }
    assert.same({ "recovery, 1 open", "gap AAPL 10" }, { unpack(world:lines_of(), 1, 2) })
    assert.equal(0, #world:take()) -- the order of order.quote is the same one
    world:quote("AAPL", 10.5, 11):cycle()
    local next = world:take()
    assert.same({ 1, C.TL_COMMAND_REPLACE }, { #next, next[1].kind })
    assert.is_true(next[1].order_id == first.order_id)
  end)

  it("does not send what the log says was denied for lack of room", function()
    local world = new(HEAD .. [[
      local s = strategy { symbols = { "AAPL" } }
      function s:on_quote(q) if q.bid == 12 then for i = 1, 70 do order.buy("AAPL", i, q.bid) end end end
      return s
    ]])
    world:attach()
    world:quote("AAPL", 12, 13):cycle()
    assert.equal(64, #world:take())
    world:die()
    world:revive()
    assert.equal(0, #world:attach())
    assert.equal(0, tonumber(C.tl_mirror_open_count(C.tl_host_mirror(world.host), 0xffffffff, 0))) -- the gateway named none
  end)

  it("keeps named timers under their names, and functions no more", function()
    local world = new(HEAD .. [[
      local s = strategy { symbols = { "AAPL" } }
      function s:on_start(why)
        timeout.every("1h", "hour")
        if why == "start" then timeout.once("1h", function() log.info "function" end) timeout.once("2h", "once") end
      end
      function s:on_timer(name) log.info(name) end
      return s
    ]])
    world:attach()
    world:cycle()
    world:die()
    world:revive()
    world:attach()
    C.tl_runtime_clock_start(world.clock, world:now() + 7201000000000LL)
    world:cycle()
    assert.same({ "hour", "once" }, world:lines_of())
  end)

  it("does not read a checkpoint twice that its script refuses: the next generation starts cold", function()
    local world = new(HEAD .. [[
      local s = strategy { symbols = { "AAPL" } }
      function s:on_load() return false, "another day" end
      function s:on_start(why) log.info("%s", why) end
      return s
    ]])
    world:attach()
    world:cycle()
    world:lines_of()
    world:die()
    local ok, why = pcall(world.revive, world)
    assert.is_false(ok)
    assert.matches("refuses the state: another day", why)
    world:revive():attach()
    assert.same({ "recovery" }, world:lines_of())
  end)
end)

-- Sagas of a live strategy whose process dies: the gateway undoes them, and the next generation is told.
local native = require "tidelock.native"
local live_world = require "support.live_world"
local C, ffi = native.C, native.ffi

local SCRIPT = [[
local strategy, log, timeout = require "strategy", require "log", require "timeout"
local s = strategy { symbols = { "AAPL", "MSFT" } }
function s:on_start(why) log.info("start %s", why) end
function s:on_quote(q)
  if q.symbol ~= "MSFT" or self.saga then return end
  self.saga = timeout.saga("pair", "1h", function(saga)
    saga:leg { send = { symbol = "AAPL", side = "buy", quantity = 100, price = 100 } }
    log.info "one"
    saga:leg { send = { symbol = "MSFT", side = "sell", quantity = 50, price = 200 } }
    log.info "other"
  end)
end
function s:on_saga(saga, outcome)
  self.saga = nil
  local legs = {}
  for i, o in ipairs(outcome.legs) do legs[i] = ("%s %g"):format(o.symbol, o.filled) end
  log.info("%s %s %s: %s", saga.name, outcome.status, outcome.reason or "-", table.concat(legs, ", "))
end
function s:on_save() log.info("saves") return {} end
return s]]

local OWN = 0x8000000000ULL

describe("a saga whose strategy dies", function()
  local world
  after_each(function() world:close() end)

  local function of(commands, kind)
    local found = {}
    for _, c in ipairs(commands) do
      if c.kind == C["TL_COMMAND_" .. kind] then found[#found + 1] = c end
    end
    return found
  end

  --- What the gateway tells of a saga that it has undone: of the order that brought `leg` back, and of the end.
  local function undone(leg, begin)
    local undo = { order_id = leg.order_id - leg.order_id % 2 ^ 40 + OWN + 1, price = live_world.ABSENT,
      quantity = leg.quantity, instrument = leg.instrument, strategy = leg.strategy }
    local terms = ffi.new("tl_command", { side = C.TL_SIDE_SELL, type = C.TL_TYPE_MARKET, flags = C.TL_FLAG_UNDO })
    world:report(undo, "TL_REPORT_UNDO", { execution_id = leg.order_id, fee_e8 = terms.side + terms.type * 256 + terms.flags * 16777216, queue_ahead = 0 })
    world:report(undo, "TL_REPORT_ACCEPTED")
    world:report(undo, "TL_REPORT_FILL", { price = 999900, filled = leg.quantity, execution_id = 77 })
    world:report(undo, "TL_REPORT_SAGA", {
      order_id = begin.group, price = begin.tag, quantity = C.TL_SAGA_UNDONE, instrument = 0xffffffff, reason = C.TL_REASON_GENERATION_ENDED })
  end

  --- A saga whose first leg is filled and whose second is at the venue.
  local function half_way()
    world:quote("AAPL", 99.99, 100):quote("MSFT", 200, 200.01):cycle()
    local sent = world:take()
    local begin, one = of(sent, "SAGA_BEGIN")[1], of(sent, "NEW")[1]
    world:report(one, "TL_REPORT_ACCEPTED"):report(one, "TL_REPORT_FILL", { filled = 100 }):cycle()
    local other = of(world:take(), "NEW")[1]
    return begin, one, other
  end

  it("is told to the next generation, which has worked through the log and knows its legs", function()
    world = live_world.new { script = SCRIPT }
    world:attach()
    world:cycle()
    assert.same({ "start start", "saves" }, world:lines_of())
    local begin, one, other = half_way()
    assert.same({ "one" }, world:lines_of())
    assert.equal(1, C.tl_mirror_sagas(C.tl_host_mirror(world.host)))
    world:die()
    world:revive()
    world:report(other, "TL_REPORT_CANCELED", { reason = C.TL_REASON_SAGA })
    undone(one, begin)
    local repeated = world:attach()
    for _, c in ipairs(repeated) do assert.is_true(c.input_sequence <= other.input_sequence) end -- which the gateway drops
    local lines = world:lines_of()
    assert.equal("pair undone generation_ended: AAPL 100, MSFT 0", lines[#lines] == "saves" and lines[#lines - 1] or lines[#lines])
    assert.equal(0, C.tl_mirror_sagas(C.tl_host_mirror(world.host)))
    assert.equal(0, C.tl_view_at(C.tl_host_view(world.host), 0).position.quantity_n)
    -- and goes on: the next saga has another number, and orders ids of the strategy's own
    world:quote("MSFT", 200, 200.02):cycle()
    local sent = world:take()
    assert.is_true(of(sent, "SAGA_BEGIN")[1].group ~= begin.group)
    assert.is_true(of(sent, "NEW")[1].order_id == other.order_id + 1)
  end)

  it("keeps checkpoints waiting until it has ended", function()
    world = live_world.new { script = SCRIPT, slots = 256 }
    world:attach()
    world:cycle()
    local begin, one, other = half_way()
    world:lines_of()
    for i = 1, 150 do world:quote("AAPL", 99.98, 100 + i % 2 * 0.01):cycle() end
    assert.same({}, world:lines_of())
    world:report(other, "TL_REPORT_FILL", { filled = 50 }):cycle()
    assert.equal(0LL, of(world:take(), "SAGA_END")[1].quantity)
    world:report(one, "TL_REPORT_SAGA", { order_id = begin.group, price = begin.tag, quantity = C.TL_SAGA_DONE, instrument = 0xffffffff }):cycle()
    world:quote("AAPL", 99.97, 100):cycle()
    assert.same({ "other", "pair done -: AAPL 100, MSFT 50", "saves" }, world:lines_of())
  end)

  it("is told behind the start to one that starts cold", function()
    world = live_world.new { script = SCRIPT, slots = 64 }
    world:attach()
    world:cycle()
    local begin, one, other = half_way()
    world:lines_of()
    world:die()
    for i = 0, 1 do ffi.fill(world:section("checkpoint." .. i), 64) end
    world:revive()
    world:report(other, "TL_REPORT_CANCELED", { reason = C.TL_REASON_SAGA })
    undone(one, begin)
    world:attach()
    local lines = world:lines_of()
    assert.equal("start recovery", lines[1])
    assert.matches("^%S* ?undone generation_ended: ", lines[2])
  end)
end)

local native = require "tidelock.native"
local host_world = require "support.host_world"
local allocations = require "allocations"
local C = native.C

-- Rounds of records through the same handlers: what the first rounds set up, the later ones use.
local SCRIPT = [[
  local strategy, snapshot, timeout = require "strategy", require "snapshot", require "timeout"
  local s = strategy { symbols = "*", bars = { "1m" }, depth = 3 }
  local sum = 0
  function s:on_start() timeout.every("1ms", "tick") end
  function s:on_quote(q) sum = sum + (q.bid or 0) + snapshot.position(q.symbol).quantity + self:params_of(q.symbol).x end
  function s:on_trade(t) sum = sum + t.price * t.size end
  function s:on_book(b) sum = sum + (b:imbalance(3) or 0) + (b:mid() or 0) + (b:vwap("buy", 10) or 0) end
  function s:on_bar(b) sum = sum + b.close + #snapshot.bars(b.symbol, "1m", 5) end
  function s:on_timer(name, ts) sum = sum + ts end
  return s
]]

describe("the drain in the steady state", function()
  it("allocates nothing on the C heap", function()
    if not allocations.known() then return pending "the heap is not jemalloc" end
    local world = assert(host_world.new { script = SCRIPT:gsub("depth = 3", "depth = 3, params = { x = 1 }") })
    world:start()
    local least = math.huge -- a trace may still be made in one of the rounds
    local function round(measured)
      for i = 1, 200 do
        local symbol = i % 2 == 0 and "AAPL" or "MSFT"
        world:quote(symbol, 10 + i / 100, 11 + i / 100):trade(symbol, 10):level(symbol, "buy", 9 + i % 20 / 10, 5 + i)
        world:level(symbol, "sell", 12 + i % 20 / 10, 5 + i):book(symbol):bar(symbol, 1, 2, 3, 4)
      end
      local bytes = allocations.of(function() C.tl_host_drain(world.host) end)
      if measured then least = math.min(least, bytes) end -- the state's own arena counts too
    end
    for _ = 1, 60 do round(false) end
    for _ = 1, 5 do round(true) end
    assert.equal(0, least)
    assert.equal(C.TL_HOST_RUNNING, C.tl_host_state_of(world.host))
    assert.same({}, world:lines())
  end)
end)

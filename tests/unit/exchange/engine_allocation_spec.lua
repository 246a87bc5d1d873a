local matching = require "matching_engine"
local allocations = require "allocations"
local C = matching.C

describe("the engine's memory", function()
  it("is not asked for in the steady state: the C heap gives nothing over 100,000 operations", function()
    if not allocations.known() then return pending "the heap is not jemalloc" end
    math.randomseed(7)
    local e, random, id = matching.new { instruments = 2 }, math.random, 0
    local o, ts = e.order, 0
    local function some(count)
      for _ = 1, count do
        local dice = random(10)
        if dice <= 6 then
          id = id + 1
          o.id, o.instrument, o.owner, o.flags, o.display, o.offset = id, random(0, 1), random(0, 3), 0, 0, 0
          o.side, o.quantity, o.time_in_force, o.type, o.expire_ns = random(1, 2), random(100), random(0, 3), random(0, 4), ts + random(50)
          o.price, o.stop_price = 1000 + random(-50, 50), matching.ABSENT
          if o.type ~= 0 and o.type ~= 3 then o.price = matching.ABSENT end
          if o.type == 2 or o.type == 3 then o.stop_price = 1000 + random(-50, 50) end
          if o.type == 4 then o.offset = random(20) end
          if o.type == 0 and o.time_in_force < 2 and random(3) == 1 then o.display = random(tonumber(o.quantity)) end
          C.tl_engine_new(e.engine, o)
        elseif dice <= 8 then
          C.tl_engine_cancel(e.engine, math.max(1, id - random(50)))
        elseif dice == 9 then
          C.tl_engine_replace(e.engine, math.max(1, id - random(50)), 1000 + random(-50, 50), random(100))
        else
          ts = ts + random(20)
          C.tl_engine_time(e.engine, ts)
        end
        C.tl_engine_clear_events(e.engine)
      end
    end
    some(50000)
    assert.equal(0, allocations.of(function() some(100000) end))
    assert.is_true(allocations.of(function() matching.new() end) > 0, "an allocation is seen")
  end)
end)

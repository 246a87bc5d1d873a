local bench = require "unit.gateway.bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

--- Carries commands to the simulated venue and its reports back until nothing moves.
local function settle(b, simulator)
  local count = ffi.new "uint32_t[1]"
  repeat
    local moved = false
    for _, c in ipairs(b.commands) do
      moved = true
      C.tl_simulator_submit(simulator, c.raw, b.now)
    end
    b:clear()
    local reports = C.tl_simulator_reports(simulator, count)
    local copies = ffi.new("tl_report[?]", count[0])
    for i = 0, count[0] - 1 do copies[i] = reports[i] end
    for i = 0, count[0] - 1 do
      moved = true
      C.tl_gateway_report(b.gateway, copies[i], b.now)
    end
    C.tl_simulator_clear_output(simulator)
    b:drain()
  until not moved
end

describe("the gateway and the simulated venue", function()
  it("agree about every order and position over random flow", function()
    for seed = 1, 4 * (os.getenv "TIDELOCK_SOAK" and 50 or 1) do
      math.randomseed(seed)
      local b = bench.new { leverage = 100, strategies = 2, fees = { maker = -0.0001, taker = 0.0003 } }
      local config = ffi.new "tl_simulator_config"
      local simulator = ffi.gc(C.tl_simulator_create(b.instruments, nil, config), C.tl_simulator_destroy)
      b:quote(99.99, 100.01)
      local list = {}
      for step = 1, 1200 do
        b.strategy = math.random(3, 4)
        b.now = b.now + math.random(0, 2000000)
        local side, kind = math.random() < 0.5 and "buy" or "sell", math.random(100)
        if kind <= 55 then
          local fields, price = { link = "none" }, math.random(9990, 10010) / 100
          local which = math.random(12)
          if which == 1 then fields, price = { type = "market" }, nil
          elseif which == 2 then fields = { time_in_force = "ioc" }
          elseif which == 3 then fields = { time_in_force = "fok" }
          elseif which == 4 then fields = { flags = C.TL_FLAG_POST_ONLY }
          elseif which == 5 then fields = { flags = C.TL_FLAG_POST_SLIDE }
          elseif which == 6 then fields, price = { type = "stop", stop_price = price }, nil
          elseif which == 7 then fields = { type = "stop_limit", stop_price = math.random(9990, 10010) / 100 }
          elseif which == 8 then fields = { flags = C.TL_FLAG_REDUCE_ONLY }
          elseif which == 9 then fields = { flags = C.TL_FLAG_HAS_EXPIRE, time_in_force = "gtd", expire_ns = b.now + math.random(1, 50000000) }
          elseif which == 10 then fields = { type = "iceberg", display = 3 } end
          list[#list + 1] = b:send(side, math.random(3, 40), price, fields)
          if which == 11 then
            local group, quantity = step, math.random(3, 40)
            list[#list + 1] = b:send(side, quantity, price, { link = "bracket_entry", group = group })
            local other, away = side == "buy" and "sell" or "buy", side == "buy" and 1 or -1
            list[#list + 1] = b:send(other, quantity, price + 0.04 * away, { link = "bracket_leg", group = group })
            list[#list + 1] = b:send(other, quantity, nil, { link = "bracket_leg", group = group, type = "stop", stop_price = price - 0.04 * away })
          end
        elseif kind <= 70 and #list > 0 then b:cancel(list[math.random(math.max(1, #list - 60), #list)])
        elseif kind <= 90 and #list > 0 then
          local asked = math.random() < 0.7 and math.random(9990, 10010) / 100 or bench.ABSENT
          b:replace(list[math.random(math.max(1, #list - 60), #list)], asked, math.random(3, 60))
        else b:time(math.random(0, 3000000)) end
        settle(b, simulator)
        local name, counts = ("seed %d step %d"):format(seed, step), b:counts()
        assert.same({ 0, 0, 0, 0 }, { tonumber(counts.illegal_transitions), tonumber(counts.reports_malformed),
          tonumber(counts.duplicate_fills), tonumber(counts.reports_unknown) }, name)
        -- what one strategy bought the other sold
        b.strategy = 3
        local one = b:position().quantity
        b.strategy = 4
        assert.equal(tostring(-one), tostring(b:position().quantity + 0LL), name)
      end
      assert.is_true(tonumber(b:position().fills) > 50)
      -- nobody is left waiting for an answer
      for _, id in ipairs(list) do
        local status = b:status(id)
        assert.is_true(status ~= "pending_new" and status ~= "pending_cancel" and status ~= "pending_replace", status)
      end
      C.tl_gateway_kill(b.gateway, -1, true, b.now)
      b:drain()
      settle(b, simulator)
      assert.equal(0, b:account().open_orders)
    end
  end)
end)

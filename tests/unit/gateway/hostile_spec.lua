local bench = require "unit.gateway.bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local SOAK = os.getenv "TIDELOCK_SOAK" and 50 or 1

local function seeded(seed)
  math.randomseed(seed)
  return "seed " .. seed
end

local function one_of(list) return list[math.random(#list)] end

local WILD = { 0LL, 1LL, -1LL, 100LL, 9223372036854775807LL, -9223372036854775807LL - 1, 4611686018427387904LL, 1000000LL, 1000100LL }

--- Overwrites `count` random bytes of a struct.
local function scribble(struct, count)
  local bytes = ffi.cast("uint8_t *", struct)
  for _ = 1, count do bytes[math.random(0, ffi.sizeof(struct) - 1)] = math.random(0, 255) end
end

--- Cancels what is open as a venue would, and checks that nothing is reserved any more.
local function check_nothing_stays(b, ids, name)
  C.tl_gateway_kill(b.gateway, -1, true, b.now)
  b:drain()
  for id in pairs(ids) do
    local record = C.tl_gateway_order(b.gateway, id)
    if record ~= nil and record.status < C.TL_ORDER_FILLED then b:report(id, "canceled", { reason = "requested" }) end
  end
  local account = b:account()
  assert.equal(0, account.open_orders, name)
  -- with no open order only positions use power
  assert.is_true(math.abs(account.margin_used - account.gross_exposure) < 1e-6 * math.max(1, account.gross_exposure), name)
end

describe("a hostile strategy", function()
  it("gets nothing through with random bytes", function()
    local name = seeded(4711)
    local b = bench.new()
    b:quote(99.99, 100.01)
    for _ = 1, 3000 * SOAK do
      local c = ffi.new "tl_command"
      scribble(c, 200)
      c.strategy = one_of { c.strategy, 3 }
      C.tl_gateway_command(b.gateway, c, b.now)
      C.tl_gateway_clear_output(b.gateway)
    end
    assert.equal(0, b:account().open_orders, name)
    assert.equal(1e6, b:account().equity, name)
  end)

  it("gets each field of a good order checked", function()
    local b = bench.new { strategies = 2 }
    b:quote(99.99, 100.01)
    local absent = bench.ABSENT
    local id = bit.lshift(3ULL, 40)
    local cases = {
      { "bad_field", { order_id = 7 } }, { "bad_field", { order_id = id } }, { "bad_field", { order_id = bit.lshift(4ULL, 40) + 1 } },
      { "unknown_symbol", { instrument = 2 } }, { "unknown_symbol", { instrument = 4294967295 } },
      { "bad_field", { side = 0 } }, { "bad_field", { side = 3 } }, { "bad_field", { type = 6 } }, { "bad_field", { time_in_force = 7 } },
      { "bad_field", { link = 5 } }, { "bad_field", { link = 1 } }, { "saga", { link = 4, group = 1 } }, { "bad_field", { group = 1 } },
      { "bad_field", { account = 1 } },
      { "bad_field", { venue = 1 } }, { "bad_field", { flags = 512 } }, { "bad_field", { flags = 1024 } }, { "bad_field", { flags = C.TL_FLAG_UNDO } },
      { "bad_field", { reserved = 1 } },
      { "bad_quantity", { quantity = 0 } }, { "bad_quantity", { quantity = -1 } }, { "bad_quantity", { quantity = absent } },
      { "overflow", { quantity = 9223372036854775807LL } },
      { "bad_price", { price = absent } }, { "bad_price", { price = 0LL } }, { "bad_price", { price = -100LL } },
      { "off_tick", { price = 1000050LL } }, { "overflow", { price = 9223372036854775800LL } },
      { "bad_price", { type = 1 } }, -- a market order with a price
      { "bad_price", { type = 1, price = absent, stop_price = 1000000LL } },
      { "bad_price", { stop_price = 1000000LL } }, { "bad_price", { type = 2, price = absent } },
      { "bad_price", { type = 3 } }, { "off_tick", { type = 3, stop_price = 1000001LL } },
      { "bad_field", { type = 4, price = absent } }, { "bad_field", { type = 4, price = absent, offset = -1 } },
      { "bad_field", { type = 4, price = absent, offset = 100000000LL, flags = C.TL_FLAG_TRAIL_PERCENT } },
      { "bad_field", { offset = 5 } }, { "bad_field", { flags = C.TL_FLAG_TRAIL_PERCENT } },
      { "bad_field", { display = 1 } }, { "bad_field", { display = -1 } }, { "bad_field", { type = 5 } },
      { "bad_field", { type = 5, display = 11 } }, { "bad_field", { type = 5, display = -1 } },
      { "bad_field", { type = 1, price = absent, flags = C.TL_FLAG_POST_ONLY } },
      { "bad_field", { flags = C.TL_FLAG_POST_ONLY, time_in_force = 2 } }, { "bad_field", { flags = C.TL_FLAG_POST_SLIDE, time_in_force = 3 } },
      { "bad_field", { time_in_force = 4 } }, { "bad_field", { expire_ns = 1 } }, { "bad_field", { deadline_ns = -1 } },
      { "deadline_passed", { deadline_ns = 1 } },
    }
    for i, case in ipairs(cases) do
      local c = b:make("new", { order_id = id + 1000 + i, side = "buy", quantity = 10, price = 100 })
      for k, v in pairs(case[2]) do c[k] = v end
      b.now = b.now + 100000000
      b:command(c)
      assert.equal("denied " .. case[1], b:take(), "case " .. i)
    end
    local c = b:make("new", { order_id = id + 1, side = "buy", quantity = 10, price = 100 })
    b:command(c)
    b:take()
    c.input_sequence = c.input_sequence + 1000
    b:command(c)
    assert.equal("denied duplicate_id", b:take())
    c.strategy, c.kind = 4, C.TL_COMMAND_CANCEL -- another's order
    b:command(c)
    assert.equal("cancel_rejected unknown_order", b:take())
    local before = tonumber(b:counts().commands_malformed)
    local past = tonumber(C.TL_COMMANDS)
    for _, wrong in ipairs { { "kind", 0 }, { "kind", past }, { "kind", 255 }, { "strategy", 5 }, { "strategy", 4096 }, { "strategy", -1 } } do
      c = b:make("new", { order_id = id + 2 })
      c[wrong[1]] = wrong[2]
      b:command(c)
    end
    assert.equal("", b:take())
    assert.equal(before + 6, tonumber(b:counts().commands_malformed))
  end)

  it("and a broken venue together leave positions and power as the fills say", function()
    for seed = 1, 6 * SOAK do
      local name = seeded(seed)
      local b = bench.new { leverage = 4, strategies = 2, fees = { maker = -0.0001, taker = 0.0003, minimum_e8 = 100 },
        account_limits = seed % 2 == 0 and { prevent_self_trade = 1, deny_duplicates = 1, max_position = 5000 } or nil }
      b:quote(99.99, 100.01)
      b:quote(49.99, 50.01, 1)
      local ids, list, held = {}, {}, {}
      for step = 1, 1500 do
        b.strategy = math.random(3, 4)
        b.now = b.now + math.random(0, 3000000)
        local kind = math.random(100)
        if kind <= 30 then
          local fields = { instrument = math.random(0, 1), tag = math.random(0, 2), flags = math.random() < 0.1 and math.random(0, 511) or 0 }
          if math.random() < 0.2 then fields.deadline_ns = b.now + math.random(-10, 5000000) end
          if math.random() < 0.2 then fields.time_in_force = one_of { "ioc", "fok", "gtc", "at_close" } end
          if math.random() < 0.3 then
            fields.link, fields.group = one_of { "oco", "bracket_entry", "bracket_leg" }, math.random(1, 40)
          end
          local id = b:send(one_of { "buy", "sell" }, math.random(1, 500), math.random() < 0.8 and math.random(90, 110) or nil, fields)
          ids[id], list[#list + 1] = true, id
        elseif kind <= 40 and #list > 0 then b:cancel(one_of(list))
        elseif kind <= 50 and #list > 0 then b:replace(one_of(list), math.random(90, 110), math.random(1, 500))
        elseif kind <= 51 then b:command(b:make("cancel_all", { instrument = one_of { -1, 0, 1 }, side = one_of { "none", "buy" } }))
        elseif kind <= 90 and #list > 0 then
          local id = list[math.random(math.max(1, #list - 30), #list)]
          local r = ffi.new "tl_report"
          local record = C.tl_gateway_order(b.gateway, id)
          r.order_id, r.ts_venue_ns, r.price = id, b.now, bench.ABSENT
          r.kind = one_of { 1, 1, 2, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 200 }
          if record ~= nil then r.instrument = record.last.instrument end
          r.quantity, r.execution_id, r.reason = math.random(-1, 300), math.random(1, 4000), math.random(0, 50)
          if math.random() < 0.9 then r.price = math.random(90, 110) * 10000 end
          r.liquidity = math.random(0, 3)
          if math.random() < 0.05 then r.quantity = one_of(WILD) end
          if math.random() < 0.05 then r.price = one_of(WILD) end
          if math.random() < 0.05 then scribble(r, 4) end
          C.tl_gateway_report(b.gateway, r, b.now)
          local count = ffi.new "uint32_t[1]"
          local reports = C.tl_gateway_reports(b.gateway, count)
          for i = 0, count[0] - 1 do
            if reports[i].kind == C.TL_REPORT_FILL then
              local filled = C.tl_gateway_order(b.gateway, reports[i].order_id)
              local key = tonumber(filled.last.strategy) * 10 + filled.last.instrument
              held[key] = (held[key] or 0LL) + (filled.last.side == C.TL_SIDE_BUY and reports[i].quantity or -reports[i].quantity)
            end
          end
          b:drain()
        elseif kind <= 96 then b:quote(math.random(9000, 10990) / 100, math.random(9010, 11000) / 100, math.random(0, 1))
        else b:time(math.random(0, 1000000)) end
        b:clear()
        if step % 100 == 0 then
          local account = b:account()
          assert.is_true(account.margin_used >= 0 and account.gross_exposure >= 0, name)
        end
      end
      for strategy = 3, 4 do
        for instrument = 0, 1 do
          local position = C.tl_gateway_position(b.gateway, strategy, instrument)
          assert.equal(tostring(held[strategy * 10 + instrument] or 0LL), tostring(position.quantity + 0LL), name)
        end
      end
      C.tl_gateway_kill(b.gateway, -1, true, b.now)
      b:drain()
      for id in pairs(ids) do
        local record = C.tl_gateway_order(b.gateway, id)
        if record ~= nil and record.status < C.TL_ORDER_FILLED then b:report(id, "canceled", { reason = "requested" }) end
      end
      local account = b:account()
      assert.equal(0, account.open_orders, name)
      local used, power = account.gross_exposure / 4, account.equity * 4 - account.gross_exposure
      assert.is_true(math.abs(account.margin_used - used) <= 1e-9 * math.max(1, used), name)
      assert.is_true(math.abs(account.buying_power - power) <= 1e-9 * math.max(1, math.abs(power)), name)
    end
  end)
end)

describe("a hostile venue", function()
  it("moves nothing with random bytes", function()
    local name = seeded(99)
    local b = bench.new { calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy), calendar = C.TL_CALENDAR_XNAS }
    b:quote(99.99, 100.01)
    local ids = {}
    for i = 1, 20 do
      local id = b:send("buy", i, 100)
      b:accept(id)
      ids[id] = true
    end
    for _ = 1, 5000 * SOAK do
      local r = ffi.new "tl_report"
      scribble(r, 120)
      r.order_id = one_of { r.order_id, bit.lshift(3ULL, 40) + math.random(1, 20) }
      r.instrument = one_of { r.instrument, 0 }
      r.kind = one_of { r.kind, math.random(0, 12), C.TL_REPORT_FILL }
      if math.random() < 0.5 then r.quantity, r.price, r.liquidity = 1, 1000000, 1 end
      C.tl_gateway_report(b.gateway, r, b.now)
      b:drain()
      b:clear()
    end
    check_nothing_stays(b, ids, name)
  end)

  it("cannot fill more than is open, at no price, or on another instrument", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 10, 100)
    b:accept(id)
    b:clear()
    b:fill(id, 11, 100)
    b:fill(id, 0, 100)
    b:fill(id, -5, 100)
    b:fill(id, 5, nil)
    b:fill(id, 5, 100, { instrument = 1 })
    b:fill(id, 5, 100, { liquidity = 9 })
    b:fill(id, 10, 9223372036854775807LL)
    assert.equal("", b:take())
    assert.equal(0, tonumber(b:position().quantity))
    local counts = b:counts()
    assert.same({ 1, 5, 1 }, { tonumber(counts.illegal_transitions), tonumber(counts.reports_malformed), tonumber(counts.overflows) })
    b:report(id, "denied")
    b:report(id, "restated", { price = 100, quantity = 0 })
    b:report(id, "replaced", { price = 100, quantity = 5 })
    assert.equal("", b:take())
    b:fill(id, 10, 100)
    assert.equal("fill", b:take())
  end)

  it("cannot make market data break anything", function()
    local name = seeded(5)
    local b = bench.new()
    b:quote(99.99, 100.01)
    local id = b:send("buy", 10, 100)
    b:fill(id, 10, 100)
    for _ = 1, 3000 do
      local event, tail = ffi.new "tl_event", ffi.new "tl_event_tail"
      scribble(event, 100)
      event.kind, event.instrument = math.random(0, 25), one_of { 0, 1, 2, 4294967295 }
      for i = 0, 3 do if math.random() < 0.5 then event.w[i] = one_of(WILD) end end
      C.tl_gateway_market(b.gateway, event, tail)
      b:drain()
      b:clear()
    end
    b:account()
    assert.is_true(tonumber(b:position().fills) == 1, name)
  end)

  it("who never clears the output loses from it and nothing else", function()
    local b = bench.new()
    b:quote(99.99, 100.01)
    local c = b:make("new", { order_id = 3 * 2 ^ 40 + 1, side = "buy", quantity = 0, price = 100 })
    for i = 1, 1100000 do
      c.input_sequence = i + 10
      C.tl_gateway_command(b.gateway, c, b.now)
    end
    assert.is_true(tonumber(b:counts().output_lost) > 50000)
  end)
end)

local bench = require "unit.gateway.bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local MS = 1000000
local STATUS = { "done", "undone", "failed" }
local NUMBER = 7

local function open(opts)
  local b = bench.new(opts)
  b:quote(99.99, 100.01)
  b:quote(49.99, 50.01, 1)
  return b
end

--- A saga of 100 ms with a reserve of 20 ms, unless said otherwise.
local function begin(b, fields)
  local all = { group = NUMBER, deadline_ns = b.now + 100 * MS, expire_ns = b.now + 80 * MS, tag = 5 }
  for k, v in pairs(fields or {}) do all[k] = v end
  b.saga = all
  b:command(b:make("saga_begin", all))
end

local function leg(b, side, quantity, price, fields)
  local all = { link = "saga_leg", group = b.saga.group, deadline_ns = b.saga.expire_ns, flags = C.TL_FLAG_SAGA }
  for k, v in pairs(fields or {}) do all[k] = v end
  return b:send(side, quantity, price, all)
end

local function finish(b, reason)
  b:command(b:make("saga_end", { group = b.saga.group, quantity = reason and C["TL_REASON_" .. reason:upper()] or 0 }))
end

--- The way back of the leg that is sent next.
local function way_back(b, fields)
  local all = { group = b.saga.group, order_id = bit.lshift(b.strategy + 0ULL, 40) + b.counter + 1 }
  for k, v in pairs(fields) do all[k] = v end
  b:command(b:make("saga_undo", all))
end

--- The end that was told: "undone fok", and how many legs were undone; nil before.
local function ended(b)
  for _, r in ipairs(b.reports) do
    if r.kind == "saga" then
      return STATUS[r.quantity] .. (r.reason ~= "" and " " .. r.reason or ""), r.filled
    end
  end
end

--- The undo orders that went out: { "sell 100 X market", ... }, and their ids.
local function undos(b)
  local words, ids = {}, {}
  for _, c in ipairs(b.commands) do
    local raw = c.raw
    if c.kind == "new" and bit.band(raw.flags, C.TL_FLAG_UNDO) ~= 0 then
      words[#words + 1] = ("%s %d %s %s"):format(raw.side == 1 and "buy" or "sell", c.quantity, raw.instrument == 0 and "X" or "Y",
        ffi.string(C.tl_order_type_name(raw.type)))
      ids[#ids + 1] = c.id
    end
  end
  return words, ids
end

local function running(b) return C.tl_gateway_sagas(b.gateway, b.strategy) end

describe("a saga", function()
  it("is done when its legs were filled and its strategy says so", function()
    local b = open()
    begin(b)
    local one = leg(b, "buy", 100, 100)
    local other = leg(b, "sell", 200, 50, { instrument = 1 })
    b:fill(one, 100, 100)
    b:fill(other, 200, 50)
    assert.equal(1, running(b))
    finish(b)
    assert.equal("done", (ended(b)))
    assert.same({}, (undos(b)))
    assert.equal(0, running(b))
    assert.is_true(C.tl_gateway_next_timer_ns(b.gateway) == 9223372036854775807LL)
  end)

  it("is undone by the gateway as soon as a leg fails, for what was filled, last leg first", function()
    local b = open()
    begin(b)
    local one = leg(b, "buy", 100, 100, { tag = 11 })
    b:fill(one, 100, 100)
    local two = leg(b, "buy", 40, 50, { instrument = 1, tag = 12 })
    b:fill(two, 40, 50)
    local three = leg(b, "sell", 30, 101)
    b:clear()
    b:report(three, "rejected", { reason = "post_only" })
    local words, ids = undos(b)
    assert.same({ "sell 40 Y market", "sell 100 X market" }, words)
    assert.equal("rejected post_only, undo post_only, undo post_only, > new 40, > new 100", b:take())
    assert.equal(12, C.tl_gateway_order(b.gateway, ids[1]).last.tag)
    b:fill(ids[1], 40, 49.99)
    assert.is_nil(ended(b))
    b:fill(ids[2], 100, 99.99)
    local how, legs = ended(b)
    assert.same({ "undone post_only", 2LL }, { how, legs + 0LL })
    assert.equal(0, tonumber(b:position(0).quantity))
    assert.equal(0, tonumber(b:position(1).quantity))
  end)

  it("cancels the open legs first, awaits their answers, and undoes what they were filled meanwhile", function()
    local b = open()
    begin(b)
    local one = leg(b, "buy", 100, 99)
    local two = leg(b, "buy", 40, 50, { instrument = 1 })
    b:accept(one)
    b:clear()
    b:report(two, "rejected", { reason = "no_liquidity" })
    assert.equal("rejected no_liquidity, > cancel", b:take())
    b:fill(one, 30, 99) -- crosses the cancel
    assert.equal("fill", b:take())
    b:report(one, "canceled", { reason = "requested" })
    assert.same({ "sell 30 X market" }, (undos(b)))
    assert.equal("canceled saga", b:take():match "^canceled %w+")
  end)

  it("counts a leg that a fill completed in spite of the cancel", function()
    local b = open()
    begin(b)
    local one = leg(b, "buy", 100, 99)
    b:time(80 * MS)
    assert.equal("> cancel", b:take():match "> cancel")
    b:fill(one, 100, 99)
    finish(b)
    assert.equal("done", (ended(b)))
  end)

  it("takes a partly filled leg as done where that is asked, and else undoes it", function()
    for _, partial in ipairs { true, false } do
      local b = open()
      begin(b)
      local one = leg(b, "buy", 100, 99, { flags = C.TL_FLAG_SAGA + (partial and C.TL_FLAG_PARTIAL or 0) })
      b:fill(one, 60, 99)
      b:time(80 * MS)
      b:report(one, "canceled", { reason = "requested" })
      finish(b)
      assert.same(partial and {} or { "sell 60 X market" }, (undos(b)))
      assert.equal(partial and "done" or nil, (ended(b)))
    end
  end)

  it("fails a partial leg that was not filled at all", function()
    local b = open()
    begin(b)
    local one = leg(b, "buy", 100, 99, { flags = C.TL_FLAG_SAGA + C.TL_FLAG_PARTIAL })
    b:time(80 * MS)
    b:report(one, "canceled", { reason = "requested" })
    assert.equal("undone deadline_passed", (ended(b)))
  end)

  it("is undone when a leg is denied", function()
    local b = open { limits = { max_order_quantity = 150 } }
    begin(b)
    local one = leg(b, "buy", 100, 100)
    b:fill(one, 100, 100)
    b:clear()
    leg(b, "buy", 151, 50, { instrument = 1 })
    assert.same({ "sell 100 X market" }, (undos(b)))
    assert.equal("denied risk_order_quantity", b.reports[1].kind .. " " .. b.reports[1].reason)
  end)

  it("is undone at its strategy's word, which says why", function()
    local b = open()
    begin(b)
    leg(b, "buy", 100, 99)
    finish(b, "script_error")
    b:report(bit.lshift(b.strategy + 0ULL, 40) + b.counter, "canceled", { reason = "requested" })
    assert.equal("undone script_error", (ended(b)))
  end)

  it("takes no legs once it has failed, ended or was never begun", function()
    local b = open()
    begin(b)
    finish(b, "requested")
    b:clear()
    leg(b, "buy", 100, 99)
    assert.equal("denied saga", b:take())
    b.saga.group = 99
    leg(b, "buy", 100, 99)
    assert.equal("denied saga", b:take())
  end)
end)

describe("a saga's clock", function()
  it("cancels open legs at the deadline less the reserve and undoes at its half when no answer comes", function()
    local b = open()
    begin(b)
    local one = leg(b, "buy", 100, 99)
    b:fill(one, 70, 99)
    b:clear()
    b:time(80 * MS - 1)
    assert.equal("", b:take())
    b:time(1)
    assert.equal("> cancel", b:take())
    b:time(10 * MS - 1)
    assert.equal("", b:take())
    b:time(1)
    local words, ids = undos(b)
    assert.same({ "sell 70 X market" }, words)
    b:fill(ids[1], 70, 98)
    assert.is_nil(ended(b)) -- the leg is still open at the venue
    b:clear()
    b:fill(one, 10, 99) -- and trades
    words, ids = undos(b)
    assert.same({ "sell 10 X market" }, words)
    b:fill(ids[1], 10, 98)
    b:report(one, "canceled", { reason = "requested" })
    assert.equal("undone deadline_passed", (ended(b)))
    assert.equal(0, tonumber(b:position(0).quantity))
  end)

  it("undoes a saga whose legs are filled and whose strategy says nothing", function()
    local b = open()
    begin(b)
    b:fill(leg(b, "buy", 100, 100), 100, 100)
    b:time(90 * MS - 1)
    assert.same({}, (undos(b)))
    b:time(1)
    assert.same({ "sell 100 X market" }, (undos(b)))
    finish(b) -- too late
    assert.is_nil(ended(b))
  end)

  it("keeps the reserve when many sagas end at once", function()
    local b = open { cash = 1e9 }
    local count, ids = 1000, {}
    for i = 1, count do
      begin(b, { group = i })
      ids[i] = leg(b, "buy", 1, 100)
      b:fill(ids[i], 1, 100)
    end
    local deadline = b.saga.deadline_ns
    b:clear()
    local most = 0
    for _ = 1, 200 do -- a step of 0.1 ms each from the reserve on
      b:time(b.now < deadline - 20 * MS and tonumber(deadline - 20 * MS - b.now) or 0.1 * MS)
      most = math.max(most, #b.commands)
      if #b.commands == count then break end
    end
    assert.equal(count, #(undos(b)))
    assert.is_true(b.now <= deadline - 10 * MS)
    local _, sent = undos(b)
    for _, id in ipairs(sent) do b:fill(id, 1, 99.99) end
    assert.equal(0, running(b))
    assert.equal(count, tonumber(b:counts().sagas[C.TL_SAGA_UNDONE]))
    assert.equal(0, tonumber(b:position(0).quantity))
    assert.equal(0, b:account().open_orders)
  end)
end)

describe("a generation's end", function()
  it("undoes its sagas", function()
    local b = open()
    begin(b)
    local one = leg(b, "buy", 100, 100)
    b:fill(one, 60, 100)
    b:clear()
    C.tl_gateway_strategy_ended(b.gateway, b.strategy, 0, false, b.now)
    b:drain()
    assert.equal("> cancel", b:take())
    b:report(one, "canceled", { reason = "requested" })
    local _, ids = undos(b)
    b:fill(ids[1], 60, 99)
    assert.equal("undone generation_ended", (ended(b)))
  end)

  it("spares what undoes them when it cancels all orders", function()
    local b = open()
    begin(b)
    b:fill(leg(b, "buy", 100, 100), 100, 100)
    local other = b:send("buy", 5, 98)
    finish(b, "requested")
    b:clear()
    C.tl_gateway_strategy_ended(b.gateway, b.strategy, 0, true, b.now)
    b:drain()
    assert.equal("> cancel", b:take())
    b:report(other, "canceled")
    assert.equal("canceled stop", b:take())
  end)

  it("shows when a command of the next one comes", function()
    local b = open()
    begin(b)
    b:fill(leg(b, "buy", 100, 100), 100, 100)
    b:clear()
    b:command(b:make("cancel_all", { instrument = 0xffffffff, epoch = 2 }))
    assert.same({ "sell 100 X market" }, (undos(b)))
  end)
end)

describe("an undo order", function()
  local function filled_leg(b, fields)
    begin(b)
    if fields then way_back(b, fields) end
    b:fill(leg(b, "buy", 100, 100), 100, 100)
    b:clear()
  end

  it("is what its strategy said, in the filled quantity; what it leaves goes to the market", function()
    local b = open()
    filled_leg(b, { instrument = 0, side = "sell", type = "limit", price = 99.5, quantity = 100 })
    finish(b, "requested")
    local words, ids = undos(b)
    assert.same({ "sell 100 X limit" }, words)
    b:accept(ids[1])
    b:fill(ids[1], 30, 99.5)
    b:clear()
    b:time(90 * MS) -- rests no longer than the half of the reserve
    assert.equal("> cancel", b:take())
    b:report(ids[1], "canceled", { reason = "requested" })
    words, ids = undos(b)
    assert.same({ "sell 70 X market" }, words)
    b:fill(ids[1], 70, 99)
    assert.equal("undone requested", (ended(b)))
  end)

  it("in another instrument goes by the share that was filled", function()
    local b = open()
    begin(b)
    way_back(b, { instrument = 1, side = "sell", type = "market", quantity = 50 })
    local one = leg(b, "buy", 100, 100)
    b:fill(one, 31, 100)
    finish(b, "requested")
    b:report(one, "canceled", { reason = "requested" })
    local words, ids = undos(b)
    assert.same({ "sell 15 Y market" }, words)
    b:fill(ids[1], 15, 50)
    assert.equal("undone requested", (ended(b)))
  end)

  it("goes by what a replace made of the leg", function()
    local b = open()
    begin(b)
    way_back(b, { instrument = 1, side = "sell", type = "market", quantity = 80 })
    local one = leg(b, "buy", 100, 100)
    b:accept(one)
    b:replace(one, 100, 40)
    b:report(one, "replaced", { price = 100, quantity = 40 })
    b:fill(one, 40, 100)
    finish(b, "requested")
    assert.same({ "sell 80 Y market" }, (undos(b)))
  end)

  it("uses up nothing of its strategy's rate", function()
    local b = open { limits = { max_orders_per_second = 2, order_burst = 2 } }
    filled_leg(b)
    finish(b, "requested")
    b:clear()
    b:send("buy", 1, 99)
    assert.equal("> new 1", b:take())
    b:send("buy", 1, 99)
    assert.equal("denied risk_rate", b:take())
  end)

  it("is exempt from rate, size, number, exposure and loss, which it lowers", function()
    local b = open { cash = 10150, short = false, limits = {
      max_order_quantity = 60, max_orders_per_second = 2, max_open_orders = 2, max_gross_exposure_e8 = 13000e8, max_position = 120, deny_duplicates = 1 } }
    begin(b)
    b:fill(leg(b, "buy", 60, 100), 60, 100)
    b:fill(leg(b, "buy", 40, 100), 40, 100)
    b:send("buy", 1, 99) -- over the rate
    assert.equal("denied risk_rate", b:last())
    b:clear()
    finish(b, "requested")
    local words = undos(b)
    assert.same({ "sell 40 X market", "sell 60 X market" }, words)
  end)

  it("passes a daily loss, but neither price collar nor kill switch", function()
    local b = open { account_limits = { max_daily_loss_e8 = 10e8 } }
    filled_leg(b)
    b:quote(99.80, 99.82) -- a loss of 20
    finish(b, "requested")
    assert.same({ "sell 100 X market" }, (undos(b)))

    b = open { limits = { price_collar = 0.001 } }
    b:trade(100)
    filled_leg(b, { instrument = 0, side = "sell", type = "limit", price = 90, quantity = 100 })
    finish(b, "requested")
    assert.equal("undo requested, denied risk_price_collar, undo requested, > new 100", b:take())

    b = open()
    filled_leg(b)
    C.tl_gateway_kill(b.gateway, -1, true, b.now)
    finish(b, "requested")
    assert.same({}, (undos(b)))
    b:time(200 * MS)
    assert.equal("failed requested", (ended(b)))
  end)

  it("is tried again until the deadline, then the saga has failed", function()
    local b = open()
    filled_leg(b)
    finish(b, "requested")
    local _, ids = undos(b)
    b:fill(ids[1], 25, 99)
    b:report(ids[1], "canceled", { reason = "no_liquidity" })
    local tries = 1
    for _ = 1, 110 do
      b:clear()
      b:time(MS)
      local words
      words, ids = undos(b)
      if #words > 0 then
        tries = tries + 1
        assert.same({ "sell 75 X market" }, words)
        b:report(ids[1], "canceled", { reason = "no_liquidity" })
      end
      if ended(b) then break end
    end
    assert.equal(7, tries) -- after 1, 2, 4 ... 32 ms
    assert.equal("failed requested", (ended(b)))
    assert.equal(75, tonumber(b:position(0).quantity))
  end)

  it("is nobody's to cancel, replace or make", function()
    local b = open()
    filled_leg(b)
    finish(b, "requested")
    local _, ids = undos(b)
    b:clear()
    b:cancel(ids[1])
    assert.equal("cancel_rejected illegal_state", b:take())
    b:replace(ids[1], 100, 50)
    assert.equal("replace_rejected illegal_state", b:take())
    b:command(b:make("cancel_all", { instrument = 0xffffffff }))
    assert.equal("", b:take())
    b:send("buy", 1, 99, { flags = C.TL_FLAG_UNDO })
    assert.equal("denied bad_field", b:take())
    b:send("buy", 1, 99, { order_id = bit.lshift(b.strategy + 0ULL, 40) + 0x8000000009ULL })
    assert.equal("denied bad_field", b:take())
  end)
end)

describe("hostile commands about sagas", function()
  it("are refused field by field, and change nothing of another strategy's", function()
    local b = open { strategies = 2 }
    begin(b)
    b:clear()
    for _, wrong in ipairs { { deadline_ns = 0 }, { expire_ns = b.now }, { expire_ns = b.now + 101 * MS }, { expire_ns = -1 }, { group = 0 } } do
      local fields = { group = 50, deadline_ns = b.now + 100 * MS, expire_ns = b.now + 80 * MS }
      for k, v in pairs(wrong) do fields[k] = v end
      b:command(b:make("saga_begin", fields))
      assert.matches("^undone ", (ended(b)))
      b:clear()
    end
    assert.equal(1, running(b))
    b:command(b:make("saga_end", { group = NUMBER, strategy = b.strategy + 1, quantity = C.TL_REASON_REQUESTED }))
    assert.equal(1, running(b))
    b:command(b:make("saga_end", { group = NUMBER, quantity = -5 }))
    assert.equal("undone bad_field", (ended(b)))
  end)

  it("cannot end a saga as done while a leg is open, nor take all room", function()
    local b = open()
    begin(b)
    local one = leg(b, "buy", 100, 99)
    b:clear()
    finish(b)
    assert.equal("> cancel", b:take())
    b:report(one, "canceled")
    assert.equal("undone bad_field", (ended(b)))
    for i = 1, 1025 do begin(b, { group = 100 + i }) end
    assert.equal(1024, running(b))
    assert.equal("saga", b.reports[#b.reports].kind)
    assert.equal("too_many_orders", b.reports[#b.reports].reason)
    for _ = 1, 65 do way_back(b, { group = 101, instrument = 0, side = "sell", type = "market", quantity = 1 }) b.counter = b.counter + 1 end
    assert.equal(1023, running(b))
  end)

  it("of random bytes leave no saga and no timer behind", function()
    local b = open { strategies = 2 }
    math.randomseed(4711)
    local kinds = { "saga_begin", "saga_undo", "saga_end", "new", "new", "cancel" }
    for _ = 1, 20000 do
      local c = b:make(kinds[math.random(#kinds)], {
        group = math.random(0, 3), order_id = bit.lshift(b.strategy + 0ULL, 40) + math.random(0, 40), instrument = math.random(0, 2),
        side = ({ "buy", "sell" })[math.random(2)],
        quantity = math.random(0, 60) - 5, type = ({ "limit", "market", "stop" })[math.random(3)], price = math.random() < 0.8 and 100 or nil,
        link = ({ "none", "saga_leg", "saga_leg", "oco" })[math.random(4)], flags = math.random(0, 1023), deadline_ns = b.now + math.random(-2, 30) * MS,
        expire_ns = b.now + math.random(-2, 20) * MS })
      b:command(c)
      for _, out in ipairs(b.commands) do
        local roll = math.random(5)
        local record = C.tl_gateway_order(b.gateway, out.id)
        if record ~= nil and out.kind == "new" and roll < 3 then b:fill(out.id, math.random(tonumber(out.quantity)), 100)
        elseif record ~= nil and roll < 5 then b:report(out.id, roll == 3 and "rejected" or "canceled", { reason = "requested" }) end
        if record ~= nil then b:fill(out.id, tonumber(record.last.quantity - record.filled), 100) end
      end
      b:clear()
      if math.random() < 0.2 then b:time(math.random(10) * MS) end
    end
    C.tl_gateway_strategy_ended(b.gateway, b.strategy, 0, false, b.now)
    for _ = 1, 60 do
      b:drain()
      local out = b.commands
      b:clear()
      for _, c in ipairs(out) do
        local record = C.tl_gateway_order(b.gateway, c.id)
        if record ~= nil and c.kind == "new" then b:fill(c.id, tonumber(record.last.quantity - record.filled), 100)
        elseif record ~= nil then b:report(c.id, "canceled", { reason = "requested" }) end
      end
      b:time(40 * MS)
    end
    assert.equal(0, running(b))
    assert.is_true(C.tl_gateway_next_timer_ns(b.gateway) == 9223372036854775807LL)
  end)
end)

describe("a gateway that goes on from an image", function()
  it("treats its sagas as one that was never interrupted", function()
    local one, other = open { strategies = 2 }, open { strategies = 2 }
    local seed = tonumber(os.getenv "SEED") or os.time() % 100000
    math.randomseed(seed)
    local name = "seed " .. seed
    local function both(f)
      f(one)
      f(other)
      local expected = one:take()
      assert.equal(expected, other:take(), name)
    end
    local epoch, make = 1, getmetatable(one).__index.make
    for _, b in ipairs { one, other } do
      b.make = function(...)
        local c = make(...)
        c.epoch = epoch
        return c
      end
    end
    both(begin)
    for step = 1, 3000 do
      local roll, group, what = math.random(10), math.random(4), math.random()
      if roll <= 2 then both(function(b) begin(b, { group = group }) end)
      elseif roll <= 5 then
        local side, quantity = ({ "buy", "sell" })[math.random(2)], math.random(50)
        both(function(b)
          if what < 0.4 then
            way_back(b, {
              group = group, instrument = what < 0.1 and 1 or 0, side = side == "buy" and "sell" or "buy", type = "limit", price = 100, quantity = quantity })
          end
          leg(b, side, quantity, 100, { group = group, deadline_ns = b.saga.expire_ns })
        end)
      elseif roll <= 6 then both(function(b) b:command(b:make("saga_end", { group = group, quantity = what < 0.5 and 0 or C.TL_REASON_REQUESTED })) end)
      elseif roll <= 7 then both(function(b) b:time(math.floor(what * 40 * MS)) end)
      elseif roll <= 9 then
        -- Any order that is open, the gateway's own among them.
        local ids = {}
        for counter = 1, one.counter do ids[#ids + 1] = bit.lshift(3ULL, 40) + counter end
        for counter = 1, 300 do ids[#ids + 1] = bit.lshift(3ULL, 40) + 0x8000000000ULL + counter end
        local left = {}
        for _, id in ipairs(ids) do
          local record = C.tl_gateway_order(one.gateway, id)
          if record ~= nil and record.status < C.TL_ORDER_FILLED then left[#left + 1] = id end
        end
        local id = left[math.random(math.max(1, #left))]
        if id then
          local record = C.tl_gateway_order(one.gateway, id)
          local open_quantity = tonumber(record.last.quantity - record.filled)
          local part = math.random(open_quantity)
          both(function(b)
            if what < 0.6 then b:fill(id, part, 100) else b:report(id, "canceled", { reason = "requested" }) end
          end)
        end
      elseif what < 0.05 then
        both(function(b) C.tl_gateway_strategy_ended(b.gateway, 3, 0, false, b.now) b:drain() end)
        epoch = epoch + 1
      else
        local bytes = C.tl_gateway_image_bytes(other.gateway)
        local image = ffi.new("uint8_t[?]", bytes)
        assert.is_true(C.tl_gateway_save(other.gateway, image, bytes) == bytes)
        local fresh = bench.new { strategies = 2 }
        native.check(C.tl_gateway_restore(fresh.gateway, image, bytes))
        for key, value in pairs(other) do
          if key ~= "gateway" and key ~= "instruments" then fresh[key] = value end
        end
        other = fresh
      end
      assert.is_true(C.tl_gateway_next_timer_ns(one.gateway) == C.tl_gateway_next_timer_ns(other.gateway), name .. " step " .. step)
    end
    assert.is_true(tonumber(one:counts().undo_orders) > 20, name)
    assert.equal(one:counts().undo_orders, other:counts().undo_orders)
  end)
end)

local bench = require "unit.gateway.live_bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

-- What a crash may leave of a duty cycle: `kept` names what had been written by then, in the order in which it is written.
local STAGES = { "nothing", "log", "venue", "reports", "cursors" }

local function outputs(w)
  local io = { "out:venue.commands" }
  local told = {}
  for _, name in ipairs(w.opts.names) do told[#told + 1] = "out:reports:" .. name end
  local cursors = { "in:venue.reports" }
  for _, name in ipairs(w.opts.names) do cursors[#cursors + 1] = "in:commands:" .. name end
  return { log = { "gateway.log", "gateway.checkpoint.0", "gateway.checkpoint.1" }, venue = io, reports = told, cursors = cursors }
end

local function bytes_of(w, name)
  local size = ffi.new "uint64_t[1]"
  local at = C.tl_region_find(w.regions.io, name, size)
  return at, tonumber(size[0])
end

local function remember(w)
  local old = {}
  for _, names in pairs(outputs(w)) do
    for _, name in ipairs(names) do
      local at, size = bytes_of(w, name)
      old[name] = ffi.string(at, size)
    end
  end
  return old
end

-- Takes back all that had not been written when it died at that stage, and starts a successor.
local function crash(w, old, stage)
  local lost = false
  for _, group in ipairs(STAGES) do
    if lost then
      for _, name in ipairs(outputs(w)[group]) do
        local at, size = bytes_of(w, name)
        ffi.copy(at, old[name], size)
      end
    end
    if group == STAGES[stage] then lost = true end
  end
  w:restart()
end

local function image(w)
  local size = C.tl_gateway_image_bytes(w.gateway)
  local memory = ffi.new("uint8_t[?]", size)
  assert.equal(size, C.tl_gateway_save(w.gateway, memory, size))
  return ffi.string(memory, size)
end

local function random_seed()
  local seed = tonumber(os.getenv "SEED") or os.time() % 100000
  math.randomseed(seed)
  return "seed " .. seed
end

local function one_of(list) return list[math.random(#list)] end

-- Orders as the venue has them, told from the commands that it was sent; what it may answer next.
local Venue = {}
Venue.__index = Venue

function Venue:take(commands)
  for _, c in ipairs(commands) do
    if c.kind == "new" then
      assert(not self.seen[c.id], "an order was sent twice")
      self.seen[c.id] = true
      self.open[#self.open + 1] = { id = c.id, quantity = c.quantity, filled = 0, price = c.price, instrument = c.instrument, fresh = true }
      self.by[c.id] = self.open[#self.open]
    elseif self.by[c.id] then
      local o = self.by[c.id]
      if c.kind == "cancel" then o.cancel = true else o.replace = c end
    end
  end
end

function Venue:close(o)
  self.by[o.id] = nil
  for i, other in ipairs(self.open) do if other == o then table.remove(self.open, i) break end end
end

--- A random answer: id, kind, fields.
function Venue:answer()
  local o = #self.open > 0 and one_of(self.open)
  if not o then return end
  if o.fresh then
    o.fresh = false
    if math.random() < 0.1 then
      self:close(o)
      return o.id, "rejected", { reason = C.TL_REASON_POST_ONLY }
    end
    return o.id, "accepted"
  end
  if o.cancel then
    o.cancel = false
    if math.random() < 0.2 then return o.id, "cancel_rejected", { reason = C.TL_REASON_ILLEGAL_STATE } end
    self:close(o)
    return o.id, "canceled"
  end
  if o.replace then
    local c = o.replace
    o.replace = nil
    if c.quantity <= o.filled then return o.id, "replace_rejected", { reason = C.TL_REASON_BAD_QUANTITY } end
    o.quantity, o.price = c.quantity, c.price
    return o.id, "replaced", { quantity = c.quantity, price = c.price }
  end
  local size = math.random() < 0.5 and o.quantity - o.filled or math.random(o.quantity - o.filled)
  self.executions = self.executions + 1
  o.filled = o.filled + size
  if o.filled == o.quantity then self:close(o) end
  local price = o.price ~= bench.ABSENT and o.price or 1000000
  return o.id, "fill", { quantity = size, price = price, execution_id = self.executions, instrument = o.instrument, liquidity = 2 }
end

describe("a gateway that died", function()
  local worlds = {}
  local function new(opts)
    local w = bench.new(opts)
    worlds[#worlds + 1] = w
    return w
  end
  after_each(function()
    for _, w in ipairs(worlds) do w:close() end
    worlds = {}
  end)

  local function options(more)
    local o = { names = { "one", "two" }, checkpoint_bytes = 3000000, command_capacity = 64, report_capacity = 64, venue_command_capacity = 64 }
    for k, v in pairs(more or {}) do o[k] = v end
    return o
  end

  it("at any stage of its work goes on as one that did not", function()
    local name, fees = random_seed(), 0
    for round = 1, 3 do
      local limits = { max_position = 400, max_open_orders = 12, prevent_self_trade = 1, denies_per_second = 1000000 }
      -- Stops wait at the gateway: what moves and triggers them are market events.
      local supports = round == 1 and C.TL_SUPPORTS_ALL or C.TL_SUPPORTS_LIMIT + C.TL_SUPPORTS_MARKET
      -- Each process tells of the venue's link anew, and that takes room in the channel, so the backlog that new orders are denied for is not the same in both.
      -- Hence the venue's process is there only where a channel has room for all; where it is small, and often full, there is none, and they are the same to
      -- the message.
      local linked = round == 3
      local function twin()
        return new(options { limits = limits, account_limits = { max_daily_loss_e8 = 40e8 }, supports = supports, page = not linked,
          report_capacity = linked and 512 or 16 })
      end
      local alive, mortal = twin(), twin()
      local venue = setmetatable({ open = {}, by = {}, seen = {}, executions = round * 1e6 }, Venue)
      local ids, quotes, group, trade = { {}, {} }, {}, 0, nil
      local function both(f) f(alive) f(mortal) end
      local function quote(i)
        local mid = 1000000 + math.random(-40, 40) * 100
        quotes[i] = { mid - 100, mid + 100 }
        both(function(w) w:quote(mid - 100, mid + 100, i) end)
      end
      local function new_order(fields)
        local i = math.random(2)
        local side, price = one_of { "buy", "sell" }, math.random() < 0.2 and nil or 1000000 + math.random(-20, 20) * 100
        local quantity, instrument = math.random(20), math.random(0, 2)
        local id
        local all = { instrument = instrument }
        for k, v in pairs(fields or {}) do all[k] = v end
        both(function(w) id = w:order(i, side, quantity, price, all) end)
        ids[i][#ids[i] + 1] = id
        return i, side, quantity, instrument
      end
      local actions = {
        function() new_order() end, function() new_order() end,
        function() quote(math.random(0, 2)) end, function() quote(math.random(0, 2)) end,
        function()
          local id, kind, fields = venue:answer()
          if id then both(function(w) w:answer(id, kind, fields) end) end
        end,
        function()
          local i = math.random(2)
          local id = #ids[i] > 0 and ids[i][math.random(math.max(1, #ids[i] - 8), #ids[i])] or 1
          both(function(w) w:send(i, "cancel", { order_id = id }) end)
        end,
        function()
          local i = math.random(2)
          local id = #ids[i] > 0 and ids[i][math.random(math.max(1, #ids[i] - 8), #ids[i])] or 1
          local price, quantity = 1000000 + math.random(-20, 20) * 100, math.random(30)
          both(function(w) w:send(i, "replace", { order_id = id, price = price, quantity = quantity }) end)
        end,
        function()
          local i = math.random(2)
          local kind, side, away = one_of { "stop", "stop_limit", "trailing_stop" }, one_of { "buy", "sell" }, math.random(5, 30) * 100
          local stop = 1000000 + (side == "buy" and away or -away)
          local fields = { type = kind, instrument = math.random(0, 2), stop_price = kind ~= "trailing_stop" and stop or nil,
            offset = kind == "trailing_stop" and away or 0, flags = one_of { 0, C.TL_FLAG_TRIGGER_QUOTE } }
          local id
          both(function(w) id = w:order(i, side, 5, kind == "stop_limit" and stop or nil, fields) end)
          ids[i][#ids[i] + 1] = id
        end,
        function()
          trade = quotes[0][1] + 100
          both(function(w) w:market("trade", { trade, 5, 0, 0 }) end)
        end,
        function()
          group = group + 1
          for _ = 1, 2 do new_order { group = group, link = C.TL_LINK_OCO } end
        end,
        function()
          group = group + 1
          local i, side, quantity, instrument = new_order { group = group, link = C.TL_LINK_BRACKET_ENTRY }
          local id
          both(function(w)
            id = w:order(i, side == "buy" and "sell" or "buy", quantity, side == "buy" and 1010000 or 990000,
              { group = group, link = C.TL_LINK_BRACKET_LEG, instrument = instrument })
          end)
          ids[i][#ids[i] + 1] = id
        end,
        function()
          if math.random() < 0.7 then return end
          local what = math.random(5)
          both(function(w)
            if what == 1 then
              w.players[1].epoch = w.players[1].epoch + 1
              w:send(1, "attach")
            elseif what == 2 then
              w:operate("died", { target = 4, word = w.players[2].epoch })
              w.players[2].epoch = w.players[2].epoch + 1
            elseif what == 3 then
              w:operate("kill", { target = -1, word = 1 })
              w:operate("kill", { target = -1, word = 0 })
            elseif what == 4 then
              w:operate("limit", { target = 3, value = 300 + venue.executions % 50, text = "max_position" })
            else
              w:send(2, "cancel_all", { instrument = -1 })
            end
          end)
        end,
      }
      for i = 0, 2 do quote(i) end
      for step = 1, 400 do
        local old = remember(mortal)
        for _ = 1, math.random(3) do one_of(actions)() end
        -- A lagging reader now and then: what waits in the gateway's own queues must survive too.
        both(function(w) w:work() end)
        if math.random() < 0.3 then
          -- What the operator says is a cycle of its own, and the ring of commands is the strategies': only what the last cycle wrote is taken back.
          local stage = math.random(2) == 1 and #STAGES or nil
          if not stage then
            old = remember(mortal)
            new_order()
            both(function(w) w:work() end)
            stage = math.random(#STAGES)
          end
          crash(mortal, old, stage)
          -- As the latches of the feed would tell it.
          if trade then mortal:market("trade", { trade, 5, 0, 0 }) end
          for i = 0, 2 do mortal:quote(quotes[i][1], quotes[i][2], i) end
          mortal:work(2)
        end
        if math.random() < 0.6 then
          local sent = alive:venue_commands()
          assert.same(sent, mortal:venue_commands(), name .. " step " .. step)
          venue:take(sent)
          for i = 1, 2 do
            local told = alive:told(i)
            local same = mortal:told(i)
            for _, list in ipairs(linked and { told, same } or {}) do
              for k = #list, 1, -1 do if list[k].kind == "venue" then table.remove(list, k) end end
            end
            assert.same(told, same, name .. " step " .. step)
          end
          both(function(w) w:work() end)
        end
      end
      assert.equal(C.tl_gateway_open_orders(alive.gateway, 3), C.tl_gateway_open_orders(mortal.gateway, 3))
      local a, b = ffi.new "tl_account_state", ffi.new "tl_account_state"
      C.tl_gateway_account(alive.gateway, 0, a)
      C.tl_gateway_account(mortal.gateway, 0, b)
      for _, member in ipairs { "cash_e8", "equity_e8", "margin_used_e8", "realized_e8", "unrealized_e8", "fees_e8", "gross_exposure_e8" } do
        assert.equal(tonumber(a[member]), tonumber(b[member]), name .. " " .. member)
      end
      fees = fees + tonumber(a.fees_e8)
      -- Nothing was even looked at twice.
      local c, d = ffi.new "tl_gateway_counts", ffi.new "tl_gateway_counts"
      C.tl_gateway_count(alive.gateway, c)
      C.tl_gateway_count(mortal.gateway, d)
      for _, member in ipairs { "commands", "commands_repeated", "reports", "reports_unknown", "illegal_transitions", "duplicate_fills", "kills" } do
        assert.equal(tonumber(c[member]), tonumber(d[member]), name .. " " .. member)
      end
    end
    assert.is_true(fees > 0, name)
  end)

  it("has the same state, byte for byte", function()
    local w = new(options())
    w:quote(1000000, 1000200)
    w:quote(2000000, 2000200, 1)
    for i = 1, 50 do
      local id = w:order(i % 2 + 1, i % 3 == 0 and "buy" or "sell", 3, i % 3 == 0 and 1000000 - 100 * (i % 7) or 1010000 + 100 * (i % 7),
        { deadline_ns = w:now() + 5000000000LL })
      w:work()
      w:told(1)
      w:told(2)
      w:venue_commands()
      w:answer(id, "accepted")
      if i % 4 == 0 then w:answer(id, "fill", { price = 1000000, quantity = 2, execution_id = i }) end
      w:work()
      w:quote(1000000 + i * 100, 1000200 + i * 100)
      w:order(1, "buy", 1, 1900000, { instrument = 1 })
      w:work()
    end
    local before = image(w)
    w:restart()
    assert.is_true(before == image(w))
    local counted = tonumber(C.tl_gateway_image_bytes_most(3, 2, 1024))
    assert.is_true(#before < counted)
  end)

  it("goes on from a checkpoint when its log has gone round many times", function()
    local w = new(options { log_slots = 2048 })
    w:quote(1000000, 1000200)
    local filled, told = 0, 0
    for i = 1, 3000 do
      local id = w:order(1, "buy", 2, 1000000)
      w:work()
      w:answer(id, "fill", { price = 1000000, quantity = 2, execution_id = i })
      filled = filled + 2
      w:work()
      w:venue_commands()
      for _, m in ipairs(w:told(1)) do
        told = told + 1
        assert.equal(told, m.sequence)
      end
      if i % 97 == 0 then w:restart() end
    end
    assert.equal(3000, told)
    assert.equal(filled, tonumber(C.tl_gateway_position(w.gateway, 3, 0).quantity))
    assert.is_true(tonumber(ffi.cast("tl_gateway_log_head *", w:section("io", "gateway.log")).position) > 5 * 2048)
    w:restart()
    assert.is_true(tonumber(w:page().recovered) < 2048)
    assert.equal(3000, tonumber(w:page().fills))
    -- It knows fills of long ago: on each of the last 4,000 orders one that came before is no news.
    for i = 1, 3000, 7 do
      w:answer(3 * 2 ^ 40 + i, "fill", { price = 1000000, quantity = 2, execution_id = i })
      w:work()
    end
    local counts = ffi.new "tl_gateway_counts"
    C.tl_gateway_count(w.gateway, counts)
    assert.same({ 429, 0 }, { tonumber(counts.duplicate_fills), tonumber(counts.illegal_transitions) })
  end)

  it("takes the older checkpoint when the newer one is torn", function()
    local w = new(options { log_slots = 2048 })
    w:quote(1000000, 1000200)
    for i = 1, 700 do
      local id = w:order(1, "buy", 2, 1000000)
      w:work()
      w:answer(id, "fill", { price = 1000000, quantity = 2, execution_id = i })
      w:work()
      w:venue_commands()
      w:told(1)
    end
    local heads = {}
    for i = 0, 1 do heads[i] = ffi.cast("uint64_t *", w:section("io", "gateway.checkpoint." .. i)) end
    local newer = heads[0][1] > heads[1][1] and 0 or 1
    assert.is_true(heads[1 - newer][1] > 0)
    heads[newer][100] = heads[newer][100] + 1
    w:restart()
    assert.equal(1400, tonumber(C.tl_gateway_position(w.gateway, 3, 0).quantity))
    heads[0][1], heads[1][1] = 0, 0
    w:die()
    local ok, why = pcall(w.open, w)
    assert.is_false(ok)
    assert.matches("no checkpoint", tostring(why))
    C.tl_gateway_destroy(w.gateway)
  end)

  it("keeps what waited for room", function()
    local w = new(options { log_slots = 2048 })
    w:quote(1000000, 1000200)
    local id = w:order(1, "buy", 1000, 1000000)
    w:work()
    for i = 1, 600 do
      w:answer(id, "fill", { price = 1000000, quantity = 1, execution_id = i })
      if i % 100 == 0 then w:work() end
    end
    local counters = ffi.cast("tl_counter *", w:section("io", "counters"))
    w:later()
    assert.is_true(tonumber(C.tl_counter_find(counters, 256, "gateway.checkpoints")) > 0)
    assert.is_true(tonumber(C.tl_counter_find(counters, 256, "gateway.waiting")) > 500)
    for _ = 1, 3 do
      w:restart()
      w:work()
    end
    local told = 0
    for _ = 1, 12 do
      for _, m in ipairs(w:told(1)) do
        told = told + 1
        assert.same({ told, told }, { m.sequence, m.execution })
      end
      w:restart()
      w:work()
    end
    assert.equal(600, told)
  end)

  it("has stopped whom it had stopped for losses that only its marks knew", function()
    for _, with_order in ipairs { true, false } do
      local w = new(options { account_limits = { max_daily_loss_e8 = 5e8 } })
      w:quote(1000000, 1000200)
      local id = w:order(1, "buy", 10, 1000000)
      w:work()
      w:answer(id, "fill", { price = 1000000, quantity = 10, execution_id = 1 })
      if with_order then w:order(1, "buy", 1, 900000) end
      w:work()
      w:venue_commands()
      w:quote(980000, 980200) -- 20 lost
      w:quote(1000000, 1000200)
      w:work()
      w:restart()
      w:work()
      assert.equal(with_order and "cancel" or "", w:venue_words())
      w:told(1)
      w:order(1, "buy", 1, 1000000)
      w:work()
      assert.equal("denied risk_daily_loss", w:words(1))
    end
  end)

  it("does not throw the switch again for a file that was there before", function()
    local path = os.tmpname()
    local w = new(options { kill_file = path })
    w:quote(1000000, 1000200)
    w:work()
    w:operate("kill", { target = -1, word = 0 })
    w:restart()
    w:quote(1000000, 1000200)
    w:work()
    w:order(1, "buy", 1, 1000000)
    w:work()
    assert.equal("new", w:venue_words())
    os.remove(path)
  end)

  it("drops what nobody takes when it must, and tells all at the next attach", function()
    local w = new(options { report_capacity = 16, order_capacity = 16, position_capacity = 1, command_capacity = 8192 })
    w:quote(1000000, 1000200)
    local id = w:order(1, "buy", 100000, 1000000)
    w:work()
    local execution = 0
    for _ = 1, 60 do
      for _ = 1, 200 do
        execution = execution + 1
        w:answer(id, "fill", { price = 1000000, quantity = 1, execution_id = execution })
      end
      w:work()
    end
    w:restart()
    w:work()
    local told = w:told(1)
    assert.is_true(#told <= 16)
    w:work()
    told = w:told(1)
    assert.same({ 1, "cut" }, { #told, told[1].kind })
    w:answer(id, "fill", { price = 1000000, quantity = 1, execution_id = execution + 1 })
    w:work()
    execution = execution + 1
    assert.equal(0, #w:told(1))
    w:send(1, "attach", { epoch = 2 })
    w:work()
    told = w:told(1)
    assert.equal("position", told[1].kind)
    assert.equal(execution, told[1].quantity)
    assert.same({ "order", id, execution }, { told[2].kind, told[2].id, told[2].filled })
    assert.same({ "attached", execution }, { told[4].kind, told[4].word })
  end)
end)

-- A gateway process that is killed at random instants, again and again, under a workload of three strategies and a venue that live on in this process. In
-- the end everybody agrees: no order was sent twice, no fill counted twice, no report was lost.
local bench = require "unit.gateway.live_bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi
ffi.cdef [[
int fork(void); int kill(int, int); int waitpid(int, int *, int); int usleep(unsigned); void _exit(int);
int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long);
]]

local SECONDS = os.getenv "TIDELOCK_SOAK" and 60 or 3
local NAMES = { "one", "two", "three" }

local function one_of(list) return list[math.random(#list)] end

-- The gateway's process: recovers, works, and sees a market that nobody remembers.
local function child(w, seed)
  local ok, why = pcall(function()
    math.randomseed(seed)
    C.prctl(1, 9, 0, 0, 0) -- PR_SET_PDEATHSIG: it does not outlive the spec
    w:open()
    local recovered = ffi.cast("uint32_t *", w:section("house", "recovered"))
    recovered[0] = recovered[0] + 1
    while true do
      w:work()
      if math.random() < 0.3 then
        local mid = 1000000 + math.random(-30, 30) * 100
        w:quote(mid - 100, mid + 100, math.random(0, 2))
      end
    end
  end)
  if not ok then io.stderr:write(tostring(why), "\n") end
  C._exit(1)
end

local Player = {}
Player.__index = Player

function Player:act(w)
  if math.random() < 0.5 then
    local side, price = one_of { "buy", "sell" }, math.random() < 0.2 and nil or 1000000 + math.random(-20, 20) * 100
    local fields = { instrument = math.random(0, 2) }
    if math.random() < 0.2 then fields.deadline_ns = w:now() + math.random(1000, 3000000) end
    if math.random() < 0.1 then fields.link, fields.group = C.TL_LINK_OCO, math.floor(self.orders / 2) + 1 end
    self.counter = self.counter + 1
    fields.order_id, fields.side, fields.quantity, fields.type = self.id * 2 ^ 40 + self.counter, side, math.random(20), price and "limit" or "market"
    fields.price = price
    if not w:send(self.place, "new", fields) then return end
    self.orders = self.orders + 1
    self.state[fields.order_id] = { filled = 0, quantity = fields.quantity, side = side, instrument = fields.instrument }
    self.open[#self.open + 1] = fields.order_id
  elseif math.random() < 0.05 then
    w.players[self.place].epoch = w.players[self.place].epoch + 1
    w:send(self.place, "attach")
  elseif #self.open > 0 then
    local id = one_of(self.open)
    if math.random() < 0.6 then
      w:send(self.place, "cancel", { order_id = id })
    else
      w:send(self.place, "replace", { order_id = id, quantity = math.random(30), price = 1000000 + math.random(-20, 20) * 100 })
    end
  end
end

function Player:close(id)
  self.state[id].closed = true
  for i, other in ipairs(self.open) do
    if other == id then
      table.remove(self.open, i)
      return
    end
  end
end

function Player:read(w)
  for _, m in ipairs(w:told(self.place, math.random(0, 200))) do
    if m.kind == "report" then
      self.sequence = self.sequence + 1
      assert.equal(self.sequence, m.sequence)
      local o = self.state[m.id]
      if o and m.report == "fill" then
        assert.is_nil(o.closed)
        assert.is_nil(self.executions[m.execution])
        self.executions[m.execution] = true
        o.filled = o.filled + m.quantity
        assert.equal(o.filled, m.filled)
        self.position[o.instrument] = self.position[o.instrument] + (o.side == "buy" and 1 or -1) * m.quantity
        self.fills = self.fills + 1
        if o.filled == o.quantity then self:close(m.id) end
      elseif o and (m.report == "replaced" or m.report == "restated") then
        o.quantity = m.quantity
      elseif o and (m.report == "canceled" or m.report == "rejected" or m.report == "denied" or m.report == "expired") then
        assert.is_nil(o.closed)
        self:close(m.id)
      elseif m.report == "accepted" then
        o.accepted = true
      end
    elseif m.kind == "attached" then
      assert.equal(self.sequence, m.word)
    end
  end
end

local Venue = {}
Venue.__index = Venue

function Venue:read(w)
  for _, c in ipairs(w:venue_commands()) do
    if c.kind == "new" then
      assert.is_nil(self.seen[c.id], "an order was sent twice")
      self.seen[c.id] = { filled = 0 }
      local o = { id = c.id, quantity = c.quantity, price = c.price, instrument = c.instrument, filled = 0, owner = math.floor(c.id / 2 ^ 40) - 2,
        sign = c.side == C.TL_SIDE_BUY and 1 or -1 }
      self.by[c.id] = o
      self.open[#self.open + 1] = o
      self.todo[#self.todo + 1] = { c.id, "accepted" }
    else
      assert.is_not_nil(self.seen[c.id])
      self.todo[#self.todo + 1] = { c.id, c.kind, c }
    end
  end
end

function Venue:close(o)
  self.by[o.id] = nil
  for i, other in ipairs(self.open) do if other == o then return table.remove(self.open, i) end end
end

function Venue:act(w, trades)
  while #self.todo > 0 do
    local id, kind, c = unpack(self.todo[1])
    local o = self.by[id]
    local sent
    if kind == "accepted" then
      sent = w:answer(id, "accepted")
    elseif kind == "cancel" then
      sent = w:answer(id, o and "canceled" or "cancel_rejected", not o and { reason = C.TL_REASON_UNKNOWN_ORDER } or nil)
      if sent and o then self:close(o) end
    elseif o and c.quantity > o.filled then
      sent = w:answer(id, "replaced", { quantity = c.quantity, price = c.price })
      if sent then o.quantity, o.price = c.quantity, c.price end
    else
      sent = w:answer(id, "replace_rejected", { reason = C.TL_REASON_ILLEGAL_STATE })
    end
    if not sent then return end
    table.remove(self.todo, 1)
  end
  for _ = 1, trades do
    local o = #self.open > 0 and one_of(self.open)
    if not o then return end
    local size = math.random(o.quantity - o.filled)
    local price = o.price ~= bench.ABSENT and o.price or 1000000
    local fields = { quantity = size, price = price, execution_id = self.executions + 1, instrument = o.instrument, liquidity = 2 }
    if not w:answer(o.id, "fill", fields) then return end
    self.executions = self.executions + 1
    o.filled = o.filled + size
    self.position[o.owner][o.instrument] = self.position[o.owner][o.instrument] + o.sign * size
    if o.filled == o.quantity then self:close(o) end
  end
end

describe("a gateway process that is killed again and again", function()
  it("neither loses nor repeats anything", function()
    local seed = tonumber(os.getenv "SEED") or os.time() % 100000
    math.randomseed(seed)
    local w = bench.new { names = NAMES, closed = true, log_slots = 4096, checkpoint_bytes = 8000000, command_capacity = 128, report_capacity = 64,
      venue_command_capacity = 128, venue_report_capacity = 128, order_capacity = 512,
      limits = { denies_per_second = 1000000 }, sections = { { "recovered", 4096 } } }
    local pid
    finally(function()
      if pid then C.kill(pid, 9) end
      w:close()
    end)
    local players, venue = {}, setmetatable({ open = {}, by = {}, seen = {}, todo = {}, executions = 0, position = {} }, Venue)
    for i in ipairs(NAMES) do
      players[i] = setmetatable({ place = i, id = i + 2, counter = 0, orders = 0, sequence = 0, fills = 0, state = {}, open = {}, executions = {},
        position = { [0] = 0, 0, 0 } }, Player)
      venue.position[i] = { [0] = 0, 0, 0 }
    end
    local recovered = ffi.cast("uint32_t *", w:section("house", "recovered"))
    local deaths = 0
    local function start()
      local forked = C.fork()
      if forked == 0 then child(w, seed + deaths) end
      return forked
    end
    local function cycle(trading)
      for _, p in ipairs(players) do
        if trading and math.random() < 0.5 then p:act(w) end
        if math.random() < 0.3 or not trading then p:read(w) end
      end
      venue:read(w)
      venue:act(w, trading and math.random(0, 2) or 0)
    end
    local status = ffi.new "int[1]"
    pid = start()
    local die_at = w:now() + math.random(0, 20000000)
    local stop_at = w:now() + SECONDS * 1000000000LL
    while w:now() < stop_at do
      cycle(true)
      if w:now() >= die_at then
        C.kill(pid, 9)
        C.waitpid(pid, status, 0)
        assert.equal(9, bit.band(status[0], 127), "the gateway failed by itself, seed " .. seed)
        deaths = deaths + 1
        pid = start()
        die_at = w:now() + (math.random() < 0.2 and math.random(0, 5000000) or math.random(5000000, 60000000))
      end
    end
    -- The end: everything is cancelled, everybody reads all there is.
    for _, p in ipairs(players) do while not w:send(p.place, "cancel_all", { instrument = -1 }) do C.usleep(100) cycle(false) end end
    local quiet_at = w:now() + 10000000000LL
    local function settled()
      if #venue.open > 0 or #venue.todo > 0 then return false end
      for _, p in ipairs(players) do if #p.open > 0 then return false end end
      return true
    end
    while not settled() and w:now() < quiet_at do
      cycle(false)
      C.usleep(200)
      -- One that was replaced or refused meanwhile is asked again.
      if math.random() < 0.05 then for _, p in ipairs(players) do w:send(p.place, "cancel_all", { instrument = -1 }) end end
    end
    C.kill(pid, 9)
    C.waitpid(pid, status, 0)
    pid = nil
    w:open()
    w:work(10)
    cycle(false)
    assert.is_true(settled(), "seed " .. seed)
    local fills = 0
    for i, p in ipairs(players) do
      fills = fills + p.fills
      for instrument = 0, 2 do
        assert.equal(venue.position[i][instrument], p.position[instrument])
        assert.equal(p.position[instrument], tonumber(C.tl_gateway_position(w.gateway, p.id, instrument).quantity))
      end
      assert.equal(0, C.tl_gateway_open_orders(w.gateway, p.id))
      for id, o in pairs(p.state) do
        -- What was accepted was sent, and what was never sent was denied.
        if o.accepted then assert.is_not_nil(venue.seen[id]) end
        assert.is_true(o.closed)
      end
    end
    assert.equal(venue.executions, fills)
    local counts = ffi.new "tl_gateway_counts"
    C.tl_gateway_count(w.gateway, counts)
    for _, member in ipairs { "duplicate_fills", "illegal_transitions", "reports_malformed", "commands_malformed", "commands_repeated" } do
      assert.equal(0, tonumber(counts[member]), member)
    end
    assert.is_true(deaths > 10 and fills > 50, ("%d deaths, %d fills"):format(deaths, fills))
    if os.getenv "TIDELOCK_VERBOSE" then
      local orders, open = 0, 0
      for _, p in ipairs(players) do orders = orders + p.orders end
      for _ in pairs(venue.seen) do open = open + 1 end
      print(("%d deaths (%d before it had recovered), %d orders, %d at the venue, %d fills, %d log slots, illegal %d"):format(deaths,
        deaths + 1 - recovered[0], orders, open, fills,
        tonumber(ffi.cast("tl_gateway_log_head *", w:section("io", "gateway.log")).position), tonumber(counts.illegal_transitions)))
      for reason = 1, C.TL_REASONS - 1 do
        local denied = tonumber(C.tl_gateway_denied(w.gateway, reason))
        if denied > 0 then print(denied, ffi.string(C.tl_reason_code(reason))) end
      end
    end
  end)
end)

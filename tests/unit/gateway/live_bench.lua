-- A gateway agent between regions in shared memory, driven by hand: specs play its strategies and its venue. `path` of an existing one opens it again, as a
-- successor does.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi
pcall(ffi.cdef, "int getpid(void); int mkdir(const char *, unsigned); int unlink(const char *); int rmdir(const char *);")

local M = {}
local World = {}
World.__index = World

M.ABSENT = ffi.cast("int64_t", -9223372036854775807LL - 1)

local made = 0
local function sections_of(list)
  local array = ffi.new("tl_region_section[?]", #list)
  for i, s in ipairs(list) do
    ffi.copy(array[i - 1].name, s[1])
    array[i - 1].bytes = s[2]
  end
  return array, #list
end

local function channel_out(capacity, type) return C.tl_channel_out_bytes(capacity, ffi.sizeof(type)) end

--- opts: names (strategies), on_death ("cancel" or "keep"), instruments, command_capacity, report_capacity, venue_command_capacity, log_slots, order_capacity,
--- supports (TL_SUPPORTS_*), position_capacity, limits, account_limits, cash, kill_file, page (the venue has a worker page), closed (no agent is made),
--- sections (more of the venue's region)
function M.new(opts)
  made = made + 1
  local self = setmetatable({ opts = opts or {}, path = ("/dev/shm/tidelock-gateway-spec-%d-%d"):format(C.getpid(), made), files = {}, regions = {} }, World)
  local ok, why = pcall(self.set_up, self)
  if ok then return self end
  self:close()
  error(why, 0)
end

function World:set_up()
  local o = self.opts
  o.names = o.names or { "one" }
  o.instruments = o.instruments or 3
  for name, value in pairs {
    command_capacity = 256, report_capacity = 128, venue_command_capacity = 256, venue_report_capacity = 256, order_capacity = 1024,
    position_capacity = 64, log_slots = 4096,
  } do o[name] = o[name] or value end
  C.mkdir(self.path, 448)
  local inner = C.tl_channel_in_bytes()
  local checkpoint = o.checkpoint_bytes or C.tl_gateway_agent_checkpoint_bytes(o.instruments, #o.names, o.order_capacity, o.position_capacity)
  local io = {
    { "worker", ffi.sizeof "tl_worker_page" }, { "counters", 256 * 64 }, { "stages", ffi.sizeof "tl_stages" }, { "in:venue.reports", inner },
    { "out:venue.commands", channel_out(o.venue_command_capacity, "tl_command") },
    { "gateway.log", C.tl_gateway_log_bytes(o.log_slots) }, { "gateway.checkpoint.0", checkpoint }, { "gateway.checkpoint.1", checkpoint },
    { "positions", C.tl_published_positions_bytes(o.position_capacity) }, { "orders", C.tl_published_orders_bytes(o.order_capacity) },
    { "accounts", C.tl_published_accounts_bytes() }, { "gateway", C.tl_published_gateway_bytes() },
  }
  for _, name in ipairs(o.names) do
    io[#io + 1] = { "in:commands:" .. name, inner }
    io[#io + 1] = { "out:reports:" .. name, channel_out(o.report_capacity, "tl_message") }
    self:create("s." .. name, { { "out:commands", channel_out(o.command_capacity, "tl_command") }, { "in:reports", inner } })
  end
  self:create("io", io)
  local house = { { "out:venue.reports", channel_out(o.venue_report_capacity, "tl_report") }, { "in:venue.commands", inner } }
  for _, more in ipairs(o.sections or {}) do house[#house + 1] = more end
  if o.page then house[#house + 1] = { "worker", ffi.sizeof "tl_worker_page" } end
  self:create("house", house)
  self:map()
  self.clock = ffi.new "tl_runtime_clock"
  C.tl_runtime_clock_start(self.clock, 0)
  if not o.closed then self:open() end
end

function World:create(name, list)
  self.files[#self.files + 1] = name
  native.check(C.tl_region_create(self.path .. "/" .. name, sections_of(list), #list, 1))
end

local function find(region, name)
  local p = C.tl_region_find(region, name, nil)
  assert(p ~= nil, name)
  return p
end

--- Maps the regions, and the ends of the channels that specs play.
function World:map()
  self.players = {}
  for _, name in ipairs(self.files) do
    local region = ffi.new "tl_region"
    native.check(C.tl_region_open(region, self.path .. "/" .. name, true, 0))
    self.regions[name] = region
  end
  local io, house, o = self.regions.io, self.regions.house, self.opts
  self.venue_in, self.venue_out = ffi.new "tl_spsc_consumer", ffi.new "tl_spsc_producer"
  native.check(C.tl_channel_consumer(self.venue_in, find(io, "out:venue.commands"), find(house, "in:venue.commands"), o.venue_command_capacity,
    ffi.sizeof "tl_command"))
  native.check(C.tl_channel_producer(self.venue_out, find(house, "out:venue.reports"), find(io, "in:venue.reports"), o.venue_report_capacity,
    ffi.sizeof "tl_report"))
  for i, name in ipairs(o.names) do
    local player = { id = i + 2, sequence = 0, counter = 0, epoch = 1, out = ffi.new "tl_spsc_producer", input = ffi.new "tl_spsc_consumer" }
    native.check(C.tl_channel_producer(player.out, find(self.regions["s." .. name], "out:commands"), find(io, "in:commands:" .. name),
      o.command_capacity, ffi.sizeof "tl_command"))
    native.check(C.tl_channel_consumer(player.input, find(io, "out:reports:" .. name), find(self.regions["s." .. name], "in:reports"),
      o.report_capacity, ffi.sizeof "tl_message"))
    self.players[i] = player
  end
end

--- A gateway and its agent over the regions, as a process that starts makes them.
function World:open()
  local o = self.opts
  self.instruments = self.instruments or ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  if C.tl_instruments_count(self.instruments) == 0 then
    for i = 1, o.instruments do
      local one = ffi.new "tl_instrument"
      ffi.copy(one.symbol, "S" .. i)
      one.price_exponent, one.tick = -4, 100
      native.check(C.tl_instruments_add(self.instruments, one, nil))
    end
  end
  self.gateway = C.tl_gateway_create(self.instruments, nil)
  local account, index, fees = ffi.new "tl_account_config", ffi.new "uint32_t[1]", ffi.new "tl_fee_schedule"
  ffi.copy(account.name, "main")
  ffi.copy(account.currency, "USD")
  account.cash_e8, account.leverage, account.allow_short = (o.cash or 1e9) * 1e8, 1, 1
  for k, v in pairs(o.account_limits or {}) do account.limits[k] = v end
  native.check(C.tl_gateway_add_account(self.gateway, account, index))
  fees.taker = 0.0001
  native.check(C.tl_gateway_add_venue(self.gateway, "", fees, index))
  if o.supports then native.check(C.tl_gateway_venue_supports(self.gateway, index[0], o.supports)) end
  local strategies = ffi.new("tl_gateway_agent_strategy[?]", #o.names)
  local limits = ffi.new "tl_risk_limits"
  for k, v in pairs(o.limits or {}) do limits[k] = v end
  for i, name in ipairs(o.names) do
    native.check(C.tl_gateway_add_strategy(self.gateway, i + 2, 0, limits))
    strategies[i - 1].name, strategies[i - 1].region, strategies[i - 1].id = name, self.regions["s." .. name], i + 2
    strategies[i - 1].on_death = o.on_death == "keep" and C.TL_ON_DEATH_KEEP or C.TL_ON_DEATH_CANCEL
    strategies[i - 1].waker.fd = -1
  end
  local config = ffi.new("tl_gateway_agent_config", {
    clock = self.clock, gateway = self.gateway, instruments = self.instruments, own = self.regions.io, venue = self.regions.house,
    command_capacity = o.command_capacity, report_capacity = o.report_capacity, venue_command_capacity = o.venue_command_capacity,
    venue_report_capacity = o.venue_report_capacity, strategies = strategies, strategy_count = #o.names,
    position_capacity = o.position_capacity, order_capacity = o.order_capacity, kill_file = o.kill_file,
  })
  config.venue_waker.fd = -1
  local out = ffi.new "tl_gateway_agent *[1]"
  self.keep = { strategies, config, o.kill_file }
  native.check(C.tl_gateway_agent_create(config, out))
  self.agent, self.duty = out[0], ffi.new "tl_agent"
  C.tl_gateway_agent_of(self.agent, self.duty)
end

--- The agent's process is gone, whatever it was at.
function World:die()
  C.tl_gateway_agent_destroy(self.agent)
  C.tl_gateway_destroy(self.gateway)
  self.agent = nil
end

function World:restart()
  self:die()
  self:open()
end

function World:now() return C.tl_runtime_clock_read_ns(self.clock) end

function World:work(times)
  local done = 0
  for _ = 1, times or 1 do done = done + self.duty.work(self.duty.state, self:now()) end
  return done
end

function World:operate(kind, fields)
  local record = ffi.new("tl_operator", fields or {})
  record.kind = C["TL_OPERATOR_" .. kind:upper()]
  self.duty.operate(self.duty.state, record, self:now())
end

function World:market(kind, w, instrument)
  local event = ffi.new "tl_event"
  event.kind, event.instrument, event.ts_recv_ns = C["TL_EVENT_" .. kind:upper()], instrument or 0, self:now()
  for i = 1, 4 do event.w[i - 1] = w[i] or 0 end
  C.tl_gateway_agent_market(self.agent, event, nil)
end

--- A duty cycle much later, at which it looks around.
function World:later()
  self.ahead = (self.ahead or 0) + 20000000
  self.duty.work(self.duty.state, self:now() + self.ahead)
end

--- Prices in units of 1e-4.
function World:quote(bid, ask, instrument) self:market("quote", { bid, ask, 100, 100 }, instrument) end

--- A command of player i; false when its ring is full.
function World:send(i, kind, fields)
  local p = self.players[i]
  local c = ffi.new "tl_command"
  p.sequence = p.sequence + 1
  c.kind, c.strategy, c.epoch, c.input_sequence = C["TL_COMMAND_" .. kind:upper()], p.id, p.epoch, p.sequence
  c.price, c.stop_price, c.arrival_price, c.ts_ns = M.ABSENT, M.ABSENT, M.ABSENT, self:now()
  for k, v in pairs(fields or {}) do
    if k == "side" then v = C["TL_SIDE_" .. v:upper()] elseif k == "type" then v = C["TL_TYPE_" .. v:upper()] end
    c[k] = v
  end
  return C.tl_spsc_write(p.out, c), c
end

--- A new order of player i: its id as a number.
function World:order(i, side, quantity, price, fields)
  local p = self.players[i]
  p.counter = p.counter + 1
  local all = { order_id = p.id * 2 ^ 40 + p.counter, side = side, quantity = quantity, type = price and "limit" or "market" }
  if price then all.price = price end
  for k, v in pairs(fields or {}) do all[k] = v end
  assert(self:send(i, "new", all))
  return p.id * 2 ^ 40 + p.counter
end

local message, command = ffi.new "tl_message", ffi.new "tl_command"
local message_names = {}
for _, name in ipairs { "none", "report", "position", "order", "venue", "attached", "cut", "action" } do
  message_names[C["TL_MESSAGE_" .. name:upper()]] = name
end

--- What player i was told since, one table a message.
function World:told(i, most)
  local all = {}
  while #all < (most or 1e9) and C.tl_spsc_read(self.players[i].input, message) do
    local m = { kind = message_names[message.kind], word = tonumber(message.word), instrument = message.instrument }
    if m.kind == "report" then
      local r = message.report
      m.report, m.reason, m.id = ffi.string(C.tl_report_kind_name(r.kind)), ffi.string(C.tl_reason_code(r.reason)), tonumber(r.order_id)
      m.quantity, m.filled, m.sequence, m.execution = tonumber(r.quantity), tonumber(r.filled), r.report_sequence, tonumber(r.execution_id)
      m.limit, m.value = r.limit, r.value
    elseif m.kind == "position" then
      m.quantity = tonumber(message.position.quantity)
    elseif m.kind == "order" then
      m.id, m.status, m.filled = tonumber(message.adopted.last.order_id), message.adopted.status, tonumber(message.adopted.filled)
    end
    all[#all + 1] = m
  end
  return all
end

--- The same in words.
function World:words(i)
  local words = {}
  for _, m in ipairs(self:told(i)) do
    words[#words + 1] = m.kind ~= "report" and m.kind or m.reason == "" and m.report or m.report .. " " .. m.reason
  end
  return table.concat(words, ", ")
end

--- What the venue was sent since: { kind, id, quantity, price, instrument, side }.
function World:venue_commands()
  local all = {}
  while C.tl_spsc_read(self.venue_in, command) do
    all[#all + 1] = {
      kind = ({ "new", "cancel", "replace" })[command.kind], id = tonumber(command.order_id), quantity = tonumber(command.quantity),
      price = command.price, instrument = command.instrument, side = command.side,
    }
  end
  return all
end

function World:venue_words()
  local words = {}
  for _, c in ipairs(self:venue_commands()) do words[#words + 1] = c.kind end
  return table.concat(words, ", ")
end

--- The venue answers; false when its ring is full.
function World:answer(id, kind, fields)
  local r = ffi.new "tl_report"
  r.order_id, r.kind, r.ts_venue_ns = id, C["TL_REPORT_" .. kind:upper()], self:now()
  r.price, r.queue_ahead, r.instrument = M.ABSENT, M.ABSENT, kind == "fill" and 0 or -1
  for k, v in pairs(fields or {}) do r[k] = v end
  return C.tl_spsc_write(self.venue_out, r)
end

function World:section(region, name)
  return C.tl_region_find(self.regions[region], name, nil)
end

function World:page()
  local page = ffi.new "tl_published_gateway"
  return C.tl_published_gateway_read(self:section("io", "gateway"), page) and page or nil
end

function World:close()
  if self.agent then self:die() end
  for _, region in pairs(self.regions) do C.tl_region_close(region) end
  for _, name in ipairs(self.files) do C.unlink(self.path .. "/" .. name) end
  C.rmdir(self.path)
end

return M

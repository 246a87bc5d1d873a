--- A host as host_world makes it, behind a gateway of its own; the spec is the venue: it sees what the gateway sends, in words, and answers.
---
---   local world = gateway_world.new { script = "..." }
---   world:start():quote("AAPL", 99.99, 100.01):run()
---   world:take()                                       --> { "new buy 100 AAPL limit 100", "cancel 1" }
---   world:fill(1, 100, 100):run()                      -- orders are called by their place among those that were sent
local native = require "tidelock.native"
local host_world = require "support.host_world"
local C, ffi = native.C, native.ffi

local M = {}
local World = setmetatable({}, { __index = getmetatable(host_world.new { script = "return require 'strategy' {}" }).__index })
World.__index = World

local ABSENT = ffi.new("int64_t", bit.lshift(1LL, 63))
local count = ffi.new "uint32_t[1]"

--- Options as host_world's, and limits of the strategy's.
function M.new(options)
  local inner, why = host_world.new(options)
  if not inner then return nil, why end
  local self = setmetatable(inner, World)
  self.gateway = ffi.gc(C.tl_gateway_create(self.instruments, nil), C.tl_gateway_destroy)
  local account = ffi.new("tl_account_config", { name = "main", currency = "USD", cash_e8 = 1e13, leverage = 4, allow_short = 1 })
  native.check(C.tl_gateway_add_account(self.gateway, account, count))
  native.check(C.tl_gateway_add_venue(self.gateway, "", ffi.new "tl_fee_schedule", count))
  native.check(C.tl_gateway_add_strategy(self.gateway, (options.config or {}).strategy or 0, 0, ffi.new("tl_risk_limits", options.limits or {})))
  self.mirror = C.tl_host_mirror(self.host)
  self.sent, self.words, self.executions = {}, {}, 0
  self.place = {} -- by id
  return self
end

local function text_of(self, c)
  local place = self.place[tonumber(c.order_id)]
  if c.kind == C.TL_COMMAND_CANCEL then return "cancel " .. place end
  if c.kind ~= C.TL_COMMAND_NEW then return "replace " .. place end
  return ("%s %s %d %s %s%s"):format(bit.band(c.flags, C.TL_FLAG_UNDO) ~= 0 and "undo" or "new", c.side == 1 and "buy" or "sell", tonumber(c.quantity),
    ffi.string(C.tl_instruments_at(self.instruments, c.instrument).symbol), ffi.string(C.tl_order_type_name(c.type)),
    c.price ~= ABSENT and (" %.14g"):format(tonumber(c.price) / 1e4) or "")
end

--- What came out of the gateway: commands to the venue's list, reports into the strategy's log.
local function drain_gateway(self)
  local commands = C.tl_gateway_venue_commands(self.gateway, count)
  for i = 0, count[0] - 1 do
    local c = ffi.new("tl_command", commands[i])
    if c.kind == C.TL_COMMAND_NEW then
      self.sent[#self.sent + 1] = c
      self.place[tonumber(c.order_id)] = #self.sent
    end
    self.words[#self.words + 1] = text_of(self, c)
  end
  local reports = C.tl_gateway_reports(self.gateway, count)
  local any = count[0] > 0
  for i = 0, count[0] - 1 do
    local event = ffi.new("tl_event", {
      kind = C.TL_EVENT_REPORT, source = C.TL_SOURCE_REPORT, instrument = reports[i].instrument, ts_ns = self.now, ts_recv_ns = self.now })
    local tail = ffi.new "tl_event_tail"
    ffi.copy(event.w, reports[i], ffi.sizeof(event.w))
    ffi.copy(tail, ffi.cast("const char *", reports + i) + ffi.sizeof(event.w), ffi.sizeof(tail))
    assert(C.tl_input_log_append(self.log, event, tail), "the log is full")
  end
  C.tl_gateway_clear_output(self.gateway)
  return any
end

--- The market as the gateway sees it; host_world's own calls tell the strategy.
function World:market(symbol, bid, ask)
  C.tl_gateway_market(self.gateway, ffi.new("tl_event", {
    kind = C.TL_EVENT_QUOTE, instrument = self:id(symbol), ts_recv_ns = self.now, w = { bid * 1e4 + 0.5, ask * 1e4 + 0.5, 100, 100 } }), nil)
  return self:quote(symbol, bid, ask)
end

--- Lets the strategy and the gateway work until neither has anything more to say.
function World:run()
  repeat
    assert(self:drain())
    local commands = C.tl_mirror_commands(self.mirror, count)
    for i = 0, count[0] - 1 do C.tl_gateway_command(self.gateway, commands[i], self.now) end
    local any = count[0] > 0
    C.tl_mirror_clear_commands(self.mirror)
  until not drain_gateway(self) and not any
  return self
end

--- Moves the clock: the gateway's timers and the strategy's fire.
function World:pass(ns)
  local target = self.now + ffi.new("int64_t", ns)
  while C.tl_gateway_next_timer_ns(self.gateway) <= target do
    self.now = C.tl_gateway_next_timer_ns(self.gateway)
    C.tl_gateway_time(self.gateway, self.now)
    drain_gateway(self)
    self:run()
  end
  self:advance(tonumber(target - self.now))
  return self:run()
end

--- A report of the venue about the order that was sent as number `place`.
function World:report(place, kind, fields)
  local c = self.sent[place]
  local report = ffi.new("tl_report", {
    order_id = c.order_id, instrument = c.instrument, kind = C["TL_REPORT_" .. kind:upper()], price = ABSENT, queue_ahead = ABSENT, ts_venue_ns = self.now })
  for name, value in pairs(fields or {}) do report[name] = value end
  C.tl_gateway_report(self.gateway, report, self.now)
  drain_gateway(self)
  return self
end

function World:fill(place, quantity, price)
  self.executions = self.executions + 1
  return self:report(place, "fill", { quantity = quantity, price = price * 1e4 + 0.5, execution_id = self.executions, liquidity = C.TL_LIQUIDITY_TAKER })
end

function World:reject(place, reason) return self:report(place, "rejected", { reason = C["TL_REASON_" .. reason:upper()] }) end
function World:canceled(place) return self:report(place, "canceled", { reason = C.TL_REASON_REQUESTED }) end

--- What the gateway sent since the last call.
function World:take()
  local words = self.words
  self.words = {}
  return words
end

return M

-- A gateway with one account, one venue and one strategy to be driven by specs, in words instead of numbers.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}
local Bench = {}
Bench.__index = Bench

M.ABSENT = ffi.cast("int64_t", -9223372036854775807LL - 1)

local function enum(prefix, word) return tonumber(C[prefix .. word:upper()]) end

--- opts: cash (units), leverage, short, limits, account_limits, fees, tick, lot, margin, price_exponent, quantity_exponent, ...
function M.new(opts)
  opts = opts or {}
  local self = setmetatable({ now = 1700000000000000000LL, sequence = 0, counter = 0, execution = 0 }, Bench)
  self.instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  self.calendars = opts.calendars -- the gateway reads them as long as it lives
  self.gateway = ffi.gc(C.tl_gateway_create(self.instruments, opts.calendars), C.tl_gateway_destroy)
  for _, symbol in ipairs(opts.symbols or { "X", "Y" }) do
    local one = ffi.new "tl_instrument"
    ffi.copy(one.symbol, symbol)
    one.price_exponent = opts.price_exponent or -4
    one.quantity_exponent = opts.quantity_exponent or 0
    one.tick, one.lot = opts.tick or 100, opts.lot or 1
    one.margin_e8, one.multiplier_e8 = opts.margin_e8 or 0, opts.multiplier_e8 or 0
    one.min_quantity, one.max_quantity = opts.min_quantity or 0, opts.max_quantity or 0
    one.min_notional_e8 = opts.min_notional_e8 or 0
    one.calendar = opts.calendar or 0
    native.check(C.tl_instruments_add(self.instruments, one, nil))
  end
  self.unit = 10 ^ -(opts.price_exponent or -4)
  local config = ffi.new "tl_account_config"
  ffi.copy(config.name, "main")
  ffi.copy(config.currency, "USD")
  config.cash_e8 = (opts.cash or 1e6) * 1e8
  config.leverage = opts.leverage or 1
  config.allow_short = opts.short == false and 0 or 1
  for k, v in pairs(opts.account_limits or {}) do config.limits[k] = v end
  local index = ffi.new "uint32_t[1]"
  native.check(C.tl_gateway_add_account(self.gateway, config, index))
  local fees = ffi.new "tl_fee_schedule"
  for k, v in pairs(opts.fees or {}) do fees[k] = v end
  native.check(C.tl_gateway_add_venue(self.gateway, "", fees, index))
  for id = opts.first_strategy or 3, (opts.first_strategy or 3) + (opts.strategies or 1) - 1 do
    local limits = ffi.new "tl_risk_limits"
    for k, v in pairs(opts.limits or {}) do limits[k] = v end
    native.check(C.tl_gateway_add_strategy(self.gateway, id, 0, limits))
  end
  self.strategy = opts.first_strategy or 3
  self:clear()
  return self
end

function Bench:clear()
  self.reports, self.commands = {}, {}
end

--- Moves what came out into self.reports and self.commands.
function Bench:drain()
  local count = ffi.new "uint32_t[1]"
  local reports = C.tl_gateway_reports(self.gateway, count)
  for i = 0, count[0] - 1 do
    local r = reports[i]
    self.reports[#self.reports + 1] = {
      id = r.order_id, kind = ffi.string(C.tl_report_kind_name(r.kind)), reason = ffi.string(C.tl_reason_code(r.reason)),
      price = r.price, quantity = tonumber(r.quantity), filled = tonumber(r.filled), fee = tonumber(r.fee_e8),
      limit = r.limit, value = r.value, sequence = r.report_sequence, strategy = r.strategy,
    }
  end
  local commands = C.tl_gateway_venue_commands(self.gateway, count)
  for i = 0, count[0] - 1 do
    local c = ffi.new("tl_command", commands[i])
    local word = ({ "new", "cancel", "replace" })[c.kind]
    self.commands[#self.commands + 1] = { kind = word, id = c.order_id, price = c.price, quantity = tonumber(c.quantity), raw = c }
  end
  C.tl_gateway_clear_output(self.gateway)
end

--- A command with every field as a well-behaved mirror sets it; `fields` overrides.
function Bench:make(kind, fields)
  local c = ffi.new "tl_command"
  self.sequence = self.sequence + 1
  c.kind, c.input_sequence, c.strategy, c.epoch, c.ts_ns = enum("TL_COMMAND_", kind), self.sequence, self.strategy, 1, self.now
  c.price, c.stop_price, c.arrival_price = M.ABSENT, M.ABSENT, M.ABSENT
  for k, v in pairs(fields or {}) do
    if k == "side" then v = enum("TL_SIDE_", v)
    elseif k == "type" then v = enum("TL_TYPE_", v)
    elseif k == "time_in_force" then v = enum("TL_TIF_", v)
    elseif k == "link" then v = enum("TL_LINK_", v)
    elseif (k == "price" or k == "stop_price") and type(v) == "number" then v = math.floor(v * self.unit + 0.5) end
    c[k] = v
  end
  return c
end

function Bench:command(c)
  C.tl_gateway_command(self.gateway, c, self.now)
  self:drain()
end

--- A new order of the strategy: its id. Price in units, nil for a market order.
function Bench:send(side, quantity, price, fields)
  self.counter = self.counter + 1
  local all = { order_id = bit.lshift(self.strategy + 0ULL, 40) + self.counter, side = side, quantity = quantity, price = price,
    type = price and "limit" or "market" }
  for k, v in pairs(fields or {}) do all[k] = v end
  local c = self:make("new", all)
  self:command(c)
  return c.order_id
end

function Bench:cancel(id) self:command(self:make("cancel", { order_id = id })) end

function Bench:replace(id, price, quantity)
  self:command(self:make("replace", { order_id = id, price = price, quantity = quantity }))
end

--- A venue report about an order; `fields` overrides.
function Bench:report(id, kind, fields)
  local r = ffi.new "tl_report"
  r.order_id, r.kind, r.ts_venue_ns = id, enum("TL_REPORT_", kind), self.now
  r.price, r.queue_ahead = M.ABSENT, M.ABSENT
  local record = C.tl_gateway_order(self.gateway, id)
  if record ~= nil then r.instrument = record.last.instrument end
  for k, v in pairs(fields or {}) do
    if k == "price" and type(v) == "number" then v = math.floor(v * self.unit + 0.5) end
    if k == "reason" then v = enum("TL_REASON_", v) end
    r[k] = v
  end
  C.tl_gateway_report(self.gateway, r, self.now)
  self:drain()
end

function Bench:accept(id) self:report(id, "accepted") end

function Bench:fill(id, quantity, price, fields)
  self.execution = self.execution + 1
  local all = { quantity = quantity, price = price, execution_id = self.execution, liquidity = C.TL_LIQUIDITY_MAKER }
  for k, v in pairs(fields or {}) do all[k] = v end
  self:report(id, "fill", all)
end

function Bench:market(kind, fields)
  local event, tail = ffi.new "tl_event", ffi.new "tl_event_tail"
  event.kind, event.ts_ns, event.ts_recv_ns = enum("TL_EVENT_", kind), self.now, self.now
  event.instrument = fields.instrument or 0
  for i = 1, 4 do event.w[i - 1] = fields[i] or 0 end
  C.tl_gateway_market(self.gateway, event, tail)
  self:drain()
end

local function mantissa(self, price) return price and math.floor(price * self.unit + 0.5) or M.ABSENT end

function Bench:quote(bid, ask, instrument)
  self:market("quote", { mantissa(self, bid), mantissa(self, ask), 100, 100, instrument = instrument })
end

function Bench:trade(price, instrument) self:market("trade", { mantissa(self, price), 100, instrument = instrument }) end

function Bench:time(ns)
  self.now = self.now + ns
  C.tl_gateway_time(self.gateway, self.now)
  self:drain()
end

function Bench:status(id)
  local record = C.tl_gateway_order(self.gateway, id)
  return record ~= nil and ffi.string(C.tl_order_status_name(record.status)) or nil
end

--- Account figures in units of money.
function Bench:account()
  local state = ffi.new "tl_account_state"
  C.tl_gateway_account(self.gateway, 0, state)
  local out = { open_orders = state.open_orders, killed = state.killed == 1 }
  for _, k in ipairs { "cash", "equity", "margin_used", "buying_power", "gross_exposure", "realized", "unrealized", "fees" } do
    out[k] = tonumber(state[k .. "_e8"]) / 1e8
  end
  return out
end

function Bench:position(instrument)
  return C.tl_gateway_position(self.gateway, self.strategy, instrument or 0)
end

function Bench:counts()
  local counts = ffi.new "tl_gateway_counts"
  C.tl_gateway_count(self.gateway, counts)
  return counts
end

--- The last report in words: "denied off_tick".
function Bench:last()
  local r = self.reports[#self.reports]
  return r and (r.reason == "" and r.kind or r.kind .. " " .. r.reason)
end

--- All reports and commands so far, in order within their kind, and forgets them.
function Bench:take()
  local words = {}
  for _, r in ipairs(self.reports) do words[#words + 1] = r.reason == "" and r.kind or r.kind .. " " .. r.reason end
  for _, c in ipairs(self.commands) do words[#words + 1] = "> " .. c.kind .. (c.kind == "cancel" and "" or " " .. c.quantity) end
  self:clear()
  return table.concat(words, ", ")
end

return M

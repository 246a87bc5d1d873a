--- What handlers are shown: accessors over the structs of script/shown.h.
---
--- Each accessor is a chain of comparisons with constant keys: compiled code knows the key, and nothing is left of the chain. Values that are
--- absent (NaN) read as nil. Nothing is writable: the records are const, and no struct here has an array or a pointer.
local context = require "tidelock.runtime.context"
local nearest = require "tidelock.nearest"
local C, ffi = context.C, context.ffi
local symbol_of = context.symbol

local M = {}

local text40 = ffi.new "char[40]"

local function iso(ns)
  return ffi.string(text40, C.tl_runtime_iso(ns, text40))
end
M.iso = iso

local function gone(what)
  error(("this %s was used after its handler had ended; keep a copy made with :copy()"):format(what), 3)
end

local function unknown(what, key, known)
  error(nearest.sentence("field of a " .. what, key, known), 3)
end

local function read_only(what)
  return function(_, key) error(("%s.%s cannot be set: what a handler is shown is read-only"):format(what, tostring(key)), 2) end
end

-- A 64-bit id as text: scripts have no 64-bit integers.
local function id_text(id)
  return (tostring(id):match "%d+")
end

local function check(self, ctype, method)
  if not ffi.istype(ctype, self) then error(("call it as a method: event:%s()"):format(method), 3) end
end

local row_times -- of the events that are tables: { at_ns, received_ns }

-- The venue time of any event; rows are tables, the others records.
local function time_of(event)
  if type(event) == "cdata" then return event.at_ns end
  local times = row_times[event]
  if not times then error("since() takes an event, such as a copy of an earlier one", 3) end
  return times.at_ns
end

--- Methods that all timed records share: `age` counts from the receipt to the runtime's clock, `since` from the venue time of another event.
local function timed(ctype, what)
  local copied = ffi.typeof("const $", ctype)
  local methods = {}
  function methods.age(self)
    check(self, ctype, "age")
    return tonumber(C.tl_runtime_now_ns(context.host) - self.received_ns)
  end
  function methods.since(self, other)
    check(self, ctype, "since")
    return tonumber(self.at_ns - time_of(other))
  end
  function methods.iso(self)
    check(self, ctype, "iso")
    return iso(self.at_ns)
  end
  function methods.copy(self)
    check(self, ctype, "copy")
    if self.live_n == 0 then gone(what) end
    return copied(self)
  end
  return methods
end

local function time_of_day(self)
  return C.tl_runtime_time_of_day_ns(context.host, self.instrument_n, self.at_ns)
end

local function show(ctype, what, index)
  ffi.metatype(ctype, {
    __index = index, __newindex = read_only(what), __metatable = what,
    __tostring = function(self)
      return ("%s %s at %s"):format(what, self.instrument_n ~= 0xffffffff and symbol_of(self.instrument_n) or "-", iso(self.at_ns))
    end,
  })
end

-- ---- quote ----

local quote_t = ffi.typeof "tl_shown_quote"
local quote_methods = timed(quote_t, "quote")
local quote_fields = { "symbol", "venue", "bid", "ask", "bid_size", "ask_size", "ts", "ts_recv", "latency", "seq", "tod", "age", "since", "iso", "copy" }

local function venue_of(id)
  return ffi.string(C.tl_instruments_at(context.instruments, id).venue)
end

local venues = {}
local function venue(id)
  local name = venues[id]
  if not name then
    name = venue_of(id)
    venues[id] = name
  end
  return name
end

show(quote_t, "quote", function(self, key)
  if self.live_n == 0 then gone "quote" end
  if key == "bid" then
    local n = self.bid_n
    if n ~= n then return nil end
    return n / self.price_unit
  elseif key == "ask" then
    local n = self.ask_n
    if n ~= n then return nil end
    return n / self.price_unit
  elseif key == "bid_size" then
    local n = self.bid_size_n
    if n ~= n then return nil end
    return n / self.size_unit
  elseif key == "ask_size" then
    local n = self.ask_size_n
    if n ~= n then return nil end
    return n / self.size_unit
  elseif key == "symbol" then return symbol_of(self.instrument_n)
  elseif key == "ts" then return tonumber(self.at_ns)
  elseif key == "ts_recv" then return tonumber(self.received_ns)
  elseif key == "latency" then return tonumber(self.received_ns - self.at_ns)
  elseif key == "seq" then return self.sequence_n
  elseif key == "tod" then return time_of_day(self)
  elseif key == "venue" then return venue(self.instrument_n)
  end
  return quote_methods[key] or unknown("quote", key, quote_fields)
end)

-- ---- trade ----

local trade_t = ffi.typeof "tl_shown_trade"
local trade_methods = timed(trade_t, "trade")
local trade_fields = { "symbol", "venue", "price", "size", "aggressor", "kind", "ts", "ts_recv", "latency", "seq", "tod", "id", "age", "since", "iso", "copy" }
function trade_methods.id(self)
  check(self, trade_t, "id")
  return id_text(self.trade_id_n)
end

show(trade_t, "trade", function(self, key)
  if self.live_n == 0 then gone "trade" end
  if key == "price" then
    local n = self.price_n
    if n ~= n then return nil end
    return n / self.price_unit
  elseif key == "size" then
    local n = self.size_n
    if n ~= n then return nil end
    return n / self.size_unit
  elseif key == "aggressor" then
    local side = self.side_n
    if side == 1 then return "buy" elseif side == 2 then return "sell" end
    return nil
  elseif key == "kind" then
    local kind = self.kind_n
    if kind == 1 then return "cross" elseif kind == 2 then return "hidden" end
    return "normal"
  elseif key == "symbol" then return symbol_of(self.instrument_n)
  elseif key == "ts" then return tonumber(self.at_ns)
  elseif key == "ts_recv" then return tonumber(self.received_ns)
  elseif key == "latency" then return tonumber(self.received_ns - self.at_ns)
  elseif key == "seq" then return self.sequence_n
  elseif key == "tod" then return time_of_day(self)
  elseif key == "venue" then return venue(self.instrument_n)
  end
  return trade_methods[key] or unknown("trade", key, trade_fields)
end)

-- ---- bar ----

local bar_t = ffi.typeof "tl_shown_bar"
local bar_methods = timed(bar_t, "bar")
local bar_fields = { "symbol", "venue", "interval", "open", "high", "low", "close", "volume", "trades", "vwap", "ts", "ts_open", "ts_recv", "latency", "seq",
  "tod", "age", "since", "iso", "copy" }
local interval_names = {}

--- "1m" for 60e9 ns.
function M.interval_name(ns)
  local name = interval_names[ns]
  if not name then
    name = require("tidelock.duration").format(ns)
    interval_names[ns] = name
  end
  return name
end
local interval_name = M.interval_name

show(bar_t, "bar", function(self, key)
  if self.live_n == 0 then gone "bar" end
  if key == "close" then
    local n = self.close_n
    if n ~= n then return nil end
    return n / self.price_unit
  elseif key == "open" then
    local n = self.open_n
    if n ~= n then return nil end
    return n / self.price_unit
  elseif key == "high" then
    local n = self.high_n
    if n ~= n then return nil end
    return n / self.price_unit
  elseif key == "low" then
    local n = self.low_n
    if n ~= n then return nil end
    return n / self.price_unit
  elseif key == "volume" then
    local n = self.volume_n
    if n ~= n then return nil end
    return n / self.size_unit
  elseif key == "trades" then
    local n = self.trades_n
    if n ~= n then return nil end
    return n
  elseif key == "vwap" then
    local n = self.vwap_n
    if n ~= n then return nil end
    return n / self.price_unit
  elseif key == "symbol" then return symbol_of(self.instrument_n)
  elseif key == "interval" then return interval_name(tonumber(self.interval_ns))
  elseif key == "ts" then return tonumber(self.at_ns)
  elseif key == "ts_open" then return tonumber(self.opened_ns)
  elseif key == "ts_recv" then return tonumber(self.received_ns)
  elseif key == "latency" then return tonumber(self.received_ns - self.at_ns)
  elseif key == "seq" then return self.sequence_n
  elseif key == "tod" then return time_of_day(self)
  elseif key == "venue" then return venue(self.instrument_n)
  end
  return bar_methods[key] or unknown("bar", key, bar_fields)
end)

-- ---- report: on_order's third argument, and on_fill's ----

local report_t = ffi.typeof "tl_shown_report"
local report_methods = timed(report_t, "report")
local report_fields = { "kind", "reason", "text", "field", "limit", "value", "symbol", "side", "price", "quantity", "filled", "fee", "fee_currency",
  "liquidity", "ts", "ts_recv", "latency", "seq", "tod", "id", "age", "since", "iso", "copy" }
local LIQUIDITY = { [0] = nil, "maker", "taker", "auction" }
function report_methods.id(self)
  check(self, report_t, "id")
  return id_text(self.execution_n)
end

local kind_names, reason_codes = {}, {}
local function kind_name(kind)
  local name = kind_names[kind]
  if not name then
    name = ffi.string(C.tl_report_kind_name(kind))
    kind_names[kind] = name
  end
  return name
end
local function reason_code(reason)
  local code = reason_codes[reason]
  if not code then
    code = ffi.string(C.tl_reason_code(reason))
    reason_codes[reason] = code
  end
  if code == "" then return nil end
  return code
end
M.reason_code = reason_code

-- Which of an order's fields a reason is about; the others are about the order as a whole.
local REASON_FIELD = {
  unknown_symbol = "symbol", off_tick = "price", bad_quantity = "quantity", bad_price = "price", deadline_passed = "deadline",
  risk_order_quantity = "quantity", risk_position = "quantity", risk_order_notional = "quantity", risk_price_collar = "price",
  post_only = "price", reduce_only = "quantity", risk_restricted = "symbol",
}

local function reason_text(self)
  local code = reason_code(self.reason_n)
  if not code then return nil end
  local text = code:gsub("_", " ")
  if self.limit_n == self.limit_n then text = ("%s: the limit is %.14g"):format(text, self.limit_n) end
  if self.value_n == self.value_n then text = ("%s, the value %.14g"):format(text, self.value_n) end
  return text
end

local currencies = {}
local function settle(id)
  local name = currencies[id]
  if not name then
    name = ffi.string(C.tl_instruments_at(context.instruments, id).settle)
    currencies[id] = name
  end
  return name
end
M.settle = settle

show(report_t, "report", function(self, key)
  if self.live_n == 0 then gone "report" end
  if key == "kind" then return kind_name(self.kind_n)
  elseif key == "price" then
    local n = self.price_n
    if n ~= n then return nil end
    return n / self.price_unit
  elseif key == "quantity" then
    local n = self.quantity_n
    if n ~= n then return nil end
    return n / self.size_unit
  elseif key == "filled" then
    local n = self.filled_n
    if n ~= n then return nil end
    return n / self.size_unit
  elseif key == "side" then
    local side = self.side_n
    if side == 1 then return "buy" elseif side == 2 then return "sell" end
    return nil
  elseif key == "fee" then
    local n = self.fee_n
    if n ~= n then return nil end
    return n / 1e8
  elseif key == "fee_currency" then return settle(self.instrument_n)
  elseif key == "liquidity" then return LIQUIDITY[self.liquidity_n]
  elseif key == "reason" then return reason_code(self.reason_n)
  elseif key == "text" then return reason_text(self)
  elseif key == "field" then return REASON_FIELD[reason_code(self.reason_n)]
  elseif key == "limit" then
    local n = self.limit_n
    if n ~= n then return nil end
    return n
  elseif key == "value" then
    local n = self.value_n
    if n ~= n then return nil end
    return n
  elseif key == "symbol" then return symbol_of(self.instrument_n)
  elseif key == "ts" then return tonumber(self.at_ns)
  elseif key == "ts_recv" then return tonumber(self.received_ns)
  elseif key == "latency" then return tonumber(self.received_ns - self.at_ns)
  elseif key == "seq" then return self.sequence_n
  elseif key == "tod" then return time_of_day(self)
  end
  return report_methods[key] or unknown("report", key, report_fields)
end)

-- ---- mark and action: on the one record that all small kinds share ----

local other_t = ffi.typeof "tl_shown_other"
local other_methods = timed(other_t, "event")
local other_fields = { "symbol", "mark", "index", "funding_rate", "next_funding", "ts", "ts_recv", "latency", "seq", "tod", "age", "since", "iso", "copy" }
local ABSENT = ffi.new("int64_t", bit.lshift(1LL, 63))

show(other_t, "mark", function(self, key)
  if self.live_n == 0 then gone "mark" end
  if key == "mark" then
    if self.a_n == ABSENT then return nil end
    return tonumber(self.a_n) / self.price_unit
  elseif key == "index" then
    if self.b_n == ABSENT then return nil end
    return tonumber(self.b_n) / self.price_unit
  elseif key == "funding_rate" then
    if self.c_n == ABSENT then return nil end
    return tonumber(self.c_n) / 1e8
  elseif key == "next_funding" then
    if self.d_n == ABSENT or self.d_n == 0 then return nil end
    return tonumber(self.d_n)
  elseif key == "symbol" then return symbol_of(self.instrument_n)
  elseif key == "ts" then return tonumber(self.at_ns)
  elseif key == "ts_recv" then return tonumber(self.received_ns)
  elseif key == "latency" then return tonumber(self.received_ns - self.at_ns)
  elseif key == "seq" then return self.sequence_n
  elseif key == "tod" then return time_of_day(self)
  end
  return other_methods[key] or unknown("mark", key, other_fields)
end)

-- ---- rows of outside data and corporate actions: rare, so each is a table of its own ----

local ROW_FIELDS = { "seq", "ts", "ts_recv", "latency", "tod", "age", "since", "iso", "copy" }
row_times = setmetatable({}, { __mode = "k" })

local Row = {}
function Row.age(self) return tonumber(C.tl_runtime_now_ns(context.host) - row_times[self].received_ns) end
function Row.since(self, other) return tonumber(row_times[self].at_ns - time_of(other)) end
function Row.iso(self) return iso(row_times[self].at_ns) end
function Row.copy(self) return self end

local function method_of_row(name)
  return function(self, ...)
    if not row_times[self] then error(("call it as a method: event:%s()"):format(name), 2) end
    return Row[name](self, ...)
  end
end
local row_methods = { age = method_of_row "age", since = method_of_row "since", iso = method_of_row "iso", copy = method_of_row "copy" }

--- A read-only event made of `fields` and of the times of the record `other`; unknown fields raise. A field hides what every event has under its name.
function M.row(what, fields, known, other)
  local times = { at_ns = other.at_ns + 0, received_ns = other.received_ns + 0, instrument = other.instrument_n }
  local common = {
    seq = other.sequence_n, ts = tonumber(times.at_ns), ts_recv = tonumber(times.received_ns), latency = tonumber(times.received_ns - times.at_ns),
    tod = C.tl_runtime_time_of_day_ns(context.host, times.instrument, times.at_ns),
  }
  local row = setmetatable({}, {
    __index = function(_, key)
      local value = fields[key]
      if value ~= nil then return value end
      for _, name in ipairs(known) do if name == key then return nil end end
      value = common[key]
      if value == nil then value = row_methods[key] end
      if value ~= nil then return value end
      local names = {}
      for _, name in ipairs(known) do names[#names + 1] = name end
      for _, name in ipairs(ROW_FIELDS) do names[#names + 1] = name end
      error(nearest.sentence("field of " .. what, key, names), 2)
    end,
    __newindex = read_only "event", __metatable = "event",
    __tostring = function() return ("%s at %s"):format(what, iso(times.at_ns)) end,
  })
  row_times[row] = times
  return row
end

local ACTIONS = { [0] = "split", "dividend", "funding", "listing" }

--- The event of an ACTION record.
function M.action(other)
  local currency = {}
  local packed = other.d_n
  for i = 0, 7 do
    local byte = tonumber(bit.band(bit.rshift(packed, 8 * i), 0xffLL))
    if byte == 0 then break end
    currency[#currency + 1] = string.char(byte)
  end
  return M.row("an action", {
    symbol = symbol_of(other.instrument_n), kind = ACTIONS[tonumber(other.a_n)] or "other", ratio = tonumber(other.b_n) / 1e8,
    amount = tonumber(other.c_n) / 1e8, currency = currency[1] and table.concat(currency) or settle(other.instrument_n),
  }, { "symbol", "kind", "ratio", "amount", "currency" }, other)
end

local bits, number = ffi.new "int64_t[1]", ffi.new "double[1]"

--- The event of a SIGNAL record.
function M.signal(other)
  bits[0] = other.b_n
  ffi.copy(number, bits, 8)
  return M.row("a signal", {
    name = ffi.string(C.tl_runtime_signal_name(context.host)), value = number[0], from = ffi.string(C.tl_runtime_peer_name(context.host, tonumber(other.a_n))),
  }, { "name", "value", "from" }, other)
end

--- The fields of each kind, for those who look for mistakes.
M.FIELDS = { quote = quote_fields, trade = trade_fields, bar = bar_fields, report = report_fields, mark = other_fields }

M.VENUE = { [0] = "disconnected", "connected", "reconciled" }

M.STATUS = { [0] = "unknown", "pre_open", "auction", "trading", "halted", "paused", "closed" }

--- The state's own records, filled by C for each event: `shown` holds what scripts are given, and C has been told where they lie.
function M.records()
  local shown = {}
  local pointers = ffi.new "tl_runtime_records"
  for _, name in ipairs { "quote", "trade", "bar", "other", "report" } do
    local ctype = "tl_shown_" .. name
    shown[name] = ffi.new("const " .. ctype)
    pointers[name] = ffi.cast(ctype .. " *", shown[name])
  end
  return shown, pointers
end

return M

--- Testing a strategy: `local sim = require "tidelock.testing"`, then `sim.load(path, options)` gives a run whose market and venue the spec speaks.
---
--- The strategy runs in its own sandboxed state, as in a backtest. The venue is the spec: an order is acknowledged, cancelled and replaced when it asks, and
--- trades when the spec says so. Reports arrive at the next call of the run, whichever it is, before anything else: what a handler sends in one call is
--- acknowledged in the next. Each market event moves the clock by a millisecond. Records are poisoned after each handler, so that a missing copy() shows.
local native = require "tidelock.native"
local duration = require "tidelock.duration"
local nearest = require "tidelock.nearest"
local venue_of = require "tidelock.testing.venue"
local orders_of = require "tidelock.testing.orders"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

local ABSENT = -0x7fffffffffffffffLL - 1
local START_NS = 1767625200LL * 1000000000LL -- Monday 2026-01-05, 10:00 in New York
local STEP_NS = 1000000LL
local NO_INSTRUMENT = 0xffffffff
local PRICE_UNIT, SIZE_UNIT = 1e8, 1e8
local DEFAULT_SYMBOL = "AAPL" -- of a strategy for all symbols that is given no market at all

local Run = {}
Run.__index = function(_, key)
  local method = Run[key]
  if method == nil then error(nearest.sentence("method of a run", key, M.METHODS), 2) end
  return method
end

M.METHODS = {
  "quote", "trade", "book", "bar", "status", "action", "data", "advance", "fill", "reject", "cancel", "position", "orders", "open_orders", "logs", "now",
  "params", "errors", "stop", "signal", "signals", "venue",
}
local OPTIONS = { "params", "symbols", "instruments", "data", "seed", "start", "cash", "leverage", "name", "calendar" }

-- Everything of a run that is not a method: behind a function under a key of its own, so that a spec cannot stumble over it.
local INSIDE = {}
local LOADS_A_COLLECTION = 8 -- the collector does not see the memory of hosts
local loads = 0

local function mantissa(value, unit, what)
  if value == nil then return ABSENT end
  if type(value) ~= "number" or value ~= value or math.abs(value * unit) >= 9e18 then error(what .. " is a number, not " .. tostring(value), 3) end
  return ffi.new("int64_t", math.floor(value * unit + 0.5))
end

local function list_of(given, what)
  if given == nil then return nil end
  if type(given) ~= "table" then error(what .. " is a list", 3) end
  return given
end

local INSTRUMENT_FIELDS = { "tick", "lot", "min_quantity", "max_quantity", "multiplier", "calendar" }

local function check_keys(what, given, known, level)
  for key in pairs(given) do
    local found = false
    for _, name in ipairs(known) do found = found or name == key end
    if not found then error(nearest.sentence(what, key, known), level + 1) end
  end
end

-- ---- set-up ----

local function library_folder()
  local path = package.searchpath("tidelock.testing", package.path)
  return path and path:match "^(.*)/tidelock/testing%.lua$" or "lua"
end

local function readable(path)
  local file = io.open(path, "r")
  if file then file:close() end
  return file ~= nil
end

--- A script's path counts from the working folder, else from that of the spec or one above it, so that specs run from anywhere.
local function locate(path)
  if path:match "^/" or readable(path) then return path end
  for level = 3, 20 do
    local info = debug.getinfo(level, "S")
    if not info then break end
    local folder = info.source:match "^@(.*)_spec%.lua$"
    while folder do
      folder = folder:match "^(.*)/"
      if folder and readable(folder .. "/" .. path) then return folder .. "/" .. path end
    end
  end
  return path
end

local function add_instrument(r, symbol, setting)
  setting = setting or {}
  check_keys("field of an instrument", setting, INSTRUMENT_FIELDS, 4)
  local one = ffi.new "tl_instrument"
  one.symbol, one.price_exponent, one.quantity_exponent = symbol, -8, -8
  one.tick, one.lot = mantissa(setting.tick or 0.01, PRICE_UNIT, "tick"), mantissa(setting.lot or 1, SIZE_UNIT, "lot")
  if setting.min_quantity then one.min_quantity = mantissa(setting.min_quantity, SIZE_UNIT, "min_quantity") end
  if setting.max_quantity then one.max_quantity = mantissa(setting.max_quantity, SIZE_UNIT, "max_quantity") end
  if setting.multiplier then one.multiplier_e8 = mantissa(setting.multiplier, 1e8, "multiplier") end
  local calendar = C.tl_calendars_find(r.calendars, setting.calendar or r.options.calendar or "XNAS")
  if calendar < 0 then error(("there is no calendar '%s'"):format(tostring(setting.calendar or r.options.calendar)), 4) end
  one.calendar = calendar
  check(C.tl_instruments_add(r.instruments, one, nil))
  r.ids[symbol] = tonumber(C.tl_instruments_find(r.instruments, symbol))
  r.symbols[#r.symbols + 1] = symbol
end

local raise_errors

--- Lets the strategy consume what is in its log, then takes its commands to the venue. Interpreted: handlers run inside the call.
local function drain(r)
  local status = C.tl_host_drain(r.host)
  venue_of.take(r)
  if status ~= 0 then error(ffi.string(C.tl_host_failure(r.host)), 0) end
  raise_errors(r)
end
jit.off(drain)

--- An error in a handler fails the spec, unless the strategy deals with its errors itself.
function raise_errors(r)
  local count = tonumber(C.tl_host_errors(r.host))
  if count == r.error_count then return end
  r.error_count = count
  if r.handles_errors then return end
  local last = "a handler raised"
  local kept = C.tl_host_kept(r.host)
  for i = tonumber(C.tl_kept_lines(kept)) - 1, 0, -1 do
    local line = C.tl_kept_line_at(kept, i)
    if line == nil then break end
    if line.level == 3 then last = ffi.string(line.text) break end
  end
  error(last, 0)
end

local function append(r, event, tail)
  event.ts_recv_ns = r.now_ns
  if event.ts_ns == 0 then event.ts_ns = r.now_ns end
  if not C.tl_input_log_append(C.tl_host_log(r.host), event, tail) then
    drain(r)
    if not C.tl_input_log_append(C.tl_host_log(r.host), event, tail) then error("the strategy's log is full", 0) end
  end
end

--- Symbols are known: instruments, bind, on_start.
local function begin(r, first)
  local symbols = list_of(r.options.symbols, "symbols")
  if not symbols then
    symbols = {}
    for i = 0, tonumber(C.tl_host_symbols(r.host)) - 1 do symbols[i + 1] = ffi.string(C.tl_host_symbol_at(r.host, i)) end
    if #symbols == 0 then symbols = { first } end
  end
  for _, symbol in ipairs(symbols) do
    if not r.ids[symbol] then add_instrument(r, symbol, (r.options.instruments or {})[symbol]) end
  end
  for symbol in pairs(r.options.instruments or {}) do
    if not r.ids[symbol] then error(nearest.sentence("symbol in instruments", symbol, r.symbols), 4) end
  end
  check(C.tl_host_bind(r.host))
  r.started = true
  append(r, ffi.new("tl_event", { kind = C.TL_EVENT_START, instrument = NO_INSTRUMENT }))
  append(r, ffi.new("tl_event", { kind = C.TL_EVENT_PHASE, instrument = NO_INSTRUMENT, w = { C.TL_PHASE_LIVE } }))
  drain(r)
end

local function names_in(data)
  local names = {}
  for name in pairs(data or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function declare_data(r)
  for i, name in ipairs(names_in(r.options.data)) do
    local columns = r.options.data[name]
    local texts = ffi.new("const char *[?]", #columns)
    for c, column in ipairs(columns) do texts[c - 1] = column end
    check(C.tl_host_data(r.host, name, #columns, texts))
    r.inputs[name] = { index = i - 1, columns = columns }
  end
end

--- Loads a strategy. Options: params (by name), symbols (else those that the script declares; for "*" the first that the spec speaks of), instruments
--- ({ AAPL = { tick = 0.01, lot = 1, min_quantity =, max_quantity =, multiplier =, calendar = } }), data ({ name = { "column", ... } }), seed, start (ns since
--- the epoch), cash, leverage, name, calendar.
---@param path string of the script, from the working folder, else from the spec's or one above it
---@param options table|nil
function M.load(path, options)
  options = options or {}
  check_keys("option of sim.load", options, OPTIONS, 2)
  loads = loads + 1
  if loads % LOADS_A_COLLECTION == 0 then collectgarbage() end
  local r = {
    options = options, ids = {}, symbols = {}, inputs = {}, error_count = 0, closes = {}, started = false,
    now_ns = options.start and ffi.new("int64_t", options.start) or START_NS,
  }
  r.instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  r.calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
  local config = ffi.new("tl_host_config", {
    script = locate(path), name = options.name, library = library_folder(), account = "main", currency = "USD", calendars = r.calendars,
    instruments = r.instruments, seed = options.seed or 1, cash_e8 = (options.cash or 1e6) * 1e8, leverage = options.leverage or 1, strategy = 1, epoch = 1,
    poison = 1, error_budget = 1000000,
  })
  local out = ffi.new "tl_host *[1]"
  check(C.tl_host_create(config, out))
  r.host = ffi.gc(out[0], C.tl_host_destroy)
  for name, value in pairs(options.params or {}) do native.set_param(r.host, nil, name, value) end
  for _, symbol in ipairs(list_of(options.symbols, "symbols") or {}) do check(C.tl_host_symbol(r.host, symbol)) end
  declare_data(r)
  check(C.tl_host_load(r.host))
  r.handles_errors = C.tl_host_has_handler(r.host, "on_error")
  r.mirror, r.view = C.tl_host_mirror(r.host), C.tl_host_view(r.host)
  r.slots = C.tl_mirror_orders(r.mirror)
  venue_of.open(r)
  local run = setmetatable({ [INSIDE] = function() return r end }, Run)
  if options.symbols or C.tl_host_symbols(r.host) > 0 then begin(r) end
  return run
end

-- ---- time ----

--- Moves the clock to `to`, firing timers and ending what sagas have left open on the way.
local function move_to(r, to)
  while true do
    local timer, saga = C.tl_host_next_timer_ns(r.host), venue_of.next_ns(r)
    local due = saga < timer and saga or timer
    if due > to then break end
    if due > r.now_ns then r.now_ns = due end
    if saga <= timer then
      venue_of.time(r)
      venue_of.deliver(r, append, drain)
    end
    local event = ffi.new "tl_event"
    if C.tl_host_take_timer(r.host, r.now_ns, event) then
      append(r, event)
      drain(r)
    end
  end
  if to > r.now_ns then r.now_ns = to end
end

--- What every call begins with: requests reach the venue, and reports that are due arrive. With `crossing` the requests are still on their way.
local function enter(run, symbol, crossing)
  local reach = type(run) == "table" and rawget(run, INSIDE)
  if not reach then error("call it as a method of a run: run:quote(...)", 3) end
  local r = reach()
  if not r.started then
    if symbol == nil then return r end
    begin(r, symbol)
  end
  if not crossing then venue_of.arrive(r) end
  venue_of.deliver(r, append, drain)
  return r
end

local function instrument_of(r, symbol)
  if type(symbol) ~= "string" then error("a symbol is a string, not a " .. type(symbol), 3) end
  local id = r.ids[symbol]
  if not id then error(nearest.sentence("symbol", symbol, r.symbols) .. " (sim.load takes symbols = { ... })", 3) end
  return id
end

local function event_of(r, kind, id, a, b, c, d)
  return ffi.new("tl_event", { kind = kind, source = C.TL_SOURCE_MARKET, instrument = id, ts_ns = r.now_ns, w = { a or 0, b or 0, c or 0, d or 0 } })
end

-- ---- the market ----

local function send_quote(r, id, bid, ask, bid_size, ask_size)
  local has_bid, has_ask = bid ~= ABSENT, ask ~= ABSENT
  append(r, event_of(r, C.TL_EVENT_QUOTE, id, bid, ask, has_bid and bid_size or 0, has_ask and ask_size or 0))
end

--- The best bid and ask; nil for an empty side. Sizes are 100 unless given.
function Run:quote(symbol, bid, ask, bid_size, ask_size)
  local r = enter(self, symbol)
  local id = instrument_of(r, symbol)
  move_to(r, r.now_ns + STEP_NS)
  send_quote(r, id, mantissa(bid, PRICE_UNIT, "bid"), mantissa(ask, PRICE_UNIT, "ask"), mantissa(bid_size or 100, SIZE_UNIT, "bid_size"),
    mantissa(ask_size or 100, SIZE_UNIT, "ask_size"))
  drain(r)
end

local SIDES = { buy = 1, sell = 2 }
local KINDS = { normal = 0, cross = 1, hidden = 2 }

local function one_of(value, known, what)
  if value == nil then return 0 end
  local number = known[value]
  if not number then error(nearest.sentence(what, value, names_in(known)), 3) end
  return number
end

--- A trade. Size is 100 unless given; aggressor "buy", "sell" or nil; kind "normal", "cross" or "hidden".
function Run:trade(symbol, price, size, aggressor, kind)
  local r = enter(self, symbol)
  local id = instrument_of(r, symbol)
  local side, number = one_of(aggressor, SIDES, "aggressor"), one_of(kind, KINDS, "kind")
  move_to(r, r.now_ns + STEP_NS)
  r.trades = (r.trades or 0) + 1
  append(r, event_of(r, C.TL_EVENT_TRADE, id, mantissa(price, PRICE_UNIT, "price"), mantissa(size or 100, SIZE_UNIT, "size"), r.trades, side + number * 256))
  drain(r)
end

local function best_of(levels, higher)
  local best, size = ABSENT, 0
  for _, level in ipairs(levels) do
    local price = mantissa(level[1], PRICE_UNIT, "price")
    if best == ABSENT or (higher and price > best) or (not higher and price < best) then best, size = price, mantissa(level[2] or 100, SIZE_UNIT, "size") end
  end
  return best, size
end

--- The whole book: { { price, size, orders }, ... } for bids and asks, in any order. The quote follows from it.
function Run:book(symbol, bids, asks)
  local r = enter(self, symbol)
  local id = instrument_of(r, symbol)
  if type(bids) ~= "table" or type(asks) ~= "table" then error("run:book(symbol, bids, asks) takes two lists of { price, size, orders }", 2) end
  move_to(r, r.now_ns + STEP_NS)
  local level = ffi.new "tl_view_level"
  for side, wanted in ipairs { bids, asks } do
    local keep = {}
    for _, one in ipairs(wanted) do keep[tostring(mantissa(one[1], PRICE_UNIT, "price"))] = true end
    local gone, i = {}, 0
    while C.tl_view_book_level(r.view, id, side, i, level) do
      if not keep[tostring(level.price)] then gone[#gone + 1] = level.price end
      i = i + 1
    end
    for _, price in ipairs(gone) do append(r, event_of(r, C.TL_EVENT_LEVEL, id, price, 0, 0, side)) end
    for _, one in ipairs(wanted) do
      append(r, event_of(r, C.TL_EVENT_LEVEL, id, mantissa(one[1], PRICE_UNIT, "price"), mantissa(one[2] or 100, SIZE_UNIT, "size"), one[3] or 1, side))
    end
  end
  local bid, bid_size = best_of(bids, true)
  local ask, ask_size = best_of(asks, false)
  send_quote(r, id, bid, ask, bid_size, ask_size)
  append(r, event_of(r, C.TL_EVENT_BOOK, id))
  drain(r)
end

local BAR_FIELDS = { "interval", "open", "high", "low", "close", "volume", "trades", "vwap" }

--- A bar closes: { close =, open =, high =, low =, volume =, trades =, vwap =, interval = }. What is not given follows from the close, the interval from the
--- strategy. The clock moves to the interval's next boundary; the bars of several symbols that are given one after the other close together.
function Run:bar(symbol, bar)
  local r = enter(self, symbol)
  local id = instrument_of(r, symbol)
  if type(bar) ~= "table" or type(bar.close) ~= "number" then error("run:bar(symbol, { open =, high =, low =, close =, volume = }) takes a table", 2) end
  check_keys("field of a bar", bar, BAR_FIELDS, 2)
  local interval = bar.interval and assert(duration.parse(bar.interval)) or (C.tl_host_intervals(r.host) > 0 and tonumber(C.tl_host_interval_at(r.host, 0)))
  if not interval then error("run:bar: the strategy declares no bars; say interval = \"1m\"", 2) end
  local span = ffi.new("int64_t", interval)
  local key = tostring(interval)
  local open = r.closes[key]
  if not open or open.at ~= r.now_ns or open.seen[id] then
    move_to(r, (r.now_ns / span + 1) * span)
    open = { at = r.now_ns, seen = {}, count = 0 }
    r.closes[key] = open
  end
  open.seen[id], open.count = true, open.count + 1
  local o, c = bar.open or bar.close, bar.close
  local function price(value) return mantissa(value, PRICE_UNIT, "a price of a bar") end
  local tail = ffi.new("tl_event_tail", { w = {
    mantissa(bar.volume or 0, SIZE_UNIT, "volume"), bar.trades or ABSENT, price(bar.vwap), r.now_ns - span, span, 0, 0, 0 } })
  local event = event_of(r, C.TL_EVENT_BAR, id, price(o), price(bar.high or math.max(o, c)), price(bar.low or math.min(o, c)), price(c))
  event.source = C.TL_SOURCE_BAR
  append(r, event, tail)
  if open.count == #r.symbols then
    local bars = event_of(r, C.TL_EVENT_BARS, NO_INSTRUMENT, span, r.now_ns)
    bars.source = C.TL_SOURCE_BAR
    append(r, bars)
  end
  drain(r)
end

local STATES = { pre_open = 1, auction = 2, trading = 3, halted = 4, paused = 5, closed = 6 }

--- The trading state: "pre_open" "auction" "trading" "halted" "paused" "closed".
function Run:status(symbol, status)
  local r = enter(self, symbol)
  local id = instrument_of(r, symbol)
  local state = one_of(status, STATES, "status")
  move_to(r, r.now_ns + STEP_NS)
  append(r, event_of(r, C.TL_EVENT_STATUS, id, state))
  drain(r)
end

local ACTIONS = { split = 0, dividend = 1, funding = 2, listing = 3 }

--- A corporate action: { kind = "split", ratio = 2 } or { kind = "dividend", amount = 0.25, currency = "USD" }.
function Run:action(symbol, action)
  local r = enter(self, symbol)
  local id = instrument_of(r, symbol)
  if type(action) ~= "table" then error("run:action(symbol, { kind =, ratio =, amount = }) takes a table", 2) end
  local kind = one_of(action.kind or "", ACTIONS, "kind of action")
  move_to(r, r.now_ns + STEP_NS)
  local tail = ffi.new "tl_event_tail"
  local currency = action.currency or ""
  ffi.copy(tail, currency, math.min(#currency, 7))
  append(r, event_of(r, C.TL_EVENT_ACTION, id, kind, mantissa(action.ratio or 1, 1e8, "ratio"), mantissa(action.amount or 0, 1e8, "amount")), tail)
  drain(r)
end

--- A row of outside data, by column name; the input and its columns are given to sim.load as data = { name = { "column" } }.
function Run:data(name, row)
  local r = enter(self, DEFAULT_SYMBOL)
  local input = r.inputs[name]
  if not input then error(nearest.sentence("input", name, names_in(r.inputs)) .. " (sim.load takes data = { name = { \"column\" } })", 2) end
  local values = ffi.new("double[?]", #input.columns)
  check_keys("column", row, input.columns, 2)
  for i, column in ipairs(input.columns) do values[i - 1] = row[column] or 0 / 0 end
  move_to(r, r.now_ns + STEP_NS)
  C.tl_host_set_data_row(r.host, input.index, values)
  append(r, event_of(r, C.TL_EVENT_DATA, NO_INSTRUMENT, input.index, r.rows or 0))
  r.rows = (r.rows or 0) + 1
  drain(r)
end

--- The number of a name, given to the host at its first use.
local function number_of(r, names, name, tell)
  if type(name) ~= "string" or name == "" then error("a name is a string, not " .. tostring(name), 3) end
  if not names[name] then
    names.count = (names.count or 0) + 1
    names[name] = names.count + 1 -- the strategy itself is 1
    check(tell(r.host, names[name], name))
  end
  return names[name]
end

--- Another strategy's signal.
function Run:signal(from, name, value)
  local r = enter(self, DEFAULT_SYMBOL)
  if type(name) ~= "string" or #name == 0 or #name > 63 then error("run:signal(from, name, value): name is a string of 1 to 63 bytes", 2) end
  if type(value) ~= "number" then error("run:signal(from, name, value): value is a number", 2) end
  r.peers = r.peers or {}
  local id = number_of(r, r.peers, from, C.tl_host_name_peer)
  move_to(r, r.now_ns + STEP_NS)
  local bits, tail = ffi.new "int64_t[1]", ffi.new "tl_event_tail"
  ffi.copy(bits, ffi.new("double[1]", value), 8)
  ffi.copy(tail, name, #name)
  append(r, event_of(r, C.TL_EVENT_SIGNAL, NO_INSTRUMENT, id, bits[0]), tail)
  drain(r)
end

--- The signals that the strategy has sent since the last call: { { name =, value = }, ... }.
function Run:signals()
  local r, list, one = enter(self), {}, ffi.new "tl_signal"
  while C.tl_host_take_signal(r.host, one) do list[#list + 1] = { name = ffi.string(one.name), value = one.value } end
  return list
end

local LINKS = { disconnected = 0, connected = 1, reconciled = 2 }

--- A venue's link: "disconnected" "connected" "reconciled".
function Run:venue(name, state)
  local r = enter(self, DEFAULT_SYMBOL)
  r.venues = r.venues or {}
  local link, index = one_of(state, LINKS, "state of a venue"), number_of(r, r.venues, name, C.tl_host_name_venue)
  move_to(r, r.now_ns + STEP_NS)
  append(r, event_of(r, C.TL_EVENT_VENUE, NO_INSTRUMENT, index, link))
  drain(r)
end

--- Lets time pass: "5s" or ns. Timers fire on the way; the market is silent.
function Run:advance(span)
  local r = enter(self)
  local ns, why = duration.parse(span)
  if not ns or ns < 0 then error(why or "time does not go back", 2) end
  move_to(r, r.now_ns + ffi.new("int64_t", ns))
end

--- The clock, ns since the epoch.
function Run:now()
  return tonumber(enter(self).now_ns)
end

-- ---- the venue ----

--- Trades an order, before any cancel or replace of it that is on its way: `quantity` (all that is open unless given) at `price` (the order's, else
--- the other side of the quote). options: { fee =, liquidity = }.
function Run:fill(order, quantity, price, options)
  local r = enter(self, nil, true)
  venue_of.fill(r, orders_of.id(r, order), quantity, price, options)
  venue_of.arrive(r)
end

--- The venue refuses an order (or ends one that it had taken), with a reason such as "post_only".
function Run:reject(order, reason)
  local r = enter(self)
  venue_of.reject(r, orders_of.id(r, order), reason)
end

--- The venue cancels an order by itself.
function Run:cancel(order, reason)
  local r = enter(self)
  venue_of.cancel(r, orders_of.id(r, order), reason)
end

-- ---- looking ----

--- The position of a symbol: quantity (signed), average_price (nil when flat), realized_pnl, fees.
function Run:position(symbol)
  local r = enter(self, symbol)
  local shown = C.tl_view_at(r.view, instrument_of(r, symbol)).position
  return {
    symbol = symbol, quantity = shown.quantity_n / shown.size_unit, average_price = shown.quantity_n ~= 0 and shown.average or nil,
    realized_pnl = shown.realized, fees = shown.fees, funding = shown.funding,
  }
end

--- All orders that were ever sent, in order; filter: { symbol =, side =, tag =, status = }.
function Run:orders(filter)
  local r = enter(self)
  return orders_of.list(r, filter, false)
end

--- The open ones.
function Run:open_orders(filter)
  local r = enter(self)
  return orders_of.list(r, filter, true)
end

local LEVELS = { [0] = "debug", "info", "warn", "error" }

--- What the strategy logged: { { level =, text =, ts = }, ... }; `pattern` keeps those whose text matches.
function Run:logs(pattern)
  local r = enter(self)
  local kept, list = C.tl_host_kept(r.host), {}
  for i = 0, tonumber(C.tl_kept_lines(kept)) - 1 do
    local line = C.tl_kept_line_at(kept, i)
    if line ~= nil then
      local text = ffi.string(line.text)
      if not pattern or text:find(pattern) then list[#list + 1] = { level = LEVELS[line.level], text = text, ts = tonumber(line.ts_ns) } end
    end
  end
  return list
end

--- The params in force, by name, as text.
function Run:params()
  local r, found = enter(self), {}
  for i = 0, C.tl_host_param_count(r.host) - 1 do found[ffi.string(C.tl_host_param_name(r.host, i))] = ffi.string(C.tl_host_param_text(r.host, i)) end
  return found
end

--- How many errors handlers have raised (a spec sees more than 0 only where the strategy has on_error).
function Run:errors()
  return tonumber(C.tl_host_errors(enter(self).host))
end

--- An orderly stop: on_stop runs; its orders can still be looked at.
function Run:stop()
  local r = enter(self)
  append(r, ffi.new("tl_event", { kind = C.TL_EVENT_STOP, instrument = NO_INSTRUMENT, w = { 1 } }))
  drain(r)
end

return M

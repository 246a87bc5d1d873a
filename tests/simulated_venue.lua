--- For specs: small ITCH histories written to a file, and a simulated venue that plays them with own orders in between. What comes
--- out is given back as short sentences.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = { C = C, ffi = ffi, ABSENT = ffi.new("int64_t", -0x7fffffffffffffffLL - 1) }

local END = 0x7fffffffffffffffLL
local DATE = 20120621

-- ---- histories ----

local History = {}
History.__index = History

local function big_endian(value, bytes)
  local out = {}
  for i = bytes, 1, -1 do
    out[i] = string.char(value % 256)
    value = math.floor(value / 256)
  end
  return table.concat(out)
end

local function padded(text, bytes) return (text .. (" "):rep(bytes)):sub(1, bytes) end

--- A history of one symbol; more symbols by `history.symbol, history.locate = ...` between messages.
function M.history(symbol)
  return setmetatable({ frames = {}, symbol = symbol or "AAA", locate = 1, match = 0 }, History)
end

function History:message(letter, ts, body)
  local message = letter .. big_endian(self.locate, 2) .. big_endian(0, 2) .. big_endian(ts, 6) .. body
  self.frames[#self.frames + 1] = big_endian(#message, 2) .. message
  return self
end

local function side_letter(side) return side == "buy" and "B" or "S" end

function History:next_match()
  self.match = self.match + 1
  return big_endian(self.match, 8)
end

function History:directory(ts)
  return self:message("R", ts, padded(self.symbol, 8) .. "QN" .. big_endian(100, 4) .. "NC" .. "Z " .. "PNN1N" .. big_endian(0, 4) .. "N")
end
function History:add(ts, reference, side, price, shares)
  return self:message("A", ts, big_endian(reference, 8) .. side_letter(side) .. big_endian(shares, 4) .. padded(self.symbol, 8) .. big_endian(price, 4))
end
function History:execute(ts, reference, shares)
  return self:message("E", ts, big_endian(reference, 8) .. big_endian(shares, 4) .. self:next_match())
end
function History:execute_at(ts, reference, shares, price, printable)
  return self:message("C", ts, big_endian(reference, 8) .. big_endian(shares, 4) .. self:next_match() .. (printable or "Y") .. big_endian(price, 4))
end
function History:cancel(ts, reference, shares)
  return self:message("X", ts, big_endian(reference, 8) .. big_endian(shares, 4))
end
function History:delete(ts, reference) return self:message("D", ts, big_endian(reference, 8)) end
function History:replace(ts, reference, new_reference, price, shares)
  return self:message("U", ts, big_endian(reference, 8) .. big_endian(new_reference, 8) .. big_endian(shares, 4) .. big_endian(price, 4))
end
function History:hidden(ts, side, price, shares)
  local body = big_endian(0, 8) .. side_letter(side) .. big_endian(shares, 4) .. padded(self.symbol, 8) .. big_endian(price, 4)
  return self:message("P", ts, body .. self:next_match())
end
function History:cross(ts, kind, price, shares)
  return self:message("Q", ts, big_endian(shares, 8) .. padded(self.symbol, 8) .. big_endian(price, 4) .. self:next_match() .. kind)
end
function History:system(ts, code) return self:message("S", ts, code) end
function History:action(ts, state, reason)
  return self:message("H", ts, padded(self.symbol, 8) .. state .. " " .. padded(reason or "", 4))
end
function History:broken(ts) return self:message("B", ts, big_endian(1, 8)) end

--- Writes the file and returns its path; the caller removes it.
function History:file()
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(table.concat(self.frames))
  file:close()
  return path
end

-- ---- the venue ----

local Venue = {}
Venue.__index = Venue

M.WANT_ALL = 1 + 2 + 4 + 8 + 32
M.WANT = { quotes = 1, trades = 2, levels = 4, flow = 8, bars = 16, queue = 32 }

local types = { limit = 0, market = 1, stop = 2, stop_limit = 3, trailing_stop = 4, iceberg = 5 }
local tifs = { day = 0, gtc = 1, ioc = 2, fok = 3, gtd = 4, at_open = 5, at_close = 6 }
local sides = { buy = 1, sell = 2 }
local side_names = { [0] = "none", "buy", "sell" }
local flags = { post_only = 1, slide = 2, reduce_only = 4, on_quote = 8, percent = 32 }
local kinds = { [0] = "none", "accepted", "fill", "canceled", "replaced", "rejected", "denied", "expired", "triggered", "cancel_rejected",
                "replace_rejected", "restated" }
local liquidities = { [0] = "none", "maker", "taker", "auction" }
local states = { [0] = "unknown", "pre_open", "auction", "trading", "halted", "paused", "closed" }
local flow = { [0] = "add", "execute", "reduce", "delete", "replace" }
local trade_kinds = { [0] = "normal", "cross", "hidden" }

local function number(value) return value == M.ABSENT and "-" or tostring(tonumber(value)) end

--- Options: `history` (or a list of them), `want` (bits, default all), `config`, `symbol`, `csv` (list of { text, options }), `from`, `to` (ns).
function M.run(options)
  options = options or {}
  local self = setmetatable({ paths = {}, report = {}, said = {}, event = {} }, Venue)
  self.calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
  assert(self.calendars ~= nil, ffi.string(C.tl_error_text()))
  self.instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  local config = ffi.new("tl_simulator_config", options.config or {})
  local paths = self.paths -- a file may be read again while it is played
  self.simulator = ffi.gc(C.tl_simulator_create(self.instruments, self.calendars, config), function(simulator)
    C.tl_simulator_destroy(simulator)
    for _, path in ipairs(paths) do os.remove(path) end
  end)
  local histories = options.history and (options.history.frames and { options.history } or options.history) or {}
  for i, history in ipairs(histories) do
    local path = history:file()
    self.paths[#self.paths + 1] = path
    native.check(tonumber(C.tl_simulator_add_itch(self.simulator, path, history.date or DATE + i - 1)))
  end
  for _, csv in ipairs(options.csv or {}) do self:add_csv(csv) end
  self.midnight = C.tl_calendars_instant(self.calendars, C.TL_CALENDAR_XNAS, DATE, 0)
  if options.from or options.to then
    C.tl_simulator_set_span(self.simulator, options.from and self.midnight + options.from or 0, options.to and self.midnight + options.to or 0)
  end
  self.slots, self.count, self.after = ffi.new "uint32_t[1]", ffi.new "uint32_t[1]", ffi.new "bool[1]"
  self.instrument = C.tl_instruments_find(self.instruments, options.symbol or "AAA")
  if options.want ~= 0 then C.tl_simulator_want(self.simulator, self.instrument, options.want or M.WANT_ALL) end
  return self
end

function Venue:add_csv(csv)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(csv.text)
  file:close()
  local fields = {}
  for name, value in pairs(csv.options or {}) do fields[name] = value end
  local options = ffi.new("tl_csv_options")
  local symbol = fields.symbol or "AAA"
  self.symbols = self.symbols or {}
  self.symbols[#self.symbols + 1] = symbol
  options.symbol = symbol
  fields.symbol = nil
  for name, value in pairs(fields) do options[name] = value end
  local out = ffi.new("tl_csv *[1]")
  native.check(tonumber(C.tl_csv_open(path, options, self.instruments, self.calendars, out)))
  native.check(tonumber(C.tl_simulator_add_csv(self.simulator, out[0])))
  os.remove(path)
end

function Venue:since(ts_ns) return number(ts_ns - self.midnight) end

local shapes = {
  [C.TL_EVENT_TRADE] = function(e)
    local side, kind = tonumber(e.w[3] % 256), tonumber(e.w[3] / 256)
    return ("trade %s@%s %s %s"):format(number(e.w[1]), number(e.w[0]), side_names[side], trade_kinds[kind])
  end,
  [C.TL_EVENT_QUOTE] = function(e)
    return ("quote %s x %s / %s x %s"):format(number(e.w[2]), number(e.w[0]), number(e.w[1]), number(e.w[3]))
  end,
  [C.TL_EVENT_LEVEL] = function(e)
    return ("level %s %s@%s (%s)"):format(side_names[tonumber(e.w[3])], number(e.w[1]), number(e.w[0]), number(e.w[2]))
  end,
  [C.TL_EVENT_BOOK] = function() return "book" end,
  [C.TL_EVENT_ORDER_FLOW] = function(e)
    return ("flow %s %s %s %s@%s"):format(flow[tonumber(e.w[3] / 256)], number(e.w[0]), side_names[tonumber(e.w[3] % 256)], number(e.w[2]),
                                          number(e.w[1]))
  end,
  [C.TL_EVENT_STATUS] = function(e) return "status " .. states[tonumber(e.w[0])] end,
  [C.TL_EVENT_QUEUE] = function(e) return ("queue %s %s of %s"):format(number(e.w[0]), number(e.w[1]), number(e.w[2])) end,
  [C.TL_EVENT_BAR] = function(e)
    return ("bar %s %s %s %s"):format(number(e.w[0]), number(e.w[1]), number(e.w[2]), number(e.w[3]))
  end,
}

--- Empties the outputs into self.event and self.report (the latest), appends both to self.said.
function Venue:take()
  self.event, self.report = {}, {}
  local events = C.tl_simulator_events(self.simulator, self.slots)
  local i = 0
  while i < self.slots[0] do
    local e = events[i]
    self.event[#self.event + 1] = shapes[e.kind] and shapes[e.kind](e) or ("event " .. e.kind)
    if self.on_event then self.on_event(e) end
    i = i + (e.kind == C.TL_EVENT_BAR and 2 or 1)
  end
  local reports = C.tl_simulator_reports(self.simulator, self.count)
  for k = 0, self.count[0] - 1 do
    local r = reports[k]
    local text = kinds[r.kind] .. " " .. number(r.order_id)
    if r.kind == C.TL_REPORT_FILL then
      text = ("%s %s@%s %s"):format(text, number(r.quantity), number(r.price), liquidities[r.liquidity])
    end
    local reason = r.reason ~= 0 and ffi.string(C.tl_reason_code(r.reason))
    if reason then text = text .. " " .. reason end
    self.report[#self.report + 1] = text
    if self.on_report then self.on_report(r) end
  end
  C.tl_simulator_clear_output(self.simulator)
  for _, text in ipairs(self.event) do self.said[#self.said + 1] = text end
  for _, text in ipairs(self.report) do self.said[#self.said + 1] = text end
  return self
end

--- The time of the next record in ns since midnight, nil at the end; and whether orders of that time come first.
function Venue:next()
  local ts_ns = C.tl_simulator_next_ns(self.simulator, self.after)
  if ts_ns == END then return nil end
  return tonumber(ts_ns - self.midnight), self.after[0]
end

--- Plays the next record. False at the end.
function Venue:step()
  if not self:next() then return false end
  C.tl_simulator_step(self.simulator)
  self:take()
  return true
end

--- Plays all that comes before or at `until_ns` (since midnight; nil: all).
function Venue:play(until_ns)
  while true do
    local ts = self:next()
    if not ts or (until_ns and ts > until_ns) then return self end
    self:step()
  end
end

local function command(self, fields)
  local c = ffi.new("tl_command")
  c.order_id, c.strategy = fields.id, 0
  c.instrument = fields.instrument or self.instrument
  c.price, c.stop_price = fields.price or M.ABSENT, fields.stop_price or M.ABSENT
  c.quantity = fields.quantity or M.ABSENT
  return c
end

--- A new order: id, side, quantity, price, and type, tif, stop_price, offset, display, expire (ns since midnight), post_only, ...
function Venue:send(at, fields)
  local c = command(self, fields)
  c.kind = C.TL_COMMAND_NEW
  c.side = sides[fields.side]
  c.type = types[fields.type or (fields.price and "limit" or "market")]
  c.time_in_force = tifs[fields.tif or "day"]
  c.offset, c.display = fields.offset or 0, fields.display or 0
  c.expire_ns = fields.expire and self.midnight + fields.expire or 0
  local bits = 0
  for name, bit in pairs(flags) do if fields[name] then bits = bits + bit end end
  c.flags = bits
  C.tl_simulator_submit(self.simulator, c, self.midnight + at)
  return self:take()
end

function Venue:cancel(at, id)
  local c = command(self, { id = id })
  c.kind = C.TL_COMMAND_CANCEL
  C.tl_simulator_submit(self.simulator, c, self.midnight + at)
  return self:take()
end

function Venue:replace(at, id, price, quantity)
  local c = command(self, { id = id, price = price, quantity = quantity })
  c.kind = C.TL_COMMAND_REPLACE
  C.tl_simulator_submit(self.simulator, c, self.midnight + at)
  return self:take()
end

--- The problems of all inputs, as sentences.
function Venue:problems()
  local all = {}
  while true do
    local text = ffi.string(C.tl_simulator_problem(self.simulator, #all))
    if text == "" then return all end
    all[#all + 1] = text
  end
end

function Venue:counts()
  local counts = ffi.new("tl_simulator_counts")
  C.tl_simulator_count(self.simulator, counts)
  return counts
end

return M

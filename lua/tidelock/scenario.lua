--- A scenario for the matching engine: one JSON object a line in, one JSON object an event out. docs/EXCHANGE.md is its manual.
---
---   local s = scenario.new { write = function(text) io.write(text) end, flush = function() io.flush() end, self_trade = "newest" }
---   s:line '{"op":"new","id":"a","symbol":"X","side":"buy","price":"10.50","quantity":"100"}'
---
--- Memory grows with what is live (orders, symbols, accounts), never with the number of lines. A line that is not understood is
--- answered by one `rejected` event and changes nothing.
local native = require "tidelock.native"
local nearest = require "tidelock.nearest"
local utf8 = require "tidelock.utf8"
local cjson = require("cjson").new()
local C, ffi = native.C, native.ffi

cjson.decode_invalid_numbers(false)
cjson.decode_max_depth(4)

local M = {}
local Scenario = {}
Scenario.__index = Scenario

local ABSENT = ffi.new("int64_t", -0x7fffffffffffffffLL - 1)
local EXPONENT = -8
local EXACT = 2 ^ 53
local MAX_ID_BYTES = 256

local sides = { buy = 1, sell = 2 }
local types = { limit = 0, market = 1, stop = 2, stop_limit = 3, trailing_stop = 4, iceberg = 5 }
local tifs = { day = 0, gtc = 1, ioc = 2, fok = 3, gtd = 4, at_open = 5, at_close = 6 }
local triggers = { last = 0, quote = 8, mark = 16 }
local states = { pre_open = 1, auction = 2, trading = 3, halted = 4, paused = 5, closed = 6 }
M.policies = { newest = 0, oldest = 1, both = 2, allow = 3 }

-- What each operation may say, and must.
local known = {
  new = { "op", "id", "symbol", "side", "type", "price", "quantity", "tif", "stop_price", "offset", "percent", "display", "post_only",
          "reduce_only", "expire", "account", "trigger" },
  cancel = { "op", "id" },
  replace = { "op", "id", "price", "quantity", "stop_price" },
  time = { "op", "ts" },
  book = { "op", "id", "symbol", "levels" },
  sync = { "op", "id" },
  instrument = { "op", "symbol", "tick", "lot" },
  state = { "op", "symbol", "state" },
  mark = { "op", "symbol", "price" },
  end_of_day = { "op", "symbol" },
}
local required = {
  new = { "id", "symbol", "side", "quantity" }, cancel = { "id" }, replace = { "id" }, time = { "ts" }, book = { "symbol" }, sync = {},
  instrument = { "symbol" }, state = { "symbol", "state" }, mark = { "symbol", "price" }, end_of_day = { "symbol" },
}
local operations = { "new", "cancel", "replace", "time", "book", "sync", "instrument", "state", "mark", "end_of_day" }
local is_known = {}
for op, fields in pairs(known) do
  is_known[op] = {}
  for _, field in ipairs(fields) do is_known[op][field] = true end
end

local KIND_FILL, KIND_CANCELED, KIND_REJECTED, KIND_EXPIRED = 2, 3, 5, 7
local kinds = { [1] = "accepted", [2] = "fill", [3] = "canceled", [4] = "replaced", [5] = "rejected", [7] = "expired", [8] = "triggered",
                [9] = "rejected", [10] = "rejected", [11] = "replaced" }
local rejected_op = { [5] = "new", [9] = "cancel", [10] = "replace" }

local function quote(text)
  if text:find '^[%w_%-%.:/# ]*$' then return '"' .. text .. '"' end
  return cjson.encode(text)
end

--- A scenario's engine and its maps. `write(text)` receives whole lines, `flush()` is called after a sync was answered.
function M.new(options)
  local instruments = C.tl_instruments_create()
  assert(instruments ~= nil, "no memory for instruments")
  ffi.gc(instruments, C.tl_instruments_destroy)
  local engine = C.tl_engine_create(instruments, M.policies[options.self_trade or "newest"])
  if engine == nil then error("cannot make an engine: " .. ffi.string(C.tl_error_text()), 0) end
  return setmetatable({
    instruments = instruments, engine = ffi.gc(engine, C.tl_engine_destroy),
    write = options.write, flush = options.flush or function() end,
    lines = 0, rejected = 0, operations = 0,
    last_id = 0, ids = {}, names = {},   -- live orders: text of the id -> engine's id, and back
    last_owner = 0, owners = {},         -- account -> owner
    symbols = {}, symbol_names = {},     -- symbol -> instrument; instrument -> symbol as JSON
    now = 0LL, order = ffi.new "tl_engine_order", count = ffi.new "uint32_t[1]", number = ffi.new "int64_t[1]",
    text = ffi.new("char[?]", 48),
  }, Scenario)
end

local function decimal(self, mantissa)
  return ffi.string(self.text, C.tl_fixed_format(mantissa, EXPONENT, self.text))
end

local function integer(n)
  return (tostring(ffi.cast("int64_t", n)):gsub("LL$", ""))
end

--- The shortest decimal text that reads back as the same number.
local function shortest(n)
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(n)
    if tonumber(text) == n then return text end
  end
end

--- A refusal with a code that programs know, and a sentence for people.
local function refusal(code, text)
  return { code = code, text = text }
end

--- A decimal of a field as a mantissa; ABSENT when it is not given. Raises a refusal.
local function mantissa_of(self, o, field, exponent, code)
  local value = o[field]
  if value == nil or value == cjson.null then return ABSENT end
  if type(value) == "number" then value = shortest(value) end
  if type(value) ~= "string" then error(refusal(code, ("%s is %s; a decimal number is wanted"):format(field, type(value))), 0) end
  if #value > 64 or C.tl_fixed_parse(value, #value, exponent, self.number) ~= 0 then
    local why = #value > 64 and "a number of " .. #value .. " characters" or ffi.string(C.tl_error_text())
    error(refusal(code, ("%s: %s"):format(field, why)), 0)
  end
  -- What a reader of this mantissa would take for nothing at all is as good as the nearest number.
  return self.number[0] == ABSENT and ABSENT + 1 or self.number[0]
end

--- An instant in ns. A JSON number of more than 53 bits is read again from the line's own digits.
local function instant_of(self, o, field, line)
  local value = o[field]
  if type(value) == "number" and (value >= EXACT or value <= -EXACT) then
    value = line:match('"' .. field .. '"%s*:%s*(%-?%d+)%s*[,}]') or value
    o[field] = value
  end
  return mantissa_of(self, o, field, 0, "bad_field")
end

local function flag_of(o, field)
  local value = o[field]
  if value == nil or value == cjson.null or value == false then return false end
  if value == true or value == "slide" and field == "post_only" then return value end
  error(refusal("bad_field", ("%s is '%s'; true or false is wanted"):format(field, tostring(value))), 0)
end

local function choice_of(o, field, choices, default)
  local value = o[field]
  if value == nil or value == cjson.null then return choices[default] end
  local number = type(value) == "string" and choices[value]
  if number then return number end
  local names = {}
  for name in pairs(choices) do names[#names + 1] = name end
  table.sort(names)
  error(refusal("bad_field", nearest.sentence(field, value, names) .. ("; one of: %s"):format(table.concat(names, " "))), 0)
end

--- The text under which an id is kept and shown: JSON.
local function id_text(o)
  local id = o.id
  if type(id) == "string" then
    if #id > MAX_ID_BYTES then error(refusal("bad_field", ("an id of %d bytes; the limit is %d"):format(#id, MAX_ID_BYTES)), 0) end
    return quote(id)
  end
  if type(id) == "number" and id % 1 == 0 and math.abs(id) < EXACT then return ("%d"):format(id) end
  error(refusal("bad_field", "id is neither a string nor a whole number"), 0)
end

--- The instrument of a symbol, made at first sight with a tick and a lot of 1e-8.
local function instrument_of(self, symbol)
  local id = type(symbol) == "string" and self.symbols[symbol]
  if id then return id end
  if type(symbol) ~= "string" or symbol == "" then error(refusal("unknown_symbol", "symbol is not a name"), 0) end
  local one = ffi.new("tl_instrument", { price_exponent = EXPONENT, quantity_exponent = EXPONENT })
  if #symbol >= ffi.sizeof(one.symbol) or symbol:find "%z" then
    error(refusal("unknown_symbol", ("symbol %s is longer than %d bytes"):format(quote(symbol:sub(1, 64)), ffi.sizeof(one.symbol) - 1)), 0)
  end
  one.symbol = symbol
  local out = ffi.new "uint32_t[1]"
  if C.tl_instruments_add(self.instruments, one, out) ~= 0 then
    error(refusal("unknown_symbol", ffi.string(C.tl_error_text())), 0)
  end
  id = out[0]
  self.symbols[symbol], self.symbol_names[id] = id, quote(symbol)
  return id
end

local sentences = {
  post_only = "it would trade at once",
  reduce_only = "there is no position that it would reduce",
  overflow = "prices and the open quantity of a side stay below 2^62 steps of 0.00000001",
  bad_price = "prices are above 0; limit, stop_limit and iceberg orders have a price, stops a stop_price, and no order one that its type has not",
  bad_field = "a gtd order needs expire; stop_price, offset and percent belong to stops",
  unsupported = "at_open and at_close are not taken here, nor display, post_only and slide on an order that cannot rest by them",
}

--- A sentence for what the engine refused, nil where the code says it all.
local function explain(self, e, code)
  if sentences[code] then return sentences[code] end
  if e.instrument >= C.tl_instruments_count(self.instruments) then return nil end
  local one = C.tl_instruments_at(self.instruments, e.instrument)
  local symbol = ffi.string(one.symbol)
  if code == "off_tick" then return ("a price of %s is not on its tick of %s"):format(symbol, decimal(self, one.tick)) end
  if code == "bad_quantity" then
    return ("quantity and display are above 0, in lots of %s, and display is at most the quantity"):format(decimal(self, one.lot))
  end
  if code == "halted" or code == "closed" then return ("%s is not trading"):format(symbol) end
  if code == "expire_time" then return ("expire is not after %s"):format(integer(e.ts_ns)) end
  return nil
end

--- Writes what the engine did, and forgets the orders that ended.
local function report(self)
  local events = C.tl_engine_events(self.engine, self.count)
  local count = self.count[0]
  local names = self.names
  local ended
  for i = 0, count - 1 do
    local e = events[i]
    local kind, id = e.kind, tonumber(e.id)
    local name = names[id]
    local head = '{"event":"' .. kinds[kind] .. '","id":' .. name .. ',"symbol":' .. (self.symbol_names[e.instrument] or "null")
    local over = false
    if kind == KIND_FILL then
      self.write(head .. ',"price":"' .. decimal(self, e.price) .. '","quantity":"' .. decimal(self, e.quantity) .. '","against":' ..
        names[tonumber(e.against)] .. ',"liquidity":' .. (e.liquidity == 1 and '"maker"' or '"taker"') .. ',"remaining":"' ..
        decimal(self, e.remaining) .. '","ts":' .. integer(e.ts_ns) .. "}\n")
      over = e.remaining == 0
    else
      local refused = rejected_op[kind]
      if refused then head = head .. ',"op":"' .. refused .. '"' self.rejected = self.rejected + 1 end
      if e.price ~= ABSENT then head = head .. ',"price":"' .. decimal(self, e.price) .. '"' end
      if e.quantity ~= ABSENT then head = head .. ',"quantity":"' .. decimal(self, e.quantity) .. '"' end
      if not refused then
        head = head .. ',"filled":"' .. decimal(self, ffi.cast("int64_t", e.against)) .. '","remaining":"' .. decimal(self, e.remaining) .. '"'
        if e.ahead ~= ABSENT then head = head .. ',"ahead":"' .. decimal(self, e.ahead) .. '"' end
      end
      if e.reason ~= 0 then
        local code = ffi.string(C.tl_reason_code(e.reason))
        head = head .. ',"reason":"' .. code .. '"'
        local text = refused and explain(self, e, code)
        if text then head = head .. ',"text":' .. quote(text) end
      end
      self.write(head .. ',"ts":' .. integer(e.ts_ns) .. "}\n")
      over = kind == KIND_CANCELED or kind == KIND_EXPIRED or kind == KIND_REJECTED
    end
    if over then
      ended = ended or {}
      ended[#ended + 1] = id
    end
  end
  if ended then
    for _, id in ipairs(ended) do
      local name = names[id]
      if name and self.ids[name] == id then self.ids[name] = nil end
      names[id] = nil
    end
  end
  C.tl_engine_clear_events(self.engine)
end

local run = {}

function run.new(self, o, line)
  local name = id_text(o)
  if self.ids[name] then error(refusal("duplicate_id", "an order of that id is open"), 0) end
  local order = self.order
  order.side = choice_of(o, "side", sides)
  order.type = choice_of(o, "type", types, "limit")
  order.price = mantissa_of(self, o, "price", EXPONENT, "bad_price")
  order.stop_price = mantissa_of(self, o, "stop_price", EXPONENT, "bad_price")
  order.quantity = mantissa_of(self, o, "quantity", EXPONENT, "bad_quantity")
  local display = mantissa_of(self, o, "display", EXPONENT, "bad_quantity")
  local offset = mantissa_of(self, o, "offset", EXPONENT, "bad_price")
  local percent = mantissa_of(self, o, "percent", EXPONENT + 2, "bad_price")
  if offset ~= ABSENT and percent ~= ABSENT then error(refusal("bad_field", "offset and percent exclude each other"), 0) end
  local expire = instant_of(self, o, "expire", line)
  order.time_in_force = choice_of(o, "tif", tifs, expire ~= ABSENT and "gtd" or "day")
  if display ~= ABSENT and display == 0 then error(refusal("bad_quantity", "display is 0"), 0) end
  order.display = display ~= ABSENT and display or 0
  order.expire_ns = expire ~= ABSENT and expire or 0
  if expire ~= ABSENT and expire <= 0 then error(refusal("expire_time", "expire is not in the future"), 0) end
  local flags = choice_of(o, "trigger", triggers, "last")
  if percent ~= ABSENT then flags, offset = flags + 32, percent end
  order.offset = offset ~= ABSENT and offset or 0
  if offset ~= ABSENT and offset <= 0 then error(refusal("bad_field", "a trailing stop's distance is not above 0"), 0) end
  local post = flag_of(o, "post_only")
  if post == "slide" then flags = flags + 2 elseif post then flags = flags + 1 end
  if flag_of(o, "reduce_only") then flags = flags + 4 end
  order.flags = flags
  order.owner = 0
  local account = o.account
  if account ~= nil and account ~= cjson.null then
    if type(account) ~= "string" and type(account) ~= "number" then
      error(refusal("bad_field", "account is neither a string nor a number"), 0)
    end
    local owner = self.owners[account]
    if not owner then
      owner = self.last_owner + 1
      self.last_owner, self.owners[account] = owner, owner
    end
    order.owner = owner
  end
  order.instrument = instrument_of(self, o.symbol)
  local id = self.last_id + 1
  self.last_id, self.ids[name], self.names[id] = id, id, name
  order.id = id
  C.tl_engine_new(self.engine, order)
  report(self)
end

local function live_order(self, o)
  local name = id_text(o)
  local id = self.ids[name]
  if not id then error(refusal("unknown_order", "no order of that id is open"), 0) end
  return id
end

function run.cancel(self, o)
  C.tl_engine_cancel(self.engine, live_order(self, o))
  report(self)
end

function run.replace(self, o)
  local id = live_order(self, o)
  local price = mantissa_of(self, o, "price", EXPONENT, "bad_price")
  local stop_price = mantissa_of(self, o, "stop_price", EXPONENT, "bad_price")
  local quantity = mantissa_of(self, o, "quantity", EXPONENT, "bad_quantity")
  if price ~= ABSENT and stop_price ~= ABSENT then error(refusal("unsupported", "a replace changes one price"), 0) end
  if stop_price ~= ABSENT then
    C.tl_engine_replace_stop(self.engine, id, stop_price, quantity)
  else
    C.tl_engine_replace(self.engine, id, price, quantity)
  end
  report(self)
end

function run.time(self, o, line)
  local ts = instant_of(self, o, "ts", line)
  if ts < self.now then error(refusal("bad_field", "ts goes back from " .. integer(self.now) .. " to " .. integer(ts)), 0) end
  self.now = ts
  C.tl_engine_time(self.engine, ts)
  report(self)
end

function run.instrument(self, o)
  local new = not self.symbols[o.symbol]
  local tick = mantissa_of(self, o, "tick", EXPONENT, "bad_field")
  local lot = mantissa_of(self, o, "lot", EXPONENT, "bad_field")
  if (tick ~= ABSENT and tick <= 0) or (lot ~= ABSENT and lot <= 0) then
    error(refusal("bad_field", "tick and lot are above 0"), 0)
  end
  local id = instrument_of(self, o.symbol)
  if not new and (C.tl_engine_resting(self.engine, id, 1) + C.tl_engine_resting(self.engine, id, 2) > 0
                  or C.tl_engine_waiting_stops(self.engine, id) > 0) then
    error(refusal("illegal_state", "it has open orders"), 0)
  end
  local one = C.tl_instruments_edit(self.instruments, id)
  if tick ~= ABSENT then one.tick = tick end
  if lot ~= ABSENT then one.lot = lot end
end

function run.state(self, o)
  local state = choice_of(o, "state", states)
  C.tl_engine_set_state(self.engine, instrument_of(self, o.symbol), state)
  report(self)
end

function run.mark(self, o)
  local price = mantissa_of(self, o, "price", EXPONENT, "bad_price")
  if price <= 0 then error(refusal("bad_price", "a mark is above 0"), 0) end
  C.tl_engine_saw_mark(self.engine, instrument_of(self, o.symbol), price)
  report(self)
end

function run.end_of_day(self, o)
  C.tl_engine_end_of_day(self.engine, instrument_of(self, o.symbol))
  report(self)
end

local function side_of_book(self, instrument, side, levels)
  local books = C.tl_engine_books(self.engine)
  local list = {}
  for i = 0, math.min(levels, C.tl_books_depth(books, instrument, side)) - 1 do
    local level = C.tl_books_level(books, C.tl_books_level_at(books, instrument, side, i))
    local orders, handle = {}, level.head
    while handle ~= 0 do
      local o = C.tl_books_order(books, handle)
      orders[#orders + 1] = '{"id":' .. self.names[tonumber(o.reference)] .. ',"quantity":"' .. decimal(self, o.quantity) .. '"}'
      handle = o.next
    end
    list[#list + 1] = '{"price":"' .. decimal(self, level.price) .. '","quantity":"' .. decimal(self, level.quantity) .. '","orders":[' ..
      table.concat(orders, ",") .. "]}"
  end
  return "[" .. table.concat(list, ",") .. "]"
end

function run.book(self, o)
  local levels = o.levels
  if levels == nil or levels == cjson.null then levels = math.huge end
  if type(levels) == "string" then levels = tonumber(levels) end
  if type(levels) ~= "number" or levels < 1 or levels ~= levels then
    error(refusal("bad_field", "levels is not a number above 0"), 0)
  end
  local symbol = o.symbol
  if type(symbol) ~= "string" then error(refusal("unknown_symbol", "symbol is not a name"), 0) end
  local id = o.id ~= nil and o.id ~= cjson.null and '"id":' .. id_text(o) .. "," or ""
  local instrument = self.symbols[symbol]
  self.write('{"event":"book",' .. id .. '"symbol":' .. quote(symbol) .. ',"bids":' ..
    (instrument and side_of_book(self, instrument, 1, levels) or "[]") .. ',"asks":' ..
    (instrument and side_of_book(self, instrument, 2, levels) or "[]") .. ',"ts":' .. integer(self.now) .. "}\n")
end

function run.sync(self, o)
  local id = o.id ~= nil and o.id ~= cjson.null and '"id":' .. id_text(o) .. "," or ""
  self.write('{"event":"sync",' .. id .. '"ts":' .. integer(self.now) .. "}\n")
  self.flush()
end

--- Answers a line that did nothing. `text` says what is wrong with it; `code` is set when the line was understood.
local function reject(self, o, code, text)
  self.rejected = self.rejected + 1
  local out = '{"event":"rejected"'
  if type(o) == "table" then
    local ok, id = pcall(id_text, o)
    if ok then out = out .. ',"id":' .. id end
    if type(o.op) == "string" then out = out .. ',"op":' .. quote(o.op:sub(1, 64)) end
  end
  if code then
    out = out .. ',"reason":"' .. code .. '","text":' .. quote(text)
  else
    out = out .. ',"reason":' .. quote(text)
  end
  self.write(out .. ',"line":' .. ("%d"):format(self.lines) .. ',"ts":' .. integer(self.now) .. "}\n")
end

--- What is wrong with a decoded line, nil when nothing is.
local function misuse(o)
  local op = o.op
  if op == nil then return "there is no field 'op'" end
  local fields = type(op) == "string" and is_known[op]
  if not fields then return nearest.sentence("op", type(op) == "string" and op:sub(1, 64) or type(op), operations) end
  local unknown
  for field in pairs(o) do
    if not fields[field] and (not unknown or field < unknown) then unknown = field end
  end
  if unknown then return ("op '%s': %s"):format(op, nearest.sentence("field", unknown:sub(1, 64), known[op])) end
  for _, field in ipairs(required[op]) do
    if o[field] == nil or o[field] == cjson.null then return ("op '%s' needs the field '%s'"):format(op, field) end
  end
end

--- Takes one line, without its end. Blank lines are nothing.
function Scenario:line(line)
  self.lines = self.lines + 1
  if not line:find "%S" then return end
  if utf8.fault(line) then return reject(self, nil, nil, "the line is not valid UTF-8") end
  local decoded, o = pcall(cjson.decode, line)
  if not decoded then return reject(self, nil, nil, "not JSON: " .. tostring(o)) end
  if type(o) ~= "table" or #o > 0 then return reject(self, nil, nil, "not a JSON object") end
  local wrong = misuse(o)
  if wrong then return reject(self, o, nil, wrong) end
  self.operations = self.operations + 1
  local ok, why = pcall(run[o.op], self, o, line)
  if ok then return end
  if type(why) ~= "table" then error(why, 0) end
  return reject(self, o, why.code, why.text)
end

--- Answers a line that is too long to be kept.
function Scenario:overlong(limit)
  self.lines = self.lines + 1
  reject(self, nil, nil, ("the line is longer than %d bytes"):format(limit))
end

return M

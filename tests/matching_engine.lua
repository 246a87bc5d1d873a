--- For specs: a matching engine with one or more instruments, driven by small integers, whose events come back as text.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = { C = C, ffi = ffi, ABSENT = ffi.new("int64_t", -0x7fffffffffffffffLL - 1) }
local Engine = {}
Engine.__index = Engine

local types = { limit = 0, market = 1, stop = 2, stop_limit = 3, trailing_stop = 4, iceberg = 5 }
local tifs = { day = 0, gtc = 1, ioc = 2, fok = 3, gtd = 4, at_open = 5, at_close = 6 }
local sides = { buy = 1, sell = 2 }
local flags = { post_only = 1, slide = 2, reduce_only = 4, on_quote = 8, on_mark = 16, percent = 32 }
local policies = { newest = 0, oldest = 1, both = 2, allow = 3 }
local states = { unknown = 0, pre_open = 1, auction = 2, trading = 3, halted = 4, paused = 5, closed = 6 }
local kinds = {}
for name, value in pairs { accepted = 1, fill = 2, canceled = 3, replaced = 4, rejected = 5, expired = 7, triggered = 8,
                           cancel_rejected = 9, replace_rejected = 10, restated = 11 } do
  kinds[value] = name
end

--- An engine. Options: `self_trade` ("newest"), `tick`, `lot`, `instruments` (1).
function M.new(options)
  options = options or {}
  local instruments = C.tl_instruments_create()
  for i = 1, options.instruments or 1 do
    local one = ffi.new("tl_instrument", { tick = options.tick or 1, lot = options.lot or 1 })
    one.symbol = "X" .. i
    native.check(C.tl_instruments_add(instruments, one, nil))
  end
  return setmetatable({
    instruments = ffi.gc(instruments, C.tl_instruments_destroy),
    engine = ffi.gc(C.tl_engine_create(instruments, policies[options.self_trade or "newest"]), C.tl_engine_destroy),
    order = ffi.new "tl_engine_order", count = ffi.new "uint32_t[1]",
  }, Engine)
end

local function number(value)
  return value == M.ABSENT and "-" or tostring(tonumber(value))
end

local function describe(e)
  local kind = kinds[e.kind]
  if kind == "fill" then
    return ("fill %d %s@%s against %d %s left %s"):format(tonumber(e.id), number(e.quantity), number(e.price), tonumber(e.against),
      e.liquidity == 1 and "maker" or "taker", number(e.remaining))
  end
  local text = ("%s %d"):format(kind, tonumber(e.id))
  if kind == "accepted" or kind == "replaced" or kind == "triggered" or kind == "restated" then
    text = ("%s %s@%s"):format(text, number(e.remaining), number(e.price))
    if e.ahead ~= M.ABSENT then text = text .. " behind " .. number(e.ahead) end
  end
  if e.reason ~= 0 then text = text .. " " .. ffi.string(C.tl_reason_code(e.reason)) end
  return text
end

--- What happened since the last call, one text an event.
function Engine:events()
  local list, events = {}, C.tl_engine_events(self.engine, self.count)
  for i = 0, self.count[0] - 1 do list[#list + 1] = describe(events[i]) end
  C.tl_engine_clear_events(self.engine)
  return list
end

--- Submits an order; fields by name, absent ones neutral. Returns its events.
function Engine:new(id, side, quantity, price, more)
  more = more or {}
  local o = self.order
  ffi.fill(o, ffi.sizeof(o))
  o.id, o.side, o.quantity, o.price = id, sides[side] or side, quantity, price or M.ABSENT
  o.type = types[more.type or (price and "limit" or "market")] or more.type
  o.stop_price, o.offset, o.display = more.stop or M.ABSENT, more.offset or 0, more.display or 0
  o.expire_ns, o.instrument, o.owner = more.expire or 0, more.instrument or 0, more.owner or 0
  o.time_in_force = tifs[more.tif or (more.expire and "gtd" or "gtc")] or more.tif
  for name, bit in pairs(flags) do if more[name] then o.flags = o.flags + bit end end
  C.tl_engine_new(self.engine, o)
  return self:events()
end

function Engine:cancel(id)
  C.tl_engine_cancel(self.engine, id)
  return self:events()
end

function Engine:replace(id, price, quantity)
  C.tl_engine_replace(self.engine, id, price or M.ABSENT, quantity or M.ABSENT)
  return self:events()
end

function Engine:time(ts)
  C.tl_engine_time(self.engine, ts)
  return self:events()
end

function Engine:state(name, instrument)
  C.tl_engine_set_state(self.engine, instrument or 0, states[name])
  return self:events()
end

function Engine:end_of_day(instrument)
  C.tl_engine_end_of_day(self.engine, instrument or 0)
  return self:events()
end

--- A foreign order in the books.
function Engine:foreign(reference, side, quantity, price)
  local handle = ffi.new "tl_book_handle[1]"
  native.check(C.tl_books_add(C.tl_engine_books(self.engine), 0, reference, sides[side], price, quantity, 0, handle))
  return handle[0]
end

--- A foreign aggressor; returns what is left of it and the events.
function Engine:hit(side, quantity, price, before, against)
  local left = C.tl_engine_hit(self.engine, 0, sides[side], price, quantity, before or 0, against or 0)
  return tonumber(left), self:events()
end

--- A side's queue, best first: "price: id*quantity id*quantity".
function Engine:book(side, instrument)
  local books, list = C.tl_engine_books(self.engine), {}
  for i = 0, C.tl_books_depth(books, instrument or 0, sides[side]) - 1 do
    local level = C.tl_books_level(books, C.tl_books_level_at(books, instrument or 0, sides[side], i))
    local text, h, sum = tonumber(level.price) .. ":", level.head, 0
    while h ~= 0 do
      local o = C.tl_books_order(books, h)
      text = ("%s %d*%d"):format(text, tonumber(o.reference), tonumber(o.quantity))
      sum, h = sum + tonumber(o.quantity), o.next
    end
    assert(sum == tonumber(level.quantity), "a level's quantity is the sum of its orders'")
    list[#list + 1] = text
  end
  return list
end

function Engine:position(owner, instrument)
  return tonumber(C.tl_engine_position(self.engine, owner, instrument or 0))
end

return M

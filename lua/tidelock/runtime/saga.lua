--- timeout.saga: a function that sends orders of which all are filled or what was filled is brought back.
---
--- The function runs as a coroutine that s:leg() suspends. Whether the saga is done, and what is undone, is the gateway's to say (docs/SAGAS.md): here the
--- function goes on while its legs are done, and is left where it is once one has failed.
local context = require "tidelock.runtime.context"
local object = require "tidelock.runtime.order_object"
local fields_of = require "tidelock.runtime.order_fields"
local refusals = require "tidelock.runtime.refusals"
local tags = require "tidelock.runtime.tags"
local nearest = require "tidelock.nearest"
local C, ffi = context.C, context.ffi

local M = {}

local NAN = 0 / 0
local MS = 1000000LL
local STATUS = { [0] = "running", "done", "undone", "failed" }
local NONE, REQUESTED, SCRIPT_ERROR = tonumber(C.TL_REASON_NONE), tonumber(C.TL_REASON_REQUESTED), tonumber(C.TL_REASON_SCRIPT_ERROR)
local UNKNOWN_SYMBOL = tonumber(C.TL_REASON_UNKNOWN_SYMBOL)
local SAGA_LEG, FLAG_SAGA, FLAG_PARTIAL = tonumber(C.TL_LINK_SAGA_LEG), tonumber(C.TL_FLAG_SAGA), tonumber(C.TL_FLAG_PARTIAL)
local FILLED, LIMIT, MARKET = tonumber(C.TL_ORDER_FILLED), fields_of.TYPE.limit, fields_of.TYPE.market
local band = bit.band

local open = {} -- by number: sagas whose end was not told

local WAIT = {} -- what the coroutine yields while it waits for legs

-- ---- what a script holds ----

local SAGA_FIELDS = { "name", "status", "cancel" }

local function fixed(what)
  return function(_, key) error(("%s.%s cannot be set"):format(what, tostring(key)), 2) end
end

--- What is known of a new saga; `object` is what the script is given.
local function remember(number, name)
  local r = { number = number, name = name, status = "running", legs = {} }
  local function cancel(self)
    if self ~= r.object then error("call it as a method: saga:cancel()", 2) end
    if r.status == "running" and C.tl_mirror_saga_end(context.mirror, number, REQUESTED) then r.status, r.thread = "undoing", nil end
    return r.status == "undoing"
  end
  r.object = setmetatable({}, {
    __metatable = "saga", __newindex = fixed "saga", __tostring = function() return ("saga %s: %s"):format(name, r.status) end,
    __index = function(_, key)
      if key == "name" then return name
      elseif key == "status" then return r.status
      elseif key == "cancel" then return cancel end
      error(nearest.sentence("field of a saga", key, SAGA_FIELDS), 2)
    end,
  })
  open[number] = r
  return r
end

-- ---- the function ----

--- After the function has suspended, returned or raised. An error to be raised where it was called, nil for none.
local function after(r, outer, thread, ok, what)
  r.scope = context.scope(outer)
  if not ok then
    C.tl_mirror_saga_end(context.mirror, r.number, SCRIPT_ERROR)
    r.status, r.thread = "undoing", nil
    return what
  end
  if coroutine.status(thread) == "dead" then
    r.thread = nil
    if r.status == "running" then C.tl_mirror_saga_end(context.mirror, r.number, NONE) end
  elseif what ~= WAIT then
    C.tl_mirror_saga_end(context.mirror, r.number, SCRIPT_ERROR)
    r.status, r.thread = "undoing", nil
    return ("saga %s: its function waits with s:leg and s:legs, not with coroutine.yield"):format(r.name)
  end
end

local function run(r, ...)
  local thread = r.thread
  local outer = context.scope(r.scope)
  return after(r, outer, thread, coroutine.resume(thread, ...))
end

--- The saga's function goes no further: a leg failed before it was sent.
local function leave(r, reason)
  C.tl_mirror_saga_end(context.mirror, r.number, reason)
  r.status, r.thread = "undoing", nil
  while true do coroutine.yield(WAIT) end
end

-- ---- legs ----

local UNDO_FIELDS = { "symbol", "side", "quantity", "price", "type", "time_in_force", "round" }

--- The way back that a leg's table names: nil for flattening it, else a filled tl_mirror_undo (and its options, to be kept alive).
local function way_back(given, leg, level)
  if given == nil or given == "flatten" then return nil end
  if type(given) == "string" then error(nearest.sentence("undo", given, { "flatten" }), level + 1) end
  if type(given) ~= "table" then error(("undo is \"flatten\" or a table of named fields, not a %s"):format(type(given)), level + 1) end
  context.check_keys("field of an undo", given, UNDO_FIELDS, level + 1)
  local all = {}
  for key, value in next, given do all[key] = value end
  if all.symbol == nil then all.symbol = leg.symbol end
  if all.side == nil then all.side = leg.side == 1 and "sell" or "buy" end
  if all.quantity == nil then all.quantity = leg.quantity end
  local undo = context.prepare_order(all, 0, 0, level + 1)
  if undo.options.type ~= LIMIT and undo.options.type ~= MARKET then error("undo is a limit or a market order", level + 1) end
  if undo.options.time_in_force > tonumber(C.TL_TIF_FOK) then error("undo is an order of time_in_force day, gtc, ioc or fok", level + 1) end
  if undo.symbol == leg.symbol and undo.side ~= leg.side and undo.quantity ~= leg.quantity then
    error("undo on the leg's own symbol brings back what was filled: it takes no quantity", level + 1)
  end
  return undo
end

local function read_leg(r, given, level)
  if type(given) ~= "table" then error(("a leg is a table { send =, undo =, partial = }, not a %s"):format(type(given)), level + 1) end
  context.check_keys("field of a leg", given, { "send", "undo", "partial" }, level + 1)
  if type(given.send) ~= "table" then error("a leg has send = { symbol =, side =, quantity =, ... }", level + 1) end
  if given.partial ~= nil and type(given.partial) ~= "boolean" then error("partial is true or false", level + 1) end
  local leg = context.prepare_order(given.send, SAGA_LEG, r.number, level + 1)
  leg.options.flags = leg.options.flags + FLAG_SAGA + (given.partial and FLAG_PARTIAL or 0)
  leg.undo = way_back(given.undo, leg, level + 1)
  return leg
end

--- Ids of symbols, and the way back as C takes it; false when a symbol is not known.
local function resolve(leg)
  leg.id = context.instrument(leg.symbol)
  if not leg.id then return false end
  if not leg.undo then return true end
  local id = context.instrument(leg.undo.symbol)
  if not id then return false end
  local undo = leg.undo
  leg.back = ffi.new("tl_mirror_undo", { instrument = id, side = undo.side, quantity = undo.quantity, price = undo.price or NAN, options = undo.options })
  return true
end

local function may_send(r, leg)
  return C.tl_mirror_saga_check(context.mirror, r.number, leg.id, leg.side, leg.quantity, leg.price or NAN, leg.options, leg.back)
end

local function send(r, leg)
  return C.tl_mirror_saga_leg(context.mirror, r.number, leg.id, leg.side, leg.quantity, leg.price or NAN, leg.options, leg.back)
end

--- Sends legs together, all or none, and returns their orders when all are done.
local function perform(r, legs)
  for _, leg in ipairs(legs) do
    if not resolve(leg) then return leave(r, UNKNOWN_SYMBOL) end
    if not may_send(r, leg) then return leave(r, tonumber(C.tl_mirror_error(context.mirror).reason)) end
  end
  local sent = {}
  for i, leg in ipairs(legs) do
    local slot = send(r, leg)
    if slot == 0 then return leave(r, tonumber(C.tl_mirror_error(context.mirror).reason)) end
    sent[i] = object.handle(slot)
    r.legs[#r.legs + 1] = sent[i]
  end
  r.awaited = sent
  while r.awaited do coroutine.yield(WAIT) end -- whoever else resumes it waits on
  return unpack(sent)
end

--- What the function is given: `leg` and `legs`.
local function door_of(r)
  local door = {}

  local function check(self, method)
    if self ~= door then error(("call it as a method: s:%s(...)"):format(method), 3) end
    if r.own == nil or coroutine.running() ~= r.own then error(("s:%s is called in the saga's own function while it runs"):format(method), 3) end
    while r.thread == nil do coroutine.yield(WAIT) end -- it was cancelled from inside
  end

  local steps = {}

  --- Sends an order and waits until it is done: wholly filled, or with partial = true filled as far as it was when it ended.
  --- { send = order, undo = "flatten" (the default) or order, partial = false }. The order. When it fails the saga is undone, and the function does not go on.
  function steps.leg(self, given)
    check(self, "leg")
    return perform(r, { read_leg(r, given, 2) })
  end

  --- The same for several at once: s:legs { leg, leg }. Their orders, in the order of the legs.
  function steps.legs(self, given)
    check(self, "legs")
    if type(given) ~= "table" or #given == 0 then error("s:legs { leg, leg } takes a list of legs", 2) end
    local legs = {}
    for i, one in ipairs(given) do legs[i] = read_leg(r, one, 2) end
    for key in next, given do
      if type(key) ~= "number" or key < 1 or key > #legs or key % 1 ~= 0 then
        error(("s:legs takes a list of legs, and has the key %s"):format(tostring(key)), 2)
      end
    end
    return perform(r, legs)
  end

  return setmetatable(door, {
    __metatable = "saga's legs", __newindex = fixed "s",
    __index = function(_, key) return steps[key] or error(nearest.sentence("method of a saga's first argument", key, { "leg", "legs" }), 2) end,
  })
end

-- ---- timeout.saga ----

--- Deadline and the instant at which the reserve begins, both int64.
local function times(given, level)
  local span, reserve = given, nil
  if type(given) == "table" and getmetatable(given) == nil then
    local named = {}
    for key, value in next, given do named[key == 1 and "reserve" or tostring(key)] = value end
    context.check_keys("option of a saga", named, { "reserve" }, level + 1)
    span = given[1]
    if given.reserve ~= nil then reserve = ffi.new("int64_t", context.duration(given.reserve, level + 1)) end
  end
  local now, deadline = context.now_ns(), nil
  if getmetatable(span) == "deadline" then deadline = context.deadline_ns(span)
  else
    local ns = context.duration(span, level + 1)
    if ns <= 0 then error(("a saga takes a while: %s"):format(tostring(span)), level + 1) end
    deadline = now + ffi.new("int64_t", ns)
  end
  local enclosing = context.current_scope()
  if enclosing and enclosing < deadline then deadline = enclosing end
  local length = deadline - now
  if not reserve then
    reserve = length / 10 > MS and length / 10 or MS
    if reserve > length / 2 then reserve = length / 2 end
  end
  if reserve < 0 or (reserve >= length and length > 0) then
    error(("a saga's reserve is shorter than the %.14g ns that it has"):format(tonumber(length)), level + 1)
  end
  return deadline, deadline - reserve
end

--- Runs fn(s, ...) as far as its first s:leg; the rest follows when that is done. `span`: a duration, a deadline, or { duration, reserve = duration }.
--- The reserve is the time before the deadline that is kept for undoing, by default a tenth, at least 1 ms, at most half. The saga, or nil and an error.
---@param name string
---@param span string|number|table
---@param fn function
function M.start(name, span, fn, ...)
  if type(name) ~= "string" or name == "" then error("timeout.saga(name, duration, fn, ...): name is a string that is not empty", 2) end
  if type(fn) ~= "function" then error("timeout.saga(name, duration, fn, ...) takes a function", 2) end
  if not context.bound then error("sagas are run from handlers, not while the script is loaded", 2) end
  local deadline, undo_at = times(span, 2)
  local number = tonumber(C.tl_mirror_saga(context.mirror, deadline, undo_at, tags.number(name)))
  if number == 0 then return refusals.last() end
  local r = remember(number, name)
  r.own = coroutine.create(fn)
  r.scope, r.thread = deadline, r.own
  local failure = run(r, door_of(r), ...)
  if failure ~= nil then error(failure, 0) end
  return r.object
end

-- ---- called by the drain loop ----

local function is_done(o)
  return o.status_n == FILLED or (band(o.flags_n, FLAG_PARTIAL) ~= 0 and o.filled_n > 0)
end

--- A leg of a saga has closed.
function M.step(number)
  local r = open[number]
  if not r or not r.thread or not r.awaited then return end
  local waiting = false
  for _, one in ipairs(r.awaited) do
    local o = object.slot_of(one, 2)
    if o.status_n < FILLED then waiting = true
    elseif not is_done(o) then -- the gateway knows it already
      r.status, r.thread = "undoing", nil
      return
    end
  end
  if waiting then return end
  r.awaited = nil
  local failure = run(r)
  if failure ~= nil then error(failure, 0) end
end

--- A saga that this state does not know: of an earlier generation.
local function of_before(number, tag)
  local r = remember(number, tags.name(tag) or "")
  local slot = C.tl_mirror_saga_next_leg(context.mirror, number, 0)
  while slot ~= 0 do
    r.legs[#r.legs + 1] = object.handle(slot)
    slot = C.tl_mirror_saga_next_leg(context.mirror, number, slot)
  end
  return r
end

--- The gateway has told a saga's end.
function M.ended(other, strategy, on_saga)
  local number = tonumber(other.a_n)
  local r = open[number] or of_before(number, tonumber(other.d_n))
  open[number] = nil
  r.status, r.thread, r.own, r.awaited = STATUS[tonumber(other.b_n)] or "failed", nil, nil, nil
  if not on_saga then return end
  return on_saga(strategy, r.object, { status = r.status, reason = refusals.code(tonumber(other.c_n)), legs = r.legs })
end

return M

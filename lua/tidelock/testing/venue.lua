--- The venue of a test run: it takes what the strategy sends, and answers when the run is called next. It matches nothing; the spec says what trades.
--- New orders are at the venue at once; cancels and replaces are on their way until the next call, and a fill that the spec gives there crosses them.
local native = require "tidelock.native"
local sagas = require "tidelock.testing.saga"
local C, ffi = native.C, native.ffi

local M = {}

local ABSENT = -0x7fffffffffffffffLL - 1
local NO_INSTRUMENT = 0xffffffff
local LIQUIDITY = { maker = 1, taker = 2, auction = 3 }
local count = ffi.new "uint32_t[1]"

local function post(r, order, kind, fields)
  local report = ffi.new("tl_report", {
    order_id = order.id, price = order.price, quantity = order.quantity, filled = order.filled, limit = ABSENT, value = ABSENT, ts_venue_ns = r.now_ns,
    queue_ahead = ABSENT, instrument = order.instrument, kind = kind, strategy = 1,
  })
  for name, value in pairs(fields or {}) do report[name] = value end
  r.reports[#r.reports + 1] = report
end

--- Ends the others of an OCO pair or of a bracket's legs.
local function end_partners(r, order, link)
  for _, other in ipairs(r.sent) do
    if other ~= order and other.open and other.group == order.group and other.link == link then
      other.open = false
      post(r, other, C.TL_REPORT_CANCELED, { reason = C.TL_REASON_OCO })
    end
  end
end

--- An order has closed: its report, then what that leads to.
local function ended(r, order, kind, reason)
  order.open = false
  local partners = order.link == C.TL_LINK_OCO or order.link == C.TL_LINK_BRACKET_LEG
  if partners then end_partners(r, order, order.link)
  elseif order.link == C.TL_LINK_BRACKET_ENTRY and order.filled == 0 then end_partners(r, order, tonumber(C.TL_LINK_BRACKET_LEG)) end
  post(r, order, kind, { reason = reason })
  sagas.ended(r, order, reason)
end

local function take_new(r, c)
  local id = tonumber(c.order_id)
  local order = {
    id = c.order_id + 0ULL, number = id, instrument = c.instrument, side = c.side, type = c.type, price = c.price, quantity = c.quantity, filled = 0LL,
    open = true, link = c.link, group = c.group, tag = c.tag,
  }
  r.sent[#r.sent + 1], r.by_id[id] = order, order
  if c.link == C.TL_LINK_SAGA_LEG then sagas.join(r, order, c) end
  post(r, order, C.TL_REPORT_ACCEPTED)
  return order
end

local function post_own(r, fields)
  post(r, { id = 0, price = ABSENT, quantity = 0, filled = 0, instrument = NO_INSTRUMENT }, fields.kind, fields)
end

--- Gives a run its (empty) venue.
function M.open(r)
  r.sent, r.by_id, r.reports, r.requests, r.executions = {}, {}, {}, {}, 0
  sagas.open(r, post_own, take_new)
end

local function take_one(r, c)
  local order = r.by_id[tonumber(c.order_id)]
  if c.kind == C.TL_COMMAND_NEW then take_new(r, c)
  elseif c.kind == C.TL_COMMAND_CANCEL then
    local own = type(c) == "table" -- the gateway's, which waits for no answer
    if order.open then
      ended(r, order, C.TL_REPORT_CANCELED, own and c.reason or C.TL_REASON_REQUESTED)
    elseif not own then
      post(r, order, C.TL_REPORT_CANCEL_REJECTED, { reason = C.TL_REASON_ORDER_CLOSED })
    end
  elseif order.open and c.quantity > order.filled then
    order.price, order.quantity = c.price, c.quantity
    post(r, order, C.TL_REPORT_REPLACED)
  else
    post(r, order, C.TL_REPORT_REPLACE_REJECTED, { reason = order.open and C.TL_REASON_BAD_QUANTITY or C.TL_REASON_ORDER_CLOSED })
  end
end

--- Takes what the strategy has sent.
function M.take(r)
  local commands = C.tl_mirror_commands(r.mirror, count)
  for i = 0, count[0] - 1 do
    local kind = commands[i].kind
    if kind == C.TL_COMMAND_NEW then take_new(r, commands[i])
    elseif kind >= C.TL_COMMAND_SAGA_BEGIN then sagas.take(r, commands[i])
    else r.requests[#r.requests + 1] = ffi.new("tl_command", commands[i]) end
  end
  C.tl_mirror_clear_commands(r.mirror)
end

--- Cancels and replaces reach the venue.
function M.arrive(r)
  local requests = r.requests
  r.requests = {}
  for _, command in ipairs(requests) do take_one(r, command) end
end

--- When the venue has something to do by itself, and doing it: legs of sagas are cancelled in time.
M.next_ns = sagas.next_ns

function M.time(r)
  sagas.time(r, r.now_ns)
  M.arrive(r)
end

--- What is due arrives at the strategy; what its handlers send meanwhile is answered the next time.
function M.deliver(r, append, drain)
  if #r.reports == 0 then return end
  local due = r.reports
  r.reports = {}
  local tail = ffi.new "tl_event_tail"
  for _, report in ipairs(due) do
    local event = ffi.new("tl_event", { kind = C.TL_EVENT_REPORT, source = C.TL_SOURCE_REPORT, instrument = report.instrument, ts_ns = r.now_ns })
    ffi.copy(event.w, report, ffi.sizeof(event.w))
    ffi.copy(tail, ffi.cast("char *", report) + ffi.sizeof(event.w), ffi.sizeof(tail))
    append(r, event, tail)
  end
  drain(r)
end

local function open_order(r, id, verb)
  local order = r.by_id[id]
  if not order.open then error(("run:%s: order %.0f is closed at the venue"):format(verb, id), 4) end
  return order
end

local function mantissa(value, what)
  if type(value) ~= "number" or value ~= value or value <= 0 or value >= 9e10 then
    error(("run:fill: %s is a number above 0, not %s"):format(what, tostring(value)), 4)
  end
  return ffi.new("int64_t", math.floor(value * 1e8 + 0.5))
end

--- Where a market order trades: the other side of the quote, else the last price.
local function market_price(r, order)
  local seen = C.tl_view_at(r.view, order.instrument)
  local n = order.side == 1 and seen.quote.ask_n or seen.quote.bid_n
  if n == n then return ffi.new("int64_t", n) end
  if seen.last_price ~= ABSENT then return seen.last_price end
  error("run:fill: there is no market to trade at; give a price", 4)
end

function M.fill(r, id, quantity, price, options)
  local order = open_order(r, id, "fill")
  local left = order.quantity - order.filled
  local traded = quantity == nil and left or mantissa(quantity, "quantity")
  if traded > left then error(("run:fill: %.14g is more than the %.14g that are open"):format(quantity, tonumber(left) / 1e8), 3) end
  local at = price ~= nil and mantissa(price, "price") or (order.price ~= ABSENT and order.price) or market_price(r, order)
  options = options or {}
  local liquidity = options.liquidity or (order.type == C.TL_TYPE_MARKET and "taker" or "maker")
  if not LIQUIDITY[liquidity] then error("run:fill: liquidity is \"maker\", \"taker\" or \"auction\"", 3) end
  order.filled = order.filled + traded
  r.executions = r.executions + 1
  post(r, order, C.TL_REPORT_FILL, {
    price = at, quantity = traded, execution_id = r.executions, fee_e8 = (options.fee or 0) * 1e8, liquidity = LIQUIDITY[liquidity],
  })
  if order.filled == order.quantity then
    order.open = false
    sagas.ended(r, order, 0)
  end
  if order.link == C.TL_LINK_OCO or order.link == C.TL_LINK_BRACKET_LEG then end_partners(r, order, order.link) end
end

local function reason_number(code)
  if code == nil then return 0 end
  for reason = 1, tonumber(C.TL_REASONS) - 1 do
    if ffi.string(C.tl_reason_code(reason)) == code then return reason end
  end
  error(("'%s' is no reason; docs/ERRORS.md lists them"):format(tostring(code)), 4)
end

function M.reject(r, id, code)
  local reason = reason_number(code)
  local order = open_order(r, id, "reject")
  ended(r, order, C.TL_REPORT_REJECTED, reason)
end

function M.cancel(r, id, code)
  local reason = reason_number(code)
  local order = open_order(r, id, "cancel")
  ended(r, order, C.TL_REPORT_CANCELED, reason)
end

return M

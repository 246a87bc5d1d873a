--- What an operator may ask a running instance over its control socket: a line of JSON each way (docs/OPERATIONS.md lists the requests).
local native = require "tidelock.native"
local cjson = require("cjson").new()
local json = require "tidelock.report.json"
local nearest = require "tidelock.nearest"
local status = require "tidelock.live.status"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

local LIMITS = { "max_order_quantity", "max_position", "max_order_notional", "max_gross_exposure", "max_daily_loss", "price_collar", "max_orders_per_second",
  "order_burst", "max_open_orders", "deny_duplicates", "prevent_self_trade", "denies_per_second" }

function M.refusal(why) return json.encode { ok = false, error = why } end

local function operate(session, name, record)
  check(C.tl_master_operate(session.master, name, record))
end

local function account_index(plan, name)
  local names = {}
  for i, account in ipairs(plan.accounts) do
    if account.name == name then return i - 1 end
    names[i] = account.name
  end
  error(nearest.sentence("account", tostring(name), names), 0)
end

local requests = {}

function requests.status(session)
  return { status = status.object(session.view:read()) }
end

--- { "request": "kill-switch", "on": true, "account": "main" }
requests["kill-switch"] = function(session, request)
  if type(request.on) ~= "boolean" then error("`on` is true or false", 0) end
  local target = request.account ~= nil and account_index(session.plan, request.account) or -1
  operate(session, "io", ffi.new("tl_operator", { kind = C.TL_OPERATOR_KILL, target = target, word = request.on and 1 or 0 }))
  session:say(("the kill switch %s%s by the operator"):format(request.on and "was thrown" or "was lifted",
    request.account and " for account " .. tostring(request.account) or ""))
  return {}
end

--- { "request": "limit", "strategy": "mm" or "account": "main", "name": "max_position", "value": 100 }
function requests.limit(session, request)
  local target
  if request.account ~= nil then
    target = -1 - account_index(session.plan, request.account)
  else
    local names = {}
    for i, one in ipairs(session.plan.strategies) do
      names[i] = one.name
      if one.name == request.strategy then target = one.id end
    end
    if not target then error(nearest.sentence("strategy", tostring(request.strategy), names), 0) end
  end
  local known = false
  for _, name in ipairs(LIMITS) do known = known or name == request.name end
  if not known then error(nearest.sentence("limit", tostring(request.name), LIMITS), 0) end
  local value = tonumber(request.value)
  if not value or value ~= value or value < 0 or value == math.huge then error(("value: %s is no limit"):format(tostring(request.value)), 0) end
  check(C.tl_gateway_limit_check(request.name, value)) -- the gateway answers nobody
  local record = ffi.new("tl_operator", { kind = C.TL_OPERATOR_LIMIT, target = target, value = value })
  ffi.copy(record.text, request.name)
  operate(session, "io", record)
  session:say(("the operator set %s of %s to %.10g"):format(request.name, request.account or request.strategy, value))
  return {}
end

function requests.stop(session)
  session:say "stopping, as the operator asked"
  session:stop()
  return {}
end

--- The answer to a line.
---@param session table
---@param line string
---@return string
function M.answer(session, line)
  local ok, request = pcall(cjson.decode, line)
  if not ok or type(request) ~= "table" then return M.refusal "a request is one JSON object on a line" end
  local known = {}
  for name in pairs(requests) do known[#known + 1] = name end
  table.sort(known)
  local handler = requests[request.request]
  if not handler then return M.refusal(nearest.sentence("request", tostring(request.request), known) .. "; it is one of " .. table.concat(known, ", ")) end
  local fine, result = pcall(handler, session, request)
  if not fine then return M.refusal(tostring(result)) end
  result.ok = true
  return json.encode(result)
end

return M

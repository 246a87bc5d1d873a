---@meta timeout

---@class Deadline
local Deadline = {}
---@return number ns, 0 once it has passed
function Deadline:remaining() end
---@return boolean
function Deadline:expired() end
---@param limits { cap: Duration|nil, reserve: Duration|nil }
---@return Deadline
function Deadline:child(limits) end

---@class Timer
local Timer = {}
function Timer:cancel() end

local timeout = {}

---@param d Duration
---@return Deadline
function timeout.after(d) end
---@param ts number ns since the Unix epoch
---@return Deadline
function timeout.at(ts) end
--- Orders sent inside inherit the deadline.
---@generic T
---@param d Duration|Deadline
---@param fn fun(...): T
---@return T
function timeout.scope(d, fn, ...) end
---@return number the runtime's clock, constant within a handler
function timeout.now() end
---@param d Duration
---@param target string|fun(name: string|nil, ts: number, missed: integer)
---@param options { align: boolean|nil }|nil
---@return Timer
function timeout.every(d, target, options) end
---@param d Duration
---@param target string|fun(name: string|nil, ts: number, missed: integer)
---@return Timer
function timeout.once(d, target) end
---@param spec { at: string, zone: string|nil, name: string }
---@return Timer
function timeout.daily(spec) end
---@param spec { symbol: string, at: "open"|"close", offset: Duration|nil, name: string }
---@return Timer
function timeout.session(spec) end
---@class Leg
---@field send table an order's named fields, with `type` where price and stop_price do not tell it
---@field undo "flatten"|table|nil how it is undone: flattened, or a limit or market order
---@field partial boolean|nil done with what it was filled when it ended

---@class SagaSteps
local SagaSteps = {}
---@param leg Leg
---@return Order order wholly filled
function SagaSteps:leg(leg) end
---@param legs Leg[]
---@return Order ...
function SagaSteps:legs(legs) end

---@class Saga
---@field name string
---@field status "running"|"undoing"|"done"|"undone"|"failed"
local Saga = {}
---@return boolean asked
function Saga:cancel() end

--- Runs fn(s, ...): orders of which all are filled by the deadline less the reserve, or what was filled is brought back by the gateway.
---@param name string
---@param d Duration|Deadline|{ [1]: Duration|Deadline, reserve: Duration|nil }
---@param fn fun(s: SagaSteps, ...)
---@return Saga|nil
---@return OrderError|nil
function timeout.saga(name, d, fn, ...) end

return timeout

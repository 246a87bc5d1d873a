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

return timeout

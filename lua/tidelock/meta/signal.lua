---@meta signal

local signal = {}

--- Sends a number to the other strategies: their on_signal.
---@param name string at most 63 bytes
---@param value number
---@return boolean|nil sent
---@return OrderError|nil err while history is played
function signal.send(name, value) end

return signal

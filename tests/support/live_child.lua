--- A strategy's process for the chaos specs: live_child.lua FOLDER EPOCH SLOTS. Ends when "control" says so, in order.
local live_world = require "support.live_world"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

ffi.cdef "int usleep(unsigned usec);"

local world = live_world.open({ slots = tonumber(arg[3]), recorded = true }, arg[1], tonumber(arg[2]))
while true do
  if world.control[0] == 1 and world.agent.stop(world.agent.state, C.TL_STOP_ORDERLY, world:now()) then break end
  if world:work() == 0 then ffi.C.usleep(20) end
end
os.exit(0)

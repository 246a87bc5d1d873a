--- The C library as Lua sees it: declarations made from the headers, loaded once per state.
--- `require "tidelock.native"` returns `C, ffi`; only the library's own modules, the tests and the verbs may use it.
local ffi = require "ffi"

ffi.cdef(require "tidelock.cdef")

-- A strategy's state is told by its host where the library is, so that both use the same instance.
local function library_path()
  if rawget(_G, "TIDELOCK_LIBRARY") then return _G.TIDELOCK_LIBRARY end
  local build = os.getenv "TIDELOCK_BUILD"
  return build and build .. "/libtidelock.so" or "tidelock"
end

--- In the tidelock binary the library is already in the process.
local native = rawget(_G, "TIDELOCK_IN_PROCESS") and ffi.C or ffi.load(library_path())

local M = { C = native, ffi = ffi }

--- Raises the thread's error text when `status` is not TL_OK; returns nothing otherwise.
function M.check(status)
  if status ~= 0 then error(ffi.string(native.tl_error_text()), 0) end
end

--- Gives a host a param, of a symbol or of all (nil). Numbers keep all their digits: tostring() would cut them to 14.
function M.set_param(host, symbol, name, value)
  M.check(native.tl_host_param(host, symbol, name, type(value) == "number" and ("%.17g"):format(value) or tostring(value)))
end

return M

--- For specs: how many bytes the C heap gave to this thread, by jemalloc's own statistics. Lua's memory is apart and does not count.
local ffi = require "ffi"

ffi.cdef "int mallctl(const char *name, void *old, size_t *old_length, void *new, size_t new_length);"

local M = {}

--- Whether the process's heap is jemalloc; under a sanitizer it is not.
function M.known()
  return (pcall(function() return ffi.C.mallctl end))
end

--- Bytes allocated by this thread so far, freed or not, as a uint64_t cdata.
function M.bytes()
  local value, length = ffi.new "uint64_t[1]", ffi.new("size_t[1]", 8)
  assert(ffi.C.mallctl("thread.allocated", value, length, nil, 0) == 0, "jemalloc keeps no statistics")
  return value[0]
end

--- Bytes that `fn` allocates on the C heap. No finalizer of what other specs have left runs meanwhile.
function M.of(fn)
  collectgarbage()
  collectgarbage "stop"
  local before = M.bytes()
  local ok, err = pcall(fn)
  local bytes = tonumber(M.bytes() - before)
  collectgarbage "restart"
  if not ok then error(err, 0) end
  return bytes
end

return M

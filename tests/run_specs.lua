local ffi = require "ffi"
ffi.cdef "int unsetenv(const char *name);"
ffi.C.unsetenv "LD_PRELOAD" -- for this process alone, see tests/run
package.loaded.ffi = nil -- each spec file begins with an FFI without declarations

-- Runs busted in this process with our output, so that luajit and not lua5.1 executes the specs.
local words = { [0] = "busted", "--output=lua/tidelock/testing/output.lua", "--pattern=_spec%.lua$" }
for _, word in ipairs(arg) do words[#words + 1] = word end
_G.arg = words
require "busted.runner" { standalone = false }

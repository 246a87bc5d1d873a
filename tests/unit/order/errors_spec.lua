local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("docs/ERRORS.md", function()
  it("lists every code, in the order of order.h, each once", function()
    local listed, real = {}, {}
    for line in io.lines "docs/ERRORS.md" do
      local code = line:match "^| `([%w_]+)` |"
      if code then listed[#listed + 1] = code end
    end
    for reason = 1, tonumber(C.TL_REASONS) - 1 do real[reason] = ffi.string(C.tl_reason_code(reason)) end
    assert.same(real, listed)
  end)
end)

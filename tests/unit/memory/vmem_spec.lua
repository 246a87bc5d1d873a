local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("reserved memory", function()
  it("reads as zero, keeps what is written and goes back as a whole", function()
    local memory = ffi.new("tl_vmem")
    assert.equal(0, tonumber(C.tl_vmem_reserve(memory, 1e11)))
    local bytes = ffi.cast("uint8_t *", memory.base)
    assert.equal(0, bytes[99999999999])
    bytes[5000], bytes[100] = 7, 9
    assert.same({ 7, 9 }, { bytes[5000], bytes[100] })
    C.tl_vmem_release(memory)
    assert.is_true(memory.base == nil)
  end)

  it("refuses what cannot be", function()
    local memory = ffi.new("tl_vmem")
    assert.are_not.equal(0, tonumber(C.tl_vmem_reserve(memory, 0)))
    assert.are_not.equal(0, tonumber(C.tl_vmem_reserve(memory, 2 ^ 60)))
    assert.matches("cannot reserve", ffi.string(C.tl_error_text()))
  end)
end)

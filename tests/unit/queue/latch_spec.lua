local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function latch(bytes)
  local memory = ffi.new("uint64_t[?]", tonumber(C.tl_latch_size(bytes)) / 8 + 8)
  local address = tonumber(ffi.cast("uintptr_t", memory))
  local l = ffi.cast("tl_latch *", ffi.cast("uint8_t *", memory) + (64 - address % 64) % 64)
  C.tl_latch_init(l, bytes)
  return l, memory
end

local sequence = ffi.new "uint64_t[1]"

describe("a latch", function()
  it("gives nothing before it was written, and then the newest value, of any size", function()
    for _, bytes in ipairs { 1, 7, 8, 12, 64, 100, 1504 } do
      local l, anchor = latch(bytes)
      local value, got = ffi.new("uint8_t[?]", bytes), ffi.new("uint8_t[?]", bytes + 8)
      assert.is_false(C.tl_latch_read(l, got, sequence))
      for update = 1, 5 do
        for i = 0, bytes - 1 do value[i] = (update * 31 + i) % 256 end
        C.tl_latch_write(l, value)
        ffi.fill(got, bytes + 8, 0xee)
        assert.is_true(C.tl_latch_read(l, got, sequence))
        assert.equal(update, tonumber(sequence[0]))
        for i = 0, bytes - 1 do assert.equal((update * 31 + i) % 256, got[i]) end
        for i = bytes, bytes + 7 do assert.equal(0xee, got[i]) end -- and no further
      end
      assert.truthy(anchor)
    end
  end)

  it("keeps the last whole value when its writer dies in the next, and lets a successor go on", function()
    local l, anchor = latch(64)
    local value, got = ffi.new("uint64_t[8]"), ffi.new("uint64_t[8]")
    local function fill(v) for i = 0, 7 do value[i] = v end end
    fill(1)
    C.tl_latch_write(l, value)
    -- A writer that dies in update 2 has written some of the copy that update 1 did not use.
    ffi.cast("uint64_t *", l)[8 + 0] = 77
    ffi.cast("uint64_t *", l)[8 + 3] = 77
    assert.is_true(C.tl_latch_read(l, got, nil))
    for i = 0, 7 do assert.equal(1, tonumber(got[i])) end
    C.tl_latch_init(l, 64)
    fill(2)
    C.tl_latch_write(l, value)
    assert.is_true(C.tl_latch_read(l, got, sequence))
    for i = 0, 7 do assert.equal(2, tonumber(got[i])) end
    assert.equal(2, tonumber(sequence[0]))
    assert.truthy(anchor)
  end)
end)

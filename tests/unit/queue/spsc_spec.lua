local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function ring(capacity)
  local r = {
    slots = ffi.new("uint64_t[?]", capacity * 8), produced = ffi.new "tl_spsc_cursor", consumed = ffi.new "tl_spsc_cursor",
    producer = ffi.new "tl_spsc_producer", consumer = ffi.new "tl_spsc_consumer", item = ffi.new "uint64_t[8]",
  }
  native.check(C.tl_spsc_attach_producer(r.producer, r.slots, capacity, 64, r.produced, r.consumed))
  native.check(C.tl_spsc_attach_consumer(r.consumer, r.slots, capacity, 64, r.produced, r.consumed))
  function r:write(v)
    self.item[0], self.item[7] = v, v
    return C.tl_spsc_write(self.producer, self.item)
  end
  function r:read()
    if not C.tl_spsc_read(self.consumer, self.item) then return nil end
    assert.equal(tonumber(self.item[0]), tonumber(self.item[7]))
    return tonumber(self.item[0])
  end
  return r
end

describe("an spsc ring", function()
  it("gives what was put in, in order, around its end many times", function()
    local r = ring(8)
    local written, read = 0, 0
    math.randomseed(11)
    for _ = 1, 5000 do
      for _ = 1, math.random(0, 8) do if r:write(written) then written = written + 1 end end
      for _ = 1, math.random(0, 8) do
        local v = r:read()
        if v then assert.equal(read, v) read = read + 1 end
      end
      assert.is_true(written - read <= 8)
    end
    assert.is_true(written > 10000)
  end)

  it("refuses when it is full and says nothing when it is empty", function()
    local r = ring(4)
    assert.is_nil(r:read())
    for i = 1, 4 do assert.is_true(r:write(i)) end
    assert.is_false(r:write(5))
    assert.equal(1, r:read())
    assert.is_true(r:write(5))
    assert.is_false(r:write(6))
  end)

  it("lets a successor go on where its predecessor stopped", function()
    local r = ring(4)
    for i = 1, 3 do r:write(i) end
    r:read()
    native.check(C.tl_spsc_attach_producer(r.producer, r.slots, 4, 64, r.produced, r.consumed))
    native.check(C.tl_spsc_attach_consumer(r.consumer, r.slots, 4, 64, r.produced, r.consumed))
    assert.is_true(r:write(4))
    assert.is_true(r:write(5))
    assert.is_false(r:write(6))
    for i = 2, 5 do assert.equal(i, r:read()) end
    assert.is_nil(r:read())
  end)

  it("names a size that cannot be", function()
    local r = ring(4)
    assert.equal(C.TL_ERR_ARGUMENT, C.tl_spsc_attach_producer(r.producer, r.slots, 6, 64, r.produced, r.consumed))
    assert.matches("ring of 6 slots", ffi.string(C.tl_error_text()))
    assert.equal(C.TL_ERR_ARGUMENT, C.tl_spsc_attach_consumer(r.consumer, r.slots, 4, 12, r.produced, r.consumed))
    assert.matches("12 bytes", ffi.string(C.tl_error_text()))
  end)
end)

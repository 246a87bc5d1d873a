local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function section(bytes)
  local memory = ffi.new("uint64_t[?]", tonumber(bytes) / 8 + 16)
  local address = tonumber(ffi.cast("uintptr_t", memory))
  return ffi.cast("uint8_t *", memory) + (128 - address % 128) % 128, memory
end

describe("a channel", function()
  local out, into, anchors, producer, consumer, item

  before_each(function()
    local a, b
    out, a = section(C.tl_channel_out_bytes(8, 64))
    into, b = section(C.tl_channel_in_bytes())
    anchors = { a, b }
    producer, consumer, item = ffi.new "tl_spsc_producer", ffi.new "tl_spsc_consumer", ffi.new "uint64_t[8]"
  end)

  it("takes its consumer before its producer, and carries slots from one section to the other's cursor", function()
    native.check(C.tl_channel_consumer(consumer, out, into, 8, 64))
    assert.is_false(C.tl_spsc_read(consumer, item))
    native.check(C.tl_channel_producer(producer, out, into, 8, 64))
    for round = 1, 20 do
      for i = 1, 8 do
        item[0] = round * 10 + i
        assert.is_true(C.tl_spsc_write(producer, item))
      end
      assert.is_false(C.tl_spsc_write(producer, item))
      for i = 1, 8 do
        assert.is_true(C.tl_spsc_read(consumer, item))
        assert.equal(round * 10 + i, tonumber(item[0]))
      end
    end
    assert.equal(160, tonumber(ffi.cast("tl_spsc_cursor *", into).position))
    assert.truthy(anchors)
  end)

  it("lets either end go on where its predecessor stopped", function()
    native.check(C.tl_channel_producer(producer, out, into, 8, 64))
    native.check(C.tl_channel_consumer(consumer, out, into, 8, 64))
    for i = 1, 5 do item[0] = i C.tl_spsc_write(producer, item) end
    for _ = 1, 2 do C.tl_spsc_read(consumer, item) end
    native.check(C.tl_channel_producer(producer, out, into, 8, 64))
    native.check(C.tl_channel_consumer(consumer, out, into, 8, 64))
    item[0] = 6
    C.tl_spsc_write(producer, item)
    for i = 3, 6 do
      assert.is_true(C.tl_spsc_read(consumer, item))
      assert.equal(i, tonumber(item[0]))
    end
  end)

  it("refuses ends of another shape than its own, and shapes that cannot be", function()
    native.check(C.tl_channel_producer(producer, out, into, 8, 64))
    assert.equal(C.TL_ERR_ARGUMENT, C.tl_channel_consumer(consumer, out, into, 16, 64))
    assert.matches("8 slots of 64 bytes is used as one of 16 slots of 64 bytes", ffi.string(C.tl_error_text()))
    assert.equal(C.TL_ERR_ARGUMENT, C.tl_channel_producer(producer, out, into, 8, 128))
    local other, anchor = section(C.tl_channel_out_bytes(8, 64))
    assert.equal(C.TL_ERR_ARGUMENT, C.tl_channel_producer(producer, other, into, 6, 64))
    assert.equal(0, tonumber(ffi.cast("tl_channel_head *", other).capacity))
    assert.truthy(anchor)
  end)
end)

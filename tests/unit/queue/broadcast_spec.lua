local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local CAPACITY = 64

local function ring(capacity)
  capacity = capacity or CAPACITY
  local memory = ffi.new("uint64_t[?]", tonumber(C.tl_broadcast_bytes(capacity, 16)) / 8 + 16)
  local address = tonumber(ffi.cast("uintptr_t", memory))
  local r = { anchor = memory, section = ffi.cast("uint8_t *", memory) + (128 - address % 128) % 128, writer = ffi.new "tl_broadcast_writer", next = 0 }
  r.head = ffi.cast("tl_broadcast_head *", r.section)
  native.check(C.tl_broadcast_attach_writer(r.writer, r.section, capacity, 16))
  function r:reader()
    local reader = ffi.new "tl_broadcast_reader"
    native.check(C.tl_broadcast_attach_reader(reader, self.section, capacity, 16))
    return reader
  end
  -- Slots hold their position and its complement.
  function r:stage(count)
    local slots = ffi.new("int64_t[?]", 2 * count)
    for i = 0, count - 1 do
      slots[2 * i], slots[2 * i + 1] = self.next, -1 - self.next
      self.next = self.next + 1
    end
    C.tl_broadcast_stage(self.writer, slots, count)
  end
  function r:publish(count)
    self:stage(count)
    C.tl_broadcast_publish(self.writer)
  end
  return r
end

local into, lost = ffi.new("int64_t[?]", 2 * 4096), ffi.new "uint64_t[1]"

-- Checks and takes what is there; how many, and how many were lost.
local function take(reader, most)
  local at = tonumber(reader.position)
  local count = C.tl_broadcast_copy(reader, into, most or 4096, lost)
  for i = 0, count - 1 do
    assert.equal(at + i, tonumber(into[2 * i]))
    assert.equal(-1 - (at + i), tonumber(into[2 * i + 1]))
  end
  C.tl_broadcast_take(reader, count)
  return count, tonumber(lost[0])
end

describe("a broadcast ring", function()
  it("gives every reader everything from where it joined, in batches as it likes", function()
    local r = ring()
    local early = r:reader()
    r:publish(5)
    local late = r:reader()
    r:publish(7)
    assert.same({ 4, 0 }, { take(early, 4) })
    assert.same({ 8, 0 }, { take(early) })
    assert.same({ 7, 0 }, { take(late) })
    assert.same({ 0, 0 }, { take(late) })
  end)

  it("shows nothing of what is staged before it is published", function()
    local r = ring()
    local reader = r:reader()
    r:stage(3)
    assert.equal(0, (take(reader)))
    r:stage(2)
    assert.equal(0, (take(reader)))
    C.tl_broadcast_publish(r.writer)
    assert.equal(5, (take(reader)))
  end)

  it("publishes by itself, between two records, when a quarter would be staged", function()
    local r = ring()
    local reader = r:reader()
    r:stage(10)
    r:stage(6)
    assert.equal(0, (take(reader)))
    r:stage(2)
    assert.equal(16, (take(reader)))
  end)

  it("can be copied again as long as it was not taken", function()
    local r = ring()
    local reader = r:reader()
    r:publish(3)
    assert.equal(3, C.tl_broadcast_copy(reader, into, 8, lost))
    assert.equal(3, C.tl_broadcast_copy(reader, into, 8, lost))
    C.tl_broadcast_take(reader, 2)
    assert.equal(1, C.tl_broadcast_copy(reader, into, 8, lost))
    assert.equal(2, tonumber(into[0]))
  end)

  it("tells a reader that was lapped how much it lost, and stands at the newest", function()
    local r = ring()
    local reader = r:reader()
    for _ = 1, 10 do r:publish(10) end
    assert.same({ 0, 100 }, { take(reader) })
    assert.equal(100, tonumber(reader.lost))
    r:publish(1)
    assert.same({ 1, 0 }, { take(reader) })
  end)

  it("stands a lapped reader where the latches are, as long as that is there", function()
    local r = ring()
    local reader, second = r:reader(), r:reader()
    for _ = 1, 10 do r:publish(10) end
    C.tl_broadcast_latched(r.writer, 90)
    assert.same({ 0, 90 }, { take(reader) })
    assert.same({ 10, 0 }, { take(reader) })
    for _ = 1, 6 do r:publish(10) end
    assert.same({ 0, 160 }, { take(second) }) -- 90 is gone
  end)

  it("gives up a slot that its writer has only said it will write", function()
    local r = ring()
    local reader = r:reader()
    for _ = 1, 6 do r:publish(8) end
    assert.equal(48, C.tl_broadcast_copy(reader, into, 64, lost))
    r:stage(16)
    r:stage(1) -- says at least one more than the ring holds
    assert.same({ 0, 64 }, { take(reader) })
  end)

  it("goes on behind what a dead writer published, and over what it tore", function()
    local r = ring()
    local reader = r:reader()
    for _ = 1, 7 do r:publish(8) end
    C.tl_broadcast_take(reader, 8)
    r:stage(12) -- and dies
    local torn = tonumber(r.head.intent)
    r.next = 56
    native.check(C.tl_broadcast_attach_writer(r.writer, r.section, CAPACITY, 16))
    assert.same({ 56, torn }, { tonumber(r.writer.position), tonumber(r.writer.intent) })
    r:publish(2)
    assert.equal(torn, tonumber(r.head.intent)) -- not lowered: what a reader holds below it may be torn
    local fresh = r:reader()
    r:publish(9)
    assert.same({ 9, 0 }, { take(fresh) })
    assert.is_true(torn > 8 + CAPACITY)
    assert.same({ 0, 59 }, { take(reader) })
    r:publish(3)
    assert.same({ 3, 0 }, { take(reader) })
  end)

  it("gives what a model gives through a long random life", function()
    local r = ring()
    local readers, seen = { r:reader(), r:reader(), r:reader() }, { 0, 0, 0 }
    math.randomseed(23)
    for _ = 1, 20000 do
      if math.random() < 0.6 then
        r:publish(math.random(1, 16))
      else
        local which = math.random(3)
        local reader = readers[which]
        local before = tonumber(reader.position)
        local count, gone = take(reader, math.random(1, 100))
        if gone > 0 then
          assert.is_true(r.next - before > CAPACITY - 16)
          assert.equal(r.next, tonumber(reader.position))
        else
          seen[which] = seen[which] + count
          assert.is_true(r.next - before <= CAPACITY)
          assert.is_true(count > 0 or r.next == before)
        end
      end
    end
    for which, reader in ipairs(readers) do assert.equal(tonumber(reader.position), seen[which] + tonumber(reader.lost)) end
  end)

  it("refuses a shape that cannot be or is another's", function()
    local r = ring()
    local reader = ffi.new "tl_broadcast_reader"
    assert.equal(C.TL_ERR_ARGUMENT, C.tl_broadcast_attach_reader(reader, r.section, 128, 16))
    assert.matches("64 slots of 16 bytes is used as one of 128 slots of 16 bytes", ffi.string(C.tl_error_text()))
    assert.equal(C.TL_ERR_ARGUMENT, C.tl_broadcast_attach_writer(r.writer, r.section, 48, 16))
    assert.equal(C.TL_ERR_ARGUMENT, C.tl_broadcast_attach_writer(r.writer, r.section, 64, 12))
  end)
end)

local native = require "tidelock.native"
local C, ffi, check = native.C, native.ffi, native.check

ffi.cdef [[
int pipe(int *ends);
int close(int fd);
long read(int fd, void *into, size_t count);
void (*signal(int number, void (*action)(int)))(int);
]]

local function pipe()
  local ends = ffi.new "int[2]"
  assert.equal(0, ffi.C.pipe(ends))
  return ends[0], ends[1]
end

local function speaker(fd, capacity)
  local out = ffi.new "tl_speaker *[1]"
  check(C.tl_speaker_create(fd, capacity or 1024, out))
  return out[0]
end

local function say(s, text) return C.tl_speaker_say(s, text, #text) end

describe("a speaker", function()
  it("writes all that is said, in order, before it ends", function()
    local from, to = pipe()
    local s = speaker(to)
    for i = 1, 60 do assert.is_true(say(s, ("line %02d\n"):format(i))) end
    C.tl_speaker_destroy(s, 10e9)
    ffi.C.close(to)
    local text, block = "", ffi.new "char[4096]"
    repeat
      local n = tonumber(ffi.C.read(from, block, 4096))
      text = text .. ffi.string(block, n)
    until n == 0
    ffi.C.close(from)
    local wanted = {}
    for i = 1, 60 do wanted[i] = ("line %02d\n"):format(i) end
    assert.equal(table.concat(wanted), text)
  end)

  it("never waits for a reader: what finds no room is dropped as a whole and counted", function()
    local from, to = pipe()
    local s, refused = speaker(to, 8192), 0
    local begun = C.tl_clock_monotonic_ns()
    for _ = 1, 200 do
      if not say(s, ("x"):rep(1000)) then refused = refused + 1 end
    end
    assert.is_true(refused >= 200 - (65536 + 2 * 4096 + 8192) / 1000, "a pipe holds 64 KiB, the rest waits or is dropped")
    assert.equal(refused, tonumber(C.tl_speaker_dropped(s)))
    assert.equal(0, tonumber(C.tl_speaker_dropped(s)))
    C.tl_speaker_destroy(s, 20e6)
    assert.is_true(C.tl_clock_monotonic_ns() - begun < 5000000000LL)
    ffi.C.close(from)
    ffi.C.close(to)
  end)

  it("goes on when its reader is gone", function()
    local before = ffi.C.signal(13, ffi.cast("void (*)(int)", 1))
    local from, to = pipe()
    ffi.C.close(from)
    local s = speaker(to)
    for _ = 1, 3 do assert.is_true(say(s, "to nobody\n")) end
    C.tl_speaker_destroy(s, 10e9)
    ffi.C.close(to)
    ffi.C.signal(13, before)
  end)
end)

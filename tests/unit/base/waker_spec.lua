local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

ffi.cdef [[
int eventfd(unsigned int initial, int flags);
long read(int fd, void *into, size_t count);
int close(int fd);
]]
local NONBLOCK = 2048

local function written(fd)
  local count = ffi.new("uint64_t[1]")
  return ffi.C.read(fd, count, 8) == 8 and tonumber(count[0]) or 0
end

describe("a waker", function()
  it("writes to those that were marked and sleep, once, and to no others", function()
    local sleeping, wakers, fds = ffi.new("uint32_t[3]", { 1, 0, 1 }), ffi.new("tl_waker[3]"), {}
    for i = 0, 2 do
      fds[i] = ffi.C.eventfd(0, NONBLOCK)
      wakers[i].sleeping, wakers[i].fd = sleeping + i, fds[i]
    end
    assert.equal(0, C.tl_waker_flush(wakers, 3))
    wakers[0].marked, wakers[1].marked = 1, 1
    assert.equal(1, C.tl_waker_flush(wakers, 3))
    assert.equal(0, C.tl_waker_flush(wakers, 3))
    assert.same({ 1, 0, 0 }, { written(fds[0]), written(fds[1]), written(fds[2]) })
    for i = 0, 2 do ffi.C.close(fds[i]) end
  end)

  it("leaves alone what never sleeps, and survives an eventfd that is full", function()
    local sleeping = ffi.new("uint32_t[1]", 1)
    local wakers = ffi.new("tl_waker[1]", { { sleeping = sleeping, fd = -1, marked = 1 } })
    assert.equal(0, C.tl_waker_flush(wakers, 1))
    local fd = ffi.C.eventfd(0xffffffff, NONBLOCK)
    for _ = 1, 3 do
      wakers[0].fd, wakers[0].marked = fd, 1
      assert.equal(1, C.tl_waker_flush(wakers, 1))
    end
    ffi.C.close(fd)
  end)
end)

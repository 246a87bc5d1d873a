local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local MIB = 1048576

local function new(cap)
  local arena = ffi.new "tl_arena"
  native.check(C.tl_arena_init(arena, cap))
  return ffi.gc(arena, C.tl_arena_close)
end

describe("an arena", function()
  it("counts what is asked for, to the byte", function()
    local arena = new(8 * MIB)
    local a = C.tl_arena_allocate(arena, nil, 0, 1000)
    local b = C.tl_arena_allocate(arena, nil, 5, 24) -- for a new block Lua passes a kind as the old size
    assert.equal(1024, tonumber(arena.used_bytes))
    a = C.tl_arena_allocate(arena, a, 1000, 3000)
    assert.equal(3024, tonumber(arena.used_bytes))
    a = C.tl_arena_allocate(arena, a, 3000, 10)
    C.tl_arena_allocate(arena, a, 10, 0)
    C.tl_arena_allocate(arena, b, 24, 0)
    assert.equal(0, tonumber(arena.used_bytes))
    assert.equal(3024, tonumber(arena.peak_bytes))
  end)

  it("refuses beyond the cap less its reserve, and remembers it", function()
    local arena = new(8 * MIB)
    assert.equal(MIB, tonumber(arena.reserve_bytes))
    local a = C.tl_arena_allocate(arena, nil, 0, 7 * MIB)
    assert.is_true(a ~= nil)
    assert.is_true(C.tl_arena_allocate(arena, nil, 0, 1) == nil)
    assert.equal(1, tonumber(arena.refused_bytes))
    C.tl_arena_open_reserve(arena)
    local b = C.tl_arena_allocate(arena, nil, 0, MIB)
    assert.is_true(b ~= nil)
    assert.is_true(C.tl_arena_allocate(arena, nil, 0, 1) == nil)
    C.tl_arena_close_reserve(arena)
    assert.is_true(C.tl_arena_allocate(arena, b, MIB, MIB / 2) ~= nil) -- shrinking never fails
  end)

  it("holds a 32nd of a large cap in reserve", function()
    assert.equal(4 * MIB, tonumber(new(128 * MIB).reserve_bytes))
  end)

  it("gives everything back when it is closed, and names a cap that is too small", function()
    for _ = 1, 50 do
      local arena = ffi.new "tl_arena"
      native.check(C.tl_arena_init(arena, 16 * MIB))
      for _ = 1, 20 do C.tl_arena_allocate(arena, nil, 0, 40000) end
      C.tl_arena_close(arena)
      C.tl_arena_close(arena)
    end
    assert.are_not.equal(0, tonumber(C.tl_arena_init(ffi.new "tl_arena", 1000)))
    assert.matches("1000 bytes: a Lua state needs at least 2 MiB", ffi.string(C.tl_error_text()))
  end)

  it("is never asked in vain: sizes at the edge of what fits neither wrap nor pass", function()
    local arena = new(4 * MIB)
    assert.is_true(C.tl_arena_allocate(arena, nil, 0, ffi.cast("size_t", -1)) == nil)
    assert.is_true(C.tl_arena_allocate(arena, nil, 0, ffi.cast("size_t", -4096)) == nil)
    local a = C.tl_arena_allocate(arena, nil, 0, 100)
    assert.is_true(C.tl_arena_allocate(arena, a, 100, ffi.cast("size_t", -1)) == nil)
    assert.equal(100, tonumber(arena.used_bytes))
  end)
end)

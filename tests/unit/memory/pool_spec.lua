local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function pool(bytes, capacity)
  local out = ffi.new "tl_pool *[1]"
  native.check(C.tl_pool_create(bytes, capacity, out))
  return ffi.gc(out[0], C.tl_pool_destroy)
end

local function counts(p)
  local c = ffi.new "tl_pool_counts"
  C.tl_pool_count(p, c)
  return {
    hits = tonumber(c.hits), fresh = tonumber(c.fresh), misses = tonumber(c.misses), stale = tonumber(c.stale), live = c.live, high_water = c.high_water,
  }
end

local function acquire(p)
  local handle = ffi.new "tl_pool_handle"
  return ffi.cast("uint64_t *", C.tl_pool_acquire(p, handle, "here")), handle
end

describe("a pool", function()
  it("gives zeroed objects, the one released last first", function()
    local p = pool(64, 8)
    local a, ha = acquire(p)
    local b, hb = acquire(p)
    assert.is_true(a ~= b and b - a >= 8)
    a[0], a[7], b[3] = 5, 6, 7
    assert.is_true(C.tl_pool_release(p, ha))
    assert.is_true(C.tl_pool_release(p, hb))
    local again = acquire(p)
    assert.is_true(again == b)
    assert.equal(0, tonumber(again[3]))
    assert.same({ hits = 1, fresh = 2, misses = 0, stale = 0, live = 1, high_water = 2 }, counts(p))
  end)

  it("knows a handle whose object was released, also when another lives there", function()
    local p = pool(16, 2)
    local object, old = acquire(p)
    assert.is_true(C.tl_pool_get(p, old) == object)
    C.tl_pool_release(p, old)
    assert.is_true(C.tl_pool_get(p, old) == nil)
    local _, new = acquire(p)
    assert.equal(old.slot, new.slot)
    assert.is_true(C.tl_pool_get(p, old) == nil)
    assert.is_false(C.tl_pool_release(p, old))
    assert.is_true(C.tl_pool_get(p, new) == object)
    for _, made_up in ipairs { { 0, 1 }, { 2, 1 }, { 3, 1 }, { 0xffffffff, 1 }, { 1, 0 }, { 2, 0 } } do
      assert.is_false(C.tl_pool_release(p, ffi.new("tl_pool_handle", made_up)))
    end
    assert.equal(9, counts(p).stale)
  end)

  it("says no when it is empty", function()
    local p = pool(8, 2)
    acquire(p)
    local _, last = acquire(p)
    local none, handle = acquire(p)
    assert.is_true(none == nil)
    assert.equal(0, handle.slot)
    C.tl_pool_release(p, last)
    assert.is_true(acquire(p) ~= nil)
    assert.same({ hits = 1, fresh = 2, misses = 1, stale = 0, live = 2, high_water = 2 }, counts(p))
  end)

  it("agrees with a model through a long random life", function()
    local p, live, dead = pool(24, 100), {}, {}
    math.randomseed(17)
    for step = 1, 30000 do
      if math.random() < 0.5 then
        local object, handle = acquire(p)
        if #live == 100 then
          assert.is_true(object == nil)
        else
          for i = 0, 2 do assert.equal(0, tonumber(object[i])) end
          for i = 0, 2 do object[i] = step end
          live[#live + 1] = { object = object, handle = handle, step = step }
        end
      elseif #live > 0 then
        local one = table.remove(live, math.random(#live))
        for i = 0, 2 do assert.equal(one.step, tonumber(one.object[i])) end
        assert.is_true(C.tl_pool_get(p, one.handle) == one.object)
        assert.is_true(C.tl_pool_release(p, one.handle))
        dead[step % 50] = one.handle
      end
      local ghost = dead[math.random(0, 49)]
      if ghost then assert.is_true(C.tl_pool_get(p, ghost) == nil, "seed 17 step " .. step) end
    end
    assert.equal(#live, counts(p).live)
  end)

  it("leaves large objects to the general allocator", function()
    local out = ffi.new "tl_pool *[1]"
    assert.equal(C.TL_ERR_LIMIT, C.tl_pool_create(2049, 10, out))
    assert.matches("objects of 2049 bytes: at most 2048", ffi.string(C.tl_error_text()))
    assert.equal(C.TL_ERR_ARGUMENT, C.tl_pool_create(0, 10, out))
  end)
end)

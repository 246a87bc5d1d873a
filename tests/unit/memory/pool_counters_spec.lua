local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("the counters of a pool", function()
  it("tell what a pool counts, by its name", function()
    local all, counters = ffi.new "tl_counter[8]", ffi.new "tl_pool_counters"
    C.tl_pool_counters_allot(counters, all, 8, "orders")
    local out, counts, handle = ffi.new "tl_pool *[1]", ffi.new "tl_pool_counts", ffi.new "tl_pool_handle"
    native.check(C.tl_pool_create(64, 1, out))
    C.tl_pool_acquire(out[0], handle, "here")
    C.tl_pool_acquire(out[0], ffi.new "tl_pool_handle", "here")
    C.tl_pool_release(out[0], handle)
    C.tl_pool_acquire(out[0], handle, "here")
    C.tl_pool_count(out[0], counts)
    C.tl_pool_counters_set(counters, counts)
    local function value(name) return tonumber(C.tl_counter_find(all, 8, "pool.orders." .. name)) end
    assert.same({ 1, 1, 1, 1, 1 }, { value "hits", value "fresh", value "misses", value "live", value "high_water" })
    C.tl_pool_destroy(out[0])
  end)

  it("go without where there is no room", function()
    local all, counters = ffi.new "tl_counter[2]", ffi.new "tl_pool_counters"
    C.tl_pool_counters_allot(counters, all, 2, "orders")
    C.tl_pool_counters_set(counters, ffi.new("tl_pool_counts", { hits = 7, misses = 9 }))
    assert.equal(7, tonumber(C.tl_counter_find(all, 2, "pool.orders.hits")))
    C.tl_pool_counters_allot(counters, nil, 0, "orders")
    C.tl_pool_counters_set(counters, ffi.new "tl_pool_counts")
  end)
end)

local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function quantile(histogram, q) return tonumber(C.tl_histogram_quantile_ns(histogram, q)) end

describe("a histogram of durations", function()
  it("has nothing to say before the first recording", function()
    local h = ffi.new "tl_histogram"
    assert.is_true(quantile(h, 0.5) ~= quantile(h, 0.5))
  end)

  it("is exact below 16 and right to 6 % above, never beyond the largest", function()
    for _, ns in ipairs { 0, 1, 15, 16, 17, 31, 32, 1000, 65535, 65536, 123456789, 2 ^ 40 + 12345, 2 ^ 47 } do
      local h = ffi.new "tl_histogram"
      C.tl_histogram_record(h, ns)
      assert.equal(ns, quantile(h, 0.5))
      C.tl_histogram_record(h, 2 ^ 48 - 1)
      local got = quantile(h, 0.5)
      assert.is_true(got >= ns and got <= ns * 1.0625, ("%d is told as %d"):format(ns, got))
      if ns < 16 then assert.equal(ns, got) end
    end
  end)

  it("gives the quantiles of a sorted list to a sixteenth", function()
    local h, list = ffi.new "tl_histogram", {}
    math.randomseed(5)
    for i = 1, 20000 do
      list[i] = math.floor(math.exp(math.random() * 20))
      C.tl_histogram_record(h, list[i])
    end
    table.sort(list)
    for _, q in ipairs { 0, 0.01, 0.5, 0.9, 0.99, 0.999, 1 } do
      local exact, got = list[math.max(1, math.ceil(q * #list))], quantile(h, q)
      assert.is_true(got >= exact and got <= exact * 1.0625 + 1, ("quantile %g: %d, got %d"):format(q, exact, got))
    end
  end)

  it("counts what is negative as nothing and what is beyond its range in the last bucket", function()
    local h = ffi.new "tl_histogram"
    C.tl_histogram_record(h, -5)
    assert.equal(0, quantile(h, 1))
    C.tl_histogram_record(h, 2 ^ 60)
    assert.equal(2 ^ 60, quantile(h, 1))
    assert.equal(2, tonumber(h.count))
  end)

  it("records a sample that stands for many, and adds another histogram", function()
    local a, b = ffi.new "tl_histogram", ffi.new "tl_histogram"
    C.tl_histogram_record_times(a, 10, 64)
    C.tl_histogram_record(b, 1000)
    C.tl_histogram_add(a, b)
    assert.same({ 65, 1640, 1000 }, { tonumber(a.count), tonumber(a.sum_ns), tonumber(a.max_ns) })
    assert.equal(10, quantile(a, 64 / 65))
    assert.equal(1000, quantile(a, 1))
  end)
end)

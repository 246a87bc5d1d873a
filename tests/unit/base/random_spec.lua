local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function stream(seed, number)
  local random = ffi.new("tl_random")
  C.tl_random_seed(random, seed, number or 0)
  return random
end

describe("random numbers", function()
  it("follow the published xoshiro256++ sequence", function()
    local random = ffi.new("tl_random", { 1, 2, 3, 4 })
    local expected = { 41943041ULL, 58720359ULL, 3588806011781223ULL, 3591011842654386ULL, 9228616714210784205ULL }
    for _, value in ipairs(expected) do assert.is_true(C.tl_random_next(random) == value) end
  end)

  it("fill ranges evenly", function()
    local random, counts = stream(42), {}
    for _ = 1, 30000 do
      local x = tonumber(C.tl_random_below(random, 3))
      counts[x] = (counts[x] or 0) + 1
    end
    for x = 0, 2 do assert.is_true(math.abs(counts[x] - 10000) < 400) end
    assert.equal(0, tonumber(C.tl_random_below(random, 0)))
    for _ = 1, 1000 do
      local u = C.tl_random_uniform(random)
      assert.is_true(u >= 0 and u < 1)
    end
  end)

  it("have the moments of their distributions", function()
    local random, n = stream(1), 50000
    local sum, squares, exponential = 0, 0, 0
    for _ = 1, n do
      local z = C.tl_random_normal(random)
      sum, squares, exponential = sum + z, squares + z * z, exponential + C.tl_random_exponential(random)
    end
    assert.is_true(math.abs(sum / n) < 0.02)
    assert.is_true(math.abs(squares / n - 1) < 0.03)
    assert.is_true(math.abs(exponential / n - 1) < 0.02)
  end)

  it("have exp and log that agree with the C library's", function()
    for i = -600, 600 do
      local x = i * 1.17
      if x > -700 and x < 700 then
        assert.is_true(math.abs(C.tl_portable_exp(x) / math.exp(x) - 1) < 2e-13)
      end
      local y = 10 ^ (i / 2)
      if y > 0 and y < math.huge then
        assert.is_true(math.abs(C.tl_portable_log(y) - math.log(y)) <= 1e-13 * math.max(1, math.abs(math.log(y))))
      end
    end
    assert.is_true(C.tl_portable_log(0) == -math.huge)
    assert.is_true(C.tl_portable_log(-1) ~= C.tl_portable_log(-1))
    assert.equal(0, C.tl_portable_exp(-1000))
    assert.equal(math.huge, C.tl_portable_exp(1000))
  end)
end)

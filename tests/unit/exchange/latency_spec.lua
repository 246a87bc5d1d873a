local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function leg(fields, quantiles, values)
  local config = ffi.new("tl_latency_config", fields)
  local q = quantiles and ffi.new("double[?]", #quantiles, quantiles)
  local v = values and ffi.new("int64_t[?]", #values, values)
  if q then config.points, config.quantiles, config.values_ns = #quantiles, q, v end
  local out = ffi.new("tl_latency *[1]")
  local status = tonumber(C.tl_latency_create(config, out))
  if status ~= 0 then return nil, ffi.string(C.tl_error_text()) end
  return ffi.gc(out[0], C.tl_latency_destroy)
end

local function draws(latency, n)
  local all = {}
  for i = 1, n do all[i] = tonumber(C.tl_latency_draw(latency)) end
  return all
end

local function quantile(all, q)
  local sorted = {}
  for i, x in ipairs(all) do sorted[i] = x end
  table.sort(sorted)
  return sorted[math.max(1, math.ceil(q * #sorted))]
end

local function mean(all)
  local sum = 0
  for _, x in ipairs(all) do sum = sum + x end
  return sum / #all
end

local function near(expected, got, relative)
  assert.is_true(math.abs(got - expected) <= relative * math.abs(expected), ("expected about %g, got %g"):format(expected, got))
end

describe("a latency leg", function()
  it("takes no time when there is none", function()
    assert.equal(0, tonumber(C.tl_latency_least_ns(nil)))
    assert.equal(0, tonumber(C.tl_latency_draw(nil)))
  end)

  it("is constant", function()
    local l = leg { kind = C.TL_LATENCY_CONSTANT, least_ns = 250 }
    assert.equal(250, tonumber(C.tl_latency_least_ns(l)))
    for _, x in ipairs(draws(l, 10)) do assert.equal(250, x) end
  end)

  it("is uniform between two times", function()
    local all = draws(leg { kind = C.TL_LATENCY_UNIFORM, least_ns = 1000, most_ns = 3000, seed = 7 }, 20000)
    assert.is_true(quantile(all, 0) >= 1000 and quantile(all, 1) <= 3000)
    near(2000, mean(all), 0.02)
    near(1200, quantile(all, 0.1), 0.03)
  end)

  it("is exponential above a base", function()
    local l = leg { kind = C.TL_LATENCY_EXPONENTIAL, least_ns = 5000, mean_ns = 1000, seed = 1 }
    local all = draws(l, 40000)
    assert.equal(5000, tonumber(C.tl_latency_least_ns(l)))
    assert.is_true(quantile(all, 0) >= 5000)
    near(6000, mean(all), 0.01)
    near(5000 + 1000 * math.log(100), quantile(all, 0.99), 0.02)
  end)

  it("is lognormal with the median and the 99th percentile that were asked for", function()
    local all = draws(leg { kind = C.TL_LATENCY_LOGNORMAL, least_ns = 20000, median_ns = 50000, p99_ns = 400000, seed = 3 }, 60000)
    assert.is_true(quantile(all, 0) >= 20000)
    near(50000, quantile(all, 0.5), 0.02)
    near(400000, quantile(all, 0.99), 0.06)
  end)

  it("follows measured quantiles", function()
    local l = leg({ kind = C.TL_LATENCY_EMPIRICAL, seed = 9 }, { 0, 0.5, 0.9, 1 }, { 100, 200, 1000, 5000 })
    local all = draws(l, 40000)
    assert.equal(100, tonumber(C.tl_latency_least_ns(l)))
    near(200, quantile(all, 0.5), 0.02)
    near(150, quantile(all, 0.25), 0.02)
    near(1000, quantile(all, 0.9), 0.08)
    assert.is_true(quantile(all, 1) <= 5000)
  end)

  it("draws the same for one seed and leg, and something else for another", function()
    local function of(seed, number)
      return table.concat(draws(leg { kind = C.TL_LATENCY_EXPONENTIAL, mean_ns = 1e9, seed = seed, leg = number }, 5), " ")
    end
    assert.equal(of(1, 0), of(1, 0))
    assert.are_not.equal(of(1, 0), of(1, 1))
    assert.are_not.equal(of(1, 0), of(2, 0))
  end)

  it("refuses what cannot be, and says what", function()
    local function refused(pattern, ...)
      local l, text = leg(...)
      assert.is_nil(l)
      assert.matches(pattern, text)
    end
    refused("no kind 9", { kind = 9 })
    refused("least time of %-1", { kind = C.TL_LATENCY_CONSTANT, least_ns = -1 })
    refused("uniform from 5 to 4", { kind = C.TL_LATENCY_UNIFORM, least_ns = 5, most_ns = 4 })
    refused("least < median <= p99", { kind = C.TL_LATENCY_LOGNORMAL, median_ns = 10, p99_ns = 9 })
    refused("0 quantiles", { kind = C.TL_LATENCY_EMPIRICAL })
    refused("quantile 2 is 0.1", { kind = C.TL_LATENCY_EMPIRICAL }, { 0.2, 0.1 }, { 1, 2 })
    refused("they ascend from 0", { kind = C.TL_LATENCY_EMPIRICAL }, { 0.2, 0.3 }, { 2, 1 })
  end)

  it("stays in range whatever is asked of it", function()
    local all = draws(leg { kind = C.TL_LATENCY_LOGNORMAL, median_ns = 1, p99_ns = 2 ^ 60, seed = 1 }, 2000)
    assert.is_true(quantile(all, 0) >= 0 and quantile(all, 1) <= 2 ^ 60)
  end)
end)

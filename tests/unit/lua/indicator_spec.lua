local indicator = require "tidelock.indicator"

local seed = tonumber(os.getenv "TIDELOCK_SEED") or 5

-- ---- naive models: the whole history, looked at afresh ----

local function mean_of(list, from, to)
  local base, sum = list[from], 0
  for i = from, to do sum = sum + (list[i] - base) end
  return base + sum / (to - from + 1)
end

local function variance_of(list, from, to, sample)
  local mean, sum = mean_of(list, from, to), 0
  for i = from, to do sum = sum + (list[i] - mean) ^ 2 end
  return sum / (to - from + (sample and 0 or 1)), mean
end

local function column(bars, name)
  local list = {}
  for i, b in ipairs(bars) do list[i] = b[name] end
  return list
end

local function ema_series(list, n, from)
  local out, k = {}, 2 / (n + 1)
  from = from or n
  for i = from, #list do out[i] = i == from and mean_of(list, i - n + 1, i) or out[i - 1] + (list[i] - out[i - 1]) * k end
  return out
end

local function true_range(bars, i)
  local b, c = bars[i], bars[i - 1].close
  return math.max(b.high, c) - math.min(b.low, c)
end

--- Values by push, as lists with holes; each from all the history.
local naive = {}

function naive.sma(x, n)
  local out = {}
  for i = n, #x do out[i] = mean_of(x, i - n + 1, i) end
  return out
end

function naive.ema(x, n) return ema_series(x, n) end

function naive.wma(x, n)
  local out = {}
  for i = n, #x do
    local sum = 0
    for k = 1, n do sum = sum + k * x[i - n + k] end
    out[i] = sum / (n * (n + 1) / 2)
  end
  return out
end

local function window(x, n, f)
  local out = {}
  for i = n, #x do out[i] = f(i - n + 1, i) end
  return out
end

function naive.rolling_min(x, n)
  return window(x, n, function(a, b) return math.min(unpack(x, a, b)) end)
end

function naive.rolling_max(x, n)
  return window(x, n, function(a, b) return math.max(unpack(x, a, b)) end)
end

function naive.rolling_std(x, n, sample)
  return window(x, n, function(a, b) return math.sqrt((variance_of(x, a, b, sample))) end)
end

function naive.zscore(x, n, sample)
  return window(x, n, function(a, b)
    local variance, mean = variance_of(x, a, b, sample)
    return variance > 0 and (x[b] - mean) / math.sqrt(variance) or 0
  end)
end

function naive.rsi(x, n)
  local out, gain, loss = {}, 0, 0
  for i = 2, #x do
    local g, l = math.max(x[i] - x[i - 1], 0), math.max(x[i - 1] - x[i], 0)
    if i <= n + 1 then gain, loss = gain + g / n, loss + l / n else gain, loss = (gain * (n - 1) + g) / n, (loss * (n - 1) + l) / n end
    if i > n then out[i] = gain + loss > 0 and 100 * gain / (gain + loss) or 0 end
  end
  return out
end

function naive.macd(x, fast, slow, signal)
  local f, s, line, out = ema_series(x, fast, slow), ema_series(x, slow), {}, {}
  for i = slow, #x do line[#line + 1] = f[i] - s[i] end
  local averages = ema_series(line, signal)
  for i = signal, #line do out[i + slow - 1] = { line[i], averages[i], line[i] - averages[i] } end
  return out
end

function naive.atr(bars, n)
  local out, sum = {}, 0
  for i = 2, #bars do
    local range = true_range(bars, i)
    if i <= n + 1 then sum = sum + range end
    if i == n + 1 then out[i] = sum / n end
    if i > n + 1 then out[i] = (out[i - 1] * (n - 1) + range) / n end
  end
  return out
end

function naive.adx(bars, n)
  local out, plus, minus, range, dx = {}, 0, 0, 0, {}
  for i = 2, #bars do
    local up, down = bars[i].high - bars[i - 1].high, bars[i - 1].low - bars[i].low
    local p, m = (up > 0 and up > down) and up or 0, (down > 0 and down > up) and down or 0
    local keep = i > n and 1 - 1 / n or 1
    plus, minus, range = plus * keep + p, minus * keep + m, range * keep + true_range(bars, i)
    if i > n then dx[#dx + 1] = 100 * math.abs(plus - minus) / (plus + minus) end
    if #dx == n then out[i] = mean_of(dx, 1, n) end
    if #dx > n then out[i] = (out[i - 1] * (n - 1) + dx[#dx]) / n end
  end
  return out
end

function naive.stochastic(bars, n, smooth, signal)
  local high, low, fast, out = column(bars, "high"), column(bars, "low"), {}, {}
  local highest, lowest = naive.rolling_max(high, n), naive.rolling_min(low, n)
  for i = n, #bars do fast[#fast + 1] = highest[i] > lowest[i] and 100 * (bars[i].close - lowest[i]) / (highest[i] - lowest[i]) or 0 end
  local k, slow = naive.sma(fast, smooth), {}
  for i = smooth, #fast do slow[#slow + 1] = k[i] end
  local d = naive.sma(slow, signal)
  for i = signal, #slow do out[i + n + smooth - 2] = { slow[i], d[i] } end
  return out
end

function naive.obv(bars)
  local out = {}
  for i, b in ipairs(bars) do
    local last = bars[i - 1]
    out[i] = not last and b.volume or out[i - 1] + (b.close > last.close and b.volume or b.close < last.close and -b.volume or 0)
  end
  return out
end

function naive.vwap(bars, n)
  local out = {}
  for i = math.max(n, 1), #bars do
    local value, volume = 0, 0
    for k = n > 0 and i - n + 1 or 1, i do
      local b = bars[k]
      value, volume = value + (b.open + b.high + b.low + b.close) / 4 * b.volume, volume + b.volume
    end
    out[i] = value / volume
  end
  return out
end

--- slope, intercept, residual, r2, correlation of the window.
function naive.line(x, y, n)
  return window(x, n, function(a, b)
    local mx, my, xx, yy, xy = mean_of(x, a, b), mean_of(y, a, b), 0, 0, 0
    for i = a, b do
      local dx, dy = x[i] - mx, y[i] - my
      xx, yy, xy = xx + dx * dx, yy + dy * dy, xy + dx * dy
    end
    local slope = xx > 0 and xy / xx or 0
    local r = xx > 0 and yy > 0 and xy / math.sqrt(xx * yy) or 0
    -- How far rounding of the means alone can move the result.
    local unsure = 0
    for _, s in ipairs { { mx, xx }, { my, yy } } do
      if s[2] > 0 then unsure = unsure + 1e-15 * math.abs(s[1]) / math.sqrt(s[2] / (b - a + 1)) end
    end
    return { slope, my - slope * mx, (y[b] - my) - slope * (x[b] - mx), r * r, r, unsure }
  end)
end

-- ---- series that are easy, and series that are not ----

local function series(kind, n)
  local list, x = {}, 100
  for i = 1, n do
    x = x + (math.random() - 0.5)
    local v = x
    if kind == "far from zero" then v = 1e9 + math.random() * 1e-2 end
    if kind == "around zero" then v = math.random() - 0.5 end
    if kind == "standing still" then v = math.floor(i / 37) * 0.1 + 0.1 end
    if kind == "jumping" then v = (math.floor(i / 61) % 2 == 0 and 1 or 1e6) + math.random() end
    if kind == "with outliers" and i % 83 == 0 then v = 1e12 end
    if kind == "growing" then v = 1.05 ^ i end
    list[i] = v
  end
  return list
end

local function bar_series(n)
  local list, close = {}, 100
  for i = 1, n do
    local open = close + (math.random() - 0.5)
    close = open + (math.random() - 0.5) * 2
    list[i] = { open = open, high = math.max(open, close) + math.random(), low = math.min(open, close) - math.random(), close = close,
                volume = math.random(0, 10000) + 1 }
  end
  return list
end

local KINDS = { "a walk", "far from zero", "around zero", "standing still", "jumping", "with outliers", "growing" }

--- The largest value in the window, which sets what rounding leaves of a result.
local function size_of(list, from, to)
  local size = 0
  for i = math.max(from, 1), to do size = math.max(size, math.abs(list[i])) end
  return size
end

local function agree(what, got, expected, tolerance)
  if (got == nil) ~= (expected == nil) then error(("%s: %s, and the model says %s"):format(what, tostring(got), tostring(expected)), 2) end
  if got and (got ~= got or math.abs(got - expected) > tolerance) then
    error(("%s: %.17g, and the model says %.17g (tolerance %g)"):format(what, got, expected, tolerance), 2)
  end
end

describe("indicators of numbers", function()
  for _, kind in ipairs { "sma", "ema", "wma", "rolling_min", "rolling_max", "rolling_std", "zscore", "rsi" } do
    it("agree with the whole history looked at afresh: " .. kind, function()
      math.randomseed(seed)
      for _, shape in ipairs(KINDS) do
        for _, n in ipairs { 1, 2, 3, 14, 50 } do
          local x = series(shape, 300)
          local one, expected = indicator[kind](n), naive[kind](x, n)
          for i = 1, #x do
            local size = size_of(x, i - n + 1, i)
            local tolerance = 1e-11 * size
            -- What a mean far from zero costs the deviation is in the data's last bits, for the model as for us.
            if kind == "ema" or kind == "rsi" then tolerance = 1e-9 * math.max(size_of(x, 1, i), 100) end
            if kind == "rolling_std" then tolerance = 1e-8 * (expected[i] or 0) + 1e-15 * size end
            if kind == "zscore" then tolerance = 1e-5 end
            local what = ("%s(%d), %s, push %d, seed %d"):format(kind, n, shape, i, seed)
            local got = one:push(x[i])
            assert.equal(got, one.value)
            assert.equal(got ~= nil, one.ready)
            agree(what, got, expected[i], tolerance)
          end
        end
      end
    end)
  end

  it("take a sample's deviation when asked", function()
    math.randomseed(seed)
    local x = series("a walk", 60)
    local std, z, bands = indicator.rolling_std(10, { sample = true }), indicator.zscore { length = 10, sample = true }, indicator.bollinger(10, 3, true)
    local expected, zs = naive.rolling_std(x, 10, true), naive.zscore(x, 10, true)
    for i = 1, #x do
      agree("std", std:push(x[i]), expected[i], 1e-9)
      agree("zscore", z:push(x[i]), zs[i], 1e-9)
      bands:push(x[i])
      if expected[i] then agree("upper", bands.upper, bands.middle + 3 * expected[i], 1e-9) end
    end
    assert.has_error(function() indicator.rolling_std(1, { sample = true }) end)
  end)

  it("macd and its signal begin as TA-Lib's", function()
    math.randomseed(seed)
    local x = series("a walk", 200)
    for _, lengths in ipairs { { 12, 26, 9 }, { 3, 10, 1 }, { 1, 2, 3 } } do
      local one, expected = indicator.macd(unpack(lengths)), naive.macd(x, unpack(lengths))
      for i = 1, #x do
        one:push(x[i])
        local e = expected[i] or {}
        agree("macd", one.macd, e[1], 1e-9)
        agree("signal", one.signal, e[2], 1e-9)
        agree("histogram", one.histogram, e[3], 1e-9)
      end
      assert.is_nil(expected[lengths[2] + lengths[3] - 2])
      assert.is_truthy(expected[lengths[2] + lengths[3] - 1])
    end
  end)

  it("keep nothing of an outlier that left", function()
    for _, kind in ipairs { "sma", "wma", "rolling_std", "zscore" } do
      local one, clean = indicator[kind](5), indicator[kind](5)
      one:push(1e15)
      one:push(-3e14)
      for i = 1, 20 do
        local got, expected = one:push(i % 3), clean:push(i % 3)
        if i >= 5 then agree(kind .. " push " .. i, got, expected, 1e-12) end
      end
    end
  end)

  it("do not drift: after a million pushes they are what they were", function()
    math.randomseed(seed)
    local x = {}
    for i = 1, 1000 do x[i] = 1000 + math.random() * (i % 10 == 0 and 1e6 or 1) end
    for _, kind in ipairs { "sma", "wma", "rolling_std", "zscore" } do
      local one, fresh = indicator[kind](100), indicator[kind](100)
      for _ = 1, 1000 do
        for i = 1, 1000 do one:push(x[i]) end
      end
      for i = 1, 1000 do fresh:push(x[i]) end
      agree(kind, one.value, fresh.value, math.abs(fresh.value) * 1e-12)
    end
  end)
end)

describe("indicators of two series", function()
  it("agree with the whole history looked at afresh", function()
    math.randomseed(seed)
    for _, shape in ipairs(KINDS) do
      for _, n in ipairs { 2, 3, 20 } do
        local x, y = series(shape, 200), series(shape == "with outliers" and "a walk" or shape, 200)
        for i = 1, #y do y[i] = y[i] + 0.5 * x[i] end
        local ols, correlation, expected = indicator.ols(n), indicator.correlation(n), naive.line(x, y, n)
        for i = 1, #x do
          local e = expected[i] or {}
          local size = size_of(y, i - n + 1, i)
          local what = ("%s, n = %d, push %d, seed %d"):format(shape, n, i, seed)
          local off = 1e-7 + (e[6] or 0) * 10
          agree("slope, " .. what, ols:push(x[i], y[i]), e[1], off * (math.abs(e[1] or 0) + 1))
          agree("intercept, " .. what, ols.intercept, e[2], off * (size + (math.abs(e[1] or 0) + 1) * size_of(x, i - n + 1, i)))
          agree("residual, " .. what, ols.residual, e[3], off * size)
          agree("r2, " .. what, ols.r2, e[4], off)
          agree("correlation, " .. what, correlation:push(x[i], y[i]), e[5], off)
        end
      end
    end
  end)

  it("find the line that is there", function()
    local ols = indicator.ols(10)
    for i = 1, 30 do ols:push(i, 3 - 2 * i) end
    agree("slope", ols.slope, -2, 1e-12)
    agree("intercept", ols.intercept, 3, 1e-9)
    agree("residual", ols.residual, 0, 1e-9)
    agree("r2", ols.r2, 1, 1e-12)
  end)

  it("of one that stands still are flat", function()
    local ols, correlation = indicator.ols(3), indicator.correlation(3)
    for i = 1, 5 do
      ols:push(7, i)
      correlation:push(7, i)
    end
    assert.equal(0, ols.slope)
    assert.equal(4, ols.intercept)
    assert.equal(0, correlation.value)
  end)
end)

describe("indicators of bars", function()
  local function compare(kind, args, fields)
    math.randomseed(seed)
    local bars = bar_series(300)
    local one, expected = indicator[kind](unpack(args)), naive[kind](bars, unpack(args))
    for i, b in ipairs(bars) do
      local got, e = one:push(b), expected[i]
      assert.equal(got, one.value)
      assert.equal(got ~= nil, one.ready)
      if not fields then
        agree(kind .. " push " .. i, got, e, 1e-9 * math.max(1, math.abs(e or 0)))
      else
        for k, field in ipairs(fields) do agree(field .. " push " .. i, one[field], e and e[k], 1e-9) end
      end
    end
  end

  it("agree with the whole history looked at afresh", function()
    for _, n in ipairs { 2, 14 } do
      compare("atr", { n })
      compare("adx", { n })
      compare("vwap", { n })
    end
    compare("atr", { 1 })
    compare("vwap", { 0 })
    compare("obv", {})
    compare("stochastic", { 14, 3, 3 }, { "k", "d" })
    compare("stochastic", { 5, 1, 4 }, { "k", "d" })
  end)

  it("use a bar's own vwap where it has one, and begin again at a reset", function()
    local vwap = indicator.vwap()
    assert.equal(10, vwap:push { open = 1, high = 1, low = 1, close = 1, volume = 5, vwap = 10 })
    assert.equal(20, vwap:push { open = 1, high = 1, low = 1, close = 1, volume = 5, vwap = 30 })
    assert.is_nil(vwap:reset().value)
    assert.equal(30, vwap:push { open = 1, high = 1, low = 1, close = 1, volume = 5, vwap = 30 })
  end)

  it("of a market that stands still are what TA-Lib says", function()
    local bar = { open = 5, high = 5, low = 5, close = 5, volume = 0 }
    local rsi, atr, adx, stochastic, vwap = indicator.rsi(3), indicator.atr(3), indicator.adx(3), indicator.stochastic(3), indicator.vwap(3)
    for _ = 1, 12 do
      rsi:push(5)
      atr:push(bar)
      adx:push(bar)
      stochastic:push(bar)
      vwap:push(bar)
    end
    assert.same({ 0, 0, 0, 0 }, { rsi.value, atr.value, adx.value, stochastic.value })
    assert.is_nil(vwap.value) -- nothing traded: there is no price
  end)
end)

describe("published columns", function()
  local folder = "../shared/data/indicators/"

  local function rows(name)
    local file = io.open(folder .. name)
    if not file then return nil end
    local list = {}
    file:read "*l"
    for line in file:lines() do
      local row, at = {}, 0
      for cell in (line:gsub("\r", "") .. ","):gmatch "([^,]*)," do
        at = at + 1
        local number = tonumber(cell)
        if number == number then row[at] = number end
      end
      list[#list + 1] = row
    end
    file:close()
    return list
  end

  --- `value(one, row)` pushes and returns what is compared with column `at`, from row `from` on; returns how many agreed.
  local function check(name, one, at, tolerance, value, from)
    local list = rows(name)
    if not list then return nil end
    local compared = 0
    for i, row in ipairs(list) do
      local got = value(one, row)
      if row[at] and got and i >= (from or 1) then
        agree(("%s, column %d, row %d"):format(name, at, i), got, row[at], tolerance * math.max(1, math.abs(row[at])))
        compared = compared + 1
      end
    end
    return compared
  end

  local function bar(row) return { open = row[2], high = row[3], low = row[4], close = row[5], volume = row[6] } end
  local function push(c) return function(one, row) return one:push(row[c]) end end
  local function push_bar(one, row) return one:push(bar(row)) end
  local function field(name, feed)
    return function(one, row)
      feed(one, row)
      return one[name]
    end
  end

  -- Tolerances are the files' digits; where a file seeds a recursive average in another way, the comparison begins where that has faded.
  local cases = {
    { "spy_with_indicators.txt", indicator.sma(14), 2, 1e-6, push(8) },
    { "spy_with_indicators.txt", indicator.ema(14), 3, 1e-6, push(8) },
    { "spy_ema.csv", indicator.ema(14), 3, 1e-12, push(2) },
    { "spy_with_indicators.txt", indicator.macd(), 4, 1e-5, push(8), 450 },
    { "spy_with_indicators.txt", indicator.rsi(14), 6, 1e-6, push(8) },
    { "spy_with_macd.txt", indicator.macd(), 6, 1e-6, field("macd", push(5)) },
    { "spy_with_macd.txt", indicator.macd(), 7, 1e-6, field("signal", push(5)) },
    { "spy_with_macd.txt", indicator.macd(), 8, 1e-6, field("histogram", push(5)) },
    { "spy_bollinger_bands.txt", indicator.bollinger(20, 2), 6, 1e-6, field("middle", push(5)) },
    { "spy_bollinger_bands.txt", indicator.bollinger(20, 2), 7, 1e-6, field("upper", push(5)) },
    { "spy_bollinger_bands.txt", indicator.bollinger(20, 2), 8, 1e-6, field("lower", push(5)) },
    { "spy_atr_wilder.txt", indicator.atr(14), 6, 1e-5, push_bar, 150 },
    { "spy_with_adx.txt", indicator.adx(14), 17, 5e-6, push_bar, 250 },
    { "spy_with_adx.txt", indicator.adx(14), 12, 5e-6, field("plus_di", push_bar), 200 },
    { "spy_with_adx.txt", indicator.adx(14), 13, 5e-6, field("minus_di", push_bar), 200 },
    { "spy_max.txt", indicator.rolling_max(5), 7, 1e-12, push(5) },
    { "spy_min.txt", indicator.rolling_min(5), 7, 1e-12, push(5) },
    { "spy_with_obv.txt", indicator.obv(), 7, 1e-6, push_bar, 60 },
    { "spy_with_stoch12k3.txt", indicator.stochastic(12, 3, 5), 6, 5e-5, field("k", push_bar) },
    { "spy_with_stoch12k3.txt", indicator.stochastic(12, 3, 5), 7, 5e-5, field("d", push_bar) },
    { "spy_with_vwap.txt", indicator.vwap(50), 7, 1e-6, push_bar },
  }

  for _, case in ipairs(cases) do
    it(("are met by %s (%s, column %d)"):format(case[2].kind, case[1], case[3]), function()
      local compared = check(unpack(case))
      if not compared then return pending "../shared/data is not here" end
      assert.is_true(compared > 40, compared .. " rows compared")
    end)
  end
end)

describe("an indicator", function()
  local function fed(kind, ...)
    local one = indicator[kind](...)
    math.randomseed(seed)
    local bars, y = bar_series(120), series("a walk", 120)
    local function feed(i, to)
      local other = to or one
      if kind == "ols" or kind == "correlation" then return other:push(bars[i].close, y[i]) end
      if kind == "atr" or kind == "adx" or kind == "stochastic" or kind == "obv" or kind == "vwap" then return other:push(bars[i]) end
      return other:push(bars[i].close)
    end
    return one, feed
  end

  local LENGTHS = { macd = { 3, 7, 4 }, obv = {}, bollinger = { 9, 2 } }

  it("is the same after being saved and restored, at any push", function()
    for _, kind in ipairs(indicator.names) do
      for _, at in ipairs { 0, 1, 5, 13, 40, 77 } do
        local one, feed = fed(kind, unpack(LENGTHS[kind] or { 9 }))
        for i = 1, at do feed(i) end
        local saved = one:save()
        assert.same(saved, one:save())
        for i = at + 1, at + 3 do feed(i) end -- what was saved is a copy
        local back = indicator.restore(saved)
        assert.is_true(indicator.is(back))
        assert.equal(kind, back.kind)
        for i = at + 1, at + 3 do feed(i, back) end
        for i = at + 4, 120 do assert.equal(feed(i), feed(i, back), kind) end
        assert.same(one:save(), back:save(), kind)
      end
    end
  end)

  it("is as new after a reset", function()
    for _, kind in ipairs(indicator.names) do
      local one, feed = fed(kind, unpack(LENGTHS[kind] or { 9 }))
      local new = one:save()
      for i = 1, 60 do feed(i) end
      assert.same(new, one:reset():save(), kind)
      assert.is_false(one.ready)
    end
  end)

  it("makes no table and no string in a push", function()
    for _, kind in ipairs(indicator.names) do
      local _, feed = fed(kind, unpack(LENGTHS[kind] or { 9 }))
      jit.off()
      jit.flush()
      for i = 1, 120 do feed(i) end
      collectgarbage()
      collectgarbage "stop"
      local before = collectgarbage "count"
      for _ = 1, 20 do
        for i = 1, 120 do feed(i) end
      end
      local after = collectgarbage "count"
      collectgarbage "restart"
      jit.on()
      assert.equal(before, after, kind)
    end
  end)

  it("gives the same numbers compiled and interpreted", function()
    for _, kind in ipairs(indicator.names) do
      local compiled, feed = fed(kind, unpack(LENGTHS[kind] or { 9 }))
      local interpreted = indicator[kind](unpack(LENGTHS[kind] or { 9 }))
      local wanted = {}
      jit.off()
      for _ = 1, 5 do
        for i = 1, 120 do wanted[#wanted + 1] = feed(i, interpreted) or false end
      end
      jit.on()
      local at = 0
      for _ = 1, 5 do
        for i = 1, 120 do
          at = at + 1
          assert(wanted[at] == (feed(i, compiled) or false), kind)
        end
      end
    end
  end)

  it("refuses what is no number and no bar", function()
    for _ = 1, 200 do indicator.sma(3):push(1) end -- compiled too
    for _, x in ipairs { 0 / 0, 1 / 0, -1 / 0, "1", {}, true } do
      assert.error_matches(function() indicator.sma(3):push(x) end, "sma:push: a finite number is needed, and ")
      assert.error_matches(function() indicator.ols(3):push(1, x) end, "ols:push: a finite number is needed")
    end
    assert.error_matches(function() indicator.sma(3):push() end, "and nil was given")
    assert.error_matches(function() indicator.atr(3):push(12) end, "atr:push: a bar with high, low and close is needed, and 12 was given")
    assert.error_matches(function() indicator.atr(3):push { high = 1, low = 1 } end, "the bar needs finite numbers in high, low and close")
    assert.error_matches(function() indicator.obv():push { close = 1 } end, "the bar needs finite numbers in close and volume")
    assert.error_matches(function() indicator.vwap(3):push { open = 1, high = 1, low = 1, close = 0 / 0, volume = 1 } end, "finite numbers")
    local one = indicator.sma(2)
    one:push(1)
    pcall(one.push, one, 0 / 0)
    assert.equal(2, one:push(3)) -- a refused push leaves nothing behind
  end)

  it("checks its arguments, and the error is the caller's", function()
    local function refused(pattern, f)
      local ok, err = pcall(f)
      assert.is_false(ok)
      assert.matches(pattern, err)
      assert.matches("indicator_spec%.lua:%d+: ", err)
    end
    refused("indicator%.sma: length is missing", function() return indicator.sma(), nil end)
    refused("length goes from 1 to 1000000, and 0 was given", function() return indicator.sma(0), nil end)
    refused("length is a whole number, not 2%.5", function() return indicator.ema(2.5), nil end)
    refused("length is a number, not 20d", function() return indicator.ema "20d", nil end)
    refused("length is a number, not nan", function() return indicator.ema(0 / 0), nil end)
    refused("unknown option 'lenght'; did you mean 'length'%?", function() return indicator.bollinger { lenght = 20 }, nil end)
    refused("unknown option 'deviatons'; did you mean 'deviations'%?", function() return indicator.bollinger(20, { deviatons = 3 }), nil end)
    refused("deviations is greater than 0", function() return indicator.bollinger(20, -2), nil end)
    refused("sample is true or false, not 1", function() return indicator.zscore(20, 1), nil end)
    refused("takes 1 arguments at most, and 2 were given", function() return indicator.sma(20, 30), nil end)
    refused("length was given twice", function() return indicator.sma(20, { length = 30 }), nil end)
    refused("fast is less than slow, and 26 and 12 were given", function() return indicator.macd(26, 12), nil end)
    refused("length goes from 2", function() return indicator.correlation(1), nil end)
    refused("a sample needs a length of 2", function() return indicator.zscore(1, { sample = true }), nil end)
  end)

  it("takes its arguments by place or by name", function()
    assert.equal(20, indicator.sma { 20 }.length)
    assert.equal(20, indicator.sma { length = 20 }.length)
    local macd = indicator.macd { slow = 30 }
    assert.same({ 12, 30, 9 }, { macd.fast, macd.slow, macd.signal_length })
    assert.same({ 20, 2, false }, { indicator.bollinger().length, indicator.bollinger().deviations, indicator.bollinger().sample })
  end)

  it("is not made of what was not saved by one", function()
    local function refused(pattern, saved) assert.error_matches(function() indicator.restore(saved) end, pattern) end
    refused("no saved indicator", nil)
    refused("no saved indicator", { indicator = "smma" })
    refused("no saved indicator", { indicator = "sma" })
    local function changed(name, value)
      local one = indicator.sma(3)
      one:push(1)
      local saved = one:save()
      saved[name] = value
      return saved
    end
    refused("saved by version 99", changed("version", 99))
    refused("index of a saved sma is not what it was", changed("index", 4))
    refused("index of a saved sma is not what it was", changed("index", 1.5))
    refused("sum of a saved sma is not what it was", changed("sum", "1"))
    refused("window of a saved sma is not what it was", changed("window", { 1, 2 }))
    refused("window of a saved sma is not what it was", changed("window", { 1, 2, "x" }))
    refused("count of a saved sma", changed("count", -1))
    refused("length goes from 1", changed("options", { length = 0 }))
    local macd = indicator.macd():save()
    macd.line = indicator.sma(9):save()
    refused("line of a saved macd", macd)
    assert.is_false(indicator.is {})
    assert.is_false(indicator.is(3))
  end)
end)

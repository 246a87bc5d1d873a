--- Indicators of numbers: averages, extremes, deviations, and of two series their line and correlation.
local kinds = require "tidelock.indicator.kinds"

local define, length, no_number, zeros, add = kinds.define, kinds.length, kinds.no_number, kinds.zeros, kinds.add
local positive, SAMPLE = kinds.positive, kinds.SAMPLE
local type, sqrt = type, math.sqrt

--- A variance this much smaller than the square of what was subtracted from it, or of a value that just left, has lost digits.
local LOST_BY_SHIFT, LOST_BY_LEAVING = 1e-4, 1e-3

-- ---- averages ----

define("sma", { length("length") }, { numbers = { "sum", "rest", "index" }, arrays = { "window" } }, {
  start = function(self)
    self.sum, self.rest, self.index, self.window = 0, 0, 1, zeros(self.length)
  end,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    local n, window, i = self.length, self.window, self.index
    local out = window[i]
    window[i] = x
    self.index = i < n and i + 1 or 1
    local sum, rest = add(self.sum, self.rest, x)
    self.sum, self.rest = add(sum, rest, -out)
    if self.count < n then
      self.count = self.count + 1
      if self.count < n then return nil end
      self.ready = true
    end
    local value = (self.sum + self.rest) / n
    self.value = value
    return value
  end,
})

define("ema", { length("length") }, { numbers = { "sum" } }, {
  start = function(self) self.sum = 0 end,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    local n, value = self.length, self.value
    self.count = self.count + 1
    if value then
      value = value + (x - value) * (2 / (n + 1))
    else
      self.sum = self.sum + x
      if self.count < n then return nil end
      value = self.sum / n
      self.ready = true
    end
    self.value = value
    return value
  end,
})

--- 2^27 + 1: x times it, less what that is more than x, are the upper 26 bits of x.
local SPLIT = 134217729

define("wma", { length("length") },
  { numbers = { "sum", "rest", "weighted", "weighted_rest", "index" }, arrays = { "window" } }, {
  start = function(self)
    self.sum, self.rest, self.weighted, self.weighted_rest, self.index, self.window = 0, 0, 0, 0, 1, zeros(self.length)
  end,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    local n, window, i = self.length, self.window, self.index
    local out = window[i]
    window[i] = x
    self.index = i < n and i + 1 or 1
    -- Every weight falls by one. n times each half of x is exact, so that all that comes in goes out again.
    local sum, rest, weighted, weighted_rest = self.sum, self.rest, self.weighted, self.weighted_rest
    local upper = x * SPLIT
    upper = upper - (upper - x)
    weighted, weighted_rest = add(weighted, weighted_rest, n * upper)
    weighted, weighted_rest = add(weighted, weighted_rest, n * (x - upper))
    weighted, weighted_rest = add(weighted, weighted_rest, -sum)
    weighted_rest = weighted_rest - rest
    sum, rest = add(sum, rest, x)
    self.sum, self.rest = add(sum, rest, -out)
    self.weighted, self.weighted_rest = weighted, weighted_rest
    if self.count < n then
      self.count = self.count + 1
      if self.count < n then return nil end
      self.ready = true
    end
    local value = (weighted + weighted_rest) / (n * (n + 1) / 2)
    self.value = value
    return value
  end,
})

-- ---- the extremes of a window ----

--- `sign` 1 looks for the least, -1 for the greatest. The series is cut into blocks as long as the window, so that every window is the end of one block
--- and the beginning of the next: the extremes of a block's ends are found once, when it is full; those of its beginnings as it fills. (A queue of
--- candidates costs no less, and its inner loop keeps LuaJIT from compiling the caller's.)
local function extreme_push(self, x, sign)
  local n, window, ends, i, best = self.length, self.window, self.ends, self.index, self.best
  window[i] = x
  if i == 1 or (x - best) * sign < 0 then best = x end
  self.best = best
  local value = best
  if i < n then
    local earlier = ends[i + 1]
    if (earlier - value) * sign < 0 then value = earlier end
    self.index = i + 1
  else
    local extreme = x
    for k = n, 1, -1 do
      local y = window[k]
      if (y - extreme) * sign < 0 then extreme = y end
      ends[k] = extreme
    end
    self.index = 1
  end
  if self.count < n then
    self.count = self.count + 1
    if self.count < n then return nil end
    self.ready = true
  end
  self.value = value
  return value
end

local EXTREME = { numbers = { "best", "index" }, arrays = { "window", "ends" } }
local function extreme_start(self)
  self.best, self.index, self.window, self.ends = 0, 1, zeros(self.length), zeros(self.length)
end

define("rolling_min", { length("length") }, { numbers = EXTREME.numbers, arrays = EXTREME.arrays }, {
  start = extreme_start,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    return extreme_push(self, x, 1)
  end,
})

define("rolling_max", { length("length") }, { numbers = EXTREME.numbers, arrays = EXTREME.arrays }, {
  start = extreme_start,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    return extreme_push(self, x, -1)
  end,
})

-- ---- mean and deviation of a window ----

--- Sums of the distances from `center` and of their squares, over the window; the center is its mean when this was last called.
local function moments_refresh(self, count)
  local window, base, sum = self.window, self.window[1], 0
  for i = 1, count do sum = sum + (window[i] - base) end
  local center, first, second = base + sum / count, 0, 0
  for i = 1, count do
    local d = window[i] - center
    first, second = first + d, second + d * d
  end
  self.center, self.first, self.second, self.age = center, first, second, 0
  return first / count, second / count
end

--- Takes x into the window. Returns its mean and its variance (population, or sample when `self.sample`), nil until it is full.
local function moments_push(self, x)
  local n, window, i, count = self.length, self.window, self.index, self.count
  local stale = false
  if count == 0 then self.center = x end
  local center = self.center
  local d = x - center
  local first, second = self.first + d, self.second + d * d
  if count == n then
    local out = window[i] - center
    first, second = first - out, second - out * out
    stale = second < LOST_BY_LEAVING * out * out
  else
    count = count + 1
    self.count = count
  end
  window[i] = x
  self.index = i < n and i + 1 or 1
  self.first, self.second, self.age = first, second, self.age + 1
  local mean, variance = first / count, second / count
  local shift = mean < 0 and -mean or mean
  local size = center < 0 and -center or center
  if stale or self.age >= n or (variance - mean * mean < LOST_BY_SHIFT * mean * mean and shift > 1e-9 * size) then
    mean, variance = moments_refresh(self, count)
    center = self.center
  end
  variance = variance - mean * mean
  if variance < 0 then variance = 0 end
  if count < n then return nil, variance end
  self.ready = true
  if self.sample then variance = variance * n / (n - 1) end
  return center + mean, variance
end

local MOMENTS = { "center", "first", "second", "age", "index" }
local function moments_start(self)
  self.center, self.first, self.second, self.age, self.index, self.window = 0, 0, 0, 0, 1, zeros(self.length)
end

local function check_sample(self)
  return self.sample and self.length < 2 and "the deviation of a sample needs a length of 2 and more"
end

define("rolling_std", { length("length"), SAMPLE }, { numbers = MOMENTS, arrays = { "window" } }, {
  start = moments_start,
  check = check_sample,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    local mean, variance = moments_push(self, x)
    if not mean then return nil end
    local value = sqrt(variance)
    self.value = value
    return value
  end,
})

define("zscore", { length("length"), SAMPLE }, { numbers = MOMENTS, arrays = { "window" } }, {
  start = moments_start,
  check = check_sample,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    local mean, variance = moments_push(self, x)
    if not mean then return nil end
    local value = variance > 0 and (x - mean) / sqrt(variance) or 0
    self.value = value
    return value
  end,
})

define("bollinger", { length("length", 20), positive("deviations", 2), SAMPLE },
  { numbers = { "upper", "middle", "lower", "center", "first", "second", "age", "index" }, arrays = { "window" } }, {
  check = check_sample,
  start = function(self)
    self.upper, self.middle, self.lower = nil, nil, nil
    moments_start(self)
  end,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    local mean, variance = moments_push(self, x)
    if not mean then return nil end
    local band = self.deviations * sqrt(variance)
    self.upper, self.middle, self.lower, self.value = mean + band, mean, mean - band, mean
    return mean
  end,
})

-- ---- two series ----

local function pairs_refresh(self, count)
  local xs, ys = self.xs, self.ys
  local x0, y0, sum_x, sum_y = xs[1], ys[1], 0, 0
  for i = 1, count do sum_x, sum_y = sum_x + (xs[i] - x0), sum_y + (ys[i] - y0) end
  local cx, cy = x0 + sum_x / count, y0 + sum_y / count
  local sx, sy, sxx, syy, sxy = 0, 0, 0, 0, 0
  for i = 1, count do
    local dx, dy = xs[i] - cx, ys[i] - cy
    sx, sy, sxx, syy, sxy = sx + dx, sy + dy, sxx + dx * dx, syy + dy * dy, sxy + dx * dy
  end
  self.center_x, self.center_y, self.age = cx, cy, 0
  self.sum_x, self.sum_y, self.sum_xx, self.sum_yy, self.sum_xy = sx, sy, sxx, syy, sxy
end

local function lost(variance, mean, center)
  local shift = mean < 0 and -mean or mean
  local size = center < 0 and -center or center
  return variance - mean * mean < LOST_BY_SHIFT * mean * mean and shift > 1e-9 * size
end

--- Takes a pair into the window; true when it is full.
local function pairs_push(self, x, y)
  local n, xs, ys, i, count = self.length, self.xs, self.ys, self.index, self.count
  local stale = false
  if count == 0 then self.center_x, self.center_y = x, y end
  local dx, dy = x - self.center_x, y - self.center_y
  local sx, sy, sxx = self.sum_x + dx, self.sum_y + dy, self.sum_xx + dx * dx
  local syy, sxy = self.sum_yy + dy * dy, self.sum_xy + dx * dy
  if count == n then
    local ox, oy = xs[i] - self.center_x, ys[i] - self.center_y
    sx, sy, sxx, syy, sxy = sx - ox, sy - oy, sxx - ox * ox, syy - oy * oy, sxy - ox * oy
    stale = sxx < LOST_BY_LEAVING * ox * ox or syy < LOST_BY_LEAVING * oy * oy
  else
    count = count + 1
    self.count = count
  end
  xs[i], ys[i] = x, y
  self.index = i < n and i + 1 or 1
  self.sum_x, self.sum_y, self.sum_xx, self.sum_yy, self.sum_xy, self.age = sx, sy, sxx, syy, sxy, self.age + 1
  if stale or self.age >= n or lost(sxx / count, sx / count, self.center_x) or lost(syy / count, sy / count, self.center_y) then
    pairs_refresh(self, count)
  end
  if count < n then return false end
  self.ready = true
  return true
end

local PAIRS = { "center_x", "center_y", "sum_x", "sum_y", "sum_xx", "sum_yy", "sum_xy", "age", "index" }
local function pairs_start(self)
  self.center_x, self.center_y, self.age, self.index = 0, 0, 0, 1
  self.sum_x, self.sum_y, self.sum_xx, self.sum_yy, self.sum_xy = 0, 0, 0, 0, 0
  self.xs, self.ys = zeros(self.length), zeros(self.length)
end

--- Sums of squares and products about the means; those of a series that stands still are 0.
local function central(self)
  local n, sx, sy = self.length, self.sum_x, self.sum_y
  local xx, yy, xy = self.sum_xx - sx * sx / n, self.sum_yy - sy * sy / n, self.sum_xy - sx * sy / n
  return xx > 0 and xx or 0, yy > 0 and yy or 0, xy
end

local function clamp(x) return x > 1 and 1 or x < -1 and -1 or x end

define("correlation", { length("length", nil, 2) }, { numbers = PAIRS, arrays = { "xs", "ys" } }, {
  start = pairs_start,
  push = function(self, x, y)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    if type(y) ~= "number" or y - y ~= 0 then no_number(self, y) end
    if not pairs_push(self, x, y) then return nil end
    local xx, yy, xy = central(self)
    local value = xx > 0 and yy > 0 and clamp(xy / (sqrt(xx) * sqrt(yy))) or 0
    self.value = value
    return value
  end,
})

define("ols", { length("length", nil, 2) },
  { numbers = { "slope", "intercept", "residual", "r2", unpack(PAIRS) }, arrays = { "xs", "ys" } }, {
  start = function(self)
    self.slope, self.intercept, self.residual, self.r2 = nil, nil, nil, nil
    pairs_start(self)
  end,
  push = function(self, x, y)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    if type(y) ~= "number" or y - y ~= 0 then no_number(self, y) end
    if not pairs_push(self, x, y) then return nil end
    local n, xx, yy, xy = self.length, central(self)
    local slope = xx > 0 and xy / xx or 0
    local mean_x, mean_y = self.center_x + self.sum_x / n, self.center_y + self.sum_y / n
    self.slope, self.intercept = slope, mean_y - slope * mean_x
    self.residual = (y - mean_y) - slope * (x - mean_x)
    local r = xx > 0 and yy > 0 and clamp(xy / (sqrt(xx) * sqrt(yy))) or 0
    self.r2 = r * r
    self.value = slope
    return slope
  end,
})

--- Indicators of prices and bars: momentum, ranges, trend, volume.
local kinds = require "tidelock.indicator.kinds"

local define, length, no_number, zeros, add = kinds.define, kinds.length, kinds.no_number, kinds.zeros, kinds.add
local no_bar = kinds.no_bar
local type = type

-- ---- momentum ----

define("rsi", { length("length", 14) }, { numbers = { "last", "gain", "loss" } }, {
  start = function(self) self.last, self.gain, self.loss = nil, 0, 0 end,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    local n, last, count = self.length, self.last, self.count + 1
    self.last, self.count = x, count
    if not last then return nil end
    local change = x - last
    local gain, loss = change > 0 and change or 0, change < 0 and -change or 0
    if count > n + 1 then
      gain, loss = (self.gain * (n - 1) + gain) / n, (self.loss * (n - 1) + loss) / n
    else
      gain, loss = self.gain + gain, self.loss + loss
      if count == n + 1 then gain, loss = gain / n, loss / n end
    end
    self.gain, self.loss = gain, loss
    if count <= n then return nil end
    self.ready = true
    local value = gain + loss > 0 and 100 * gain / (gain + loss) or 0
    self.value = value
    return value
  end,
})

define("macd", { length("fast", 12), length("slow", 26), length("signal_length", 9) },
  { numbers = { "macd", "signal", "histogram", "fast_average", "slow_average", "fast_sum", "slow_sum" }, parts = { "line" } }, {
  check = function(self)
    return self.fast >= self.slow and ("fast is less than slow, and %d and %d were given"):format(self.fast, self.slow)
  end,
  start = function(self)
    self.macd, self.signal, self.histogram, self.fast_average, self.slow_average = nil, nil, nil, nil, nil
    self.fast_sum, self.slow_sum, self.line = 0, 0, kinds.make.ema(self.signal_length)
  end,
  push = function(self, x)
    if type(x) ~= "number" or x - x ~= 0 then no_number(self, x) end
    local fast, slow, count = self.fast, self.slow, self.count + 1
    self.count = count
    if count > slow then
      self.fast_average = self.fast_average + (x - self.fast_average) * (2 / (fast + 1))
      self.slow_average = self.slow_average + (x - self.slow_average) * (2 / (slow + 1))
    else
      -- Both averages begin at the same push, each as the mean of the last values of its own length.
      self.slow_sum = self.slow_sum + x
      if count > slow - fast then self.fast_sum = self.fast_sum + x end
      if count < slow then return nil end
      self.fast_average, self.slow_average = self.fast_sum / fast, self.slow_sum / slow
    end
    local value = self.fast_average - self.slow_average
    local signal = self.line:push(value)
    if not signal then return nil end
    self.ready = true
    self.macd, self.signal, self.histogram, self.value = value, signal, value - signal, value
    return value
  end,
})

-- ---- bars ----

define("atr", { length("length", 14) }, { numbers = { "last", "sum" } }, {
  start = function(self) self.last, self.sum = nil, 0 end,
  push = function(self, bar)
    if type(bar) == "number" or bar == nil then no_bar(self, bar, "high, low and close") end
    local high, low, close = bar.high, bar.low, bar.close
    if type(high) ~= "number" or type(low) ~= "number" or type(close) ~= "number" or (high + low + close) * 0 ~= 0 then
      no_bar(self, bar, "high, low and close")
    end
    local n, last, count = self.length, self.last, self.count + 1
    self.last, self.count = close, count
    if not last then return nil end
    local range = (high > last and high or last) - (low < last and low or last)
    local value = self.value
    if value then
      value = (value * (n - 1) + range) / n
    else
      self.sum = self.sum + range
      if count <= n then return nil end
      value = self.sum / n
      self.ready = true
    end
    self.value = value
    return value
  end,
})

define("adx", { length("length", 14, 2) },
  { numbers = { "adx", "plus_di", "minus_di", "last_high", "last_low", "last_close", "plus", "minus", "range", "dx_sum" } }, {
  start = function(self)
    self.adx, self.plus_di, self.minus_di, self.last_high, self.last_low, self.last_close = nil, nil, nil, nil, nil, nil
    self.plus, self.minus, self.range, self.dx_sum = 0, 0, 0, 0
  end,
  push = function(self, bar)
    if type(bar) == "number" or bar == nil then no_bar(self, bar, "high, low and close") end
    local high, low, close = bar.high, bar.low, bar.close
    if type(high) ~= "number" or type(low) ~= "number" or type(close) ~= "number" or (high + low + close) * 0 ~= 0 then
      no_bar(self, bar, "high, low and close")
    end
    local n, count = self.length, self.count + 1
    local last_high, last_low, last_close = self.last_high, self.last_low, self.last_close
    self.last_high, self.last_low, self.last_close, self.count = high, low, close, count
    if not last_high then return nil end
    local up, down = high - last_high, last_low - low
    local plus = up > 0 and up > down and up or 0
    local minus = down > 0 and down > up and down or 0
    local range = (high > last_close and high or last_close) - (low < last_close and low or last_close)
    if count > n then
      plus, minus, range = self.plus - self.plus / n + plus, self.minus - self.minus / n + minus, self.range - self.range / n + range
    else
      plus, minus, range = self.plus + plus, self.minus + minus, self.range + range
    end
    self.plus, self.minus, self.range = plus, minus, range
    if count <= n then return nil end
    local dx
    if range > 0 then
      self.plus_di, self.minus_di = 100 * plus / range, 100 * minus / range
      if plus + minus > 0 then dx = 100 * (plus > minus and plus - minus or minus - plus) / (plus + minus) end
    end
    local value = self.adx
    if not value then
      self.dx_sum = self.dx_sum + (dx or 0)
      if count < 2 * n then return nil end
      value = self.dx_sum / n
      self.ready = true
    elseif dx then
      value = (value * (n - 1) + dx) / n
    end
    self.adx, self.value = value, value
    return value
  end,
})

define("stochastic", { length("length", 14), length("smooth", 3), length("signal_length", 3) },
  { numbers = { "k", "d", "fast_k" }, parts = { "highest", "lowest", "slow", "slower" } }, {
  start = function(self)
    self.k, self.d, self.fast_k = nil, nil, nil
    self.highest, self.lowest = kinds.make.rolling_max(self.length), kinds.make.rolling_min(self.length)
    self.slow, self.slower = kinds.make.sma(self.smooth), kinds.make.sma(self.signal_length)
  end,
  push = function(self, bar)
    if type(bar) == "number" or bar == nil then no_bar(self, bar, "high, low and close") end
    local high, low, close = bar.high, bar.low, bar.close
    if type(high) ~= "number" or type(low) ~= "number" or type(close) ~= "number" or (high + low + close) * 0 ~= 0 then
      no_bar(self, bar, "high, low and close")
    end
    self.count = self.count + 1
    local highest, lowest = self.highest:push(high), self.lowest:push(low)
    if not highest then return nil end
    local fast = highest > lowest and 100 * (close - lowest) / (highest - lowest) or 0
    local k = self.slow:push(fast)
    if not k then return nil end
    local d = self.slower:push(k)
    if not d then return nil end
    self.ready = true
    self.fast_k, self.k, self.d, self.value = fast, k, d, k
    return k
  end,
})

define("obv", {}, { numbers = { "last" } }, {
  start = function(self) self.last = nil end,
  push = function(self, bar)
    if type(bar) == "number" or bar == nil then no_bar(self, bar, "close and volume") end
    local close, volume = bar.close, bar.volume
    if type(close) ~= "number" or type(volume) ~= "number" or (close + volume) * 0 ~= 0 then no_bar(self, bar, "close and volume") end
    local last, value = self.last, self.value
    self.last, self.count = close, self.count + 1
    if not last then
      value = volume
      self.ready = true
    elseif close > last then
      value = value + volume
    elseif close < last then
      value = value - volume
    end
    self.value = value
    return value
  end,
})

--- Length 0 (the default) goes on from the first bar, or from the last reset. A bar's price is its own vwap where it has one.
define("vwap", { length("length", 0, 0) },
  { numbers = { "sum", "rest", "traded", "traded_rest", "index" }, arrays = { "volumes", "values" } }, {
  start = function(self)
    self.sum, self.rest, self.traded, self.traded_rest, self.index = 0, 0, 0, 0, 1
    self.volumes, self.values = zeros(self.length), zeros(self.length)
  end,
  push = function(self, bar)
    if type(bar) == "number" or bar == nil then no_bar(self, bar, "open, high, low, close and volume") end
    local open, high, low, close, volume, price = bar.open, bar.high, bar.low, bar.close, bar.volume, bar.vwap
    if type(open) ~= "number" or type(high) ~= "number" or type(low) ~= "number" or type(close) ~= "number" or type(volume) ~= "number" then
      no_bar(self, bar, "open, high, low, close and volume")
    end
    if type(price) ~= "number" then price = (open + high + low + close) / 4 end
    local value = price * volume
    if value - value ~= 0 then no_bar(self, bar, "open, high, low, close and volume") end
    local n, i = self.length, self.index
    local sum, rest = add(self.sum, self.rest, value)
    local traded, traded_rest = add(self.traded, self.traded_rest, volume)
    if n > 0 then
      sum, rest = add(sum, rest, -self.values[i])
      traded, traded_rest = add(traded, traded_rest, -self.volumes[i])
      self.values[i], self.volumes[i] = value, volume
      self.index = i < n and i + 1 or 1
    end
    self.sum, self.rest, self.traded, self.traded_rest = sum, rest, traded, traded_rest
    self.count = self.count + 1
    if self.count < n then return nil end
    self.ready = true
    local total = traded + traded_rest
    if total > 0 then self.value = (sum + rest) / total end
    return self.value
  end,
})

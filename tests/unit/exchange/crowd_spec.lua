local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local START = 1700000000000000000LL

local function make(fields)
  local config = ffi.new("tl_crowd_config", fields)
  local out = ffi.new "tl_crowd *[1]"
  native.check(tonumber(C.tl_crowd_create(config, out)))
  local crowd = ffi.gc(out[0], C.tl_crowd_destroy)
  C.tl_crowd_start(crowd, fields.start or START)
  return crowd
end

--- The first `count` messages, read in pieces of `piece`, as text.
local function messages(crowd, count, piece)
  local list, batch = {}, ffi.new("tl_itch_message[?]", piece)
  while #list < count do
    local n = C.tl_crowd_read(crowd, batch, piece)
    assert.equal(piece, n)
    for i = 0, n - 1 do
      local m = batch[i]
      list[#list + 1] = ("%s %d %s %d %d %d %d"):format(string.char(m.type), m.locate, tostring(m.ts_ns - START), tonumber(m.reference),
        tonumber(m.shares), tonumber(m.price), m.side)
    end
  end
  for i = #list, count + 1, -1 do list[i] = nil end
  return list
end

describe("a crowd of participants", function()
  it("says the same for the same seed, however it is read, and another thing for another seed", function()
    local one = messages(make { seed = 5, rate = 1000, symbols = 3 }, 5000, 1)
    assert.same(one, messages(make { seed = 5, rate = 1000, symbols = 3 }, 5000, 256))
    assert.is_not.same(one, messages(make { seed = 6, rate = 1000, symbols = 3 }, 5000, 256))
    assert.is_not.same(one, messages(make { seed = 5, rate = 1000, symbols = 3, life = 1 }, 5000, 256))
  end)

  it("does the same at other times", function()
    local function without_times(list)
      for i, line in ipairs(list) do list[i] = line:gsub("LL", ""):gsub("^(%S+ %d+) %-?%d+", "%1") end
      return list
    end
    -- How far apart two actions are moves the fair price, so only what was there before the first of them is the same for another rate.
    local a, b = make { seed = 5, rate = 1000, symbols = 2 }, make { seed = 5, rate = 1000, symbols = 2, start = START + 12345 }
    assert.same(without_times(messages(a, 3000, 100)), without_times(messages(b, 3000, 100)))
  end)

  it("opens the market at once, with books, then acts at its rate", function()
    local crowd = make { seed = 1, rate = 2000, symbols = 2 }
    local batch = ffi.new "tl_itch_message[1]"
    local letters, last, times = {}, nil, 0
    repeat
      C.tl_crowd_read(crowd, batch, 1)
      if batch[0].ts_ns == START then
        local letter = string.char(batch[0].type)
        letters[letter] = (letters[letter] or 0) + 1
      elseif batch[0].ts_ns ~= last then
        times, last = times + 1, batch[0].ts_ns
      end
    until batch[0].ts_ns - START > 5000000000LL
    assert.equal(1, letters.S)
    assert.equal(2, letters.R)
    assert.equal(2, letters.H)
    assert.is_true(letters.A > 200, letters.A)
    assert.is_true(times > 9500 and times < 10500, times) -- five standard deviations
  end)

  it("goes on at the prices that it is given", function()
    local crowd = make { seed = 1, rate = 10, symbols = 1 }
    local price = C.tl_crowd_price_at(crowd, 0)
    price.fair = 2000000
    C.tl_crowd_set_price(crowd, 0, price)
    local batch, best = ffi.new "tl_itch_message[300]", { 0, 1e15 }
    for i = 0, C.tl_crowd_read(crowd, batch, 300) - 1 do
      local m = batch[i]
      if m.side == 1 then best[1] = math.max(best[1], tonumber(m.price)) end
      if m.side == 2 then best[2] = math.min(best[2], tonumber(m.price)) end
    end
    assert.is_true(best[1] < 2000000 and best[1] > 1990000, best[1])
    assert.is_true(best[2] > 2000000 and best[2] < 2010000, best[2])
  end)

  it("refuses what cannot be, with the value", function()
    local out = ffi.new "tl_crowd *[1]"
    assert.is_not.equal(0, tonumber(C.tl_crowd_create(ffi.new("tl_crowd_config", { rate = 0, symbols = 1 }), out)))
    assert.matches("rate of 0", ffi.string(C.tl_error_text()))
    assert.is_not.equal(0, tonumber(C.tl_crowd_create(ffi.new("tl_crowd_config", { rate = 1 }), out)))
    assert.matches("0 symbols", ffi.string(C.tl_error_text()))
  end)

  it("is played by a simulator as an order by order market", function()
    local calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
    local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
    local simulator = ffi.gc(C.tl_simulator_create(instruments, calendars, ffi.new "tl_simulator_config"), C.tl_simulator_destroy)
    local crowd = ffi.gc(make { seed = 3, rate = 1000, symbols = 2 }, nil)
    native.check(tonumber(C.tl_simulator_add_crowd(simulator, crowd)))
    assert.equal(2, C.tl_instruments_count(instruments))
    C.tl_simulator_want(simulator, 0, 1 + 2 + 4)
    C.tl_simulator_set_span(simulator, START + 1, 0)
    local after, slots, kinds = ffi.new "bool[1]", ffi.new "uint32_t[1]", {}
    local bid, ask
    for step = 1, 20000 do
      local at = C.tl_simulator_next_ns(simulator, after)
      assert.is_true(at >= START + 1)
      C.tl_simulator_step(simulator)
      local events = C.tl_simulator_events(simulator, slots)
      for i = 0, slots[0] - 1 do
        local e = events[i]
        kinds[e.kind] = (kinds[e.kind] or 0) + 1
        if e.kind == C.TL_EVENT_QUOTE then
          bid, ask = tonumber(e.w[0]), tonumber(e.w[1])
          assert.is_true(bid < ask, "step " .. step)
        elseif step == 1 and e.kind == C.TL_EVENT_STATUS then
          assert.equal(C.TL_STATE_TRADING, tonumber(e.w[0]))
        end
      end
      C.tl_simulator_clear_output(simulator)
    end
    assert.is_true(kinds[C.TL_EVENT_TRADE] > 1000)
    assert.is_true(kinds[C.TL_EVENT_LEVEL] > 5000)
    local counts = ffi.new "tl_simulator_counts"
    C.tl_simulator_count(simulator, counts)
    assert.equal(0, tonumber(counts.problems), ffi.string(C.tl_simulator_problem(simulator, 0)))
  end)
end)

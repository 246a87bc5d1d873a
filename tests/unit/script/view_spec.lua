local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local ABSENT = ffi.new("int64_t", bit.lshift(1LL, 63))

local function new(count)
  local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  for i = 1, count or 1 do
    native.check(C.tl_instruments_add(instruments, ffi.new("tl_instrument", { symbol = "S" .. i, price_exponent = -4 }), nil))
  end
  return ffi.gc(C.tl_view_create(instruments), C.tl_view_destroy), instruments
end

local function apply(view, kind, words, instrument, tail)
  local event = ffi.new("tl_event", { kind = kind, instrument = instrument or 0, sequence = 9, w = words })
  C.tl_view_apply(view, event, ffi.new("tl_event_tail", { w = tail or {} }))
end

local function levels(view, side)
  local list, level = {}, ffi.new "tl_view_level"
  while C.tl_view_book_level(view, 0, side, #list, level) do list[#list + 1] = { tonumber(level.price), tonumber(level.size), level.count } end
  return list
end

describe("the view", function()
  it("keeps books as a naive one does, over random level changes", function()
    local seed = os.time()
    math.randomseed(seed)
    local view, naive = new(), { {}, {} }
    for step = 1, 20000 do
      local side, price, size = math.random(2), math.random(1, 60), math.random(0, 3) * 10
      apply(view, C.TL_EVENT_LEVEL, { price, size, 1, side })
      naive[side][price] = size > 0 and size or nil
      if step % 500 == 0 then
        for s = 1, 2 do
          local expected = {}
          for p = 1, 60 do
            if naive[s][p] then table.insert(expected, s == 1 and 1 or #expected + 1, { p, naive[s][p], 1 }) end
          end
          assert.same(expected, levels(view, s), "seed " .. seed)
          local wanted, left, value = math.random(1, 400), nil, 0
          left = wanted
          for _, level in ipairs(expected) do
            local take = math.min(left, level[2])
            value, left = value + take * level[1], left - take
          end
          local out = ffi.new "double[2]"
          C.tl_view_book_walk(view, 0, 3 - s, wanted, out, out + 1)
          assert.equal(wanted - left, out[1])
          if out[1] > 0 then assert.equal(value / (wanted - left), out[0]) else assert.is_true(out[0] ~= out[0]) end
        end
      end
    end
  end)

  it("values a position as the gateway does: its venue's mark, else the middle, else the last price", function()
    local view = new()
    local r = C.tl_view_at(view, 0)
    local bar = { 0, 0, 0, 0, 60000000000LL }
    apply(view, C.TL_EVENT_QUOTE, { 100, 900, 5, 5 })
    assert.equal(500, r.position.mark_n) -- nothing better is known
    apply(view, C.TL_EVENT_TRADE, { 220, 1 })
    assert.equal(220, r.position.mark_n) -- the quote is too wide
    apply(view, C.TL_EVENT_QUOTE, { 200, 210, 5, 5 })
    apply(view, C.TL_EVENT_TRADE, { 210, 1 })
    apply(view, C.TL_EVENT_BAR, { 230, 230, 230, 230 }, 0, bar)
    assert.equal(205, r.position.mark_n)
    apply(view, C.TL_EVENT_QUOTE, { 200, ABSENT, 5, 0 })
    assert.equal(230, r.position.mark_n)
    apply(view, C.TL_EVENT_MARK, { 207, ABSENT, ABSENT, ABSENT })
    apply(view, C.TL_EVENT_QUOTE, { 200, 210, 5, 5 })
    assert.equal(207, r.position.mark_n)
  end)

  it("shows quotes and marks: absent sides are none, and a one-sided quote leaves the mark to the last trade", function()
    local view = new()
    local r = C.tl_view_at(view, 0)
    apply(view, C.TL_EVENT_QUOTE, { 100, ABSENT, 5, 0 })
    assert.same({ 100, 5 }, { r.quote.bid_n, r.quote.bid_size_n })
    assert.is_true(r.quote.ask_n ~= r.quote.ask_n and r.quote.ask_size_n ~= r.quote.ask_size_n)
    apply(view, C.TL_EVENT_TRADE, { 120, 1 })
    assert.equal(120, r.position.mark_n)
    apply(view, C.TL_EVENT_QUOTE, { 100, 103, 5, 5 })
    assert.equal(101.5, r.position.mark_n)
    apply(view, C.TL_EVENT_TRADE, { 120, 1 })
    assert.equal(101.5, r.position.mark_n)
    assert.equal(120, tonumber(r.last_price))
  end)

  it("finds bars by instrument and interval among many, and keeps the last ones", function()
    local view = new(200)
    for id = 0, 199 do
      for _, interval in ipairs { 60e9, 86400e9 } do native.check(C.tl_view_keep_bars(view, id, interval, 20)) end
    end
    for i = 1, 100 do
      for id = 0, 199, 50 do apply(view, C.TL_EVENT_BAR, { i, i, i, i + id }, id, { 1, 1, i, 0, ffi.new("int64_t", 60e9) }) end
    end
    for id = 0, 199, 50 do
      assert.equal(32, C.tl_view_bars_count(view, id, 60e9, 32))
      assert.equal(0, C.tl_view_bars_count(view, id, 86400e9, 32))
      assert.equal(0, C.tl_view_bars_count(view, id, 1e9, 32))
      assert.equal(100 + id, C.tl_view_bar(view, id, 60e9, 10, -1).close_n)
      assert.equal(91 + id, C.tl_view_bar(view, id, 60e9, 10, 1).close_n)
      for _, i in ipairs { 0, 11, -11 } do assert.is_true(C.tl_view_bar(view, id, 60e9, 10, i) == nil) end
    end
  end)

  it("takes in instruments that join the table, without moving the others", function()
    local view, instruments = new(1)
    local first = C.tl_view_at(view, 0)
    for i = 2, 3000 do native.check(C.tl_instruments_add(instruments, ffi.new("tl_instrument", { symbol = "S" .. i, price_exponent = -2 }), nil)) end
    native.check(C.tl_view_ensure(view))
    assert.equal(first, C.tl_view_at(view, 0))
    assert.equal(100, C.tl_view_at(view, 2999).price_unit)
    assert.is_true(C.tl_view_at(view, 2999).quote.bid_n ~= C.tl_view_at(view, 2999).quote.bid_n)
  end)
end)

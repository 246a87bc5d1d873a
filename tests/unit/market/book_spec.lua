local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local BUY, SELL = 1, 2
local handle = ffi.new "tl_book_handle[1]"

local function books_of(expected)
  return ffi.gc(C.tl_books_create(expected or 0), C.tl_books_destroy)
end

local function add(books, instrument, reference, side, price, quantity)
  return tonumber(C.tl_books_add(books, instrument, reference, side, price, quantity, 0, handle))
end

--- A side as "price:quantity:count(references in queue order) ...", the best first, walked from both ends.
local function side_text(books, instrument, side)
  local parts = {}
  for i = 0, C.tl_books_depth(books, instrument, side) - 1 do
    local index = C.tl_books_level_at(books, instrument, side, i)
    local level = C.tl_books_level(books, index)
    assert.equal(index, C.tl_books_level_find(books, instrument, side, level.price))
    assert.equal(instrument * 2 + (side == SELL and 1 or 0), level.book_side)
    local references, at, previous = {}, level.head, 0
    while at ~= 0 do
      local o = C.tl_books_order(books, at)
      assert.equal(previous, o.previous)
      assert.equal(index, o.level)
      assert.equal(at, C.tl_books_find(books, o.reference))
      references[#references + 1] = ("%d*%d"):format(tonumber(o.reference), tonumber(o.quantity))
      previous, at = at, o.next
    end
    assert.equal(previous, level.tail)
    parts[#parts + 1] = ("%d:%d:%d(%s)"):format(tonumber(level.price), tonumber(level.quantity), level.count,
      table.concat(references, ","))
  end
  assert.equal(0, C.tl_books_level_at(books, instrument, side, #parts))
  return table.concat(parts, " ")
end

-- The reference model: a list of orders in order of time, and nothing clever.
local Model = {}
Model.__index = Model

function Model.new() return setmetatable({ orders = {}, by_reference = {} }, Model) end

function Model:add(instrument, reference, side, price, quantity)
  if self.by_reference[reference] then return false end
  local o = { instrument = instrument, reference = reference, side = side, price = price, quantity = quantity }
  table.insert(self.orders, o)
  self.by_reference[reference] = o
  return true
end

function Model:remove(o)
  for i, other in ipairs(self.orders) do
    if other == o then table.remove(self.orders, i) break end
  end
  self.by_reference[o.reference] = nil
end

function Model:requeue(o, quantity)
  self:remove(o)
  o.quantity = quantity
  table.insert(self.orders, o)
  self.by_reference[o.reference] = o
end

function Model:side_text(instrument, side)
  local levels, prices = {}, {}
  for _, o in ipairs(self.orders) do
    if o.instrument == instrument and o.side == side then
      local level = levels[o.price]
      if not level then
        level = { quantity = 0 }
        levels[o.price] = level
        prices[#prices + 1] = o.price
      end
      level.quantity = level.quantity + o.quantity
      level[#level + 1] = ("%d*%d"):format(o.reference, o.quantity)
    end
  end
  table.sort(prices, function(a, b) if side == BUY then return a > b end return a < b end)
  local parts = {}
  for i, price in ipairs(prices) do
    local level = levels[price]
    parts[i] = ("%d:%d:%d(%s)"):format(price, level.quantity, #level, table.concat(level, ","))
  end
  return table.concat(parts, " ")
end

describe("order books", function()
  it("keep levels in price order and orders in time order", function()
    local books = books_of()
    assert.equal(0, add(books, 3, 10, BUY, 100, 5))
    assert.equal(0, add(books, 3, 11, BUY, 101, 6))
    assert.equal(0, add(books, 3, 12, BUY, 100, 7))
    assert.equal(0, add(books, 3, 13, SELL, 103, 8))
    assert.equal(0, add(books, 3, 14, SELL, 102, 9))
    assert.equal("101:6:1(11*6) 100:12:2(10*5,12*7)", side_text(books, 3, BUY))
    assert.equal("102:9:1(14*9) 103:8:1(13*8)", side_text(books, 3, SELL))
    local top = ffi.new "tl_book_top"
    C.tl_books_top(books, 3, top)
    assert.equal(101, tonumber(top.bid_price))
    assert.equal(6, tonumber(top.bid_size))
    assert.equal(102, tonumber(top.ask_price))
    assert.equal(9, tonumber(top.ask_size))
    assert.equal(5, tonumber(C.tl_books_live_orders(books)))
  end)

  it("are empty where nothing was added, also beyond the instruments that there are", function()
    local books, top = books_of(), ffi.new "tl_book_top"
    for _, instrument in ipairs { 0, 7, 4000000000 } do
      C.tl_books_top(books, instrument, top)
      assert.is_true(top.bid_price == ffi.cast("int64_t", -2 ^ 63) and top.ask_price == ffi.cast("int64_t", -2 ^ 63))
      assert.equal(0, C.tl_books_depth(books, instrument, BUY))
      assert.equal(0, C.tl_books_level_at(books, instrument, SELL, 0))
      assert.equal(0, C.tl_books_level_find(books, instrument, SELL, 5))
      C.tl_books_clear(books, instrument)
    end
    assert.equal(0, C.tl_books_find(books, 0))
  end)

  it("refuse with the reason", function()
    local books = books_of()
    assert.equal(0, add(books, 0, 7, BUY, 100, 5))
    local function refused(status, sentence, ...)
      assert.equal(status, add(books, ...))
      assert.equal(sentence, ffi.string(C.tl_error_text()))
    end
    refused(C.TL_ERR_EXISTS, "order 7 is already live, one of 1", 0, 7, SELL, 120, 1)
    refused(C.TL_ERR_ARGUMENT, "order 8 has quantity 0", 0, 8, BUY, 100, 0)
    refused(C.TL_ERR_ARGUMENT, "order 8 has quantity -3", 0, 8, BUY, 100, -3)
    refused(C.TL_ERR_ARGUMENT, "order 8 has side 3, neither buy nor sell", 0, 8, 3, 100, 1)
    refused(C.TL_ERR_ARGUMENT, "order 8 has side 0, neither buy nor sell", 0, 8, 0, 100, 1)
    refused(C.TL_ERR_LIMIT, "instrument 4294967295: there are books for 1048576", 4294967295, 8, BUY, 100, 1)
    assert.equal(1, tonumber(C.tl_books_live_orders(books)))
    assert.equal("100:5:1(7*5)", side_text(books, 0, BUY))
  end)

  it("take off an order no more than is open, and remove it at nothing", function()
    local books = books_of()
    add(books, 0, 1, SELL, 50, 10)
    local order = handle[0]
    assert.equal(4, tonumber(C.tl_books_reduce(books, order, 4)))
    assert.equal(0, tonumber(C.tl_books_reduce(books, order, 0)))
    assert.equal(0, tonumber(C.tl_books_reduce(books, order, -1)))
    assert.equal("50:6:1(1*6)", side_text(books, 0, SELL))
    assert.equal(6, tonumber(C.tl_books_reduce(books, order, 100)))
    assert.equal("", side_text(books, 0, SELL))
    assert.equal(0, C.tl_books_find(books, 1))
  end)

  it("carry references and quantities of full width", function()
    local books = books_of()
    local references = { 0, 1, 2 ^ 40, 0xffffffffffffffffULL, 0x8000000000000001ULL }
    for i, reference in ipairs(references) do assert.equal(0, add(books, 0, reference, BUY, 10, i)) end
    for i, reference in ipairs(references) do
      local found = C.tl_books_find(books, reference)
      assert.are_not.equal(0, found)
      assert.equal(i, tonumber(C.tl_books_order(books, found).quantity))
    end
    assert.equal(0, add(books, 1, 77, SELL, ffi.cast("int64_t", 4294967295), ffi.cast("int64_t", 2) ^ 61))
    assert.is_true(C.tl_books_level(books, C.tl_books_level_at(books, 1, SELL, 0)).quantity == 2LL ^ 61)
  end)

  it("know their owner", function()
    local books = books_of()
    C.tl_books_ensure(books, 0)
    assert.equal(0, C.tl_books_add(books, 0, 1, BUY, 5, 5, 42, handle))
    assert.equal(42, C.tl_books_order(books, C.tl_books_find(books, 1)).owner)
  end)

  it("agree with a naive model on random operations", function()
    for _, case in ipairs { { 11, 4, 30 }, { 12, 1, 4 }, { 13, 3, 400 } } do
      local seed, instruments, width = case[1], case[2], case[3]
      local random = ffi.new "tl_random"
      C.tl_random_seed(random, seed, 0)
      local function below(n) return tonumber(C.tl_random_below(random, n)) end
      local books, model, reference = books_of(), Model.new(), 0
      local function a_live_one() return model.orders[1 + below(#model.orders)] end
      for step = 1, 12000 do
        local what = ("seed %d, step %d"):format(seed, step)
        local kind = below(100)
        if kind < 45 or #model.orders == 0 then
          reference = reference + below(4)
          local instrument, side, price, quantity = below(instruments), 1 + below(2), 1000 + below(width), 1 + below(500)
          local fresh = model:add(instrument, reference, side, price, quantity)
          assert.equal(fresh and 0 or tonumber(C.TL_ERR_EXISTS), add(books, instrument, reference, side, price, quantity), what)
        elseif kind < 70 then
          local o = a_live_one()
          C.tl_books_remove(books, C.tl_books_find(books, o.reference))
          model:remove(o)
        elseif kind < 85 then
          local o, quantity = a_live_one(), below(600)
          local taken = math.min(quantity, o.quantity)
          assert.equal(taken, tonumber(C.tl_books_reduce(books, C.tl_books_find(books, o.reference), quantity)), what)
          o.quantity = o.quantity - taken
          if o.quantity == 0 then model:remove(o) end
        elseif kind < 92 then
          local o, quantity = a_live_one(), 1 + below(500)
          C.tl_books_requeue(books, C.tl_books_find(books, o.reference), quantity)
          model:requeue(o, quantity)
        elseif kind < 98 then
          local o, quantity = a_live_one(), 1 + below(500)
          C.tl_books_set_quantity(books, C.tl_books_find(books, o.reference), quantity)
          o.quantity = quantity
        elseif kind == 99 and below(40) == 0 then
          local instrument = below(instruments)
          C.tl_books_clear(books, instrument)
          for i = #model.orders, 1, -1 do
            if model.orders[i].instrument == instrument then model:remove(model.orders[i]) end
          end
        end
        assert.equal(#model.orders, tonumber(C.tl_books_live_orders(books)), what)
        if step % 400 == 0 then
          for instrument = 0, instruments - 1 do
            for side = BUY, SELL do
              assert.equal(model:side_text(instrument, side), side_text(books, instrument, side), what)
            end
          end
          for gone = math.max(0, reference - 50), reference do
            assert.equal(model.by_reference[gone] ~= nil, C.tl_books_find(books, gone) ~= 0, what)
          end
        end
      end
    end
  end)

  it("need no more memory, and no longer chains, for orders that are gone", function()
    local books = books_of()
    local live, cycles = 2000, os.getenv "TIDELOCK_SOAK" and 100000000 or 400000
    for reference = 1, live do add(books, 0, reference, BUY, 1000 + reference % 50, 1) end
    local bytes = tonumber(C.tl_books_bytes(books))
    for reference = live + 1, live + cycles do
      C.tl_books_remove(books, C.tl_books_find(books, reference - live))
      C.tl_books_add(books, 0, reference, BUY, 1000 + reference % 50, 1, 0, nil)
    end
    assert.equal(live, tonumber(C.tl_books_live_orders(books)))
    assert.equal(bytes, tonumber(C.tl_books_bytes(books)))
  end)

  it("take under 100 bytes a live order when there are many", function()
    local books = books_of()
    for reference = 1, 300000 do C.tl_books_add(books, reference % 500, reference * 3, 1 + reference % 2, 1000 + reference % 37, 1, 0, nil) end
    assert.equal(300000, tonumber(C.tl_books_live_orders(books)))
    assert.is_true(tonumber(C.tl_books_bytes(books)) / 300000 < 100)
  end)
end)

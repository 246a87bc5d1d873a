local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("what was taken from history's orders", function()
  it("is added up, settled and forgotten as a plain table would", function()
    local seed = 3
    math.randomseed(seed)
    local taken, naive, count = ffi.new "tl_taken", {}, 0
    assert.equal(0, tonumber(C.tl_taken_init(taken)))
    for step = 1, 30000 do
      local reference = math.random(0, 1500)
      if math.random(2) == 1 then
        local quantity = math.random(0, 9)
        C.tl_taken_add(taken, reference, quantity, reference % 5, 1, reference * 10)
        if quantity > 0 then
          count = count + (naive[reference] and 0 or 1)
          naive[reference] = (naive[reference] or 0) + quantity
        end
      else
        local entry, quantity = C.tl_taken_find(taken, reference), math.random(1, 20)
        if naive[reference] then
          assert.equal(naive[reference], tonumber(entry.quantity))
          assert.equal(reference * 10, tonumber(entry.price))
          assert.equal(math.min(quantity, naive[reference]), tonumber(C.tl_taken_settle(taken, entry, quantity)))
          naive[reference] = naive[reference] - quantity
          if naive[reference] <= 0 then naive[reference], count = nil, count - 1 end
        else
          assert.is_true(entry == nil)
        end
      end
      if step % 10000 == 0 then
        C.tl_taken_forget(taken, 2)
        for r in pairs(naive) do if r % 5 == 2 then naive[r], count = nil, count - 1 end end
      end
      assert.equal(count, taken.count)
    end
    for r, quantity in pairs(naive) do assert.equal(quantity, tonumber(C.tl_taken_find(taken, r).quantity)) end
    C.tl_taken_close(taken)
  end)
end)

local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("own open orders", function()
  it("are found by id and walked in the order of their arrival", function()
    local seed = 9
    math.randomseed(seed)
    local orders = ffi.gc(C.tl_own_orders_create(), C.tl_own_orders_destroy)
    local lists, naive, open, next_id = ffi.new "tl_own_list[3]", { [0] = {}, {}, {} }, 0, 0
    for step = 1, 20000 do
      local which = math.random(0, 2)
      if math.random(5) <= 3 then
        next_id = next_id + 1
        local handle = C.tl_own_orders_add(orders, lists[which], next_id)
        assert.is_true(handle ~= 0)
        assert.equal(0, C.tl_own_orders_add(orders, lists[which], next_id)) -- it is open already
        table.insert(naive[which], next_id)
        open = open + 1
      elseif #naive[which] > 0 then
        local id = table.remove(naive[which], math.random(#naive[which]))
        C.tl_own_orders_remove(orders, lists[which], C.tl_own_orders_find(orders, id))
        assert.equal(0, C.tl_own_orders_find(orders, id))
        open = open - 1
      end
      assert.equal(open, C.tl_own_orders_open(orders))
      if step % 1000 == 0 then
        for list = 0, 2 do
          local ids, handle = {}, lists[list].first
          while handle ~= 0 do
            local order = C.tl_own_orders_at(orders, handle)
            ids[#ids + 1] = tonumber(order.id)
            assert.equal(handle, C.tl_own_orders_find(orders, order.id))
            handle = order.next
          end
          assert.same(naive[list], ids)
          assert.equal(#ids, lists[list].count)
        end
      end
    end
  end)
end)

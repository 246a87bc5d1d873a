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

  it("that stand in the book are walked a side at a time, best price first, then in the order in which they came there", function()
    local seed = 11
    math.randomseed(seed)
    local orders, list = ffi.gc(C.tl_own_orders_create(), C.tl_own_orders_destroy), ffi.new "tl_own_list[1]"
    local absent = -0x7fffffffffffffffLL - 1
    local naive, ids, next_id = {}, {}, 0 -- naive: { id =, side =, price =, came = } of those that stand

    local function take_off(id)
      for i, one in ipairs(naive) do if one.id == id then return table.remove(naive, i) end end
    end
    for step = 1, 5000 do
      local what, at = math.random(10), math.random(math.max(#ids, 1))
      if what <= 3 or #ids == 0 then
        next_id = next_id + 1
        local handle = C.tl_own_orders_add(orders, list, next_id)
        C.tl_own_orders_at(orders, handle).side, C.tl_own_orders_at(orders, handle).rest_price = math.random(2), absent
        ids[#ids + 1] = next_id
      elseif what <= 8 then
        local handle, price = C.tl_own_orders_find(orders, ids[at]), what < 8 and math.random(20) or nil
        C.tl_own_orders_rest(orders, list, handle, price or absent)
        take_off(ids[at])
        if price then naive[#naive + 1] = { id = ids[at], side = C.tl_own_orders_at(orders, handle).side, price = price, came = step } end
      else
        C.tl_own_orders_remove(orders, list, C.tl_own_orders_find(orders, ids[at]))
        take_off(table.remove(ids, at))
      end
      if step % 50 == 0 then
        for side = 1, 2 do
          local wanted, found, handle = {}, {}, list[0].best[side - 1]
          for _, one in ipairs(naive) do if one.side == side then wanted[#wanted + 1] = one end end
          table.sort(wanted, function(a, b)
            if a.price ~= b.price then return (a.price > b.price) == (side == 1) end
            return a.came < b.came
          end)
          for i, one in ipairs(wanted) do wanted[i] = one.id end
          while handle ~= 0 do
            found[#found + 1] = tonumber(C.tl_own_orders_at(orders, handle).id)
            handle = C.tl_own_orders_at(orders, handle).rest_next
          end
          assert.same(wanted, found, "seed " .. seed .. ", step " .. step)
        end
      end
    end
  end)
end)

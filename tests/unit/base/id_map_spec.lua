local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("a map of ids", function()
  it("agrees with a table over random insertions and removals, while it grows", function()
    local seed = 42
    math.randomseed(seed)
    local map = ffi.new "tl_id_map"
    native.check(C.tl_id_map_init(map, 4))
    local model, count = {}, 0
    for step = 1, 60000 do
      -- neighbouring ids, and ids that differ in high bits only
      local n = math.random(1, 3000)
      local id = n % 2 == 0 and n + 0ULL or bit.lshift(n + 0ULL, 44)
      if math.random() < 0.55 then
        local slot = math.random(1, 1e9)
        if not model[n] then count = count + 1 end
        model[n] = slot
        assert.is_true(C.tl_id_map_put(map, id, slot))
      else
        if model[n] then count = count - 1 end
        model[n] = nil
        C.tl_id_map_remove(map, id)
      end
      assert.equal(count, map.count, ("seed %d step %d"):format(seed, step))
      if step % 2000 == 0 then
        for i = 1, 3000 do
          local at = i % 2 == 0 and i + 0ULL or bit.lshift(i + 0ULL, 44)
          assert.equal(model[i] or 0, C.tl_id_map_find(map, at), ("seed %d step %d id %d"):format(seed, step, i))
        end
      end
    end
    C.tl_id_map_close(map)
  end)
end)

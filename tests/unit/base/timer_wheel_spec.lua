local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local FOREVER = 9223372036854775807LL

describe("a wheel of timers", function()
  local wheel, id

  before_each(function()
    wheel, id = ffi.new "tl_timer_wheel", ffi.new "uint32_t[1]"
    native.check(C.tl_timer_wheel_init(wheel, 1000))
  end)
  after_each(function() C.tl_timer_wheel_close(wheel) end)

  it("gives what a sorted list gives, equal instants in the order of setting, and always the next instant", function()
    local seed = tonumber(os.getenv "SEED") or os.time() % 100000
    math.randomseed(seed)
    -- near ones, far ones, and those that cross the borders of slots
    for _, reach in ipairs { 50, 3000, 1e6, 1e12 } do
      C.tl_timer_wheel_close(wheel)
      native.check(C.tl_timer_wheel_init(wheel, 200))
      local model, serial, now = {}, 0, 1.7e15
      local function earlier(a, b) return a.due < b.due or (a.due == b.due and a.serial < b.serial) end
      local function first()
        local best
        for _, one in pairs(model) do if not best or earlier(one, best) then best = one end end
        return best
      end
      C.tl_timer_wheel_take(wheel, now, id)
      for step = 1, 6000 do
        local name = ("seed %d reach %g step %d"):format(seed, reach, step)
        local which, kind = math.random(0, 199), math.random(10)
        if kind <= 6 then
          serial = serial + 1
          model[which] = { due = now + math.floor(math.random() ^ 4 * reach), serial = serial, id = which }
          C.tl_timer_wheel_set(wheel, which, model[which].due)
        elseif kind <= 8 then
          model[which] = nil
          C.tl_timer_wheel_clear(wheel, which)
        else
          now = now + math.floor(math.random() ^ 4 * reach / 8)
          while true do
            local one = first()
            if not one or one.due > now then break end
            if math.random() < 0.7 then assert.equal(one.due, tonumber(C.tl_timer_wheel_next_ns(wheel)), name) end
            assert.is_true(C.tl_timer_wheel_take(wheel, now, id), name)
            assert.equal(one.id, id[0], name)
            model[one.id] = nil
          end
          assert.is_false(C.tl_timer_wheel_take(wheel, now, id), name)
        end
        if math.random() < 0.5 then
          local one = first()
          assert.equal(one and one.due + 0LL or FOREVER, C.tl_timer_wheel_next_ns(wheel), name)
        end
      end
    end
  end)

  it("takes any instant there is, and gives at once what is late", function()
    local dues = { FOREVER - 1, 1LL, 0LL, bit.lshift(1LL, 62), bit.lshift(1LL, 36), bit.lshift(1LL, 36) - 1 }
    for i, due in ipairs(dues) do C.tl_timer_wheel_set(wheel, i, due) end
    local order, now = {}, 0LL
    while C.tl_timer_wheel_next_ns(wheel) ~= FOREVER do
      local due = C.tl_timer_wheel_next_ns(wheel)
      if due > now then now = due end
      assert.is_true(C.tl_timer_wheel_take(wheel, now, id))
      order[#order + 1] = id[0]
      if #order == 3 then
        C.tl_timer_wheel_set(wheel, 9, 5) -- long ago
        assert.equal(5LL, C.tl_timer_wheel_next_ns(wheel))
      end
    end
    assert.same({ 3, 2, 6, 9, 5, 4, 1 }, order)
    assert.equal(0, wheel.count)
  end)

  it("lets thousands that are due at one instant go in order, with others set meanwhile", function()
    for i = 0, 899 do C.tl_timer_wheel_set(wheel, i, 1000000) end
    for i = 0, 899, 2 do C.tl_timer_wheel_clear(wheel, i) end
    assert.is_false(C.tl_timer_wheel_take(wheel, 999999, id))
    C.tl_timer_wheel_set(wheel, 0, 1000000)
    for i = 1, 899, 2 do
      assert.is_true(C.tl_timer_wheel_take(wheel, 1000000, id))
      assert.equal(i, id[0])
    end
    assert.is_true(C.tl_timer_wheel_take(wheel, 1000000, id))
    assert.equal(0, id[0])
    assert.is_false(C.tl_timer_wheel_take(wheel, 1000001, id))
  end)
end)

local matching = require "matching_engine"
local C, ffi = matching.C, matching.ffi

describe("matching", function()
  it("trades at the resting price, best price first, then first come", function()
    local e = matching.new()
    assert.same({ "accepted 1 5@101 behind 0" }, e:new(1, "sell", 5, 101))
    assert.same({ "accepted 2 5@100 behind 0" }, e:new(2, "sell", 5, 100))
    assert.same({ "accepted 3 5@100 behind 5" }, e:new(3, "sell", 5, 100))
    assert.same({
      "accepted 4 13@101",
      "fill 4 5@100 against 2 taker left 8", "fill 2 5@100 against 4 maker left 0",
      "fill 4 5@100 against 3 taker left 3", "fill 3 5@100 against 4 maker left 0",
      "fill 4 3@101 against 1 taker left 0", "fill 1 3@101 against 4 maker left 2",
    }, e:new(4, "buy", 13, 101))
    assert.same({ "101: 1*2" }, e:book "sell")
    assert.same({}, e:book "buy")
  end)

  it("rests what is left and tells what is ahead of it", function()
    local e = matching.new()
    e:new(1, "buy", 4, 99)
    assert.same({ "accepted 2 7@99 behind 4" }, e:new(2, "buy", 7, 99))
    local ahead, total = ffi.new "int64_t[1]", ffi.new "int64_t[1]"
    assert.is_true(C.tl_engine_queue(e.engine, 2, ahead, total))
    assert.equal(4, tonumber(ahead[0]))
    assert.equal(11, tonumber(total[0]))
  end)
end)

describe("the real day of AMZN", function()
  local path = "../shared/data/matching/amzn_2012-06-21.orders.csv.gz"
  it("gives the venue's own fills for each aggressive order", function()
    local probe = io.open(path)
    if not probe then return pending(path .. " is not here") end
    probe:close()
    local e = matching.new()
    local aggressive, fills = 0, 0
    local orders = {}
    for line in io.popen("zcat " .. path):lines() do
      local op, rest = line:match "^(%a),(.*)$"
      if op == "A" then
        local ref, side, price, quantity = rest:match "^(%d+),(%a),(%d+),(%d+)$"
        local events = e:new(tonumber(ref), side == "B" and "buy" or "sell", tonumber(quantity), tonumber(price))
        assert.equal(1, #events, line)
        orders[ref] = tonumber(quantity)
      elseif op == "R" then
        local ref, quantity = rest:match "^(%d+),(%d+)$"
        local open = orders[ref]
        if tonumber(quantity) >= open then
          assert.same({ ("canceled %s requested"):format(ref) }, e:cancel(tonumber(ref)))
        else
          local ahead = e:replace(tonumber(ref), nil, open - tonumber(quantity))
          assert.equal(1, #ahead)
          orders[ref] = open - tonumber(quantity)
        end
      else
        local side, limit, quantity, list = rest:match "^(%a),(%d+),(%d+),(.*)$"
        aggressive = aggressive + 1
        local id = 2 ^ 50 + aggressive
        local events = e:new(id, side == "B" and "buy" or "sell", tonumber(quantity), tonumber(limit), { tif = "ioc" })
        local at = 2
        for ref, taken, price in list:gmatch "(%d+):(%d+)@(%d+)" do
          assert.matches(("^fill %d %s@%s against %s taker"):format(id, taken, price, ref), events[at])
          assert.matches(("^fill %s %s@%s against %d maker"):format(ref, taken, price, id), events[at + 1])
          at, fills = at + 2, fills + 1
        end
        assert.equal(at - 1, #events, line)
      end
    end
    assert.equal(6363, aggressive)
    assert.equal(8161, fills)
  end)
end)

-- The immediate-or-cancel and fill-or-kill cases of another matching engine, in plain steps, through the exchange's own lines.
-- FILL lines say what the next ADD adds to an order's fills: quantity and cost.
local scenario = require "tidelock.scenario"
local cjson = require "cjson"

local path = "../shared/data/matching/liquibook_immediate_or_cancel.txt"

local function run_cases(lines)
  local cases, s, out, orders, fills, expected, depth = 0, nil, nil, nil, nil, {}, nil
  local function book()
    s:line '{"op":"book","symbol":"X"}'
    return cjson.decode(out[#out])
  end
  local function add(name, flag)
    local o, from = orders[name], #out
    s:line(('{"op":"new","id":"%s","symbol":"X","side":"%s","type":"%s",%s"quantity":"%s","tif":"%s"}'):format(name, o.side,
      o.price == "0" and "market" or "limit", o.price == "0" and "" or '"price":"' .. o.price .. '",', o.quantity, (flag or "gtc"):lower()))
    local matched, open = false, true
    for i = from + 1, #out do
      local e = cjson.decode(out[i])
      assert.are_not.equal("rejected", e.event)
      if e.event == "fill" then
        fills[e.id].quantity = fills[e.id].quantity + e.quantity
        fills[e.id].cost = fills[e.id].cost + e.quantity * e.price
        matched = matched or e.id == name
        if e.id == name then open = tonumber(e.remaining) > 0 end
      end
    end
    return matched, not open
  end
  for _, line in ipairs(lines) do
    local w = {}
    for word in line:gmatch "%S+" do w[#w + 1] = word end
    local op = w[1]
    if op == "TEST" then
      cases, out, orders, fills, expected = cases + 1, {}, {}, {}, {}
      s = scenario.new { write = function(text) out[#out + 1] = text end }
    elseif op == "ORDER" then
      orders[w[2]] = { side = w[3] == "B" and "buy" or "sell", price = w[4], quantity = w[5] }
      fills[w[2]] = { quantity = 0, cost = 0 }
    elseif op == "FILL" then
      expected[#expected + 1] = { w[2], fills[w[2]].quantity + w[3], fills[w[2]].cost + w[4] }
    elseif op == "ADD" then
      local flag = w[#w]:match "^%u+$"
      local matched, complete = add(w[2], flag)
      assert.equal(w[3], tostring(matched), line)
      if w[4] and w[4] ~= flag then assert.equal(w[4], tostring(complete), line) end
      for _, e in ipairs(expected) do
        assert.equal(e[2], fills[e[1]].quantity, line)
        assert.equal(e[3], fills[e[1]].cost, line)
      end
      expected = {}
    elseif op == "SIZE" then
      local count = 0
      for _, level in ipairs(book()[w[2]]) do count = count + #level.orders end
      assert.equal(tonumber(w[3]), count, line)
    elseif op == "DEPTH_RESET" then
      depth = { bid = 0, ask = 0 }
    elseif op == "DEPTH" then
      depth[w[2]] = depth[w[2]] + 1
      local level = book()[w[2] .. "s"][depth[w[2]]]
      assert.same({ w[3], tonumber(w[4]), w[5] }, { level.price, #level.orders, level.quantity }, line)
    else
      error("a line that this spec does not know: " .. line)
    end
  end
  return cases
end

describe("liquibook's cases", function()
  it("give the same fills and depth", function()
    local file = io.open(path)
    if not file then return pending(path .. " is not here") end
    local lines = {}
    for line in file:lines() do if line:find "%S" then lines[#lines + 1] = line end end
    file:close()
    assert.equal(16, run_cases(lines))
  end)
end)

-- `tidelock exchange` as a process: lines through pipes.
local cjson = require "cjson"

local binary = os.getenv "TIDELOCK_BUILD" .. "/tidelock"

local function write_file(text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
  return name
end

--- Runs the verb on a text; returns the decoded events, the raw output and the exit code.
local function run(text, options)
  local from, to = write_file(text), os.tmpname()
  local status = os.execute(("%s exchange --scenario - %s <%s >%s"):format(binary, options or "", from, to))
  local events, raw = {}, {}
  for line in io.lines(to) do
    raw[#raw + 1] = line
    events[#events + 1] = cjson.decode(line)
  end
  os.remove(from)
  os.remove(to)
  return events, table.concat(raw, "\n"), status
end

local function names(events)
  local list = {}
  for i, e in ipairs(events) do list[i] = e.event .. (e.reason and " " .. e.reason or "") end
  return list
end

describe("tidelock exchange", function()
  it("answers orders, cancels, replaces, time, books and syncs", function()
    local events, raw, status = run [[
{"op":"new","id":"a","symbol":"X","side":"sell","type":"limit","price":"10.50","quantity":"100","tif":"gtc"}
{"op":"new","id":"b","symbol":"X","side":"sell","price":10.5,"quantity":50,"expire":1340285400123456789}
{"op":"new","id":"c","symbol":"X","side":"buy","type":"market","quantity":"120"}
{"op":"replace","id":"b","quantity":"25"}
{"op":"book","symbol":"X","levels":5}
{"op":"time","ts":1340285400123456788}
{"op":"sync","id":"n"}
{"op":"time","ts":1340285400123456789}
{"op":"new","id":"s","symbol":"X","side":"buy","type":"stop","stop_price":"11","quantity":"1"}
{"op":"cancel","id":"s"}
]]
    assert.equal(0, status)
    assert.same({ "accepted", "accepted", "accepted", "fill", "fill", "fill", "fill", "replaced", "book", "sync", "expired expire_time",
                  "accepted", "canceled requested" }, names(events))
    assert.same({ event = "fill", id = "c", symbol = "X", price = "10.5", quantity = "100", against = "a", liquidity = "taker",
                  remaining = "20", ts = 0 }, events[4])
    assert.same({ event = "fill", id = "a", symbol = "X", price = "10.5", quantity = "100", against = "c", liquidity = "maker",
                  remaining = "0", ts = 0 }, events[5])
    assert.same({ { price = "10.5", quantity = "5", orders = { { id = "b", quantity = "5" } } } }, events[9].asks)
    assert.same({}, events[9].bids)
    assert.equal("n", events[10].id)
    assert.truthy(raw:find('"ts":1340285400123456788', 1, true), "a time keeps all its digits")
    assert.equal("0", events[11].remaining)
  end)

  it("keeps one account's orders apart by the policy that is asked for", function()
    local text = [[
{"op":"new","id":"a","symbol":"X","side":"sell","price":"10","quantity":"1","account":"me"}
{"op":"new","id":"b","symbol":"X","side":"buy","price":"10","quantity":"1","account":"me"}
]]
    assert.same({ "accepted", "accepted", "canceled self_trade" }, names((run(text))))
    assert.equal("b", (run(text))[3].id)
    assert.equal("a", (run(text, "--self-trade oldest"))[3].id)
    assert.equal(4, #run(text, "--self-trade both"))
    assert.equal("fill", (run(text, "--self-trade allow"))[3].event)
  end)

  it("knows ticks, lots, halts and the end of the day", function()
    assert.same({ "rejected off_tick", "rejected bad_quantity", "accepted", "rejected illegal_state", "rejected halted", "expired end_of_day" },
      names((run [[
{"op":"instrument","symbol":"X","tick":"0.01","lot":"1"}
{"op":"new","id":"a","symbol":"X","side":"buy","price":"10.005","quantity":"1"}
{"op":"new","id":"a","symbol":"X","side":"buy","price":"10","quantity":"0.5"}
{"op":"new","id":"a","symbol":"X","side":"buy","price":"10","quantity":"1"}
{"op":"instrument","symbol":"X","tick":"1"}
{"op":"state","symbol":"X","state":"halted"}
{"op":"new","id":"b","symbol":"X","side":"buy","price":"10","quantity":"1"}
{"op":"end_of_day","symbol":"X"}
]])))
  end)

  it("answers each line that it does not understand, says why and where, and goes on", function()
    local hostile = {
      '{"op":', "[]", "[1,2,3]", "null", "17", '"text"', "{}", '{"op":7}', '{"op":"nwe","id":"a"}', '{"op":"new","id":"a"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","prise":"1","quantity":"1"}',
      '{"op":"new","id":{},"symbol":"X","side":"buy","price":"1","quantity":"1"}',
      '{"op":"new","id":"' .. ("x"):rep(300) .. '","symbol":"X","side":"buy","price":"1","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"' .. ("X"):rep(300) .. '","side":"buy","price":"1","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"","side":"buy","price":"1","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X\\u0000Y","side":"buy","price":"1","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X","side":"up","price":"1","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"abc","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1e400","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":1e400,"quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"99999999999999999999","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":true,"quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"-1"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"0.000000001"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"-92233720368.54775808"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"0","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","type":"limt","price":"1","quantity":"1"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1","tif":"at_open"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1","expire":0}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1","expire":99999999999999999999}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1","post_only":"maybe"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1","display":"2"}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1","reduce_only":true}',
      '{"op":"new","id":"a","symbol":"X","side":"buy","type":"trailing_stop","quantity":"1","offset":"1","percent":"1"}',
      '{"op":"cancel","id":"nobody"}', '{"op":"replace","id":"nobody","price":"1"}', '{"op":"time","ts":-1}', '{"op":"time","ts":"soon"}',
      '{"op":"book","symbol":"X","levels":0}', '{"op":"book","symbol":5}', '{"op":"book","symbol":"X","levels":"all"}',
      '{"op":"state","symbol":"X","state":"asleep"}', '{"op":"instrument","symbol":"X","tick":"0"}', '{"op":"mark","symbol":"X","price":"0"}',
      ("["):rep(5000), '{"op":"sync","id":"\255\254"}', ("x"):rep(1500000), "\0\1\2", '{"op":"sync","id":["n"]}',
    }
    local events, _, status = run(table.concat(hostile, "\n") .. '\n\n{"op":"sync","id":"end"}')
    assert.equal(0, status)
    assert.equal(#hostile + 1, #events)
    for i = 1, #hostile do
      assert.equal("rejected", events[i].event, hostile[i]:sub(1, 200))
      assert.truthy(#events[i].reason > 0)
      if events[i].line then assert.equal(i, events[i].line) end
    end
    assert.equal("sync", events[#events].event)
    assert.matches("did you mean 'new'", events[9].reason)
    assert.matches("needs the field 'symbol'", events[10].reason)
    assert.matches("did you mean 'price'", events[11].reason)
    assert.equal("bad_price", events[18].reason)
    assert.matches("'abc'", events[18].text)
  end)

  it("says what an order's fields lack, and answers to the end of time", function()
    local events = run [[
{"op":"new","id":"a","symbol":"X","side":"buy","quantity":"1"}
{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1","tif":"gtd"}
{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1","tif":"ioc","post_only":true}
{"op":"time","ts":9223372036854775807}
{"op":"sync","id":1}
]]
    assert.same({ "rejected bad_price", "rejected bad_field", "rejected unsupported", "sync" }, names(events))
    assert.matches("have a price", events[1].text)
    assert.matches("gtd order needs expire", events[2].text)
    assert.matches("cannot rest", events[3].text)
  end)

  it("shows ids as they came, whatever is in them", function()
    local events = run [[
{"op":"new","id":"a\"b\\c\n\u00e9","symbol":"\u20ac/$","side":"buy","price":"1","quantity":"1"}
{"op":"new","id":17,"symbol":"X","side":"buy","price":"1","quantity":"1"}
{"op":"cancel","id":"17"}
{"op":"cancel","id":17}
]]
    assert.equal("a\"b\\c\n\195\169", events[1].id)
    assert.equal("\226\130\172/$", events[1].symbol)
    assert.equal(17, events[2].id)
    assert.same({ "accepted", "accepted", "rejected unknown_order", "canceled requested" }, names(events))
  end)

  it("lets an id come back once its order ended, and forgets what ended", function()
    local lines = {}
    for _ = 1, 20000 do
      lines[#lines + 1] = '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1"}'
      lines[#lines + 1] = '{"op":"cancel","id":"a"}'
    end
    for _ = 1, 2 do lines[#lines + 1] = '{"op":"new","id":"a","symbol":"X","side":"buy","price":"1","quantity":"1"}' end
    local events = run(table.concat(lines, "\n"))
    assert.equal("accepted", events[#events - 1].event)
    assert.equal("duplicate_id", events[#events].reason)
  end)

  it("answers a sync at once, so that a program can drive it over pipes", function()
    local there, back = os.tmpname(), os.tmpname()
    os.execute(("rm -f %s %s && mkfifo %s %s"):format(there, back, there, back))
    os.execute(("%s exchange --scenario - <%s >%s &"):format(binary, there, back))
    local to, from = assert(io.open(there, "w")), nil
    to:setvbuf "line"
    from = assert(io.open(back))
    for i = 1, 200 do
      to:write(('{"op":"new","id":"o%d","symbol":"X","side":"%s","price":"1","quantity":"1"}\n'):format(i, i % 2 == 0 and "buy" or "sell"))
      to:write(('{"op":"sync","id":%d}\n'):format(i))
      local events = {}
      repeat
        events[#events + 1] = cjson.decode((from:read "*l"))
      until events[#events].event == "sync"
      assert.equal(i, events[#events].id)
      assert.equal(i % 2 == 0 and 4 or 2, #events)
    end
    to:close()
    assert.is_nil(from:read "*l")
    from:close()
    os.remove(there)
    os.remove(back)
  end)

  it("does what its page says", function()
    local page = io.open("docs/EXCHANGE.md"):read "*a"
    local asked, answered = page:match "In:%s+```json\n(.-)```.-Out:%s+```json\n(.-)\n```"
    local _, raw = run(asked)
    assert.equal(answered, raw)
  end)

  it("takes any damage to its lines", function()
    math.randomseed(99)
    local random = math.random
    local whole = { '{"op":"new","id":"a1","symbol":"X","side":"buy","type":"limit","price":"10.5","quantity":"3","tif":"gtc","account":"q"}',
                    '{"op":"new","id":"b1","symbol":"X","side":"sell","type":"stop_limit","price":10.4,"stop_price":"10","quantity":7,"display":"2"}',
                    '{"op":"replace","id":"a1","price":"10.6","quantity":"5"}', '{"op":"cancel","id":"b1"}', '{"op":"time","ts":5}',
                    '{"op":"book","symbol":"X","levels":3}' }
    local lines = {}
    for i = 1, 20000 do
      local line = whole[random(#whole)]:gsub("([ab])1", "%1" .. random(30))
      for _ = 1, random(0, 2) do
        local at, how = random(#line), random(4)
        if how == 1 then line = line:sub(1, at - 1) .. string.char(random(0, 255)) .. line:sub(at + 1)
        elseif how == 2 then line = line:sub(1, at - 1) .. line:sub(at + 1)
        elseif how == 3 then line = line:sub(1, at) .. line:sub(random(#line))
        else line = line:sub(1, at) .. tostring(random(-99, 99)) .. line:sub(at + 1) end
      end
      lines[i] = line:gsub("\n", " ")
    end
    local events, _, status = run(table.concat(lines, "\n") .. '\n{"op":"sync","id":"end"}\n')
    assert.equal(0, status)
    assert.equal("end", events[#events].id)
    assert.is_true(#events > 10000)
  end)

  it("fails with a sentence when there is no such file, and tells a misuse apart", function()
    local out = os.tmpname()
    assert.equal(256, os.execute(binary .. " exchange --scenario /nowhere/at/all 2>" .. out))
    assert.equal("tidelock: exchange: /nowhere/at/all: No such file or directory\n", io.open(out):read "*a")
    assert.equal(512, os.execute(binary .. " exchange 2>" .. out))
    os.remove(out)
  end)

  it("gives the venue's own fills on a real day", function()
    local path = "../shared/data/matching/amzn_2012-06-21.orders.csv.gz"
    local probe = io.open(path)
    if not probe then return pending(path .. " is not here") end
    probe:close()
    local lines, wanted, total, aggressive = {}, {}, {}, 0
    for line in io.popen("zcat " .. path):lines() do
      local op, rest = line:match "^(%a),(.*)$"
      if op == "A" then
        local ref, side, price, quantity = rest:match "^(%d+),(%a),(%d+),(%d+)$"
        total[ref] = tonumber(quantity)
        lines[#lines + 1] = ('{"op":"new","id":"%s","symbol":"AMZN","side":"%s","type":"limit","price":"%.4f","quantity":"%s","tif":"gtc"}'):format(
          ref, side == "B" and "buy" or "sell", price / 10000, quantity)
      elseif op == "R" then
        local ref, quantity = rest:match "^(%d+),(%d+)$"
        total[ref] = total[ref] - quantity
        lines[#lines + 1] = total[ref] > 0 and ('{"op":"replace","id":"%s","quantity":"%d"}'):format(ref, total[ref])
          or ('{"op":"cancel","id":"%s"}'):format(ref)
      else
        local side, limit, quantity, list = rest:match "^(%a),(%d+),(%d+),(.*)$"
        aggressive = aggressive + 1
        lines[#lines + 1] = ('{"op":"new","id":"t%d","symbol":"AMZN","side":"%s","price":"%.4f","quantity":"%s","tif":"ioc"}'):format(
          aggressive, side == "B" and "buy" or "sell", limit / 10000, quantity)
        for ref, taken, price in list:gmatch "(%d+):(%d+)@(%d+)" do
          wanted[#wanted + 1] = ("t%d %s:%s@%d"):format(aggressive, ref, taken, price)
        end
      end
    end
    local events = run(table.concat(lines, "\n"))
    local got = {}
    for _, e in ipairs(events) do
      assert.are_not.equal("rejected", e.event)
      if e.event == "fill" and e.liquidity == "taker" then
        got[#got + 1] = ("%s %s:%s@%.0f"):format(e.id, e.against, e.quantity, e.price * 10000)
      end
    end
    assert.equal(6363, aggressive)
    assert.equal(8161, #got)
    assert.same(wanted, got)
  end)
end)

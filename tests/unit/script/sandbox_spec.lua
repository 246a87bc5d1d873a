local host_world = require "support.host_world"
local run = host_world.run

local function says(expected, body)
  local lines = run(body)
  assert.same(expected, lines)
end

describe("the sandbox", function()
  it("has the base library and nothing that reaches files, memory or other code", function()
    says({ "" }, [[
      local there = {}
      for _, name in ipairs { "io", "ffi", "debug", "load", "loadstring", "loadfile", "dofile", "getfenv", "setfenv", "collectgarbage", "newproxy", "module",
        "package", "jit", "gcinfo", "arg", "TIDELOCK_HOST", "TIDELOCK_INSIDE", "TIDELOCK_LIBRARY" } do
        if _G[name] ~= nil then there[#there + 1] = name end
      end
      if string.dump or os.execute or os.getenv or os.exit or os.remove or os.tmpname or os.rename or os.setlocale then there[#there + 1] = "member" end
      print(table.concat(there, " "))
    ]])
  end)

  it("has log, metric and record ready, the same that require gives", function()
    says({ "true true true" }, [[
      log.info("%s %s %s", log == require "log", metric == require "metric", record == require "record")
    ]])
  end)

  it("says at the line that logs what does not fit its format", function()
    local lines = run [[ log.info("%s", select(2, pcall(function() log.info("%d", "x") end))) ]]
    assert.matches("lua:%d+: bad argument #2 to 'format' %(number expected, got string%)$", lines[1])
  end)

  it("has no way to the host by require, metatables, string methods or error handlers", function()
    says({ "string false false nil false false false false" }, [[
      local none = {}
      print(getmetatable("") .. " " .. tostring(pcall(require, "ffi")) .. " " .. tostring(pcall(require, "tidelock.native")) .. " "
        .. tostring(("").dump) .. " " .. tostring(pcall(require, "../x")) .. " " .. tostring(pcall(require, "/etc/passwd")) .. " "
        .. tostring(pcall(setmetatable, "", {})) .. " " .. tostring((pcall(string.format, "%p", {}))))
    ]])
  end)

  it("gives away nothing through the objects that scripts hold", function()
    local world = assert(host_world.new { script = [[
      local strategy, order, snapshot, timeout, indicator = require "strategy", require "order", require "snapshot", require "timeout", require "indicator"
      local s = strategy { bars = { "1m" } }
      local function refused(f, ...) local ok = pcall(f, ...) if ok then print("not refused", ...) end return not ok end
      function s:on_quote(q)
        local o = order.buy("AAPL", 1, 1)
        local held = { q, q:copy(), o, snapshot.book("AAPL"), snapshot.position("AAPL"), snapshot.account(), snapshot.instrument("AAPL"),
          snapshot.bars("AAPL", "1m", 1), snapshot.group { "AAPL" }, self.params, order.options { tag = "x" }, 1LL, 2i }
        local count = 0
        for i, object in ipairs(held) do
          if type(getmetatable(object)) == "table" then print("metatable", i) end
          if refused(setmetatable, object, {}) then count = count + 1 end
          refused(function() object.x_y = 1 end)
          refused(function() return object[i < 13 and 1e9 or print] end)
          refused(function() return object + 1e9 == nil or nil + 1 end)
          if tostring(object):find "0x" then print("address", i, tostring(object)) end
        end
        for _, method in ipairs { "copy", "age", "iso", "since" } do
          for _, wrong in ipairs { "text", 5, {}, o, held[4], print } do refused(q[method], wrong, wrong) end
        end
        for _, method in ipairs { "bid", "ask", "own", "mid", "microprice", "imbalance", "vwap" } do
          for _, wrong in ipairs { "text", 5, {}, o, q, print } do refused(held[4][method], wrong, 1, 1) end
        end
        for _, i in ipairs { 0, -1, 1e18, 0 / 0, math.huge, 0.5, 2 ^ 32 + 1 } do held[4]:bid(i) held[8]:close(i) pcall(held[4].own, held[4], "buy", i) end
        for _, wrong in ipairs { "x", 5, {}, q } do refused(o.cancel, wrong) refused(o.replace, wrong, 1, 1) end
        print(count)
      end
      return s
    ]] })
    world:start():quote("AAPL", 150, 151)
    assert.is_true(world:drain())
    assert.same({ "13" }, world:lines())
  end)

  it("lets nobody out by coroutines, error handlers or the stack", function()
    says({ "true", "false", "false", "false", "false", "false", "12", "fine" }, [[
      print(coroutine.wrap(function() return debug == nil and getfenv == nil end)())
      print((pcall(function() local function f(...) return f(1, ...) end f() end)))
      print((pcall(unpack, {}, 1, 1e8)))
      print((pcall(string.rep, "x", -1, 1, 2) and pcall(("x"):rep(10).find, ("a"):rep(300000), (".-"):rep(3000) .. "b")))
      local function nest() return coroutine.wrap(nest)() end
      print((pcall(nest)))
      local function replace() return (("x"):gsub("x", replace)) end
      print((pcall(replace)))
      print(coroutine.wrap(function() local a = coroutine.yield() return a .. ("1"):gsub("1", function() return "2" end) end)() or "1"
        .. select(1, ("a"):gsub("a", "2")))
      local ok, err = xpcall(function() error(setmetatable({}, { __tostring = function() return "x" end, __index = error })) end, function(e) return e end)
      print(not ok and "fine")
    ]])
  end)

  it("does not load bytecode", function()
    local bytecode = string.dump(function() return 1 end)
    assert.matches("bytecode", host_world.refused { script = bytecode })
    assert.matches("bytecode", host_world.refused { script = "\27LJ\2\10" })
  end)

  it("keeps what a script changes from the host's own code", function()
    says({ "x 1", "yes" }, [[
      string.format = function() return "stolen" end
      string.match, string.gsub, string.rep = nil, nil, nil
      table.concat, table.sort = nil, nil
      math.floor = nil
      log = require "log"
      log.info("x %d", 1)
      print(("%s"):format "yes")
    ]])
  end)

  it("protects the library from being changed", function()
    says({ "false false false" }, [[
      local order = require "log"
      print(tostring(pcall(function() order.newer = 1 end)) .. " " .. tostring(pcall(setmetatable, order, {})) .. " "
        .. tostring(pcall(function() return order.inof end)))
    ]])
  end)

  it("visits a table's keys in an order that the program fixes", function()
    says({ "1 2 3 a b bb true" }, [[
      local words, t = {}, { b = 1, [true] = 2, a = 3, [3] = 4, [1] = 5, bb = 6, [2] = 7 }
      for k in pairs(t) do words[#words + 1] = tostring(k) end
      print(table.concat(words, " "))
    ]])
    says({ "1 2 a" }, [[
      local words, t = {}, { a = 3, [2] = 4, 5 }
      local k = next(t)
      while k ~= nil do words[#words + 1] = tostring(k) k = next(t, k) end
      print(table.concat(words, " "))
    ]])
    says({ "1 2" }, [[
      local t, seen = { a = 1, b = 2, c = 3 }, {}
      for k in pairs(t) do seen[#seen + 1] = k t[k] = nil if k == "a" then t.b = nil end end
      print((next(t) == nil and 1 or 0) .. " " .. #seen)
    ]])
  end)

  it("sorts many keys as any sort would", function()
    local keys = {}
    for i = 1, 500 do keys[i] = "k" .. (i * 7919) % 1000 end
    local unique, sorted = {}, {}
    for _, k in ipairs(keys) do if not unique[k] then unique[k] = true sorted[#sorted + 1] = k end end
    table.sort(sorted)
    says({ tostring(#sorted), "same" }, ([[
      local t, words = {}, {}
      for i = 1, 500 do t["k" .. (i * 7919) %% 1000] = i end
      for k in pairs(t) do words[#words + 1] = k end
      print(#words)
      print(table.concat(words, ",") == "%s" and "same" or "other")
    ]]):format(table.concat(sorted, ",")))
  end)

  it("raises on keys whose order would differ from run to run", function()
    says({ "false false" }, [[
      print(tostring(pcall(function() for _ in pairs { [{}] = 1 } do end end)) .. " " .. tostring(pcall(next, { [print] = 1 })))
    ]])
  end)

  it("shows ordinals instead of addresses, wherever a value becomes text", function()
    local lines = run [[
      local t = {}
      print(tostring(t) == tostring(t), tostring(t), tostring(print))
      print(string.format("%s %5.1f", t, 2.5), ("%s"):format(t))
      require("log").info("%s", t)
    ]]
    assert.equal("true\ttable: 1\tfunction: 2", lines[1])
    assert.equal("table: 1   2.5\ttable: 1", lines[2])
    assert.equal("table: 1", lines[3])
  end)

  it("refuses weak tables", function()
    says({ "false" }, [[ print(tostring((pcall(setmetatable, {}, { __mode = "k" })))) ]])
  end)

  it("has min and max that treat NaN alike with and without compilation", function()
    local body = [[
      local nan, words = 0 / 0, {}
      for i = 1, 200 do
        local a, b, c = math.max(i, nan), math.max(nan, i), math.min(3, 1, 2)
        if i == 1 or i == 200 then words[#words + 1] = tostring(a) .. " " .. tostring(b) .. " " .. c end
      end
      print(table.concat(words, " | "))
    ]]
    says({ "1 nan 1 | 200 nan 1" }, body)
  end)

  it("runs on the runtime's clock, in UTC", function()
    says({ "1700000000", "2023-11-14 22:13:20", "true", "86400", "1709164800", "false" }, [[
      print(os.time())
      print(os.date("%Y-%m-%d %H:%M:%S"))
      print(os.clock() < 1)
      print(os.time { year = 1970, month = 1, day = 2, hour = 0 })
      print(os.time { year = 2024, month = 2, day = 29, hour = 0 })
      print((pcall(os.date, "%s"))) -- the C library reads it in the machine's zone
    ]])
  end)

  it("draws the same numbers from the same seed", function()
    local body = [[ print(("%.17g %d"):format(math.random(), math.random(1000000))) math.randomseed(7) print(math.random(10)) ]]
    local first = run(body, { config = { seed = 42 } })
    assert.same(first, run(body, { config = { seed = 42 } }))
    assert.are_not.equal(first[1], run(body, { config = { seed = 43 } })[1])
  end)

  it("loads modules beside the script, once, in the sandbox, and names a cycle", function()
    local folder = host_world.folder()
    host_world.script_file("count = (count or 0) + 1 return { io = io, name = ..., double = function(x) return 2 * x end }", "helper", folder)
    host_world.script_file("return require 'b'", "a", folder)
    host_world.script_file("return require 'a'", "b", folder)
    host_world.script_file([[
      local s = require "strategy" {}
      local helper, again = require "helper", require "helper"
      function s:on_start()
        print(helper.double(4), helper == again, helper.io, helper.name, count)
        print(select(2, pcall(require, "a")))
        print(select(2, pcall(require, "helpr")))
        print(select(2, pcall(require, "stratgy")))
      end
      return s
    ]], "main", folder)
    local lines = run(nil, { path = folder .. "/main.lua", script = "" })
    os.execute("rm -r " .. folder)
    assert.equal("8\ttrue\tnil\thelper\t1", lines[1])
    assert.matches("module 'a' requires itself: a > b > a", lines[2])
    assert.matches("no file .*/helpr.lua", lines[3])
    assert.matches("did you mean 'strategy'", lines[4])
  end)

  it("bounds memory bombs and says whose cap was hit", function()
    for _, bomb in ipairs {
      "local t = {} while true do t[#t + 1] = {} end", "local s = 'x' while true do s = s .. s end", "return ('x'):rep(1e9)",
      "local t = {} for i = 1, 1e9 do t[i] = i end", "pcall(function() local t = {} while true do t[#t + 1] = 'a' .. #t end end) print 'survived'",
      "local f function f() pcall(f) local t = {} while true do t[#t + 1] = {} end end f()",
    } do
      local world = host_world.new { script = "local s = require 'strategy' { tier = 'L1' }\nfunction s:on_quote(q) " .. bomb .. " end return s" }
      world:start():quote("AAPL", 1, 2)
      local ok, why = world:drain()
      assert.is_false(ok, bomb)
      assert.matches("out of memory: the cap of its tier L1 is 32 MiB", why)
      assert.matches("on_quote", why)
      assert.same({}, world:lines())
      world:close()
    end
  end)

  it("turns a runaway recursion into an error of the handler", function()
    local world = host_world.new { script = "local s = require 'strategy' {}\nlocal function f() return 1 + f() end\nfunction s:on_quote(q) f() end return s" }
    world:start():quote("AAPL", 1, 2):quote("AAPL", 1, 2)
    assert.is_true(world:drain())
    assert.matches("stack overflow", world:lines()[1])
  end)

  it("gives the same powers with and without compilation", function()
    local body = [[
      local sum, x = 0, 1.1
      for i = 1, 300 do
        local y = x * i / 7
        sum = sum + y^2 + y^0.5 + y ^ -3 + 2^-y - -y^2 + 2^3^0.5 + (y + 1) ^ (1 / 3) + ({ y })[1]^2 + math.exp(y / 100)^2
      end
      print(("%.17g"):format(sum))
    ]]
    assert.same(run(body), run(body, { config = { no_jit = 1 } }))
  end)
end)

describe("the rewriting of ^", function()
  local power = require "tidelock.runtime.power"
  local function value(text)
    local chunk = assert(loadstring("local __pow = ... return " .. text:gsub("^return ", "")))
    return chunk(math.pow)
  end

  it("keeps precedence, right association, calls and indices", function()
    local cases = {
      "2^3", "2^3^2", "-2^2", "2^-1", "(1+2)^2", "({3})[1]^2", "2 * 3^2", "3^2 * 2", "2^#'abc'", "not 2^2", "2^2 == 4", "1 + 2^2 .. ''", "math.sqrt(16)^2",
      "('x'):len()^3", "2^math.sqrt(4)", "2^(1+1)", "2^({5})[1]", "2 ^ - - 2", "1e2^2", "0x10^2", "'2'^2", "(2)^(2)^(2)", "2^-2^2",
    }
    for _, case in ipairs(cases) do
      local rewritten = power.rewrite("return " .. case)
      assert.truthy(not rewritten:find("^", 1, true), rewritten)
      assert.equal(assert(loadstring("return " .. case))(), value(rewritten), rewritten)
    end
  end)

  it("leaves strings, comments and other programs alone, and lines where they are", function()
    for _, text in ipairs { "return '^'", "-- a ^ b\nreturn 1", "return [[a ^ b]]", "return ('x'):match '^x'", "--[==[ 2 ^ 3 ]] ]==] return 1", "return 1" } do
      assert.equal(text, power.rewrite(text))
    end
    assert.equal("return __pow(a\n , b)\n", power.rewrite "return a\n ^ b\n")
    for _, broken in ipairs { "return ^", "return 2 ^", "x = ( ^ )", "] ^ [", "return 2 ^ ^ 3", "((((2^", "^^^^" } do
      assert.equal(broken, power.rewrite(broken))
    end
  end)
end)

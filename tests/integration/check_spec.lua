local cli = require "integration.cli"
local sim = require "tidelock.testing"

describe("tidelock check", function()
  local folder
  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  local function check(text, options)
    local path = cli.write(folder .. "/s.lua", text)
    local code, out, err = cli.run("check " .. (options or "") .. " " .. path)
    return (out:gsub(folder, "")), code, err
  end

  it("finds nothing in the shipped strategies", function()
    local code, out = cli.run "check scripts/market_maker.lua scripts/imbalance_taker.lua scripts/sma_cross.lua"
    assert.equal("3 files, no problems\n", out)
    assert.equal(0, code)
  end)

  it("names each mistake at its line, with the nearest name", function()
    local out, code = check [[
local strategy, order, snapshot = require "strategy", require "order", require "snapshot"
local s = strategy { symbols = { "AAPL" }, params = { size = 100 } }
function s:on_quote(q)
  local p = self.params
  if q.bdi then order.byu(q.symbol, p.siez, q.bid) end
  local x = mat.floor(2) + math.flor(3)
  prnt(self.params.sise, x)
  return snapshot.positon(q.symbol)
end
function s:on_order(o, r)
  print(o.pirce, r.resaon)
end
return s
]]
    assert.equal([[
/s.lua:5: unknown field of a quote 'bdi'; did you mean 'bid'?
/s.lua:5: unknown field of order 'byu'; did you mean 'buy'?
/s.lua:5: unknown field of self.params 'siez'; did you mean 'size'?
/s.lua:6: unknown field of math 'flor'; did you mean 'floor'?
/s.lua:6: unknown global 'mat'; did you mean 'math'?
/s.lua:7: unknown field of self.params 'sise'; did you mean 'size'?
/s.lua:7: unknown global 'prnt'; did you mean 'print'?
/s.lua:8: unknown field of snapshot 'positon'; did you mean 'position'?
/s.lua:11: unknown field of a report 'resaon'; did you mean 'reason'?
/s.lua:11: unknown field of an order 'pirce'; did you mean 'price'?
]], out)
    assert.equal(1, code)
  end)

  it("says nothing of what it cannot know", function()
    local out, code = check [[
local strategy, order = require "strategy", require "order"
local s = strategy { data = { "fear" } }
counter = 0
local function helper(order, q) return order.anything, q.bdi end
function s:on_quote(q)
  q = { bdi = 1 }
  counter = counter + q.bdi
  self.mine = { whatever = 1 }
  helper({ anything = 1 }, q)
  return self.mine.whatever, order.count()
end
function s:on_data(d) return d.value end
return s
]]
    assert.equal("1 file, no problems\n", out)
    assert.equal(0, code)
  end)

  it("finds what the load refuses: syntax, handlers, params, options, symbols", function()
    assert.matches("^/s.lua:1: unexpected symbol", (check "x = = 3"))
    local head = "local strategy, order = require 'strategy', require 'order'\nlocal s = strategy { symbols = { 'AAPL' } }\n"
    assert.equal("/s.lua:3: unknown handler 'on_qoute'; did you mean 'on_quote'?\n", (check(head .. "function s:on_qoute() end return s")))
    assert.equal("/s.lua:3: unknown option 'post_olny'; did you mean 'post_only'?\n", (check(head .. "order.options { post_olny = true } return s")))
    assert.matches("does not return its strategy", (check(head)))
    local out, code = check(head .. "return s.x.y", "--json")
    assert.matches('"line":3', out)
    assert.equal(1, code)
    code, out = cli.run "check /nowhere/x.lua"
    assert.equal(1, code)
    assert.equal("/nowhere/x.lua: No such file or directory\n", out)
    assert.equal(2, (cli.run "check"))
  end)

  it("knows the globals that scripts have", function()
    local path = cli.write(folder .. "/g.lua", [[
local strategy, log = require "strategy", require "log"
local s = strategy {}
function s:on_quote()
  for name, value in pairs(_G) do
    log.info(name)
    if type(value) == "table" and name ~= "_G" then for key in pairs(value) do log.info(name .. "." .. key) end end
  end
end
return s
]])
    local run = sim.load(path)
    run:quote("AAPL", 1, 2)
    local real, known = {}, {}
    for _, line in ipairs(run:logs()) do
      local hidden = line.text == "__pow" -- what `^` becomes
      if not hidden and not line.text:find "[^%w_%.]" then real[#real + 1] = line.text end
    end
    for name, fields in pairs(require("tidelock.check.code").GLOBALS) do
      known[#known + 1] = name
      if type(fields) == "table" then for _, key in ipairs(fields) do known[#known + 1] = name .. "." .. key end end
    end
    table.sort(real)
    table.sort(known)
    assert.same(known, real)
  end)
end)

describe("tidelock test", function()
  it("runs the specs of a folder and tells how they went by its exit code", function()
    local folder = cli.folder()
    finally(function() cli.remove(folder) end)
    cli.write(folder .. "/good_spec.lua", [[
local sim = require "tidelock.testing"
describe("it", function()
  it("works", function()
    local run = sim.load("scripts/market_maker.lua")
    run:quote("AAPL", 10, 11)
    assert.equal(2, #run:open_orders())
  end)
end)
]])
    local code, out = cli.run("test " .. folder)
    assert.matches("1 passed, 0 failed", out)
    assert.equal(0, code)
    cli.write(folder .. "/bad_spec.lua", [[
describe("it", function()
  it("fails", function() assert.equal(1, 2) end)
  it("fails too", function() error "x" end)
end)
]])
    code, out = cli.run("test " .. folder)
    assert.matches("1 passed, 2 failed", out)
    assert.equal(1, code)
    code, out = cli.run("test --filter works " .. folder)
    assert.matches("1 passed, 0 failed", out)
    assert.equal(0, code)
    local _, err
    code, _, err = cli.run "test /nowhere"
    assert.equal(2, code)
    assert.matches("tidelock: test: /nowhere: there is no such file or folder", err)
  end)
end)

local native = require "tidelock.native"
local host_world = require "support.host_world"
local C, ffi = native.C, native.ffi

local function saved(world)
  local text, length = ffi.new "const char *[1]", ffi.new "size_t[1]"
  if C.tl_host_save(world.host, text, length) ~= 0 then return nil, ffi.string(C.tl_error_text()) end
  return ffi.string(text[0], length[0])
end

local HEAD = "local strategy, log = require 'strategy', require 'log'\nlocal s = strategy {}\n"

local function started(body)
  local world = assert(host_world.new { script = HEAD .. body .. "\nreturn s\n" })
  world:start():quote("AAPL", 1, 2)
  assert.is_true(world:drain())
  return world
end

describe("checkpoints", function()
  it("bring self.state back in another instance: plain data, shared tables and indicators", function()
    local body = [[
      function s:on_quote(q)
        local state = self.state
        if state.text then
          log.info("%s %s %s %s %s %s %s %s", #state.nul, state.text, state.n, state.list[3], state[2.5], state[true], state.list == state.again,
            state.sma:push(6))
        else
          state.text, state.n, state.list, state[2.5], state[true] = "a;b\n c", 1 / 3, { 1, 2, 3 }, "half", math.huge
          state.nul = "x\0y"
          state.again, state.me = state.list, state
          state.sma = require("indicator").sma(2)
          state.sma:push(4)
        end
      end]]
    local first, second = started(body), nil
    local text = assert(saved(first))
    assert.equal(text, saved(first))
    second = assert(host_world.new { script = HEAD .. body .. "\nreturn s\n" })
    native.check(C.tl_host_restore(second.host, text, #text, 1))
    assert.equal(text, saved(second))
    second:start():quote("AAPL", 1, 2)
    assert.is_true(second:drain())
    assert.equal("3 a;b\n c 0.33333333333333 3 half inf true 5", second:lines()[1])
  end)

  it("bring orders back as the same orders", function()
    local world = started [[
      local order = require "order"
      function s:on_quote(q)
        if not self.state.o then self.state.o, self.state.list = order.buy("AAPL", 5, 1), {} self.state.list[1] = self.state.o self.first = self.state.o
        else
          local o = self.state.o
          log.info("%s %s %s %s", o == self.first, self.state.list[1] == self.first, o.status, o.quantity or o.wanted_quantity)
        end
      end]]
    local text = assert(saved(world))
    native.check(C.tl_host_restore(world.host, text, #text, 1))
    world:quote("AAPL", 1, 2)
    assert.is_true(world:drain())
    assert.same({ "true true pending_new 5" }, world:lines())
  end)

  it("call on_save and on_load, which may refuse", function()
    local body = [[
      function s:on_quote() end
      function s:on_save() return { n = 7 } end
      function s:on_load(state, version) if version ~= 2 then return false, "an old one" end log.info("%d", state.n) end]]
    local world = started(body)
    local text = assert(saved(world))
    assert.are_not.equal(0, tonumber(C.tl_host_restore(world.host, text, #text, 1)))
    assert.matches("refuses the state: an old one", ffi.string(C.tl_error_text()))
    native.check(C.tl_host_restore(world.host, text, #text, 2))
    assert.same({ "7" }, world:lines())
  end)

  it("name the place of what cannot be kept", function()
    for body, word in pairs {
      ["self.state.a = { b = { print } }"] = "a function at a%.b%.%[1%]",
      ["self.state.q = q"] = "a view at q",
      ["self.state.t = { [{}] = 1 }"] = "a key that is no number, string or boolean at t",
      ["self.state.m = setmetatable({}, {})"] = "a metatable at m",
      ["local t = self.state for i = 1, 500 do t.x = {} t = t.x end"] = "nested deeper than 180",
    } do
      local world = started("function s:on_quote(q) " .. body .. " end")
      local text, why = saved(world)
      assert.is_nil(text)
      assert.matches(word, why)
    end
  end)

  it("refuse damaged texts, wherever they are cut or changed", function()
    local world = started "function s:on_quote(q) self.state.a = { 1, 2, 'three', x = { true } } self.state.b = require('indicator').ema(3) end"
    local text = assert(saved(world))
    local seed = os.time()
    math.randomseed(seed)
    for i = 1, 400 do
      local broken
      if i <= #text then broken = text:sub(1, i - 1) else
        local at = math.random(#text)
        broken = text:sub(1, at - 1) .. string.char(math.random(0, 255)) .. text:sub(at + 1)
      end
      local status = tonumber(C.tl_host_restore(world.host, broken, #broken, 1))
      if i <= #text then assert.are_not.equal(0, status, "seed " .. seed .. ", cut at " .. i) end
    end
    native.check(C.tl_host_restore(world.host, text, #text, 1))
    assert.equal(text, saved(world))
  end)
end)

local host_world = require "support.host_world"

local HEAD = "local strategy, log, timeout = require 'strategy', require 'log', require 'timeout'\nlocal s = strategy {}\n"

local function world_of(body)
  return assert(host_world.new { script = HEAD .. body .. "\nreturn s\n" })
end

local function lines_of(body, advance)
  local world = world_of(body)
  world:start()
  assert.is_true(world:drain())
  for _, ns in ipairs(advance or {}) do world:advance(ns) end
  return world:lines()
end

describe("timeout", function()
  it("makes deadlines that remain, pass and bear children", function()
    assert.same({ "5000000 false", "3000000 4800000", "4800000 true", "0 true", "0" }, lines_of [[
      function s:on_start()
        local d = timeout.after("5ms")
        log.info("%d %s", d:remaining(), d:expired())
        log.info("%d %d", d:child { cap = "3ms" }:remaining(), d:child { reserve = "200us" }:remaining())
        log.info("%d %s", d:child { cap = "1s", reserve = "200us" }:remaining(), timeout.after(0):expired())
        local at = timeout.at(timeout.now())
        log.info("%d %s", math.abs(at:remaining()) < 256 and 0 or 1, tostring(at:remaining() <= 256))
        log.info("%d", timeout.after("1d"):remaining() - 86400e9)
      end]])
  end)

  it("refuses durations that are surely meant otherwise, and unknown options", function()
    local lines = lines_of [[
      local function why(f, ...) print((select(2, pcall(f, ...)))) end
      function s:on_start()
        why(timeout.after, 5) why(timeout.after, "5 ms") why(timeout.after, "-5ms") why(timeout.every, "0s", "x") why(timeout.every, "1s", 5)
        why(timeout.every, "1s", "x", { aline = true }) why(timeout.daily, { at = "25:00", name = "x" })
        why(timeout.daily, { at = "10:00", zone = "Mars/Base", name = "x" })
        why(timeout.session, { symbol = "APPL", at = "open", name = "x" }) why(timeout.after("1s").child, 5)
        why(function() return timeout.evry end)
        why(timeout.once, 1e300, "x") why(timeout.at, 0 / 0) why(timeout.at, -5)
      end]]
    for i, word in ipairs { "nanoseconds", "'5 ms' is no duration", "not negative", "more than 0", "a name, for on_timer", "did you mean 'align'", "25:00",
      "Mars/Base", "did you mean 'AAPL'", ".", "did you mean 'every'", "hundred years", "ns since the epoch", "ns since the epoch" } do
      assert.matches(word, lines[i])
    end
  end)

  it("gives orders the deadline of their scope, whatever happens inside", function()
    local lines = lines_of [[
      function s:on_start()
        local function remaining() local d = timeout.current() return d and d:remaining() end
        log.info("%s %s", timeout.scope("5ms", function(a, b)
          log.info("%s", remaining())
          timeout.scope("1s", function() log.info("%s", remaining()) end)
          log.info("%s", tostring(pcall(timeout.scope, "1ms", function() log.info("%s", remaining()) error("inside", 0) end)))
          log.info("%s", remaining())
          return a, b
        end, 1, 2))
        log.info("%s", remaining())
      end]]
    assert.same({ "5000000", "5000000", "1000000", "false", "5000000", "1 2", "nil" }, lines)
  end)

  it("fires timers by name and by function, in the order of their times", function()
    local lines = lines_of([[
      function s:on_start()
        timeout.every("10ms", "tick")
        timeout.once("15ms", function(ts, missed) log.info("once %d", missed) end)
        self.stop = timeout.every("10ms", function() log.info("fn") self.n = (self.n or 0) + 1 if self.n == 2 then self.stop:cancel() end end)
        timeout.once("5ms", "early"):cancel()
        timeout.every("1s", "aligned", { align = true })
      end
      function s:on_timer(name, ts, missed) log.info("%s %d", name, missed) end]], { 32e6 })
    assert.same({ "tick 0", "fn", "once 0", "tick 0", "fn", "tick 0" }, lines)
  end)

  it("puts aligned timers on the grid, daily and session ones on the calendar", function()
    local lines = lines_of([[
      function s:on_start()
        timeout.every("1h", "hour", { align = true })
        timeout.daily { at = "09:00", zone = "America/New_York", name = "daily" }
        timeout.session { symbol = "AAPL", at = "close", offset = "-5m", name = "close" }
      end
      function s:on_timer(name, ts)
        if name ~= "hour" or ts % 86400e9 == 0 then log.info("%s %s", name, os.date("%a %H:%M:%S", ts / 1e9)) end
      end]], { 1.8 * 86400e9 })
    assert.same({ "hour Wed 00:00:00", "daily Wed 14:00:00", "close Wed 20:55:00", "hour Thu 00:00:00", "daily Thu 14:00:00" }, lines)
  end)

  it("sets timers from handlers only", function()
    assert.matches("not while the script is loaded", host_world.refused { script = HEAD .. "timeout.every('1s', 'x')\nreturn s" })
  end)

  it("holds the clock still within a handler", function()
    assert.same({ "true" }, lines_of [[
      function s:on_start() local a = timeout.now() for _ = 1, 1e5 do end log.info("%s", a == timeout.now()) end]])
  end)
end)

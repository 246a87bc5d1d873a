local host_world = require "support.host_world"
local sim = require "tidelock.testing"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local SCRIPT = [[
local strategy, signal = require "strategy", require "signal"
local s = strategy { symbols = { "AAPL" } }
function s:on_quote(q) if q.bid > 100 then signal.send("high", q.bid) end end
function s:on_signal(e) log.info("%s %.17g from %s, seq %g", e.name, e.value, e.from, e.seq) self.kept = e end
function s:on_venue(venue, state) log.info("%s %s, kept %g", venue, state, self.kept and self.kept.value or 0) end
function s:on_trade()
  local function why(...) log.info("%s", (select(2, pcall(...)))) end
  why(signal.send, "", 1) why(signal.send, ("x"):rep(64), 1) why(signal.send, "a", "1")
  why(function() return signal.sned end) why(function() return self.kept.valu end)
end
return s]]

local function load()
  local folder = host_world.folder()
  local run = sim.load(host_world.script_file(SCRIPT, "signals", folder))
  os.execute("rm -r " .. folder)
  return run
end

describe("signal.send", function()
  it("gives numbers to whoever takes them, in order", function()
    local run = load()
    run:quote("AAPL", 101, 102)
    run:quote("AAPL", 99, 102)
    run:quote("AAPL", 103, 104)
    assert.same({ { name = "high", value = 101 }, { name = "high", value = 103 } }, run:signals())
    assert.same({}, run:signals())
  end)

  it("keeps the last 1,024 where nobody takes them, and counts all", function()
    local world = host_world.new { script = SCRIPT }
    world:start()
    for i = 1, 1500 do
      world:quote("AAPL", 1000 + i, 5000)
      if i % 100 == 0 then world:drain() end
    end
    local one, values = ffi.new "tl_signal", {}
    while C.tl_host_take_signal(world.host, one) do values[#values + 1] = one.value end
    assert.same({ 1024, 1477, 2500, 1500 }, { #values, values[1], values[#values], tonumber(C.tl_host_signals_sent(world.host)) })
  end)

  it("is refused while history is played", function()
    local world = host_world.new { script = [[
      local s, signal = require "strategy" {}, require "signal"
      function s:on_start() log.info("%s", tostring(select(2, signal.send("x", 1)))) end
      return s]] }
    world:phase(C.TL_PHASE_HISTORY):start():drain()
    assert.same({ "no orders are taken while history is played" }, world:lines())
    assert.equal(0, tonumber(C.tl_host_signals_sent(world.host)))
  end)

  it("says what is wrong with its use", function()
    local run = load()
    run:signal("other", "a", 1)
    run:trade("AAPL", 100)
    local lines = run:logs()
    for i, word in ipairs { "1 to 63 bytes", "1 to 63 bytes", "value is a number", "did you mean 'send'", "did you mean 'value'" } do
      assert.matches(word, lines[i + 1].text)
    end
  end)
end)

describe("on_signal and on_venue", function()
  it("tell who sent what, and which venue's link changed how", function()
    local run = load()
    run:signal("regime", "trend", 0.1)
    run:signal("other", "x", -1 / 3)
    run:venue("paper", "disconnected")
    run:venue("paper", "reconciled")
    local texts = {}
    for i, line in ipairs(run:logs()) do texts[i] = line.text:gsub(", seq.*", "") end
    assert.same({
      "trend 0.10000000000000001 from regime", "x -0.33333333333333331 from other", "paper disconnected, kept -0.333333",
      "paper reconciled, kept -0.333333" }, texts)
  end)

  it("take a name of full length and one without an end", function()
    local world = host_world.new { script = SCRIPT }
    world:start()
    local tail = ffi.new "tl_event_tail"
    ffi.fill(tail, 64, 97)
    local event = ffi.new("tl_event", { kind = C.TL_EVENT_SIGNAL, ts_recv_ns = world.now, instrument = 0xffffffff })
    assert.is_true(C.tl_input_log_append(world.log, event, tail))
    assert.is_true(world:drain())
    assert.equal(("a"):rep(63) .. " 0 from , seq 2", world:lines()[1])
  end)
end)

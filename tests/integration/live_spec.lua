local cjson = require "cjson"
local cli = require "integration.cli"
local live = require "integration.live"
local system = require "tidelock.live.system"

local BOTH = [[strategies = { { script = "scripts/market_maker.lua" },
    { script = "scripts/volume_monitor.lua", params = { window = "200ms", threshold = 0.1, least = 10 } } },
  feeds = { { kind = "generated", seed = 7, symbols = 2, rate = 2000 } },]]

local SPINNER = [[
local strategy = require "strategy"
local spinner = strategy { name = "spinner", tier = "L1", symbols = "*" }
function spinner:on_trade() while true do end end
function spinner:on_error() while true do end end
return spinner
]]

local NOISY = [[
local strategy, log = require "strategy", require "log"
local noisy = strategy { name = "noisy", tier = "L2", symbols = "*" }
function noisy:on_quote() for _ = 1, 20 do log.info("%s", ("x"):rep(2000)) end end
return noisy
]]

describe("a live instance", function()
  local folder

  before_each(function() folder = live.folder() end)
  after_each(function() live.remove(folder) end)

  it("runs for a while, ends with one JSON object, and leaves nothing behind", function()
    local config = live.config(folder, "one", BOTH)
    local code, out, err = cli.run(("run %s --shm-dir %s --duration 1500ms --json"):format(config, folder))
    assert.equal(0, code, err)
    local result = cjson.decode(out)
    assert.is_true(result.events > 1000, "events")
    assert.is_true(result.orders > 10 and result.fills > 0, "it trades")
    assert.equal("table", type(result.denies))
    for _, stage in ipairs { "feed", "deliver", "handler", "order", "gateway", "venue", "report" } do
      local l = result.latency[stage]
      assert.is_true(l.count > 0 and l.p50_ns <= l.p99_ns and l.p99_ns <= l.p999_ns and l.p999_ns <= l.max_ns, stage)
    end
    for _, name in ipairs { "io", "house", "market_maker", "volume_monitor" } do
      assert.same({ 1, 0 }, { result.workers[name].generation, result.workers[name].deaths }, name)
      assert.equal("number", type(result.workers[name].stalls))
    end
    local maker = result.strategies.market_maker
    assert.matches("^%x+$", maker.decisions_hash)
    assert.same({ "number", "number", "table", "number" }, { type(maker.errors), type(maker.overruns), type(maker.position), type(maker.pnl) })
    assert.same({}, live.left(folder))
    assert.matches("events/s.-orders/s", err)
  end)

  it("says each second what goes on, prints the strategies' log lines, and ends with a summary", function()
    local config = live.config(folder, "one", BOTH)
    local code, out, err = cli.run(("run %s --shm-dir %s --duration 1200ms"):format(config, folder))
    assert.equal(0, code, err)
    assert.matches("volume_monitor: info: %w+: %w+ lead by", err)
    for _, word in ipairs { "market_maker", "volume_monitor", "Account main", "Denied", "p99.9", "generation", "deliver" } do
      assert.is_truthy(out:find(word, 1, true), word)
    end
    local longest = 0
    for line in out:gmatch "[^\n]+" do longest = math.max(longest, #line) end
    assert.is_true(longest <= 100, "lines fit a terminal: " .. longest)
    local quiet = { cli.run(("run %s --shm-dir %s --duration 300ms --quiet"):format(config, folder)) }
    assert.same({ 0, "" }, { quiet[1], quiet[3] })
  end)

  it("plays a recorded file from its beginning to its end to every strategy", function()
    local script = cli.write(folder .. "/counter.lua", [[
      local s = require "strategy" { name = "counter", tier = "L2", symbols = "*" }
      local trades, first, quotes = 0, nil, 0
      function s:on_quote() quotes = quotes + 1 end
      function s:on_trade(t)
        first = first or t:id()
        trades = trades + 1
      end
      function s:on_stop() log.info("%d quotes and %d trades from %s on", quotes, trades, tostring(first)) end
      return s]])
    local file = folder .. "/day.itch"
    assert.equal(0, (cli.run(("generate --seed 5 --messages 20000 --out %s"):format(file))))
    local _, _, truth = cli.run(("backtest %s --data %s"):format(script, file))
    truth = truth:match "%d+ quotes and %d+ trades from %S+ on"
    assert.is_truthy(truth)
    local config = live.config(folder, "file", ("strategies = { { script = %q } }, feeds = { { kind = \"itch\", file = %q, speed = \"max\" } },"):format(
      script, file))
    local code, _, err = cli.run(("run %s --shm-dir %s --duration 2s"):format(config, folder))
    assert.equal(0, code, err)
    assert.equal(truth, err:match "%d+ quotes and %d+ trades from %S+ on")
  end)

  it("runs beside another one, both seen by status, ended by SIGTERM and by stop", function()
    local a = live.start(folder, live.config(folder, "a", BOTH))
    local b = live.start(folder, live.config(folder, "b", BOTH))
    a:running()
    b:running()
    local out = select(2, cli.run("status --shm-dir " .. folder))
    assert.matches("a +running.*b +running", out)
    local code, none, err, summary
    code, none, err = cli.run(("run %s/a.lua --shm-dir %s --duration 1s"):format(folder, folder))
    assert.same({ 1, "" }, { code, none })
    assert.matches("instance 'a' runs already", err)
    code, none, err = cli.run("top --once --shm-dir " .. folder)
    assert.same({ 2, "" }, { code, none })
    assert.matches("several instances run: name one of a, b", err)
    a:kill(nil, 15)
    summary = a:finish()
    assert.matches("instance a", summary)
    assert.same({ folder .. "/tidelock-b" }, live.left(folder))
    local top
    code, top = cli.run("top --once --shm-dir " .. folder)
    assert.equal(0, code)
    for _, word in ipairs { "WORKER", "RING", "LATENCY", "STRATEGY", "POOL", "HITS", "COUNTERS", "market_maker" } do
      assert.is_truthy(top:find(word, 1, true), word)
    end
    code = cli.run("stop b --shm-dir " .. folder)
    assert.equal(0, code)
    b:finish()
    assert.same({}, live.left(folder))
  end)

  it("goes on when any of its processes is killed", function()
    local run = live.start(folder, live.config(folder, "k", BOTH))
    local before = run:running()
    for i, name in ipairs { "market_maker", "io", "house" } do
      run:kill(name)
      local after = run:becomes(name .. " runs again", function(now) return now.workers[name].generation == 2 and now.workers[name].state == "running" end)
      assert.equal(1, after.workers[name].deaths)
      assert.is_true(after.orders >= before.orders and after.fills >= before.fills, "nothing is forgotten")
      before = run:becomes("orders after death " .. i, function(now) return now.orders > after.orders and now.fills > after.fills end)
    end
    run:kill(nil, 15)
    local _, err = run:finish()
    for _, name in ipairs { "market_maker", "io", "house" } do
      assert.matches(name .. " died: killed by signal 9", err)
      assert.matches(name .. " runs again as generation 2", err)
    end
    assert.same({}, live.left(folder))
  end)

  it("ends when its master is killed, and the next start takes over", function()
    local config = live.config(folder, "m", BOTH)
    local run = live.start(folder, config)
    run:running()
    local before = run:becomes("it trades", function(now) return now.fills > 10 end)
    local pids = {}
    for _, w in pairs(before.workers) do pids[#pids + 1] = w.pid end
    run:kill()
    live.wait_for("all processes end", function()
      for _, pid in ipairs(pids) do
        local words = system.command_line(pid)
        if words and words[2] == "worker" then return false end
      end
      return true
    end, 4)
    local left = run:status()
    assert.equal("dead", left.state)
    assert.is_true(left.fills >= before.fills)
    assert.equal(0, left.strategies.market_maker.open_orders, "orders were cancelled")
    local _, said = cli.run("status m --shm-dir " .. folder)
    assert.matches("does not run: its master ended without cleaning up", said)
    local other = live.config(folder, "m", BOTH:gsub("seed = 7", "seed = 8"))
    local code, _, err = cli.run(("run %s --shm-dir %s --duration 1s"):format(other, folder))
    assert.equal(1, code)
    assert.matches("of another configuration.*%-%-discard", err)
    live.config(folder, "m", BOTH)
    local out
    code, out, err = cli.run(("run %s --shm-dir %s --duration 800ms --json"):format(config, folder))
    assert.equal(0, code, err)
    local after = cjson.decode(out)
    assert.is_true(after.recovered)
    assert.is_true(after.orders > left.orders and after.fills >= left.fills, "it went on")
    assert.is_true(after.workers.market_maker.generation > 1)
    assert.matches("took over what an earlier start had left behind: 0 open orders", err)
    assert.same({}, live.left(folder))
  end)

  it("records what its strategies were told, and a replay decides the same, also through a death", function()
    -- a function as timer is not kept: its successor's is set at another time
    local clock = cli.write(folder .. "/clock.lua", [[
      local order, snapshot, timeout = require "order", require "snapshot", require "timeout"
      local s = require "strategy" { name = "clock", tier = "L2", symbols = { "AAPL" } }
      function s:on_start()
        timeout.once("1ms", function() end)
        timeout.every("20ms", "tick")
      end
      function s:on_timer()
        local q = snapshot.quote "AAPL"
        if q.bid then order.buy("AAPL", 1, q.bid) end
      end
      return s]])
    local three = BOTH:gsub("strategies = {", ("%%0 { script = %q },"):format(clock), 1)
    local run = live.start(folder, live.config(folder, "r", three), ("--record %s/r.rec --json"):format(folder))
    run:running()
    run:becomes("the timer runs", function(now) return now.strategies.clock.open_orders > 3 end)
    run:kill "clock"
    run:kill "market_maker"
    run:becomes("both run again", function(now)
      local a, b = now.workers.market_maker, now.workers.clock
      return a.generation == 2 and a.state == "running" and b.generation == 2 and b.state == "running"
    end)
    local from = run:status().strategies.market_maker.fills
    run:becomes("it trades", function(now) return now.strategies.market_maker.fills > from + 5 end)
    run:kill(nil, 15)
    local result = cjson.decode((run:finish()))
    local code, out, err = cli.run(("replay %s/r.rec"):format(folder))
    assert.equal(0, code, err)
    for name, one in pairs(result.strategies) do
      assert.matches(("%s: [^\n]* decisions %s[^\n]*: the same as live"):format(name, one.decisions_hash), out)
    end
  end)

  it("keeps what was left behind when it cannot go on with it", function()
    local config = live.config(folder, "g", BOTH)
    local run = live.start(folder, config)
    local pids = {}
    for _, w in pairs(run:running().workers) do pids[#pids + 1] = w.pid end
    run:kill()
    local damage = ("dd if=/dev/urandom of=%s/tidelock-g/io bs=4096 seek=1 count=4000 conv=notrunc status=none"):format(folder)
    for _, pid in ipairs(pids) do live.wait_for("all processes end", function() return (system.command_line(pid) or {})[2] ~= "worker" end) end
    assert.equal(0, os.execute(damage))
    local code, out, err = cli.run(("run %s --shm-dir %s --duration 300ms"):format(config, folder))
    assert.same({ 1, "" }, { code, out })
    assert.matches("could not begin: .*tidelock%-g stays, to go on with or to give up %(%-%-discard%)", err)
    assert.same({ folder .. "/tidelock-g" }, live.left(folder))
    assert.equal("dead", run:status().state)
  end)

  it("records into files only", function()
    local code, _, err = cli.run(("run %s --shm-dir %s --record /dev/null --duration 300ms"):format(live.config(folder, "f", BOTH), folder))
    assert.equal(1, code)
    assert.matches("%-%-record: /dev/null is no file", err)
    assert.same({}, live.left(folder))
  end)

  it("leaves nothing behind when it is told to end while it begins", function()
    local config = live.config(folder, "e", BOTH)
    for i = 1, 6 do
      local run = live.start(folder, config, "--quiet")
      live.wait_for("its folder", function() return #live.left(folder) > 0 or run:ended() end)
      system.sleep_ms(i * 15)
      run:kill(nil, 15)
      run:finish()
      assert.same({}, live.left(folder))
    end
  end)

  it("gives up what was left behind when told to", function()
    local run = live.start(folder, live.config(folder, "d", BOTH))
    run:running()
    run:kill()
    local code, out, err = cli.run(("run %s/d.lua --shm-dir %s --duration 300ms --json --discard"):format(folder, folder))
    assert.equal(0, code, err)
    assert.is_false(cjson.decode(out).recovered)
    assert.matches("was given up", err)
    assert.same({}, live.left(folder))
  end)

  it("is not held up by who does not read what it says, and not ended by who has gone", function()
    local script = cli.write(folder .. "/noisy.lua", NOISY)
    local config = live.config(folder, "n", ([[strategies = { { script = %q } },
      feeds = { { kind = "generated", seed = 7, symbols = 2, rate = 2000 } },]]):format(script))
    for _, reader in ipairs { "sleep 5", "true" } do
      os.execute(("%s run %s --shm-dir %s --duration 1s --json 2>&1 >%s/out | %s"):format(cli.binary, config, folder, folder, reader))
      local result = live.wait_for("the summary", function()
        local ok, object = pcall(cjson.decode, cli.read(folder .. "/out"))
        return ok and object
      end)
      assert.is_true(result.uptime_ns < 4e9 and result.events > 100, reader)
      assert.same({}, live.left(folder))
    end
  end)

  it("takes the operator's word: kill switch and limits", function()
    local run = live.start(folder, live.config(folder, "o", BOTH))
    run:running()
    local code, _, err = cli.run("limit o/market_maker max_positon 5 --shm-dir " .. folder)
    assert.equal(1, code)
    assert.matches("unknown limit 'max_positon'; did you mean 'max_position'", err)
    code, _, err = cli.run("limit o/market_maker max_order_notional 1e11 --shm-dir " .. folder)
    assert.equal(1, code)
    assert.matches("max_order_notional of 1e%+11: limits go from 0 %(none%) to 9.2e%+10", err)
    local asked = require("tidelock.cli.operate").ask(folder .. "/tidelock-o", { request = "status" }).status
    assert.same({ "o", "running" }, { asked.instance, asked.state })
    assert.equal(0, (cli.run("limit o/market_maker max_order_quantity 1 --shm-dir " .. folder)))
    run:becomes("orders are too large", function(now) return (now.denies.risk_order_quantity or 0) > 0 end)
    assert.equal(0, (cli.run("limit market_maker max_order_quantity 0 --shm-dir " .. folder)))
    assert.equal(0, (cli.run("kill-switch on --shm-dir " .. folder)))
    run:becomes("all is cancelled", function(now) return now.killed and now.strategies.market_maker.open_orders == 0 end)
    local stopped = run:becomes("new orders are denied", function(now) return (now.denies.risk_kill_switch or 0) > 0 end)
    assert.equal(0, (cli.run("kill-switch o off --account main --shm-dir " .. folder)))
    run:becomes("it trades again", function(now) return not now.killed and now.fills > stopped.fills end)
    code, _, err = cli.run("kill-switch on --account other --shm-dir " .. folder)
    assert.equal(1, code)
    assert.matches("unknown account 'other'", err)
    run:kill(nil, 10)
    run:becomes("SIGUSR1 throws it too", function(now) return now.killed end)
    run:kill(nil, 15)
    local _, said = run:finish()
    assert.matches("the operator set max_order_quantity of market_maker to 1", said)
    assert.matches("the kill switch was thrown", said)
    assert.same({}, live.left(folder))
  end)

  it("kills a strategy that does not return, and puts it into quarantine in the end; the others go on", function()
    local script = cli.write(folder .. "/spinner.lua", SPINNER)
    local run = live.start(folder, live.config(folder, "w", ([[restart = { deaths = 3, window = "60s" },
      strategies = { { script = "scripts/market_maker.lua" }, { script = %q } }, feeds = { { kind = "generated", seed = 7, symbols = 2, rate = 2000 } },]])
      :format(script)))
    local now = run:becomes("quarantine", function(now) return now.workers.spinner and now.workers.spinner.state == "quarantined" end)
    assert.equal(3, now.workers.spinner.deaths)
    assert.equal(1, now.workers.market_maker.generation)
    run:becomes("the other trades", function(later) return later.fills > now.fills end)
    run:kill(nil, 15)
    local _, err = run:finish()
    assert.matches("spinner died: ", err)
    assert.matches("spinner is quarantined: it died 3 times within 1m", err)
    assert.same({}, live.left(folder))
  end)

  it("refuses what cannot run, before anything is made", function()
    for body, pattern in pairs {
      ["strategies = {}"] = "the configuration has no strategies",
      ["strategies = { { script = 'nowhere.lua' } }"] = "strategies%[1%]%.script: there is no file nowhere.lua",
      ["strategies = { { script = 'scripts/market_maker.lua', worker = 'fastt' } }"] = "unknown worker 'fastt'; did you mean 'fast'",
      ["strategies = { { script = 'scripts/market_maker.lua', worker = 'slow' } }"] = "market_maker declares tier L1, and worker 'slow' is of tier L3",
      ["strategies = { { script = 'scripts/market_maker.lua', worker = 'io' } }"] = "'io' runs agents of the runtime, never a strategy",
      ["strategies = { { script = 'scripts/market_maker.lua', params = { siez = 1 } } }"] = "siez",
      ["strategies = { { script = 'scripts/market_maker.lua', symbols = { 'AAPLE' } } }"] = "AAPLE",
      ["strategies = { { script = 'scripts/market_maker.lua' } }, risk = { strategies = { market_makr = {} } }"] = "unknown strategy 'market_makr'",
      ["strategies = { { script = 'scripts/market_maker.lua' } }, feeds = { { kind = 'generated', symbols = { 'APPL' } } }"] =
        "unknown symbol 'APPL'; did you mean",
    } do
      local config = live.config(folder, "x", body)
      local code, _, err = cli.run(("run %s --shm-dir %s --duration 1s"):format(config, folder))
      assert.equal(1, code, body)
      assert.matches(pattern, err)
      assert.same({}, live.left(folder))
    end
    local code, _, err = cli.run "run nowhere.lua --duration soon"
    assert.equal(2, code)
    assert.matches("'soon' is no duration", err)
  end)
end)

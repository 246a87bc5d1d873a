local native = require "tidelock.native"
local host_world = require "support.host_world"
local C, ffi = native.C, native.ffi

local HEAD = "local strategy, log = require 'strategy', require 'log'\n"

local function new(body, options)
  options = options or {}
  options.script = HEAD .. body .. "\nreturn s\n"
  return assert(host_world.new(options))
end

local function refused(body, options)
  options = options or {}
  options.script = HEAD .. body .. "\nreturn s\n"
  return host_world.refused(options)
end

describe("loading a script", function()
  it("refuses a misspelt handler at its line and names the nearest", function()
    assert.matches("script.lua:3: unknown handler 'on_qoute'; did you mean 'on_quote'%?", refused "local s = strategy {}\nfunction s:on_qoute(q) end")
    assert.matches("unknown handler 'on_foo'", refused "local s = strategy {}\nrawset(s, 'on_foo', print)")
  end)

  it("refuses what it does not know in a declaration", function()
    assert.matches("script.lua:2: unknown key of a strategy 'symbol'; did you mean 'symbols'%?", refused "local s = strategy { symbol = { 'AAPL' } }")
    assert.matches("unknown tier 'L4'; did you mean 'L1'", refused "local s = strategy { tier = 'L4' }")
    assert.matches("symbols%[1%] is a string, not 5", refused "local s = strategy { symbols = { 5 } }")
    assert.matches("names 'AAPL' twice", refused "local s = strategy { symbols = { 'AAPL', 'AAPL' } }")
    assert.matches("divide a day", refused "local s = strategy { bars = { '7m', } }")
    assert.matches("one interval twice", refused "local s = strategy { bars = { '60s', '1m' } }")
    assert.matches("'1x' is no duration", refused "local s = strategy { bars = { '1x' } }")
    assert.matches("warmup asks for 1d bars", refused "local s = strategy { bars = { '1m' }, warmup = { ['1d'] = 3 } }")
    assert.matches("wants data 'vix'", refused "local s = strategy { data = { 'vix' } }")
  end)

  it("refuses an unknown symbol and names the nearest", function()
    assert.matches("unknown symbol 'AAPPL'; did you mean 'AAPL'%?", refused "local s = strategy { symbols = { 'AAPPL' } }")
    assert.matches("unknown symbol 'MSTF'; did you mean 'MSFT'%?", refused "local s = strategy {} require('snapshot').group { 'AAPL', 'MSTF' }")
  end)

  it("says what is missing", function()
    assert.matches("declares no strategy", host_world.refused { script = "return 1" })
    assert.matches("does not return its strategy", host_world.refused { script = "require 'strategy' {}" })
    assert.matches("its second", refused "local s = strategy {} strategy {}")
    assert.matches("no such file", host_world.refused { path = "/nowhere/x.lua" })
    assert.matches("script.lua:1:.*'=' expected", host_world.refused { script = "this is no Lua" })
    assert.matches("script.lua:2: boom", refused "error 'boom'")
  end)

  it("tells the declaration", function()
    local world = new("local s = strategy { name = 'x', tier = 'L1', symbols = { 'MSFT' }, depth = 5, orders = true, bars = { '1d', '1m' }, "
      .. "warmup = function(p) return { ['1d'] = p.n } end, params = { n = 20, z = { default = '5ms', type = 'duration' } } }\nfunction s:on_bar(b) end",
      { params = { n = "30" } })
    local host = world.host
    assert.equal("x", ffi.string(C.tl_host_name(host)))
    assert.equal("L1", ffi.string(C.tl_host_tier(host)))
    assert.equal(5, C.tl_host_depth(host))
    assert.is_true(C.tl_host_wants_flow(host))
    assert.is_false(C.tl_host_fills_bars(host))
    assert.equal(2, C.tl_host_intervals(host))
    assert.equal(60000000000LL, C.tl_host_interval_at(host, 0))
    assert.equal(30, C.tl_host_warmup(host, 86400000000000LL))
    assert.equal(0, C.tl_host_warmup(host, 60000000000LL))
    assert.is_true(C.tl_host_has_handler(host, "on_bar"))
    assert.is_false(C.tl_host_has_handler(host, "on_quote"))
    assert.is_false(C.tl_host_has_handler(host, "on_timer"))
    assert.equal("30", ffi.string(C.tl_host_param_text(host, 0)))
    assert.equal("5ms", ffi.string(C.tl_host_param_text(host, 1)))
    assert.is_true(C.tl_host_subscribed(host, 1))
    assert.is_false(C.tl_host_subscribed(host, 0))
    assert.equal(1, C.tl_host_place(host, 1))
    assert.equal(0, C.tl_host_place(host, 0))
    assert.is_true(C.tl_host_fills_bars(new("local s = require 'strategy' { symbols = { 'MSFT' }, bars = { '1m', fill = true } }").host))
    assert.matches("fill is true or false", refused "require 'strategy' { bars = { '1m', fill = 1 } }")
    assert.matches("has the key full", refused "require 'strategy' { bars = { '1m', full = true } }")
  end)

  it("takes its name from the file, and symbols and name from the configuration", function()
    local world = new("local s = strategy {}", { name = "mean_reversion" })
    assert.equal("mean_reversion", ffi.string(C.tl_host_name(world.host)))
    assert.is_true(C.tl_host_wants_all(world.host))
    world = new("local s = strategy { name = 'own', symbols = '*' }", { config = { name = "given" }, replace = { "MSFT" } })
    assert.equal("given", ffi.string(C.tl_host_name(world.host)))
    assert.is_false(C.tl_host_subscribed(world.host, 0))
    assert.is_true(C.tl_host_subscribed(world.host, 1))
  end)
end)

describe("params", function()
  local function effective(declared, params)
    local world = new("local s = strategy { params = { " .. declared .. " } }\nfunction s:on_start() print(tostring(self.params.p)) end", { params = params })
    world:start():drain()
    return world:lines()[1]
  end

  it("are defaults until they are overridden, in their type", function()
    assert.equal("3", effective("p = 3"))
    assert.equal("4", effective("p = 3", { p = "4" }))
    assert.equal("0.25", effective("p = 0.5", { p = "0.25" }))
    assert.equal("false", effective("p = true", { p = "false" }))
    assert.equal("abc", effective("p = 'x'", { p = "abc" }))
    assert.equal("250000", effective("p = { default = '1s', type = 'duration' }", { p = "250us" }))
    assert.equal("2.5", effective("p = { default = 2, type = 'number' }", { p = "2.5" }))
  end)

  it("refuse what their declaration forbids, naming limit and value", function()
    local function why(declared, params) return refused("local s = strategy { params = { " .. declared .. " } }", { params = params }) end
    assert.matches("param p is 11, above its max 10", why("p = { default = 1, max = 10 }", { p = "11" }))
    assert.matches("param p is %-1, below its min 0", why("p = { default = 1, min = 0 }", { p = "-1" }))
    assert.matches("param p must be an integer, not 1.5", why("p = 1", { p = "1.5" }))
    assert.matches("param p must be a number, not 'abc'", why("p = 1", { p = "abc" }))
    assert.matches("param p must be a boolean", why("p = true", { p = "yes" }))
    assert.matches("its choices are 'a', 'b'", why("p = { default = 'a', choices = { 'a', 'b' } }", { p = "c" }))
    assert.matches("param p: step is 0; it must be above 0", why("p = { default = 1, step = 0 }"))
    assert.matches("param p: choices is a list of values", why("p = { default = 1, choices = 5 }"))
    assert.matches("param p, a choice of it, must be a number, not 'x'", why("p = { default = 1, choices = { 1, 'x' } }"))
    assert.matches("param p is 2000000000, and its choices are 1000000000, 5000000000",
      why("p = { default = '1s', type = 'duration', choices = { '1s', '5s' } }", { p = "2s" }))
    assert.matches("unknown param 'q'", why("p = 1", { q = "1" }))
    assert.matches("unknown param 'sizze'; did you mean 'size'", why("size = 1", { sizze = "1" }))
    assert.matches("unknown key 'maximum'", why("p = { default = 1, maximum = 3 }"))
    assert.matches("param p has no default", why("p = { min = 1 }"))
    assert.matches("default is a number, a boolean or a string", why("p = print"))
    assert.matches("param p is 5, above its max 3", why("p = { default = 5, max = 3 }"))
  end)

  it("are bound by the strategy's own check", function()
    local body = "local s = strategy { params = { fast = 5, slow = 9 }, check = function(p) return p.fast < p.slow, 'fast is below slow' end }"
    assert.matches("check refuses its params %(fast is below slow%): fast = 12, slow = 9", refused(body, { params = { fast = "12" } }))
    assert.truthy(new(body, { params = { fast = "8" } }))
  end)

  it("are read-only, and an unknown one raises", function()
    local world = new([[local s = strategy { params = { size = 1 } }
      function s:on_start()
        print(select(2, pcall(function() self.params.size = 2 end)))
        print(select(2, pcall(function() return self.params.sise end)))
        print(select(2, pcall(function() self.params = {} end)))
        for name, value in pairs(self.params) do print(name, value) end
      end]])
    world:start():drain()
    local lines = world:lines()
    assert.matches("params are read%-only", lines[1])
    assert.matches("unknown param 'sise'; did you mean 'size'", lines[2])
    assert.matches("self.params is the runtime's", lines[3])
    assert.equal("size\t1", lines[4])
  end)

  it("change live: checked, shown to on_param, which may refuse, and in force at once", function()
    local function bits(value) return ffi.cast("int64_t *", ffi.new("double[1]", value))[0] end
    local body = [[local s = strategy { params = { a = { default = 1, max = 9 }, b = true }, check = function(p) return p.a ~= 5 end }
      function s:on_quote() log.info("%s %s", self.params.a, self.params.b) end]]
    local world = new(body)
    world:start()
    for _, change in ipairs { { 0, 2 }, { 0, 10 }, { 0, 5 }, { 0, 2.5 }, { 1, 0 }, { 7, 1 } } do
      world:append(C.TL_EVENT_PARAM, nil, { change[1], bits(change[2]) }):quote("AAPL", 1, 2)
    end
    assert.is_true(world:drain())
    local shown = {}
    for _, line in ipairs(world:lines()) do if line:match "^%d" then shown[#shown + 1] = line end end
    assert.same({ "2 true", "2 true", "2 true", "2 true", "2 false", "2 false" }, shown)

    world = new(body .. "\nfunction s:on_param(name, new, old) log.info('%s %s %s', name, new, old) if new == 3 then return false, 'no' end end")
    world:start():append(C.TL_EVENT_PARAM, nil, { 0, bits(3) }):append(C.TL_EVENT_PARAM, nil, { 0, bits(4) }):quote("AAPL", 1, 2)
    assert.is_true(world:drain())
    assert.same({ "a 3 1", "param a: the strategy refuses 3: no", "a 4 1", "4 true" }, world:lines())
  end)

  it("may differ for a symbol", function()
    local world = new([[local s = strategy { params = { size = 1, other = 2 } }
      function s:on_start()
        print(self:params_of("MSFT").size, self:params_of("MSFT").other, self:params_of("AAPL").size)
        for name, value in pairs(self:params_of("MSFT")) do print(name, value) end
      end]],
      { overrides = { { "MSFT", "size", "7" } } })
    world:start():drain()
    assert.same({ "7\t2\t1", "other\t2", "size\t7" }, world:lines())
  end)
end)

describe("the drain", function()
  it("calls handlers in the order of the log, on view and clock as of each event", function()
    local world = new [[local s = strategy { symbols = { "AAPL" }, bars = { "1m" }, depth = 2 }
      local snapshot, timeout = require "snapshot", require "timeout"
      function s:on_start(why) log.info("start %s %s", why, self.phase) end
      function s:on_quote(q) log.info("quote %g %g %d", q.bid, snapshot.quote("AAPL").bid, q.seq) end
      function s:on_trade(t) log.info("trade %s %g %s %s %s", t.symbol, t.price, t.aggressor, t.kind, t:id()) end
      function s:on_book(b) log.info("book %g %d", b:bid(1), b.depth) end
      function s:on_bar(b) log.info("bar %s %g %g", b.interval, b.close, b.ts - b.ts_open) end
      function s:on_bars(interval, ts) log.info("bars %s", interval) end
      function s:on_status(symbol, status) log.info("status %s %s", symbol, status) end
      function s:on_gap(symbol, missed) log.info("gap %s %d", symbol, missed) end
      function s:on_stop(why) log.info("stop %s", why) end]]
    world:start():quote("AAPL", 10, 11):trade("AAPL", 10.5, 7, 2, 1)
    world:level("AAPL", "buy", 10, 5):level("AAPL", "sell", 11, 5):book("AAPL"):book("AAPL")
    world:bar("AAPL", 1, 2, 0.5, 1.5)
    world:append(C.TL_EVENT_BARS, nil, { ffi.new("int64_t", 60e9), 5 }):append(C.TL_EVENT_STATUS, "AAPL", { 4 }):append(C.TL_EVENT_GAP, "AAPL", { 3 })
    world:quote("MSFT", 1, 2) -- not subscribed
    world:stop():quote("AAPL", 12, 13)
    assert.is_true(world:drain())
    assert.same({
      "start start live", "quote 10 10 2", "trade AAPL 10.5 sell cross 18014398509481985", "book 10 1", "bar 1m 1.5 6e+10", "bars 1m",
      "status AAPL halted", "gap AAPL 3", "stop end_of_data",
    }, world:lines())
    assert.equal(C.TL_HOST_STOPPED, C.tl_host_state_of(world.host))
  end)

  it("calls on_book for changes within the depth that was asked for, its last level too", function()
    local world = new [[local s = strategy { symbols = { "AAPL" }, depth = 2 }
      function s:on_book(b) log.info("%g", b:bid(1)) end]]
    world:start()
    for _, price in ipairs { 10, 9, 8 } do world:level("AAPL", "buy", price, 5):book("AAPL") end
    assert.is_true(world:drain())
    local before = #world:lines()
    world:level("AAPL", "buy", 8, 6):book("AAPL"):drain()
    assert.equal(before, #world:lines()) -- behind the depth
    world:level("AAPL", "buy", 9, 6):book("AAPL"):drain()
    assert.equal(before + 1, #world:lines())
  end)

  it("reports an error once, counts it, tells on_error, and goes on", function()
    local world = new [[local s = strategy {}
      local function deep(q) error("no luck with " .. q.symbol) end
      function s:on_quote(q) deep(q) end
      function s:on_trade(t) log.info("trade") end
      function s:on_error(err) self.count = err.count self.last = err end
      function s:on_stop() log.info("%s %d %s", self.last.handler, self.count, self.last.message) end]]
    world:start()
    for _ = 1, 50 do world:quote("AAPL", 1, 2):trade("AAPL", 1) end
    world:stop()
    assert.is_true(world:drain())
    local lines = world:lines()
    assert.equal(52, #lines)
    assert.matches("^on_quote raised: .*script.lua:3: no luck with AAPL\nstack traceback:\n.*in function 'deep'.*in function 'on_quote'$", lines[1])
    assert.matches("^on_quote 50 .*no luck", lines[#lines])
    assert.equal(50, tonumber(C.tl_host_errors(world.host)))
    assert.equal(lines[1], ffi.string(C.tl_host_first_error(world.host)))
  end)

  it("takes messages that differ in their numbers for one error", function()
    local world = new "local s = strategy {}\nfunction s:on_quote(q) error('bid is ' .. q.bid) end"
    world:start()
    for i = 1, 50 do world:quote("AAPL", i, i + 1) end
    assert.is_true(world:drain())
    assert.equal(1, #world:lines())
    assert.equal(50, tonumber(C.tl_host_errors(world.host)))
  end)

  it("ends when the error budget is spent", function()
    local world = new("local s = strategy {}\nfunction s:on_quote(q) error('bad') end", { config = { error_budget = 5 } })
    world:start()
    for _ = 1, 10 do world:quote("AAPL", 1, 2) end
    local ok, why = world:drain()
    assert.is_false(ok)
    assert.matches("the error budget of 5 is spent; the last error, in on_quote: .*bad", why)
    assert.equal(C.TL_HOST_FAILED, C.tl_host_state_of(world.host))
    assert.is_false((world:drain()))
    assert.equal(6, tonumber(C.tl_host_handled(world.host)))
  end)

  it("survives on_error raising, errors that are no strings, and a handler that yields", function()
    local world = new [[local s = strategy {}
      local n = 0
      function s:on_quote(q)
        n = n + 1
        if n == 1 then error({ code = 5 }) elseif n == 2 then error() elseif n == 3 then error(setmetatable({}, { __tostring = function() return "mine" end }))
        elseif n == 4 then error(setmetatable({}, { __tostring = function() error "worse" end })) elseif n == 5 then coroutine.yield() end
        log.info("fine")
      end
      function s:on_error(err) error "in on_error" end]]
    world:start()
    for _ = 1, 6 do world:quote("AAPL", 1, 2) end
    assert.is_true(world:drain())
    assert.equal("fine", world:lines()[#world:lines()])
  end)

  it("poisons what is kept without a copy", function()
    local world = new([[local s = strategy {}
      function s:on_quote(q)
        if self.kept then
          log.info("%s", select(2, pcall(function() return self.kept.bid end)))
          log.info("%s %s", self.copy.bid, q:since(self.copy))
        end
        self.kept, self.copy = q, q:copy()
      end
      function s:on_trade(t) log.info("%s", select(2, pcall(function() return self.kept.bid end))) end]], { config = { poison = 1 } })
    world:start():quote("AAPL", 10, 11):trade("AAPL", 1):quote("AAPL", 12, 13)
    assert.is_true(world:drain())
    assert.matches("this quote was used after its handler had ended", world:lines()[1])
    assert.matches("10 2000", world:lines()[3])
  end)

  it("keeps phase, state and the names of the runtime for itself", function()
    local world = new [[local s = strategy {}
      function s:on_start() self.state.x = 1 self.mine = 2 end
      function s:on_quote(q) log.info("%s %s %s %s", self.phase, self.state.x, self.mine, pcall(function() self.on_quote = print end)) end]]
    world:start():phase(C.TL_PHASE_HISTORY):quote("AAPL", 1, 2):phase(C.TL_PHASE_LIVE):quote("AAPL", 1, 2)
    assert.is_true(world:drain())
    assert.same({ "history 1 2 false", "live 1 2 false" }, world:lines())
  end)

  it("subscribes and unsubscribes, and says so to its owner", function()
    local world = new [[local s = strategy { symbols = { "AAPL" } }
      function s:on_quote(q)
        log.info(q.symbol)
        if q.symbol == "AAPL" then self:subscribe("MSFT") self:unsubscribe("AAPL") end
      end]]
    local wanted = ffi.new "bool[1]"
    assert.equal(-1, tonumber(C.tl_host_next_subscription(world.host, wanted)))
    world:start():quote("MSFT", 1, 2):quote("AAPL", 1, 2):quote("AAPL", 1, 2):quote("MSFT", 1, 2)
    assert.is_true(world:drain())
    assert.same({ "AAPL", "MSFT" }, world:lines())
    assert.equal(1, tonumber(C.tl_host_next_subscription(world.host, wanted)))
    assert.is_true(wanted[0])
    assert.equal(0, tonumber(C.tl_host_next_subscription(world.host, wanted)))
    assert.is_false(wanted[0])
  end)

  it("shows rows of outside data by their columns", function()
    local world = new([[local s = strategy { data = { "vix" } }
      function s:on_data(d) log.info("%s %s %s %s %s", d.name, d.level, d.change, pcall(function() return d.levle end)) end]],
      { data = { { name = "vix", "level", "change" } } })
    world:start()
    for i = 1, 3 do
      C.tl_host_set_data_row(world.host, 0, ffi.new("double[2]", i, 0 / 0))
      world:append(C.TL_EVENT_DATA, nil, { 0, i })
    end
    assert.is_true(world:drain())
    assert.matches("^vix 1 nil false .*did you mean 'level'", world:lines()[1])
    assert.matches("^vix 3 nil", world:lines()[3])
  end)

  it("gives rows of outside data the times of every event", function()
    local world = new([[local s = strategy { data = { "vix" } }
      local before, quoted
      function s:on_quote(q) quoted = q:copy() end
      function s:on_data(d)
        if before then log.info("%g %g %s %g %g %d %g", d:age(), d.latency, d:iso(), d:since(before), d:since(quoted), d.seq - before.seq, d.tod % 1e9) end
        if before then log.info("%g %s %s", quoted:since(d), pcall(d.since, d, {})) end
        before = d:copy()
      end]], { data = { { name = "vix", "level" } } })
    world:start()
    for i = 1, 2 do
      C.tl_host_set_data_row(world.host, 0, ffi.new("double[1]", i))
      world:append(C.TL_EVENT_DATA, nil, { 0, i })
      if i == 1 then world:quote("AAPL", 1, 2) end
    end
    assert.is_true(world:drain())
    local lines = world:lines()
    assert.matches("^0 400 2023%-11%-14T22:13:20%.%d+Z 2000 1000 2 %d+$", lines[1])
    assert.matches("^%-1000 false .*since%(%) takes an event", lines[2])
  end)

  it("counts and times its handlers", function()
    local world = new("local s = strategy {}\nfunction s:on_quote(q) if q.bid == 3 then error 'x' end end", { config = { time_handlers = 1 } })
    world:start()
    for i = 1, 200 do world:quote("AAPL", i, i + 1) end
    world:drain()
    local stats = ffi.new "tl_handler_stats"
    assert.equal(1, C.tl_host_handlers(world.host))
    C.tl_host_handler_stats(world.host, 0, stats)
    assert.equal("on_quote", ffi.string(stats.name))
    assert.equal(200, tonumber(stats.calls))
    assert.equal(1, tonumber(stats.errors))
    assert.is_true(stats.p50_ns > 0 and stats.p50_ns <= stats.p99_ns and stats.p99_ns <= stats.p999_ns and stats.p999_ns <= stats.max_ns)
  end)

  it("collects garbage between events, whatever the tier, and never shows it", function()
    for _, tier in ipairs { "L1", "L2", "L3" } do
      local world = new("local s = strategy { tier = '" .. tier .. "' }\nfunction s:on_quote(q) local t = {} for i = 1, 100 do t[i] = { i } end end",
        { config = { memory_bytes = 16 * 1048576 } })
      world:start()
      for _ = 1, 30 do
        for _ = 1, 1000 do world:quote("AAPL", 1, 2) end
        assert.is_true(world:drain())
      end
      assert.is_true(C.tl_host_memory_bytes(world.host) < 15 * 1048576)
      world:close()
    end
  end)

  it("copes with handlers that make much garbage beside much that is kept", function()
    for _, tier in ipairs { "L1", "L3" } do
      for _, sizes in ipairs { { 1, 16 }, { 5, 16 }, { 9, 16 }, { 0.25, 8 } } do -- kept, cap in MiB; a handler makes half a MiB of garbage
        local kept, cap = sizes[1], sizes[2]
        local world = new(([[local s = strategy { tier = "%s" }
          function s:on_start() self.kept = {} for i = 1, %g * 16 do self.kept[i] = ("x"):rep(65536 - i) end end
          function s:on_quote(q) local t for i = 1, 8 do t = ("y"):rep(65000 + q.seq %% 500) .. i end self.last = #t end]]):format(tier, kept),
          { config = { memory_bytes = cap * 1048576 } })
        world:start()
        for _ = 1, 300 do world:quote("AAPL", 1, 2) end
        assert.is_true(world:drain())
        assert.equal(301, tonumber(C.tl_host_handled(world.host)))
        world:close()
      end
    end
  end)

  it("ends a strategy that keeps more than its cap", function()
    local world = new("local s = strategy {}\nlocal kept = {}\nfunction s:on_quote(q) kept[#kept + 1] = { q.bid, q.ask } end",
      { config = { memory_bytes = 4 * 1048576 } })
    world:start()
    local ok, why
    repeat
      for _ = 1, 1000 do world:quote("AAPL", 1, 2) end
      ok, why = world:drain()
    until not ok
    assert.matches("out of memory: the configured cap is 4 MiB", why)
  end)
end)

describe("records that nobody should send", function()
  it("break nothing, whatever their fields hold", function()
    local seed = os.time()
    math.randomseed(seed)
    local handlers = {}
    for _, name in ipairs { "quote", "trade", "book", "bar", "bars", "mark", "action", "data", "order", "fill", "timer", "status", "feed", "gap", "param" } do
      handlers[#handlers + 1] = ([[function s:on_%s(a, b, c)
        for _, field in ipairs { "bid", "price", "close", "interval", "kind", "ts", "tod", "mark", "amount", "currency", "x", "vwap", "latency", "id" } do
          pcall(function() return tostring(a[field]) .. tostring(b and b[field]) end)
        end
        pcall(function() return a:iso() .. a:age() .. tostring(a:copy()) end)
      end]]):format(name)
    end
    local world = new("local s = strategy { bars = { '1m' }, depth = 2, data = { 'x' }, params = { p = 1 } }\n" .. table.concat(handlers, "\n"),
      { data = { { name = "x", "x" } }, config = { error_budget = 1e6, poison = 1 } })
    world:start()
    local extremes = { 0, 1, -1, 2, 0x7fffffffffffffffLL, bit.lshift(1LL, 63), 255, 256, 1000000, 3 }
    local function word()
      if math.random() < 0.5 then return extremes[math.random(#extremes)] end
      return ffi.cast("int64_t", math.random(0, 0x7fffffff)) * math.random(0, 0x7fffffff)
    end
    for _ = 1, 3000 do
      local kind = math.random(0, 30)
      if kind ~= C.TL_EVENT_START and kind ~= C.TL_EVENT_STOP then
        local event = ffi.new("tl_event", { kind = kind, instrument = math.random(0, 3), ts_ns = word(), ts_recv_ns = word() })
        if math.random() < 0.1 then event.instrument = math.random(0, 0x7fffffff) end
        local tail = ffi.new "tl_event_tail"
        for i = 0, 3 do event.w[i] = word() end
        for i = 0, 7 do tail.w[i] = word() end
        if C.tl_input_log_append(world.log, event, tail) and math.random() < 0.1 then assert.is_true(world:drain(), "seed " .. seed) end
      end
    end
    assert.is_true(world:drain(), "seed " .. seed)
  end)
end)

describe("decisions", function()
  local SCRIPT = HEAD .. [[
    local timeout, snapshot, record = require "timeout", require "snapshot", require "record"
    local s = strategy { symbols = "*", bars = { "1m" }, depth = 3 }
    function s:on_start() self.sum = 0 timeout.every("7us", "tick") end
    function s:on_quote(q) self.sum = self.sum * 0.5 + (q.bid or 0) ^ 1.5 + math.random() + math.sin(q.ask or 0) end
    function s:on_trade(t)
      self.sum = self.sum + t.price / 3 + (snapshot.book(t.symbol):imbalance(2) or 0)
      if math.random() < 0.1 then timeout.once("3us", function() self.sum = self.sum + 1 record.series("x"):push(self.sum) end) end
    end
    function s:on_book(b) self.sum = self.sum + (b:mid() or 0) + (b:vwap("buy", 30) or 0) end
    function s:on_timer(name, ts) self.sum = self.sum + ts % 1000 for k, v in pairs { a = 1, b = 2, [3] = 4 } do self.sum = self.sum + v / #tostring(k) end end
    function s:on_stop() log.info("%.17g", self.sum) end
    return s
  ]]

  -- Records from a seed, served in batches of the host's own size by draining after each; timers at their times.
  local function decide(config, batch)
    local world = assert(host_world.new { script = SCRIPT, config = config })
    local random = ffi.new "tl_random"
    C.tl_random_seed(random, 99, 0)
    local function below(n) return tonumber(C.tl_random_below(random, n)) end
    world:start():drain()
    for i = 1, 4000 do
      local symbol, kind = below(2) == 0 and "AAPL" or "MSFT", below(10)
      local price = 100 + below(200) / 100
      local before = world.now
      while C.tl_host_next_timer_ns(world.host) <= before + 1000 do
        world:drain()
        world:advance(C.tl_host_next_timer_ns(world.host) - world.now)
        world.now = before
      end
      if kind < 5 then world:quote(symbol, price, below(20) > 0 and price + 0.01 or nil)
      elseif kind < 7 then world:trade(symbol, price, below(50) + 1)
      else world:level(symbol, below(2) == 0 and "buy" or "sell", price, below(3) * 10):book(symbol) end
      if i % batch == 0 then world:drain() end
    end
    world:stop()
    assert.is_true(world:drain())
    local series = C.tl_kept_series_at(C.tl_host_kept(world.host), 0)
    local lines = world:lines()
    return lines[#lines] .. " " .. tonumber(series.count) .. " " .. ("%.17g"):format(series.values[series.count - 1])
  end

  it("are the same compiled and interpreted", function()
    local compiled = decide({ seed = 5 }, 1)
    assert.equal(compiled, decide({ seed = 5, no_jit = 1 }, 1))
    assert.equal(compiled, decide({ seed = 5, poison = 1, batch = 3, time_handlers = 1 }, 1))
    assert.are_not.equal(compiled, decide({ seed = 6 }, 1))
  end)
end)

local cli = require "integration.cli"
local config = require "tidelock.config"
local layout = require "tidelock.live.layout"
local plans = require "tidelock.live.plan"

local MAKER, TAKER, MONITOR = "scripts/market_maker.lua", "scripts/imbalance_taker.lua", "scripts/volume_monitor.lua" -- L1, L2, L3

local function build(settings, cores)
  settings.strategies = settings.strategies or { { script = MAKER } }
  return plans.build(config.check(settings), { library = "lua", config_path = "demo.lua", cores = cores or 4 })
end

local function by_name(plan)
  local map = {}
  for _, process in ipairs(plan.processes) do map[process.name] = process end
  return map
end

local IDLE = { [0] = "spin", "backoff", "block" }
local function idle(plan, name) return IDLE[by_name(plan)[name].idle] end

describe("the plan of a live instance", function()
  it("is read back from its text as it was", function()
    local plan = build { strategies = { { script = MAKER, params = { half_spread = 0.03 } } }, kill_file = "a\n\"b\"", feeds = { { kind = "generated",
      seed = 2 ^ 53 } } }
    local again = plans.parse(plans.text(plan), "plan")
    assert.same(plan, again)
    assert.equal(plans.text(plan), plans.text(again))
  end)

  it("runs from the smallest configuration", function()
    local plan, made = build {}
    assert.equal("demo", plan.instance)
    assert.equal("/dev/shm/tidelock-demo", plan.directory)
    assert.same({ kind = "generated", seed = 1, symbols = 5, rate = 2000 }, plan.market)
    assert.equal("market_maker", plan.strategies[1].name)
    assert.same({}, made.notes)
    assert.equal(5, plan.instruments)
  end)

  it("has the same hash for the same configuration, and another for another", function()
    local function hash(settings) return (build(settings).hash) end
    assert.equal(hash {}, hash {})
    assert.not_equal(hash {}, hash { feeds = { { kind = "generated", seed = 2 } } })
    assert.not_equal(hash {}, hash { accounts = { main = { cash = 1 } } })
    assert.not_equal(hash {}, hash { strategies = { { script = MAKER, on_death = "keep" } } })
  end)

  it("keeps core 0 from spinning, and one core from those who spin", function()
    local three = { strategies = { { script = MAKER }, { script = TAKER }, { script = MONITOR } } }
    local plan = build(three, 2)
    assert.same({ "block", "block", "spin", "backoff", "block" },
      { idle(plan, "io"), idle(plan, "house"), idle(plan, "market_maker"), idle(plan, "imbalance_taker"), idle(plan, "volume_monitor") })
    plan = build(three, 8)
    local map = by_name(plan)
    assert.same({ "spin", "spin" }, { idle(plan, "io"), idle(plan, "market_maker") })
    assert.same({ 1, 0, 7, 0, 0 }, { map.io.cpu, map.house.cpu, map.market_maker.cpu, map.imbalance_taker.cpu, map.volume_monitor.cpu })
    plan = build(three, 1)
    for name in pairs(by_name(plan)) do assert.equal("block", idle(plan, name)) end
  end)

  it("gives the cores of L1 to L2 where there is no L1", function()
    local map = by_name((build({ strategies = { { script = TAKER }, { script = MONITOR } } }, 2)))
    assert.same({ 1, 0 }, { map.imbalance_taker.cpu, map.volume_monitor.cpu })
    map = by_name((build({ strategies = { { script = TAKER } }, workers = { fast = { tier = "L1", cpu = 1 } } }, 2)))
    assert.equal(0, map.imbalance_taker.cpu)
  end)

  it("gives L1 strategies cores of their own while there are some; on a shared one none spins", function()
    local four = { strategies = {} }
    for i = 1, 4 do four.strategies[i] = { script = MAKER, name = "m" .. i } end
    local map = by_name((build(four, 8)))
    local seen = {}
    for i = 1, 4 do
      local cpu = map["m" .. i].cpu
      assert.is_nil(seen[cpu])
      seen[cpu] = true
    end
    local plan = build(four, 2)
    for i = 1, 4 do assert.same({ 1, "backoff" }, { by_name(plan)["m" .. i].cpu, idle(plan, "m" .. i) }) end
  end)

  it("says what was asked for and cannot be", function()
    local plan, made = build({ workers = { fast = { cpu = 0, tier = "L1", idle = "spin" } } }, 4)
    assert.equal("backoff", idle(plan, "market_maker"))
    assert.matches("'market_maker' does not spin but backs off: core 0", made.notes[1])
    plan, made = build({ workers = { fast = { cpu = 9, tier = "L1" } } }, 4)
    assert.equal(-1, by_name(plan).market_maker.cpu)
    assert.matches("there is no core 9, only 4", made.notes[1])
    made = select(2, build { latency = { compute = "5us" } })
    assert.matches("latency.compute is for backtests", made.notes[1])
  end)

  it("takes as many of the generator's symbols as hold those that are named", function()
    local plan = build { feeds = { { kind = "generated", symbols = { "MSFT" } } }, strategies = { { script = MAKER, symbols = { "MSFT" } } } }
    local all = build { feeds = { { kind = "generated", symbols = plan.market.symbols } } }
    assert.equal(plan.market.symbols, all.instruments)
    assert.is_true(plan.market.symbols < 5)
  end)

  it("finds what is wrong before anything is made", function()
    local folder = cli.folder()
    local warm = cli.write(folder .. "/warm.lua", 'return require "strategy" { name = "warm", bars = { "1m" }, warmup = { ["1m"] = 20 } }')
    local data = cli.write(folder .. "/data.lua", 'return require "strategy" { name = "data", data = { "vix" } }')
    for pattern, settings in pairs {
      ["latency of the entry leg"] = { latency = { entry = { kind = "lognormal", median = 1e5 } } },
      ["the name 'market_maker' is taken"] = { strategies = { { script = MAKER }, { script = MAKER } } },
      ["the name 'io' is taken"] = { strategies = { { script = MAKER, name = "io" } } },
      ["several accounts: name one"] = { accounts = { a = {}, b = {} } },
      ["unknown account 'mian'; did you mean 'main'"] = { strategies = { { script = MAKER, account = "mian" } } },
      ["unknown symbol 'AAPLE'; did you mean 'AAPL'"] = { strategies = { { script = MAKER, per_symbol = { AAPLE = { size = 1 } } } } },
      ["'warm' asks for 20 bars as a warm%-up"] = { strategies = { { script = warm } } },
      ["wants data 'vix'.*outside data is for backtests"] = { strategies = { { script = data } } },
      ["a generated feed stands alone"] = { feeds = { { kind = "generated" }, { kind = "generated" } } },
      ["feeds%[1%].file: there is no file"] = { feeds = { { kind = "itch", file = "nowhere" } } },
      ["there is no symbol 'ZZZ'"] = { risk = { restricted = { "ZZZ" } } },
      ["'gateway' belongs with those of 'a'"] = { workers = { a = { agents = { "feed" } }, b = { agents = { "gateway" } } } },
    } do
      local ok, why = pcall(build, settings)
      assert.is_false(ok, pattern)
      assert.matches(pattern, why)
    end
    cli.remove(folder)
  end)
end)

describe("the layout of its regions", function()
  it("has a region for each process, the master and the instruments, with channels that meet", function()
    local plan = build { strategies = { { script = MAKER }, { script = MONITOR } } }
    local has, files = {}, {}
    for _, region in ipairs(layout.regions(plan)) do
      files[#files + 1] = region.file
      for _, section in ipairs(region.sections) do
        assert.is_true(section.bytes > 0, section.name)
        assert.is_nil(has[region.file .. "/" .. section.name], "once only")
        has[region.file .. "/" .. section.name] = section.bytes
      end
    end
    assert.same({ "master", "instruments", "io", "house", "s.market_maker", "s.volume_monitor" }, files)
    for _, process in ipairs(plan.processes) do
      for _, name in ipairs { "worker", "in:operator", "counters", "stages" } do assert.is_truthy(has[process.region .. "/" .. name]) end
      assert.is_truthy(has["master/out:operator:" .. process.name])
    end
    for _, strategy in ipairs(plan.strategies) do
      assert.is_truthy(has["io/in:commands:" .. strategy.name])
      assert.is_truthy(has["io/out:reports:" .. strategy.name])
      assert.is_truthy(has["house/recorded:" .. strategy.name])
    end
  end)
end)

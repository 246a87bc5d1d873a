local config = require "tidelock.config"
local duration = require "tidelock.duration"

local function load_text(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local ok, result = pcall(config.load, path)
  os.remove(path)
  if not ok then result = result:gsub(path:gsub("%p", "%%%0"), "FILE") end
  return ok and result or nil, not ok and result or nil
end

describe("a configuration", function()
  it("is read, with durations in nanoseconds", function()
    local c = assert(load_text [[return { accounts = { main = { cash = 5e4, leverage = 2, short = false } },
      latency = { feed = "50us", entry = { kind = "uniform", min = "1ms", max = "2ms" } } }]])
    assert.equal(50000, c.accounts.main.cash)
    assert.equal(50e3, c.latency.feed.base)
    assert.equal(2e6, c.latency.entry.max)
  end)

  it("names an unknown key and the nearest known one", function()
    local _, why = load_text "return { acounts = {} }"
    assert.equal("FILE: configuration: unknown key 'acounts'; did you mean 'accounts'?", why)
    _, why = load_text "return { venues = { { name = 'x', fees = { makr = 0 } } } }"
    assert.equal("FILE: venues[1].fees: unknown key 'makr'; did you mean 'maker'?", why)
  end)

  it("refuses wrong types and values with their path", function()
    local _, why = load_text "return { venues = { { supports = { 'limit', 'stopp' } } } }"
    assert.equal("FILE: venues[1].supports[2]: unknown choice 'stopp'; did you mean 'stop'?; it is one of limit, market, stop, "
      .. "stop_limit, trailing_stop, iceberg, gtd", why)
    _, why = load_text "return { venues = { { supports = { 'market' } } } }"
    assert.equal("FILE: venues[1].supports: lacks 'limit'; a venue takes limit orders at least", why)
    _, why = load_text "return { accounts = { main = { cash = 'much' } } }"
    assert.equal("FILE: accounts.main.cash: must be a number, not much", why)
    _, why = load_text "return { fees = { maker = 3 } }"
    assert.equal("FILE: fees.maker: is 3; the most is 1", why)
    _, why = load_text "return { fill = { bar_path = 'high' } }"
    assert.matches("unknown choice 'high'", why)
    _, why = load_text "return 7"
    assert.matches("returns number", why)
  end)

  it("refuses numbers and names that nothing could hold", function()
    for text, pattern in pairs {
      ["latency = { compute = 1e18 }"] = "latency.compute: is .*; the most is 1d",
      ["latency = { entry = { kind = 'empirical', quantiles = { { 1e300, '1s' } } } }"] = "the most is",
      ["fill = { slippage_ticks = 1e300 }"] = "fill.slippage_ticks: is 1e%+300; the most is 1e%+06",
      ["risk = { account = { max_open_orders = 2 ^ 53 } }"] = "risk.account.max_open_orders: is .*; the most is",
      ["risk = { account = { denies_per_second = 1e18 } }"] = "risk.account.denies_per_second: is 1e%+18; the most is",
      ["accounts = { main = { cash = -1 } }"] = "accounts.main.cash: is %-1; the least is 0",
      ["accounts = { main = { cash = 0 / 0 } }"] = "accounts.main.cash: must be a number, not nan",
      ["accounts = { main = { currency = '' } }"] = "accounts.main.currency: '' has 0 bytes; it is a name of 1 to 7",
      ["instruments = { X = { quote = 'SOMETHING' } }"] = "instruments.X.quote: 'SOMETHING' has 9 bytes",
      ["base_currency = ('x'):rep(1000)"] = "base_currency: 'x+' has 1000 bytes",
      ["calendar = 5"] = "calendar: must be a string, not number",
    } do
      local ok, why = load_text("return { " .. text .. " }")
      assert.is_nil(ok, text)
      assert.is_true(#why < 200, why)
      assert.matches(pattern, why)
    end
  end)

  it("cannot reach anything, run for ever or be bytecode", function()
    local _, why = load_text "return { instance = os.getenv('HOME') }"
    assert.matches("global 'os'", why)
    _, why = load_text "while true do end"
    assert.matches("runs for too long", why)
    _, why = load_text(string.dump(function() return {} end))
    assert.matches("compiled Lua", why)
  end)

  it("says when there is no file", function()
    local ok, why = pcall(config.load, "/nonexistent/x.lua")
    assert.is_false(ok)
    assert.matches("cannot read the configuration /nonexistent/x.lua", why)
  end)
end)

describe("a duration", function()
  it("is no more than a hundred years", function()
    for _, value in ipairs { 1e19, -1e19, "99999999999999d", ("9"):rep(400) .. "s" } do
      local ns, why = duration.parse(value)
      assert.is_nil(ns)
      assert.matches("more than a hundred years", why)
    end
    assert.equal(100 * 365 * 86400e9, duration.parse "36500d")
  end)

  it("is parsed by its unit", function()
    assert.equal(250e3, duration.parse "250us")
    assert.equal(1.5e9, duration.parse "1.5s")
    assert.equal(86400e9, duration.parse "1d")
    assert.equal(-300e9, duration.parse "-5m")
    assert.equal(5000, duration.parse(5000))
    assert.equal(0, duration.parse(0))
  end)

  it("is refused when it is none, or surely meant seconds", function()
    for _, bad in ipairs { "5", "us", "5 us", "5xs", "", "1e3s" } do
      local ns, why = duration.parse(bad)
      assert.is_nil(ns)
      assert.matches("is no duration", why)
    end
    assert.matches("surely meant", select(2, duration.parse(5)))
    assert.is_nil(duration.parse(0 / 0))
    assert.is_nil(duration.parse {})
  end)

  it("is printed in the largest exact unit", function()
    assert.equal("250us", duration.format(250e3))
    assert.equal("2m", duration.format(120e9))
    assert.equal("1d", duration.format(86400e9))
    assert.equal("0", duration.format(0))
  end)

  it("describes a live instance", function()
    local c = assert(load_text [[return { instance = "demo", shm_dir = "/tmp", kill_file = "/tmp/stop", scheduling = { policy = "priority" },
      restart = { deaths = 3, window = "10s" },
      workers = { io = { cpu = 0, agents = { "feed", "gateway" } }, fast = { cpu = { 1, 2 }, tier = "L1", idle = "spin" } },
      strategies = { { script = "a.lua", on_death = "keep", seed = 7 } },
      feeds = { { kind = "itch", file = "a.itch", date = "2024-01-02", speed = 10, from = "2024-01-02 09:30" },
        { kind = "csv", file = "b.csv", interval = "1m", speed = "max" }, { kind = "generated", seed = 42, symbols = { "AAPL" }, rate = 100 } } }]])
    assert.equal(10e9, c.restart.window)
    assert.equal(60e9, c.feeds[2].interval)
    assert.same({ "AAPL" }, c.feeds[3].symbols)
  end)

  it("refuses what a live instance could not be", function()
    for text, pattern in pairs {
      ["feeds = { { kind = 'generatd' } }"] = "feeds%[1%].kind: unknown choice 'generatd'; did you mean 'generated'",
      ["feeds = { { kind = 'generated', file = 'x' } }"] = "feeds%[1%]: unknown key 'file'",
      ["feeds = { { kind = 'itch' } }"] = "feeds%[1%]: needs a `file`",
      ["feeds = { { kind = 'itch', file = 'x', speed = 'fast' } }"] = "feeds%[1%].speed: is \"realtime\", \"max\" or how many times",
      ["feeds = { { kind = 'itch', file = 'x', speed = 0 } }"] = "feeds%[1%].speed: is 0; it must be above 0",
      ["feeds = { { kind = 'generated', symbols = {} } }"] = "feeds%[1%].symbols: names no symbol",
      ["workers = { io = { agents = { 'feed', 'gatway' } } }"] = "workers.io.agents%[2%]: unknown choice 'gatway'; did you mean 'gateway'",
      ["workers = { all = { agents = { 'feed', 'exchange' } } }"] = "workers.all.agents: 'feed' and 'exchange' are never in one process",
      ["strategies = { { script = 'a.lua', on_death = 'close' } }"] = "strategies%[1%].on_death: unknown choice 'close'",
      ["strategies = { { name = '../x' } }"] = "strategies%[1%].name: '../x' is no name",
      ["instance = 'a/b'"] = "instance: 'a/b' is no name",
      ["scheduling = { policy = 'fair' }"] = "scheduling.policy: unknown choice 'fair'",
      ["restart = { deaths = 0 }"] = "restart.deaths: is 0; the least is 1",
    } do
      local ok, why = load_text("return { " .. text .. " }")
      assert.is_nil(ok, text)
      assert.matches(pattern, why)
    end
  end)
end)

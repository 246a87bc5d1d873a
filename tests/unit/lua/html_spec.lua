local fixture = require "report_fixture"
local report = require "tidelock.report"
local html = require "tidelock.report.html"
local downsample = require "tidelock.report.downsample"
local cjson = require "cjson"
local native = require "tidelock.native"
local ffi = native.ffi

local HOUR = 3600000000000LL

local function run_of(count, change)
  local state = 99
  local function random(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return math.floor(state / 65536) % n + 1
  end
  local instruments = fixture.instruments(change and change.symbols)
  local run = { source = fixture.source(fixture.random_steps(random, count, HOUR), 100000000000000LL, instruments), instruments = instruments,
    initial_cash = 1000000,
    strategy = "market_maker", script = "scripts/market_maker.lua", seed = 1 }
  for key, value in pairs(change or {}) do run[key] = value end
  return run
end

local void = { meta = true, link = true, br = true, input = true }

--- The names of the elements in order; raises where one is not closed or closes another.
local function check_nesting(text)
  text = text:gsub("<!doctype html>", ""):gsub("(<script[^>]*>).-(</script>)", "%1%2"):gsub("(<style[^>]*>).-(</style>)", "%1%2")
  local open = {}
  for close, name, rest in text:gmatch "<(/?)([%a][%w]*)([^>]*)>" do
    if close == "/" then
      assert(open[#open] == name, ("</%s> closes <%s>"):format(name, tostring(open[#open])))
      open[#open] = nil
    elseif not void[name] and not rest:find "/$" then
      open[#open + 1] = name
    end
  end
  assert.same({}, open)
end

local function data_of(text)
  return cjson.decode((text:match '<script type="application/json" id="data">(.-)</script>'))
end

describe("the HTML report", function()
  it("is well-formed and asks for nothing", function()
    local text = html.text(report.build(run_of(500)))
    check_nesting(text)
    assert.is_nil(text:find "https?://")
    assert.is_nil(text:find "src=")
    assert.is_nil(text:find "<link")
    assert.is_nil(text:find "@import")
    assert.is_nil(text:find "url%(")
    assert.is_nil(text:find "fetch%(")
    assert.matches("default%-src 'none'", text)
  end)

  it("escapes whatever a user named", function()
    local evil = [[</script><script>alert(1)</script>"'><img src=x onerror=alert(2)>&]]
    local run = run_of(200, { strategy = evil, script = evil, files = { evil }, params = { { name = evil, value = evil } }, seed = evil,
      currency = evil, failure = evil,
      settings = { { evil, evil } }, problem_list = { evil }, custom = { [evil] = evil }, handlers = { { name = evil, calls = 1, errors = 0 } },
      symbols = { "<b>\"&'" }, series = { { name = evil, pane = evil, ts = { fixture.START_NS }, value = { 1 } } } })
    local text = html.text(report.build(run))
    check_nesting(text)
    assert.is_nil(text:find("<img", 1, true))
    assert.is_nil(text:find("<script>alert", 1, true))
    assert.is_nil(text:find("<b>\"", 1, true))
    assert.equal(evil, data_of(text).series[1].name)
    local _, scripts = text:gsub("<script", "")
    local _, plain = html.text(report.build(run_of(200))):gsub("<script", "")
    assert.equal(plain, scripts)
  end)

  it("is the same for the same run, whatever the clock of the machine said", function()
    local function page(wall_seconds)
      return html.text(report.build(run_of(300, { wall_seconds = wall_seconds, events = 10,
        handlers = { { name = "on_quote", calls = 5, errors = 0, p50_ns = wall_seconds * 100 } }, custom = { a = 1, b = 2, c = 3 } })))
    end
    assert.equal(page(1), page(2))
  end)

  it("bounds its series, keeps their extremes, and says what is left out", function()
    local run = run_of(30000)
    local results = report.build(run)
    local text = html.text(results)
    assert.is_true(#text < 1000000)
    local data = data_of(text)
    assert.is_true(#data.equity.v <= 5000)
    local low, high = math.huge, -math.huge
    for _, v in ipairs(data.equity.v) do low, high = math.min(low, v), math.max(high, v) end
    assert.equal(results.statistics.equity_peak, math.max(high, 1000000))
    local deepest = 0
    for _, d in ipairs(data.equity.d) do deepest = math.min(deepest, d) end
    assert.is_true(math.abs(deepest - results.statistics.max_drawdown) < 1e-7)
    assert.is_true(#data.instruments[1].fills.t <= 4000)
    assert.matches("fills are drawn", text)
    assert.matches("of 30,001 marks", text)
    assert.matches("the first 200 of", text)
    local ms = 0
    for _, step in ipairs(data.equity.t) do ms = ms + step end
    assert.equal(30000 * 3600 * 1000, ms)
  end)

  it("needs neither trades nor marks nor the chart library", function()
    local instruments = fixture.instruments()
    local run = { source = fixture.source({}, 100000000000LL, instruments), instruments = instruments, initial_cash = 1000 }
    run.source.mark_count = 0
    local page = { style = "", code = "" }
    local text = html.text(report.build(run), { page = page })
    check_nesting(text)
    assert.matches("no market data", text)
    assert.is_nil(text:find "uPlot")
  end)

  it("says where it cannot write", function()
    local ok, err = pcall(report.write_html, report.build(run_of(10)), "/no/such/folder/report.html")
    assert.is_false(ok)
    assert.equal("cannot write /no/such/folder/report.html: No such file or directory", err)
  end)
end)

describe("downsampling", function()
  it("keeps the ends, the order and the extremes of every stretch", function()
    local n = 10007
    local marks = ffi.new("tl_record_equity[?]", n)
    for i = 0, n - 1 do marks[i].ts_ns, marks[i].equity_e8 = i, (i * 7919) % 1009 * 100000000LL end
    marks[5003].equity_e8 = -500000000LL
    local out = downsample.equity(marks, n, 100, 300)
    assert.is_true(#out.ts <= 302)
    assert.equal(0LL, out.ts[1])
    assert.equal(ffi.cast("int64_t", n - 1), out.ts[#out.ts])
    local low = math.huge
    for i, v in ipairs(out.equity) do
      low = math.min(low, v)
      if i > 1 then assert.is_true(out.ts[i] > out.ts[i - 1]) end
    end
    assert.equal(-5, low)
  end)
end)

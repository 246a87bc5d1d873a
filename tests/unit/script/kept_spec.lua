local native = require "tidelock.native"
local host_world = require "support.host_world"
local C, ffi = native.C, native.ffi

local HEAD = [[
  local strategy, log, metric, record, timeout = require "strategy", require "log", require "metric", require "record", require "timeout"
  local s = strategy {}
]]

local function started(body)
  local world = assert(host_world.new { script = HEAD .. body .. "\nreturn s\n" })
  world:start()
  assert.is_true(world:drain())
  return world
end

describe("log lines", function()
  it("are counted by time, however far apart two instants lie", function()
    local kept, held = ffi.gc(C.tl_kept_create(), C.tl_kept_destroy), ffi.new "uint64_t[1]"
    for _ = 1, 1000 do assert.is_true(C.tl_kept_log_allowed(kept, 1, -1, held)) end
    assert.is_false(C.tl_kept_log_allowed(kept, 1, -1, held))
    assert.is_true(C.tl_kept_log_allowed(kept, 1, 0x7fffffffffffffffLL, held))
    assert.equal(1, tonumber(held[0]))
  end)

  it("show their arguments and fields, and say how serious they are", function()
    local world = started [[
      function s:on_start()
        log.debug("a") log.info("%d %s", 1, "b") log.warn("c", { b = 2, a = { } , [1] = true }) log.error("%s", { x = 1 })
        print("p", nil, true, 1.5)
      end]]
    assert.same({ "a", "1 b", "c 1=true a=table: 1 b=2", "table: 2", "p\tnil\ttrue\t1.5" }, world:lines())
    local kept, levels = C.tl_host_kept(world.host), {}
    for i = 0, 4 do levels[i + 1] = C.tl_kept_line_at(kept, i).level end
    assert.same({ 0, 1, 2, 3, 1 }, levels)
  end)

  it("raise for a format that does not go with its arguments", function()
    local world = started [[ function s:on_start() print(pcall(log.info, 5)) print(pcall(log.info, "%d", "x")) print(pcall(log.inof, "x")) end]]
    for i = 1, 2 do assert.matches("^false", world:lines()[i]) end
  end)

  it("are held back by format when they flood, and counted", function()
    local world = started [[
      function s:on_start()
        for i = 1, 1900 do log.info("flood %d", i) end
        log.info("other")
        timeout.once("2s", function() log.info("flood %d", 1901) end)
      end]]
    world:advance(3e9)
    local lines = world:lines()
    assert.equal(1002, #lines)
    assert.equal("flood 1000", lines[1000])
    assert.equal("other", lines[1001])
    assert.equal("flood 1901 (900 more like this were held back)", lines[1002])
  end)

  it("do not fill memory with formats made on the fly", function()
    local world = started [[
      function s:on_quote(q) log.info("made of " .. q.seq) print(q.seq) end]]
    for _ = 1, 20 do
      for _ = 1, 1000 do world:quote("AAPL", 1, 2) end
      assert.is_true(world:drain())
    end
    assert.is_true(tonumber(C.tl_kept_lines(C.tl_host_kept(world.host))) < 5000)
    assert.is_true(tonumber(C.tl_host_memory_bytes(world.host)) < 6e6)
  end)

  it("are kept to the last 1,024 and cut where they are long", function()
    local world = started [[ function s:on_start() for i = 1, 1100 do log.info("f" .. i) end log.warn(("x"):rep(5000)) end]]
    local kept = C.tl_host_kept(world.host)
    assert.equal(1101, tonumber(C.tl_kept_lines(kept)))
    assert.is_true(C.tl_kept_line_at(kept, 76) == nil)
    assert.equal("f78", ffi.string(C.tl_kept_line_at(kept, 77).text))
    assert.equal(511, #ffi.string(C.tl_kept_line_at(kept, 1100).text))
    assert.is_true(C.tl_kept_line_at(kept, 1101) == nil)
  end)
end)

describe("series, results and metrics", function()
  it("are there for the report", function()
    local world = started [[
      function s:on_start()
        local fast = record.series("fast", { pane = "price" })
        for i = 1, 3000 do fast:push(i / 2) end
        fast:push(nil) fast:push(0 / 0)
        record.series("own"):push(7)
        record.result("n", 3) record.result("n", 4) record.result("ok", true) record.result("text", "abc")
      end]]
    local kept = C.tl_host_kept(world.host)
    assert.equal(2, C.tl_kept_series_count(kept))
    local fast = C.tl_kept_series_at(kept, 0)
    assert.same({ "fast", "price", 3000, 1500 }, { ffi.string(fast.name), ffi.string(fast.pane), tonumber(fast.count), fast.values[2999] })
    assert.equal(world.now, fast.ts_ns[0])
    assert.equal("own", ffi.string(C.tl_kept_series_at(kept, 1).pane))
    assert.is_true(C.tl_kept_series_at(kept, 2) == nil)
    local results = {}
    for i = 0, C.tl_kept_result_count(kept) - 1 do
      local r = C.tl_kept_result_at(kept, i)
      results[i + 1] = ("%s %d %g %s"):format(ffi.string(r.name), r.kind, r.value, ffi.string(r.text))
    end
    assert.same({ "n 0 4 ", "ok 1 1 ", "text 2 0 abc" }, results)
  end)

  it("count, measure and refuse what does not fit", function()
    local world = started [[
      function s:on_start()
        metric.counter("c"):add() metric.counter("c"):add(2) metric.gauge("g"):set(-5)
        local h = metric.histogram("h")
        for _, x in ipairs { 1, 1.5, 2, 0, -1, 1e300 } do h:record(x) end
        for _, f in ipairs {
          function() metric.counter("g") end, function() metric.counter("c"):add(-1) end, function() metric.counter("c"):ad() end,
          function() metric.gauge(("x"):rep(60)) end, function() record.result("x", {}) end, function() record.series("fast", { pain = 1 }) end,
          function() record.series("s"):push("x") end, function() for i = 1, 300 do record.series("s" .. i) end end,
        } do print((select(2, pcall(f)):gsub("^[^ ]+ ", ""))) end
      end]]
    local kept = C.tl_host_kept(world.host)
    local c, g, h = C.tl_kept_metric_at(kept, 0), C.tl_kept_metric_at(kept, 1), C.tl_kept_metric_at(kept, 2)
    assert.same({ 3, 2, -5 }, { c.value, tonumber(c.count), g.value })
    assert.same({ 6, 2, 1, 2, 1 },
      { tonumber(h.count), tonumber(h.buckets[32]), tonumber(h.buckets[33]), tonumber(h.buckets[0]), tonumber(h.buckets[63]) })
    for i, word in ipairs {
      "a gauge already", "only grows", "did you mean 'add'", "1 to 47 bytes", "not a table", "did you mean 'pane'", "numbers", "at most 256",
    } do
      assert.matches(word, world:lines()[i])
    end
  end)
end)

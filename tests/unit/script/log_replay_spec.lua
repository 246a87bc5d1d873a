local native = require "tidelock.native"
local live_world = require "support.live_world"
local host_world = require "support.host_world"
local C, ffi, check = native.C, native.ffi, native.check

local SCRIPT = [[
local strategy, order, snapshot, timeout = require "strategy", require "order", require "snapshot", require "timeout"
local s = strategy { symbols = { "AAPL" }, params = { size = 10 } }
function s:on_start() self.state.n = self.state.n or 0 timeout.every("1ms", "tick") end
function s:on_quote(q)
  self.state.n = self.state.n + 1
  order.quote("AAPL", "buy", self.params.size + math.random(5), q.bid - self.state.n % 7 * 0.01)
end
function s:on_timer() self.state.ticks = (self.state.ticks or 0) + 1 if self.state.ticks % 5 == 0 then order.sell("AAPL", self.state.ticks, 200) end end
function s:on_fill(o, f) order.buy("AAPL", f.quantity, 50) end
return s
]]

local worlds = {}

local function record(world)
  local names, regions = ffi.new("const char *[1]", { world.name }), ffi.new("const tl_region *[1]", { world.own })
  local out = ffi.new "tl_log_recorder *[1]"
  check(C.tl_log_recorder_create(ffi.new("tl_log_recorder_config", { path = world.folder .. "/rec", plan = "the plan", instruments = world.instruments,
    own = world.house, names = names, regions = regions, count = 1 }), out))
  world.recorder = ffi.gc(out[0], C.tl_log_recorder_destroy)
  world.recording = ffi.new "tl_agent"
  C.tl_log_recorder_agent(world.recorder, world.recording)
end

local function new(options)
  options = options or {}
  options.script, options.recorded = SCRIPT, true
  local world = live_world.new(options)
  worlds[#worlds + 1] = world
  record(world)
  return world
end

local ticks = 0LL

local function play(world, from, to)
  for i = from, to do
    world:quote("AAPL", 100 + i % 13 * 0.01, 101):cycle()
    for _, command in ipairs(world:take()) do
      if command.kind == C.TL_COMMAND_NEW then
        world:report(command, "TL_REPORT_ACCEPTED")
        if command.order_id % 3 == 0 then world:report(command, "TL_REPORT_FILL", { filled = command.quantity }) end
      elseif command.kind == C.TL_COMMAND_REPLACE then
        world:report(command, "TL_REPORT_REPLACED")
      end
    end
    world:cycle()
    ticks = ticks + 2000000LL -- its own milliseconds, so that it looks each time
    world.recording.work(world.recording.state, world:now() + ticks)
  end
end

local function finish(world)
  world:stop()
  world.agent.work(world.agent.state, world:now())
  while not world.recording.stop(world.recording.state, C.TL_STOP_ORDERLY, world:now()) do end
end

local function read(world)
  local out = ffi.new "tl_log_file *[1]"
  check(C.tl_log_file_read(world.folder .. "/rec", out))
  return ffi.gc(out[0], C.tl_log_file_close)
end

--- Replays a world's recording, with other params where given.
local function replay(world, params)
  local file = read(world)
  local out, hosts = ffi.new "tl_log_replay *[1]", {}
  check(C.tl_log_replay_create(file.strategies[0], out))
  local one = ffi.gc(out[0], C.tl_log_replay_destroy)
  while true do
    local step = C.tl_log_replay_run(one)
    if step == C.TL_REPLAY_DONE then break end
    assert(step == C.TL_REPLAY_HOST, ffi.string(C.tl_error_text()))
    local made = assert(host_world.new { path = world.script, config = { strategy = 3, seed = 7 }, params = params, instruments = world.instruments,
      calendars = world.calendars })
    hosts[#hosts + 1] = made
    C.tl_log_replay_host(one, made.host)
  end
  local result = ffi.new "tl_replay_result"
  C.tl_log_replay_result(one, result)
  return result, file, hosts
end

describe("a recording of an input log", function()
  after_each(function()
    for _, world in ipairs(worlds) do
      C.tl_log_recorder_destroy(ffi.gc(world.recorder, nil))
      world:close()
    end
    worlds = {}
  end)

  it("replays to the same decisions, and names what it was made of", function()
    local world = new()
    world:attach()
    play(world, 1, 200)
    finish(world)
    local live = world:decisions()
    local result, file = replay(world)
    assert.equal("the plan", ffi.string(file.plan))
    assert.equal("one", ffi.string(file.strategies[0].name))
    assert.equal("MSFT", ffi.string(file.instruments[1].symbol))
    assert.is_true(live.commands > 100)
    assert.equal(0, tonumber(result.differs_at))
    assert.is_true(result.decisions.hash == live.hash and result.decisions.commands == live.commands)
    assert.is_true(result.live.hash == live.hash)
    assert.is_true(result.compared > 50)
    assert.equal(world.log.next_sequence - 1, result.records + 0ULL)
  end)

  it("replays through deaths, warm and cold", function()
    local world = new { slots = 2048 }
    world:attach()
    for i = 1, 8 do
      play(world, i * 10, i * 10 + 9)
      local named = world:named()
      local head = world:head()
      world:die(i % 2 == 1 and world.log.next_sequence - 1 or 0)
      if i == 5 then head.refused = 2 end
      world:revive()
      world:attach(named)
    end
    play(world, 1, 20)
    finish(world)
    local live = world:decisions()
    local result = replay(world)
    assert.equal(0, tonumber(result.differs_at))
    assert.is_true(result.decisions.hash == live.hash and result.decisions.commands == live.commands)
    assert.equal(9, tonumber(result.generations))
  end)

  it("shows where other decisions begin", function()
    local world = new()
    world:attach()
    play(world, 1, 50)
    finish(world)
    local result = replay(world, { size = "11" })
    assert.is_true(result.differs_at > 0 and result.same_sequence < result.differs_at)
    assert.is_true(result.differs_at < 100)
  end)

  it("is read up to where a sudden end cut it, and gone on with by a successor of the recorder", function()
    local world = new()
    world:attach()
    play(world, 1, 50)
    C.tl_log_recorder_destroy(ffi.gc(world.recorder, nil))
    local file = assert(io.open(world.folder .. "/rec", "a"))
    file:write(("x"):rep(77))
    file:close()
    assert.equal(77, tonumber(read(world).cut_bytes))
    record(world)
    play(world, 51, 100)
    finish(world)
    local result = replay(world)
    assert.equal(0, tonumber(result.differs_at))
    assert.is_true(result.decisions.hash == world:decisions().hash)
  end)

  it("holds the strategy back before it writes over what was not read", function()
    local world = new()
    world:attach()
    world.recording = nil
    local position = ffi.cast("uint64_t *", C.tl_region_find(world.house, "recorded:one", nil))
    for i = 1, 40 do
      for j = 1, 100 do world:quote("AAPL", 100 + j * 0.01, 101) end
      world.feed_agent.work(world.feed_agent.state, world:now())
      world.feed_agent.work(world.feed_agent.state, world:now())
      world:work()
      assert.is_true(world.log["end"] - position[0] <= world.log.mask + 1, "at " .. i)
    end
    assert.is_true(C.tl_counter_find(world:section("counters", "tl_counter *"), 256, "strategy.log_waits") > 0)
  end)
end)

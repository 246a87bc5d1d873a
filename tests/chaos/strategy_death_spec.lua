-- A strategy's process is killed at random times while it trades; its successors go on. The test is feed, gateway and recorder.
local native = require "tidelock.native"
local live_world = require "support.live_world"
local host_world = require "support.host_world"
local C, ffi, check = native.C, native.ffi, native.check

ffi.cdef [[
int fork(void); int execvp(const char *file, char *const argv[]); int kill(int pid, int signal); int waitpid(int pid, int *status, int options);
void _exit(int code);
]]

local SCRIPT = [[
local strategy, order, snapshot, timeout, log = require "strategy", require "order", require "snapshot", require "timeout", require "log"
local s = strategy { symbols = { "AAPL" } }
function s:on_start() self.state.n = self.state.n or 0 timeout.every("3ms", "tick") end
function s:on_quote(q)
  if q.bid == 1 then self.state.done = true end
  if self.state.done then return end
  self.state.n = self.state.n + 1
  order.quote("AAPL", "buy", 10 + math.random(5), q.bid - self.state.n % 7 * 0.01)
  if self.state.n % 4 == 0 then order.sell("AAPL", self.state.n % 9 + 1, 101) end
end
function s:on_timer() if self.state.done then return end self.state.ticks = (self.state.ticks or 0) + 1 order.buy("AAPL", 1, 50) end
function s:on_fill(o, f) self.state.filled = (self.state.filled or 0) + (o.side == "buy" and f.quantity or -f.quantity) end
function s:on_stop()
  log.info("n %d, position %d, filled %d, open %d", self.state.n, snapshot.position("AAPL").quantity, self.state.filled or 0, order.count())
end
return s
]]
local SLOTS = 4096

--- What must be loaded before luajit opens the library, as tests/run has it for this process.
local function preload()
  local set = os.getenv "TIDELOCK_PRELOAD"
  if set and set ~= "" then return set end
  for line in io.lines "/proc/self/maps" do
    local path = line:match "(/%S*libjemalloc%S*)"
    if path then return path end
  end
  return ""
end

local function spawn(world, epoch)
  local words = { "env", "LD_PRELOAD=" .. preload(), "luajit", "tests/support/live_child.lua", world.folder, tostring(epoch), tostring(SLOTS) }
  local argv = ffi.new("const char *[8]", words)
  local pid = ffi.C.fork()
  if pid == 0 then
    ffi.C.execvp("env", ffi.cast("char *const *", argv))
    ffi.C._exit(127)
  end
  return pid
end

--- What a gateway is to a strategy, in short: the rule of repeats, orders, a position.
local Gateway = {}
Gateway.__index = Gateway

function Gateway:attach()
  local world = self.world
  if self.fills > 0 then
    world:message("TL_MESSAGE_POSITION", { instrument = 0, position = ffi.new("tl_position", { quantity = self.position, fills = self.fills }) })
  end
  local ids = {}
  for id in pairs(self.open) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local c = self.open[id]
    world:message("TL_MESSAGE_ORDER", { adopted = { last = c, filled = 0, wanted_price = c.price, wanted_quantity = c.quantity, status = C.TL_ORDER_NEW,
      before = C.TL_ORDER_NEW } })
  end
  world:message("TL_MESSAGE_ATTACHED", { word = 1 })
end

function Gateway:command(c)
  local world, id = self.world, tonumber(c.order_id)
  if c.kind == C.TL_COMMAND_ATTACH then
    self.epoch = c.epoch
    return self:attach()
  end
  local newer = c.input_sequence > self.sequence or (c.input_sequence == self.sequence and c.index > self.index)
  if not newer then
    self.repeated = self.repeated + 1
    return
  end
  self.sequence, self.index = c.input_sequence, c.index
  self.taken = self.taken + 1
  if c.kind == C.TL_COMMAND_NEW then
    assert(not self.seen[id], "an order was sent twice")
    self.seen[id] = true
    world:report(c, "TL_REPORT_ACCEPTED")
    if id % 5 ~= 0 then
      self.open[id] = c
      if self:count() > 20 then self:cancel_oldest() end
      return
    end
    local quantity = tonumber(c.quantity)
    self.position, self.fills = self.position + (c.side == C.TL_SIDE_BUY and quantity or -quantity), self.fills + 1
    world:report(c, "TL_REPORT_FILL", { filled = c.quantity })
  elseif self.open[id] and c.kind == C.TL_COMMAND_REPLACE then
    self.open[id].price, self.open[id].quantity = c.price, c.quantity
    world:report(c, "TL_REPORT_REPLACED")
  elseif self.open[id] and c.kind == C.TL_COMMAND_CANCEL then
    world:report(self.open[id], "TL_REPORT_CANCELED")
    self.open[id] = nil
  else
    world:report(c, c.kind == C.TL_COMMAND_CANCEL and "TL_REPORT_CANCEL_REJECTED" or "TL_REPORT_REPLACE_REJECTED", { reason = C.TL_REASON_ORDER_CLOSED })
  end
end

function Gateway:count()
  local n = 0
  for _ in pairs(self.open) do n = n + 1 end
  return n
end

function Gateway:cancel_oldest()
  local oldest
  for id in pairs(self.open) do oldest = math.min(oldest or id, id) end
  self.world:report(self.open[oldest], "TL_REPORT_CANCELED")
  self.open[oldest] = nil
end

local function gateway(world)
  return setmetatable({ world = world, open = {}, seen = {}, sequence = 0, index = 0, position = 0, fills = 0, repeated = 0, taken = 0, epoch = 0 }, Gateway)
end

local function record(world)
  local names, regions = ffi.new("const char *[1]", { world.name }), ffi.new("const tl_region *[1]", { world.own })
  local out = ffi.new "tl_log_recorder *[1]"
  check(C.tl_log_recorder_create(ffi.new("tl_log_recorder_config", { path = world.folder .. "/rec", plan = "", instruments = world.instruments,
    own = world.house, names = names, regions = regions, count = 1 }), out))
  local agent = ffi.new "tl_agent"
  C.tl_log_recorder_agent(out[0], agent)
  return ffi.gc(out[0], C.tl_log_recorder_destroy), agent
end

local function replay(world)
  local file, out, hosts = ffi.new "tl_log_file *[1]", ffi.new "tl_log_replay *[1]", {}
  check(C.tl_log_file_read(world.folder .. "/rec", file))
  check(C.tl_log_replay_create(file[0].strategies[0], out))
  local result, step = ffi.new "tl_replay_result", nil
  repeat
    step = C.tl_log_replay_run(out[0])
    assert(step ~= C.TL_REPLAY_FAILED, ffi.string(C.tl_error_text()))
    if step == C.TL_REPLAY_HOST then
      hosts[#hosts + 1] = assert(host_world.new { path = world.script, config = { strategy = 3, seed = 7 }, instruments = world.instruments,
        calendars = world.calendars })
      C.tl_log_replay_host(out[0], hosts[#hosts].host)
    end
  until step == C.TL_REPLAY_DONE
  C.tl_log_replay_result(out[0], result)
  C.tl_log_replay_destroy(out[0])
  C.tl_log_file_close(file[0])
  return result, #hosts
end

local function trade(world, seed, deaths)
  math.randomseed(seed)
  local control = ffi.cast("uint32_t *", C.tl_region_find(world.house, "control", nil))
  local book, recorder, recording = gateway(world), record(world)
  local function turn()
    world.feed_agent.work(world.feed_agent.state, world:now())
    for _, command in ipairs(world:take()) do book:command(command) end
    recording.work(recording.state, world:now())
  end
  local quotes = 0
  local function quote()
    quotes = quotes + 1
    world:quote("AAPL", 100 + quotes % 13 * 0.01, 101)
  end
  local pid, epoch = nil, 0
  for death = 0, deaths do
    epoch = epoch + 1
    pid = spawn(world, epoch)
    world.pid = pid
    local begun = world:now()
    while book.epoch ~= epoch do
      turn()
      assert(world:now() - begun < 10000000000LL, ("generation %d does not attach (seed %d)"):format(epoch, seed))
    end
    local until_ns = world:now() + math.random(1, 40) * 1000000LL / (death % 3 == 0 and 20 or 1)
    local next_ns = 0LL
    while world:now() < until_ns do
      turn()
      if world:now() > next_ns then
        quote()
        next_ns = world:now() + 50000
      end
    end
    if death < deaths then
      ffi.C.kill(pid, 9)
      ffi.C.waitpid(pid, nil, 0)
    end
  end
  world:quote("AAPL", 1, 101) -- it sends no more: what is under way comes to rest
  local rest_ns = world:now() + 30000000
  while world:now() < rest_ns do
    local taken = book.taken
    turn()
    if book.taken ~= taken then rest_ns = world:now() + 30000000 end
  end
  control[0] = 1
  local status = ffi.new "int[1]"
  local begun = world:now()
  while ffi.C.waitpid(pid, status, 1) == 0 do
    turn()
    assert(world:now() - begun < 10000000000LL, "it does not stop")
  end
  world.pid = nil
  assert(status[0] == 0, "it ended with " .. status[0])
  for _ = 1, 50 do turn() end
  while not recording.stop(recording.state, C.TL_STOP_ORDERLY, world:now()) do end
  local lines = world:lines_of()
  local result, hosts = replay(world)
  local found = { line = lines[#lines], position = book.position, taken = book.taken, repeated = book.repeated, differs = tonumber(result.differs_at),
    compared = tonumber(result.compared), generations = hosts }
  C.tl_log_recorder_destroy(ffi.gc(recorder, nil))
  return found
end

describe("a strategy whose process is killed at random times", function()
  it("sends no order twice, agrees with the gateway on its position, and replays to the same decisions", function()
    local seed = tonumber(os.getenv "TIDELOCK_SEED") or os.time()
    for round = 1, os.getenv "TIDELOCK_SOAK" and 40 or 1 do
      local world = live_world.new { script = SCRIPT, elsewhere = true, slots = SLOTS }
      local ok, found = pcall(trade, world, seed + round, 12)
      if world.pid then
        ffi.C.kill(world.pid, 9)
        ffi.C.waitpid(world.pid, nil, 0)
      end
      world:close()
      assert(ok, found)
      local said = (" (seed %d)"):format(seed + round)
      local position, filled = found.line:match "position (%-?%d+), filled (%-?%d+)"
      assert.equal(found.position, tonumber(position), "position" .. said)
      assert.equal(0, found.differs, "the replay differs" .. said)
      assert.is_true(found.taken > 20 and found.compared > 0, "nothing was traded" .. said)
      if filled then assert.is_true(found.generations >= 1) end
    end
  end)
end)

--- Worker processes of tests/support/sched_worker.c with their regions, for the specs of sched/: driven by hand, or by a master.
local native = require "tidelock.native"
local program = require "support.program"
local C, ffi = native.C, native.ffi

ffi.cdef [[
int getpid(void); int close(int fd); int kill(int pid, int sig); int waitpid(int pid, int *status, int options); int mkdir(const char *path, unsigned mode);
int usleep(unsigned us); int getuid(void); int poll(void *fds, unsigned long count, int timeout);
]]

local M = {}
local World = {}
World.__index = World
local worlds = 0

local function sections(list)
  local array = ffi.new("tl_region_section[?]", #list)
  for i, section in ipairs(list) do
    ffi.copy(array[i - 1].name, section[1])
    array[i - 1].bytes = section[2]
  end
  return array, #list
end

local function create(path, list, writable)
  native.check(C.tl_region_create(path, sections(list), #list, 1))
  local region = ffi.new "tl_region"
  native.check(C.tl_region_open(region, path, writable, 0))
  return region
end

--- workers: { name =, tier = 0, idle = "block", policy = "shared", cpu = -1, outlive = nil, at_start = "-" }
function M.create(workers)
  worlds = worlds + 1
  local self = setmetatable({ dir = ("/dev/shm/tidelock-sched-spec-%d-%d"):format(C.getpid(), worlds), workers = {}, list = workers }, World)
  assert(C.mkdir(self.dir, 448) == 0)
  local out = { { "master", ffi.sizeof "tl_master_page" } }
  for _, worker in ipairs(workers) do out[#out + 1] = { "out:operator:" .. worker.name, C.tl_channel_out_bytes(256, 64) } end
  self.master_region = create(self.dir .. "/master", out, true)
  self.master_page = ffi.cast("tl_master_page *", C.tl_region_find(self.master_region, "master", nil))
  local read_fd, write_fd = ffi.new "int32_t[1]", ffi.new "int32_t[1]"
  native.check(C.tl_master_make_lifeline(read_fd, write_fd))
  self.lifeline_read, self.lifeline = read_fd[0], write_fd[0]
  local plan = { "dir " .. self.dir }
  for _, worker in ipairs(workers) do
    local region = create(self.dir .. "/" .. worker.name,
      { { "worker", ffi.sizeof "tl_worker_page" }, { "in:operator", C.tl_channel_in_bytes() } }, false)
    local idle = ({ spin = 0, backoff = 1, block = 2 })[worker.idle or "block"]
    local policy = ({ shared = 0, priority = 1, isolated = 2 })[worker.policy or "shared"]
    local wake_fd = worker.wake == false and -1 or C.tl_master_make_eventfd()
    self.workers[worker.name] = { region = region, page = ffi.cast("const tl_worker_page *", C.tl_region_find(region, "worker", nil)),
      wake_fd = wake_fd, config = worker }
    plan[#plan + 1] = ("%s %d %d %d %d %d %d %s %s"):format(worker.name, worker.tier or 0, idle, policy, worker.cpu or -1, wake_fd,
      self.lifeline_read, worker.outlive or "-", worker.at_start or "-")
  end
  self.plan = self.dir .. "/plan"
  local file = assert(io.open(self.plan, "w"))
  file:write(table.concat(plan, "\n"), "\n")
  file:close()
  self.binary = program "sched_worker"
  return self
end

--- A master in this process, over all workers; it is stepped by await().
function World:start(fields)
  local config, out = fields or {}, ffi.new "tl_master *[1]"
  self.socket = config.socket ~= false and self.dir .. "/control" or nil
  self.config = ffi.new("tl_master_config", { own = self.master_region, binary = self.binary, plan = self.plan, socket = self.socket,
    lifeline_fd = self.lifeline, restart_deaths = config.restart_deaths or 0, restart_window_ns = config.restart_window_ns or 0,
    stop_ns = config.stop_ns or 0, policy = config.policy or 0 })
  native.check(C.tl_master_create(self.config, out))
  self.master, self.events, self.count = out[0], {}, {}
  for i, worker in ipairs(self.list) do
    native.check(C.tl_master_add(self.master, ffi.new("tl_master_worker", { name = worker.name, region = self.workers[worker.name].region,
      strategy = worker.strategy or 0xffffffff, tier = worker.tier or 0, cpu = worker.cpu or -1, wake_fd = self.workers[worker.name].wake_fd,
      stop_order = worker.stop_order or 0, hard_budget_ns = worker.hard_budget_ns or 0 })))
    self.workers[worker.name].slot = self.master_page.slots[i - 1]
  end
  function self.step()
    local event = C.tl_master_step(self.master, 2e6)
    self.count[event] = (self.count[event] or 0) + 1
    if event == C.TL_MASTER_REQUEST and self.on_request then self.on_request(ffi.string(C.tl_master_request(self.master))) end
    return event
  end
  native.check(C.tl_master_start(self.master))
  for _, worker in ipairs(self.list) do self:await_generation(worker.name, config.epoch or 1) end
end

function World:slot(name) return self.workers[name].slot end

function World:death(name) return ffi.string(self:slot(name).death) end

--- Waits until that generation is RUNNING, and the master knows.
function World:await_generation(name, epoch)
  local page = self:page(name)
  self:await(function() return page.epoch == epoch and page.state == C.TL_WORKER_RUNNING end, ("%s in generation %d"):format(name, epoch))
  self.step()
end

function World:page(name) return self.workers[name].page end

--- Waits until `happened()` is true; for as long as `step` (what is to be done meanwhile) and the time allow.
function World:await(happened, what, seconds)
  local until_ns = C.tl_clock_monotonic_ns() + (seconds or 5) * 1e9
  while not happened() do
    if C.tl_clock_monotonic_ns() > until_ns then error("waited in vain: " .. (what or "?"), 2) end
    if self.step then self.step() else C.usleep(300) end
  end
end

function World:state(name) return self.workers[name].page.state end

function World:await_state(name, state, seconds)
  self:await(function() return self:state(name) == state end, ("%s in state %d"):format(name, state), seconds)
end

--- By hand: without a master.
function World:spawn(name, epoch)
  local worker, pid = self.workers[name], ffi.new "int32_t[1]"
  if not worker.producer then
    worker.producer = ffi.new "tl_spsc_producer"
    native.check(C.tl_channel_producer(worker.producer, C.tl_region_find(self.master_region, "out:operator:" .. name, nil),
      C.tl_region_find(worker.region, "in:operator", nil), 256, 64))
    worker.waker = ffi.new("tl_waker[1]", { { ffi.cast("const uint32_t *", ffi.cast("const char *", worker.page) + ffi.offsetof("tl_worker_page",
      "sleeping")), worker.wake_fd, 0 } })
  end
  native.check(C.tl_spawn_worker(self.binary, self.plan, name, epoch or 1, pid))
  worker.pid, worker.epoch = pid[0], epoch or 1
  return pid[0]
end

function World:operate(name, kind, fields)
  local record = ffi.new("tl_operator", fields or {})
  record.kind = kind
  if self.master then
    native.check(C.tl_master_operate(self.master, name, record))
    return
  end
  local worker = self.workers[name]
  assert(C.tl_spsc_write(worker.producer, record))
  worker.waker[0].marked = 1
  C.tl_waker_flush(worker.waker, 1)
end

function World:tell(name, what, value) self:operate(name, C.TL_OPERATOR_PARAM, { text = what, value = value or 0 }) end

--- Tells and waits until it was done; what errno it left.
function World:ask(name, what, value)
  local before = self:page(name).handled
  self:tell(name, what, value)
  self:await(function() return self:page(name).handled > before end, name .. " to " .. what)
  return tonumber(self:page(name).decisions_hash)
end

function World:stop(name, why) self:operate(name, C.TL_OPERATOR_STOP, { word = why or 1, target = self.workers[name].epoch }) end

--- The wait status of a process that was spawned by hand: exit code, signal.
function World:wait(name)
  local status, worker = ffi.new "int[1]", self.workers[name]
  self:await(function() return C.waitpid(worker.pid, status, 1) == worker.pid end, name .. " to end")
  worker.pid = nil
  return bit.rshift(bit.band(status[0], 0xff00), 8), bit.band(status[0], 0x7f)
end

function World:cut_lifeline()
  if self.lifeline then C.close(self.lifeline) end
  self.lifeline = nil
end

function World:end_master()
  if self.master then C.tl_master_destroy(self.master) end
  self.master, self.step = nil, nil
end

function World:destroy()
  self:end_master()
  for _, worker in pairs(self.workers) do
    if worker.pid then
      C.kill(worker.pid, 9)
      C.waitpid(worker.pid, nil, 0)
    end
    C.tl_region_close(worker.region)
    if worker.wake_fd >= 0 then C.close(worker.wake_fd) end
  end
  C.tl_region_close(self.master_region)
  self:cut_lifeline()
  C.close(self.lifeline_read)
  os.execute("rm -rf " .. self.dir)
end

return M

--- What the processes of an instance have in common: the plan, the regions, the worker's loop.
local native = require "tidelock.native"
local instance = require "tidelock.live.instance"
local layout = require "tidelock.live.layout"
local plans = require "tidelock.live.plan"
local settings = require "tidelock.settings"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}
local Process = {}
Process.__index = Process

--- Begins the process `name` of a plan: its own region is opened for writing and all others for reading only.
---@param plan table
---@param name string
---@param epoch integer its generation
---@return table process `plan`, `slot` (its entry in the plan), `own`, `regions` by file, `clock`, `instruments`, `calendars`
function M.begin(plan, name, epoch)
  local self = setmetatable({ plan = plan, epoch = epoch, regions = {}, kept = {} }, Process)
  for _, process in ipairs(plan.processes) do
    if process.name == name then self.slot = process end
  end
  if not self.slot then error(("the plan has no process '%s'"):format(name), 0) end
  for _, region in ipairs(layout.regions(plan)) do
    local sections, count = layout.sections(region)
    self.regions[region.file] = instance.open_region(plan.directory .. "/" .. region.file, region.file == self.slot.region,
      C.tl_region_layout(sections, count, layout.VERSION))
  end
  self.own = self.regions[self.slot.region]
  self.page = instance.section(self.own, "worker", "tl_worker_page *")
  self.clock = instance.section(self.regions.master, "master", "const tl_runtime_clock *")
  return self
end

--- The tables that agents read.
function Process:read_tables()
  self.instruments = plans.read_instruments(instance.section(self.regions.instruments, "instruments", "const uint8_t *"))
  self.calendars = settings.created(C.tl_calendars_create(), C.tl_calendars_destroy, "calendars")
end

--- Keeps what C borrows as long as the process lives; returns it.
function Process:keep(value)
  self.kept[#self.kept + 1] = value
  return value
end

--- What wakes the process of that name.
function Process:waker(name)
  local region
  for _, process in ipairs(self.plan.processes) do
    if process.name == name then region = process.region end
  end
  local page = instance.section(self.regions[region], "worker", "const tl_worker_page *")
  return ffi.new("tl_waker", { sleeping = ffi.cast("const uint32_t *", ffi.cast("const uint8_t *", page) + ffi.offsetof("tl_worker_page", "sleeping")),
    fd = self.plan.wake[name] })
end

--- An array of wakers.
function Process:wakers(names)
  local list = self:keep(ffi.new("tl_waker[?]", math.max(#names, 1)))
  for i, name in ipairs(names) do list[i - 1] = self:waker(name) end
  return list, #names
end

--- Makes the worker; agents are added to it afterwards.
function Process:create_worker()
  local slot, plan = self.slot, self.plan
  local out = ffi.new "tl_worker *[1]"
  check(C.tl_worker_create(self:keep(ffi.new("tl_worker_config", {
    name = slot.name, own = self.own, master = self.regions.master, operator_capacity = layout.capacity.operator, clock = self.clock, tier = slot.tier,
    idle = slot.idle, policy = plan.policy, cpu = slot.cpu, epoch = self.epoch, wake_fd = plan.wake[slot.name], lifeline_fd = plan.lifeline,
    outlive = slot.role == "house" and self.regions.io or nil,
  })), out))
  self.worker = out[0]
end

function Process:add(agent)
  check(C.tl_worker_add(self.worker, self:keep(agent)))
end

--- Runs to the end; the page of the worker tells how that was.
function Process:run()
  return C.tl_worker_run(self.worker)
end

--- Tells in the page why the process could not begin.
function Process:fail(why)
  if self.worker then C.tl_worker_fail(self.worker, why) end
  ffi.copy(self.page.failure, why:sub(1, 511))
  self.page.state = C.TL_WORKER_FAILED
end

return M

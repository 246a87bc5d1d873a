--- A live instance's folder in shared memory: made, taken over after a sudden end, removed.
---
--- `lock` is held by the master as long as it lives; a folder without a holder was left behind. `plan` is written last and removed first: without it
--- nothing in the folder ever counted. What was left behind by the same plan is taken over: its processes are waited for, its regions opened as they are.
local native = require "tidelock.native"
local layout = require "tidelock.live.layout"
local plans = require "tidelock.live.plan"
local system = require "tidelock.live.system"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}
local Instance = {}
Instance.__index = Instance

local STRAGGLER_MS, SIGKILL = 4000, 9

--- Opens a region; its mapping is closed with the last reference to what is returned.
---@param layout_hash ffi.cdata*|number|nil nil takes any
---@return ffi.cdata* tl_region
function M.open_region(path, writable, layout_hash)
  local region = ffi.new "tl_region"
  check(C.tl_region_open(region, path, writable, layout_hash or 0))
  return region
end

--- A section's address, cast to a pointer of `ctype`; raises when there is none.
function M.section(region, name, ctype)
  local address = C.tl_region_find(region, name, nil)
  if address == nil then error(ffi.string(C.tl_error_text()), 0) end
  return ffi.cast(ctype, address)
end

--- Processes of a plan that are still there: list of pids. They are known by their command line: ids are used again.
local function stragglers(directory)
  local found = {}
  for _, path in ipairs(system.glob(directory .. "/*")) do
    local file = path:match "[^/]*$"
    if file == "io" or file == "house" or file:match "^s%." then
      local ok, region = pcall(M.open_region, path, false)
      if ok then
        local page = C.tl_region_find(region, "worker", nil)
        local pid = page ~= nil and ffi.cast("const tl_worker_page *", page).pid or 0
        local words = pid > 0 and system.command_line(tonumber(pid))
        if words and words[2] == "worker" and words[3] == directory .. "/plan" then found[#found + 1] = tonumber(pid) end
        C.tl_region_close(region)
      end
    end
  end
  return found
end

--- Waits until the processes of a master that is gone have ended by themselves (orders are treated as configured meanwhile); kills what does not.
local function wait_for_stragglers(directory)
  local waited = 0
  while true do
    local left = stragglers(directory)
    if #left == 0 then return end
    if waited >= STRAGGLER_MS then
      for _, pid in ipairs(left) do system.signal(pid, SIGKILL) end
    end
    system.sleep_ms(20)
    waited = waited + 20
    if waited > 2 * STRAGGLER_MS then error(("process %d of an earlier start does not end"):format(left[1]), 0) end
  end
end

local function create_regions(plan, made)
  for _, region in ipairs(layout.regions(plan)) do
    local sections, count = layout.sections(region)
    check(C.tl_region_create(plan.directory .. "/" .. region.file, sections, count, layout.VERSION))
  end
  local region = M.open_region(plan.directory .. "/instruments", true)
  plans.write_instruments(M.section(region, "instruments", "uint8_t *"), made.instruments)
  C.tl_region_close(region)
end

--- Whether all regions are there as this plan lays them out.
local function fits(plan)
  for _, region in ipairs(layout.regions(plan)) do
    local sections, count = layout.sections(region)
    local opened = ffi.new "tl_region"
    local path = plan.directory .. "/" .. region.file
    if C.tl_region_open(opened, path, false, C.tl_region_layout(sections, count, layout.VERSION)) ~= 0 then
      return false, ffi.string(C.tl_error_text())
    end
    C.tl_region_close(opened)
  end
  return true
end

--- Somebody who asks for the state of an instance holds its lock for a moment: it is tried for again.
local function take_lock(path)
  for _ = 1, 10 do
    local fd = system.lock(path)
    if fd then return fd end
    system.sleep_ms(5)
  end
end

--- Makes or takes over the folder of a plan. Raises when the instance runs already, or left another configuration's regions behind.
---@param plan table
---@param made table its instruments
---@param discard boolean|nil throw away what was left behind
---@return table instance `recovered`: what was left behind was taken over; `discarded`: thrown away
function M.open(plan, made, discard)
  local directory = plan.directory
  local self = setmetatable({ plan = plan, directory = directory, regions = {}, fds = {} }, Instance)
  system.make_folder(directory)
  self.lock = take_lock(directory .. "/lock")
  if not self.lock then error(("instance '%s' runs already (%s)"):format(plan.instance, directory), 0) end
  local ok, why = pcall(function()
    local left = system.read_file(directory .. "/plan")
    if left then
      local known, old = pcall(plans.parse, left, directory .. "/plan")
      local whole, reason = fits(plan)
      if discard then
        self.discarded = true
      elseif known and old.hash == plan.hash and whole then
        self.recovered = true
      else
        local other = ("instance '%s' left regions behind in %s, and they are of another configuration%s"):format(plan.instance, directory,
          known and old.hash == plan.hash and " (" .. reason .. ")" or "")
        error { text = other .. ": start it with that one to go on with its orders and positions, or with --discard to give them up" }
      end
      wait_for_stragglers(directory)
    end
    if not self.recovered then
      system.remove_file(directory .. "/plan")
      for _, path in ipairs(system.glob(directory .. "/*")) do
        if path ~= directory .. "/lock" then system.remove_file(path) end
      end
      create_regions(plan, made)
    end
    self:make_descriptors()
    system.write_file(directory .. "/plan", plans.text(plan))
  end)
  if ok then return self end
  if type(why) == "table" then
    system.close(self.lock)
    error(why.text, 0)
  end
  if self.recovered then system.close(self.lock) else self:remove() end
  error(why, 0)
end

--- Eventfds of the processes and the lifeline, inherited by number.
function Instance:make_descriptors()
  local plan = self.plan
  local ends = ffi.new "int32_t[2]"
  check(C.tl_master_make_lifeline(ends, ends + 1))
  plan.lifeline, self.lifeline = tonumber(ends[0]), tonumber(ends[1])
  plan.wake = {}
  for _, process in ipairs(plan.processes) do
    local fd = C.tl_master_make_eventfd()
    if fd < 0 then error(ffi.string(C.tl_error_text()), 0) end
    plan.wake[process.name] = fd
  end
end

--- Opens a region of the instance by its file's name, once.
function Instance:region(file, writable)
  local region = self.regions[file]
  if not region then
    region = M.open_region(self.directory .. "/" .. file, writable or false)
    self.regions[file] = region
  end
  return region
end

--- Leaves the folder as it is to the next start. May be called again.
function Instance:leave()
  if not self.lock then return end
  for file, region in pairs(self.regions) do
    C.tl_region_close(region)
    self.regions[file] = nil
  end
  system.close(self.lock)
  self.lock = nil
end

--- An orderly end: everything of it is gone from shared memory. May be called again.
function Instance:remove()
  if not self.lock then return end
  system.remove_file(self.directory .. "/plan")
  system.remove_folder(self.directory)
  self:leave()
end

--- Folders of instances under `shm_dir`: list of { name =, directory =, running = }.
function M.list(shm_dir)
  local found = {}
  for _, path in ipairs(system.glob((shm_dir or "/dev/shm") .. "/tidelock-*")) do
    if system.exists(path .. "/plan") then
      found[#found + 1] = { name = path:match "/tidelock%-([^/]*)$", directory = path, running = system.is_locked(path .. "/lock") }
    end
  end
  return found
end

return M

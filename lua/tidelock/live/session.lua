--- A live session from the configuration to the summary: makes the plan and the instance, drives the master, tells what happens, cleans up.
local native = require "tidelock.native"
local duration = require "tidelock.duration"
local control = require "tidelock.live.control"
local instances = require "tidelock.live.instance"
local layout = require "tidelock.live.layout"
local market = require "tidelock.live.market"
local plans = require "tidelock.live.plan"
local status = require "tidelock.live.status"
local summary = require "tidelock.live.summary"
local system = require "tidelock.live.system"
local C, ffi, check = native.C, native.ffi, native.check

jit.off(true, true) -- it looks at memory that others write

local M = {}
local Session = {}
Session.__index = Session

ffi.cdef "void (*signal(int number, void (*action)(int)))(int);"

local STEP_NS, STATUS_NS = 100e6, 1e9
local SPOKEN_BYTES, LISTENING_NS = 262144, 1e9 -- what may wait for a slow reader of standard error, and how long the end waits for it
local PATIENCE_NS = 5e9 -- with a worker that is slow to begin, until the session counts as begun
local LEVELS = { [0] = "debug", "info", "warn", "error" }

--- Standard error is written by a thread: who does not read it must not keep the master from its work.
function Session:open_speaker()
  local out = ffi.new "tl_speaker *[1]"
  io.stderr:flush()
  ffi.C.signal(13, ffi.cast("void (*)(int)", 1)) -- SIGPIPE is ignored, a reader may go away
  check(C.tl_speaker_create(2, SPOKEN_BYTES, out))
  self.speaker = out[0]
end

function Session:close_speaker()
  C.tl_speaker_destroy(self.speaker, LISTENING_NS)
  self.speaker = nil
end

function Session:write(text)
  if not C.tl_speaker_say(self.speaker, text, #text) then return end
  local lost = tonumber(C.tl_speaker_dropped(self.speaker))
  if lost == 0 then return end
  local told = ("standard error was not read: %d lines are missing here\n"):format(lost)
  C.tl_speaker_say(self.speaker, told, #told)
end

--- A line on standard error, also where a status line stands.
function Session:say(text)
  self:write((self.shown and "\r\27[K" or "") .. text:gsub("[%z\1-\8\11-\31\127]", " ") .. "\n")
  self.shown = nil
end

function Session:open_master()
  local plan, inst = self.plan, self.instance
  local out = ffi.new "tl_master *[1]"
  self.master_config = ffi.new("tl_master_config", {
    own = inst:region("master", true), binary = self.binary, plan = inst.directory .. "/plan", socket = inst.directory .. "/control",
    lifeline_fd = inst.lifeline, restart_deaths = plan.restart.deaths, restart_window_ns = plan.restart.window, policy = plan.policy,
  })
  self.kept[#self.kept + 1] = { self.binary, inst.directory .. "/plan", inst.directory .. "/control" }
  check(C.tl_master_create(self.master_config, out))
  self.master = out[0]
  system.hold_signals(false)
  for _, process in ipairs(plan.processes) do
    local strategy = process.strategy and plan.strategies[process.strategy].id or 0xffffffff
    check(C.tl_master_add(self.master, ffi.new("tl_master_worker", {
      name = process.name, region = inst:region(process.region), strategy = strategy, tier = process.tier, cpu = process.cpu,
      wake_fd = plan.wake[process.name], stop_order = process.stop_order, hard_budget_ns = process.hard_ns,
    })))
  end
end

--- Readers of the strategies' log rings.
function Session:open_logs()
  self.logs = {}
  for _, one in ipairs(self.plan.strategies) do
    local reader = ffi.new "tl_broadcast_reader"
    local section = instances.section(self.instance:region("s." .. one.name), "log", "const uint8_t *")
    check(C.tl_broadcast_attach_reader(reader, section, layout.capacity.log, ffi.sizeof "tl_live_line"))
    self.logs[#self.logs + 1] = { name = one.name, reader = reader }
  end
  self.lines, self.lost = ffi.new "tl_live_line[64]", ffi.new "uint64_t[1]"
end

function Session:print_logs()
  for _, log in ipairs(self.logs or {}) do
    repeat
      local count = C.tl_broadcast_copy(log.reader, self.lines, 64, self.lost)
      if self.lost[0] > 0 and not self.options.quiet then self:say(("%s: %d log lines were lost"):format(log.name, tonumber(self.lost[0]))) end
      for i = 0, count - 1 do
        local line = self.lines[i]
        local text = ffi.string(line.text)
        if line.further ~= 0 then
          log.text = (log.text or "") .. text
        else
          self:flush_log(log)
          log.level, log.text = line.level, text
        end
      end
      C.tl_broadcast_take(log.reader, count)
    until count == 0
    self:flush_log(log)
  end
end

function Session:flush_log(log)
  if not log.text then return end
  if not self.options.quiet then self:say(("%s: %s: %s"):format(log.name, LEVELS[log.level] or "info", (log.text:gsub("%s+$", "")))) end
  log.text = nil
end

--- What the slots and pages tell that was not said yet: notes, deaths, restarts, quarantine.
function Session:tell_workers()
  local now = self.view:workers(self.view:copy_master())
  for _, w in ipairs(now) do
    local told = self.told[w.name]
    if w.deaths > told.deaths then
      self:say(("%s died: %s"):format(w.name, w.death ~= "" and w.death or w.failure ~= "" and w.failure or "no reason is known"))
    end
    if w.state == "quarantined" and told.state ~= "quarantined" then
      self:say(("%s is quarantined: it died %d times within %s and stays down until the instance is started again"):format(w.name, w.deaths,
        duration.format(self.plan.restart.window)))
    elseif w.state == "running" and w.generation > told.generation then
      self:say(("%s runs again as generation %d%s"):format(w.name, w.generation,
        w.restart_ns > 0 and (", %.0f ms after the death"):format(w.restart_ns / 1e6) or ""))
      told.generation = w.generation
    end
    if w.note ~= "" and w.note ~= told.note then self:say(("%s: %s"):format(w.name, w.note)) end
    told.deaths, told.state, told.note = w.deaths, w.state, w.note
  end
  return now
end

--- True once all run and strategies have had their start; raises when one could not begin.
function Session:started()
  local all, master = true, self.view:copy_master()
  for _, w in ipairs(self.view:workers(master)) do
    self.ran[w.name] = self.ran[w.name] or w.state == "running" or w.running_ns >= tonumber(master.started_ns)
    local died = w.deaths > self.deaths_before[w.name] and not w.death:find "^killed by signal" -- by somebody else: it is tried again
    if (died or w.state == "failed") and not self.ran[w.name] then
      error(("%s could not begin: %s"):format(w.name, w.failure ~= "" and w.failure or w.death ~= "" and w.death or "no reason is known"), 0)
    end
    all = all and self.ran[w.name] and (w.role ~= "strategy" or w.handled > 0)
  end
  return all
end

function Session:status_line()
  if self.options.quiet then return end
  local now = self.view:read()
  local text = summary.line(now, self.last)
  self.last = now
  if self.terminal then
    local terminal = require "tidelock.cli.terminal"
    local _, columns = terminal.size(2)
    self:write("\r" .. terminal.cut(text, columns - 1) .. "\27[K")
    self.shown = true
  else
    self:write(text .. "\n")
  end
end

function Session:stop()
  if self.stopping then return end
  self.stopping = true
  C.tl_master_stop(self.master)
end

--- Until all workers have ended. Returns why the session did not go well, nil when it did.
function Session:drive()
  local begin = tonumber(C.tl_clock_monotonic_ns())
  local due, ends, all
  while true do
    local event = C.tl_master_step(self.master, STEP_NS)
    local now = tonumber(C.tl_clock_monotonic_ns())
    self:print_logs()
    if event == C.TL_MASTER_ENDED then break end
    if event == C.TL_MASTER_SIGNAL then
      self:say "stopping"
      self:stop()
    elseif event == C.TL_MASTER_KILL then
      self:say "the kill switch was thrown: everything is cancelled, nothing is sent until it is lifted"
    elseif event == C.TL_MASTER_REQUEST then
      local ok, reply = pcall(control.answer, self, ffi.string(C.tl_master_request(self.master)))
      C.tl_master_reply(self.master, ok and reply or control.refusal(tostring(reply)))
    end
    if not all and not self.stopping then
      local ok, result = pcall(self.started, self)
      all = ok and result
      if not ok then
        self.failure = self.failure or result
        self:stop()
      elseif not due and (all or now - begin > PATIENCE_NS) then
        due, ends = now + STATUS_NS, self.options.duration_ns and now + self.options.duration_ns
        self.last = self.view:read()
        check(C.tl_master_operate(self.master, "house", ffi.new("tl_operator", { kind = C.TL_OPERATOR_BEGIN })))
      end
    end
    if not self.failure then self:tell_workers() end
    if due and now >= due and not self.stopping then
      self:status_line()
      due = due + STATUS_NS
    end
    if ends and now >= ends then self:stop() end
  end
end

--- What an earlier start left behind, and what of it was taken over.
function Session:tell_recovery()
  local now, open, positions = self.view:read(), 0, 0
  for _, s in ipairs(now.strategies) do
    open = open + s.open_orders
    for _, p in ipairs(s.positions) do positions = positions + (p.quantity ~= 0 and 1 or 0) end
  end
  self:say(("took over what an earlier start had left behind: %d open order%s, %d position%s, %s fills so far"):format(open, open == 1 and "" or "s",
    positions, positions == 1 and "" or "s", require("tidelock.report.format").count(now.fills)))
end

--- Begins and drives; `self` keeps what must be undone. The summary.
function Session:live()
  local plan, inst = self.plan, self.instance
  self.view = status.open(inst.directory, plan)
  if inst.recovered and not self.options.quiet then self:tell_recovery() end
  self:open_logs()
  self.deaths_before, self.ran, self.told = {}, {}, {}
  self:open_master()
  for _, w in ipairs(self.view:workers(self.view:copy_master())) do
    self.deaths_before[w.name] = w.deaths
    self.told[w.name] = { deaths = w.deaths, generation = 0, state = "new", note = "" }
  end
  check(C.tl_master_start(self.master))
  self.begun = true
  for _, w in ipairs(self.view:workers(self.view:copy_master())) do self.told[w.name].generation = w.generation end
  self:drive()
  self:print_logs()
  if self.shown then self:write "\r\27[K" end
  self.shown = nil
  local now = self.view:read()
  now.state = "stopped"
  if self.failure then error(self.failure, 0) end
  return self.options.json and status.json(now) or summary.text(now, { market = market.describe(plan.market) })
end

--- The house runs in a folder of its own, so that the path is absolute. The recording takes the place of a file, never of a device.
local function part_of(path)
  if system.is_special(path) then error(("--record: %s is no file"):format(path), 0) end
  local folder, file = path:match "^(.*)/([^/]*)$"
  local whole = system.absolute(folder == "" and "/" or folder or ".")
  if not whole then error(("--record: there is no folder %s"):format(folder), 0) end
  return whole .. "/" .. (file or path) .. ".part"
end

--- The recording is written beside its place by the house, which goes on with one that an instance left behind when that is taken over.
local function begin_record(self)
  local file, why = io.open(self.plan.record, self.instance.recovered and "a" or "w")
  if not file then
    if not self.instance.recovered then self.instance:remove() end
    error("--record: " .. why, 0)
  end
  file:close()
end

--- Whether the recorder had to give up.
local function is_cut_short(self)
  for _, one in ipairs(self.plan.strategies) do
    if instances.section(self.instance:region("house"), "recorded:" .. one.name, "const int64_t *")[0] == 0x7fffffffffffffffLL then return true end
  end
  return false
end

--- In its place, also when the session failed: what led to that is of use.
local function finish_record(part, path, cut_short)
  if not part then return end
  if cut_short then error(("--record: %s could not be written to the end; it ends with what could"):format(part), 0) end
  local done, why = os.rename(part, path)
  if not done then error("--record: " .. why, 0) end
end

--- Runs an instance to its end; the exit code.
---@param settings table a checked configuration
---@param options table library, config_path, shm_dir, duration_ns, record, discard, quiet, json
function M.run(settings, options)
  local plan, made = plans.build(settings, options)
  plan.record = options.record and part_of(options.record)
  local self = setmetatable({ plan = plan, options = options, kept = {}, terminal = system.is_terminal(2) }, Session)
  self.binary = system.absolute "/proc/self/exe"
  system.hold_signals(true) -- until the master takes them, and while the folder is removed: else it would stay
  self.instance = instances.open(plan, made, options.discard)
  if plan.record then begin_record(self) end
  self:open_speaker()
  if not options.quiet then
    for _, note in ipairs(made.notes) do self:say(note) end
    if self.instance.discarded then self:say "what an earlier start had left behind was given up" end
  end
  local ok, result = pcall(self.live, self)
  local cut_short = plan.record and is_cut_short(self)
  if self.master then C.tl_master_destroy(self.master) end
  system.hold_signals(true)
  if self.view then self.view:close() end
  -- What an earlier start had left behind, or a session that broke off, is there to go on with.
  local kept_folder = not ok and (self.instance.recovered or (self.begun and not self.failure))
  local gone, harm = pcall(kept_folder and self.instance.leave or self.instance.remove, self.instance)
  self:close_speaker()
  system.hold_signals(false)
  local kept, loss = pcall(finish_record, plan.record, options.record, cut_short)
  if kept_folder then result = ("%s; %s stays, to go on with or to give up (--discard)"):format(tostring(result), self.instance.directory) end
  if not ok then error(result, 0) end
  if not gone then error(harm, 0) end
  io.stdout:write(result, "\n") -- behind all else, as nobody may read it
  if not kept then error(loss, 0) end
  return 0
end

return M

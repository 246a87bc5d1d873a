--- Recorded input logs run again through the same scripts (runtime/script/log_replay.h).
local native = require "tidelock.native"
local plans = require "tidelock.live.plan"
local settings = require "tidelock.settings"
local strategy_host = require "tidelock.live.strategy_host"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

local function number(value) return tonumber(value) end
local function hash(decisions) return bit.tohex(decisions.hash, 16) end

--- Opens a recording.
---@return table recording `plan`, `names`
function M.open(path)
  local out = ffi.new "tl_log_file *[1]"
  check(C.tl_log_file_read(path, out))
  local file = ffi.gc(out[0], C.tl_log_file_close)
  local self = { file = file, names = {} }
  self.plan = plans.parse(ffi.string(file.plan), path)
  self.instruments = settings.created(C.tl_instruments_create(), C.tl_instruments_destroy, "instruments")
  for i = 0, file.instrument_count - 1 do check(C.tl_instruments_add(self.instruments, file.instruments + i, nil)) end
  self.calendars = settings.created(C.tl_calendars_create(), C.tl_calendars_destroy, "calendars")
  for i = 0, file.strategy_count - 1 do self.names[i + 1] = ffi.string(file.strategies[i].name) end
  return self
end

local function fresh_host(recording, one, generation)
  local host = strategy_host.open(one, recording.plan, recording.instruments, recording.calendars, generation)
  check(C.tl_host_name_venue(host, 0, recording.plan.venue.name))
  for _, other in ipairs(recording.plan.strategies) do
    if other ~= one then check(C.tl_host_name_peer(host, other.id, other.name)) end
  end
  return host
end

local function command_text(recording, c)
  local instrument = c.instrument < C.tl_instruments_count(recording.instruments) and C.tl_instruments_at(recording.instruments, c.instrument)
  local words = { [C.TL_COMMAND_NEW] = "new", [C.TL_COMMAND_CANCEL] = "cancel", [C.TL_COMMAND_REPLACE] = "replace" }
  local text = ("%s %s order %d at event %d"):format(words[c.kind] or "command", c.side == C.TL_SIDE_SELL and "sell" or "buy",
    number(c.order_id % 2 ^ 40), number(c.input_sequence))
  if not instrument or c.kind == C.TL_COMMAND_CANCEL then return text end
  local price = c.price ~= ffi.cast("int64_t", bit.lshift(1LL, 63)) and (" at %.10g"):format(number(c.price) * 10 ^ instrument.price_exponent) or ""
  return ("%s: %.10g %s%s"):format(text, number(c.quantity) * 10 ^ instrument.quantity_exponent, ffi.string(instrument.symbol), price)
end

--- Replays the strategy of that name.
---@return table result name, records, commands, decisions_hash, live_commands, live_hash, same, generations, lost; where they differ also difference
function M.run(recording, name)
  local index, one
  for i, known in ipairs(recording.names) do
    if known == name then index, one = i, recording.plan.strategies[i] end
  end
  if not index then error(require("tidelock.nearest").sentence("strategy", name, recording.names) .. " in the recording", 0) end
  local log = recording.file.strategies[index - 1]
  local out = ffi.new "tl_log_replay *[1]"
  check(C.tl_log_replay_create(log, out))
  local replay = ffi.gc(out[0], C.tl_log_replay_destroy)
  local host, generation, step = nil, 0, nil
  repeat
    step = C.tl_log_replay_run(replay)
    if step == C.TL_REPLAY_HOST then
      generation = generation + 1
      local next_host = fresh_host(recording, one, generation)
      C.tl_log_replay_host(replay, next_host)
      host = next_host -- the one before is let go only now
    elseif step == C.TL_REPLAY_FAILED then
      error(("%s: %s"):format(name, ffi.string(C.tl_error_text())), 0)
    end
  until step == C.TL_REPLAY_DONE
  local result = ffi.new "tl_replay_result"
  C.tl_log_replay_result(replay, result)
  local answer = {
    name = name, records = number(result.records), generations = number(result.generations), commands = number(result.decisions.commands),
    decisions_hash = hash(result.decisions), live_commands = number(result.live.commands), live_hash = hash(result.live), lost = number(log.lost),
    compared = number(result.compared), errors = number(C.tl_host_errors(host)), same = result.differs_at == 0 and log.lost == 0 and result.compared > 0,
  }
  if result.differs_at ~= 0 then
    local count = ffi.new "uint32_t[1]"
    local recent = C.tl_log_replay_commands(replay, count)
    answer.difference = { after = number(result.same_sequence), by = number(result.differs_at), live_commands = number(result.differs_live.commands),
      replay_commands = number(result.differs_replay.commands), replay = {} }
    for i = 0, math.min(count[0], 3) - 1 do answer.difference.replay[i + 1] = command_text(recording, recent[i]) end
  end
  return answer
end

return M

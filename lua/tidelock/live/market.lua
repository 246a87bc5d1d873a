--- Where the market of a live instance comes from: simulated participants, or recorded files at a chosen speed.
---
--- The master lays out the instruments once, so that ids are the same in every process; the house opens the same sources into the paper venue.
local native = require "tidelock.native"
local inputs = require "tidelock.backtest.inputs"
local nearest = require "tidelock.nearest"
local settings = require "tidelock.settings"
local system = require "tidelock.live.system"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}

local DEFAULT_SYMBOLS, DEFAULT_RATE, KNOWN_SYMBOLS = 5, 2000, 200
local NO_INSTRUMENT = 0xffffffff

local function participants_table(seed, symbols)
  local instruments = settings.created(C.tl_instruments_create(), C.tl_instruments_destroy, "instruments")
  check(C.tl_paper_participants_instruments(instruments, seed, symbols))
  return instruments
end

--- How many of the participants' symbols hold all that are named.
local function count_of(names, seed)
  local instruments, most = participants_table(seed, KNOWN_SYMBOLS), 0
  for i, name in ipairs(names) do
    local id = C.tl_instruments_find(instruments, name)
    if id == NO_INSTRUMENT then
      local known = {}
      for k = 0, KNOWN_SYMBOLS - 1 do known[#known + 1] = ffi.string(C.tl_instruments_at(instruments, k).symbol) end
      error(("feeds: symbols[%d]: "):format(i) .. nearest.sentence("symbol", name, known) .. " (the generated feed trades a fixed list of names)", 0)
    end
    most = math.max(most, id + 1)
  end
  return most
end

--- The part of a plan that says where the market comes from.
---@param feeds table[]|nil checked
function M.plan(feeds)
  feeds = feeds and #feeds > 0 and feeds or { { kind = "generated" } }
  local first = feeds[1]
  if first.kind == "generated" then
    if #feeds > 1 then error("feeds: a generated feed stands alone: its participants make one market", 0) end
    local seed, symbols = first.seed or 1, first.symbols or DEFAULT_SYMBOLS
    if type(symbols) == "table" then symbols = count_of(symbols, seed) end
    return { kind = "generated", seed = seed, symbols = symbols, rate = first.rate or DEFAULT_RATE }
  end
  local plan = { kind = "recorded", files = {} }
  for i, feed in ipairs(feeds) do
    if feed.kind == "generated" then error("feeds: a generated feed stands alone: its participants make one market", 0) end
    for _, shared in ipairs { "speed", "from", "to" } do
      if feed[shared] ~= first[shared] then error(("feeds[%d].%s: is another than the first feed's: files are played together"):format(i, shared), 0) end
    end
    local path = system.absolute(feed.file)
    if not path then error(("feeds[%d].file: there is no file %s"):format(i, feed.file), 0) end
    plan.files[i] = { kind = feed.kind, file = path, date = feed.date, symbol = feed.symbol, interval = feed.interval, zone = feed.zone,
      calendar = feed.calendar, bar_time = feed.bar_time }
  end
  local speed = first.speed or "realtime"
  plan.speed = speed == "realtime" and 1 or speed == "max" and 0 or speed
  plan.from, plan.to = first.from, first.to
  return plan
end

local function open_files(run, plan)
  local list = { files = {}, bars = {}, data = {}, notes = {}, feeds = 0 }
  for _, file in ipairs(plan.files) do inputs.open_file(run, list, file.file, file) end
  return list
end

--- Lays out the instruments into an empty table. Returns notes.
function M.lay_out(plan, instruments, calendars, config)
  if plan.kind == "generated" then
    check(C.tl_paper_participants_instruments(instruments, plan.seed, plan.symbols))
    return {}
  end
  local simulator = settings.created(C.tl_simulator_create(instruments, calendars, settings.fill({}, 1)), C.tl_simulator_destroy, "the simulated venue")
  local list = open_files({ simulator = simulator, instruments = instruments, calendars = calendars, config = config }, plan)
  return list.notes
end

--- Opens recorded files into the paper venue; participants need nothing.
function M.open(plan, paper, instruments, calendars)
  if plan.kind == "generated" then return end
  local run = {
    instruments = instruments, calendars = calendars, config = {},
    add_itch = function(path, date) check(C.tl_paper_add_itch(paper, path, date)) end,
    add_csv = function(csv) check(C.tl_paper_add_csv(paper, csv)) end,
  }
  open_files(run, plan)
  local calendar = C.tl_instruments_count(instruments) > 0 and C.tl_instruments_at(instruments, 0).calendar or 1
  local from = plan.from and inputs.instant(run, calendar, plan.from, false) or 0
  local to = plan.to and inputs.instant(run, calendar, plan.to, true) or 0
  if plan.from or plan.to then C.tl_paper_set_span(paper, from, to) end
end

--- One line for people: "generated, 5 symbols, seed 42".
function M.describe(plan)
  if plan.kind == "generated" then
    return ("simulated participants in %d symbol%s, seed %.0f, %g actions a second"):format(plan.symbols, plan.symbols == 1 and "" or "s", plan.seed, plan.rate)
  end
  local names = {}
  for i, file in ipairs(plan.files) do names[i] = file.file:match "[^/]*$" end
  local speed = plan.speed == 0 and "as fast as it goes" or plan.speed == 1 and "in real time" or ("at %g times real time"):format(plan.speed)
  return table.concat(names, ", ") .. ", " .. speed
end

return M

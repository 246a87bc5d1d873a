--- The drain loop: one call of C a handled event, then the handler. It is compiled as one loop whose traces are the strategy's own.
--- Errors unwind through it to C, which reports them and enters it again; `next` then goes on with the next stage.
local context = require "tidelock.runtime.context"
local events = require "tidelock.runtime.events"
local C, ffi = context.C, context.ffi

local M = {}

local START_WHY = { [0] = "start", "reload", "recovery" }
local STOP_WHY = { [0] = "end_of_data", "stop", "reload" }

--- The loop of one strategy. `on` holds its handlers by name, `shown` its records, `hooks` what the rarer kinds need.
function M.loop(host, self, on, shown, hooks)
  local next_stage = C.tl_runtime_next
  local QUOTE, TRADE, BOOK, BAR, BARS = C.TL_STAGE_QUOTE, C.TL_STAGE_TRADE, C.TL_STAGE_BOOK, C.TL_STAGE_BAR, C.TL_STAGE_BARS
  local FILL, ORDER, TIMER = C.TL_STAGE_FILL, C.TL_STAGE_ORDER, C.TL_STAGE_TIMER
  local PHASE = C.TL_STAGE_PHASE
  local quote, trade, bar, other, report = shown.quote, shown.trade, shown.bar, shown.other, shown.report
  local on_quote, on_trade, on_book, on_bar, on_bars = on.on_quote, on.on_trade, on.on_book, on.on_bar, on.on_bars
  local on_fill, on_order = on.on_fill, on.on_order
  local book, timer = hooks.book, hooks.timer
  local handle = ffi.typeof "tl_order_handle"
  local interval_name = events.interval_name

  -- what comes seldom, by stage
  local rare = {
    [C.TL_STAGE_PHASE] = function() hooks.phase(tonumber(other.a_n)) end,
    [C.TL_STAGE_START] = function() return on.on_start(self, START_WHY[tonumber(other.a_n)] or "start") end,
    [C.TL_STAGE_STOP] = function() return on.on_stop(self, STOP_WHY[tonumber(other.a_n)] or "stop") end,
    [C.TL_STAGE_MARK] = function() return on.on_mark(self, other) end,
    [C.TL_STAGE_ACTION] = function() return on.on_action(self, events.action(other)) end,
    [C.TL_STAGE_DATA] = function() return on.on_data(self, hooks.row(other)) end,
    [C.TL_STAGE_STATUS] = function()
      return on.on_status(self, context.symbol(other.instrument_n), events.STATUS[tonumber(other.a_n)] or "unknown")
    end,
    [C.TL_STAGE_FEED] = function() return on.on_feed(self, context.symbol(other.instrument_n), other.a_n == 0 and "stale" or "fresh") end,
    [C.TL_STAGE_GAP] = function()
      local symbol = other.instrument_n ~= 0xffffffff and context.symbol(other.instrument_n) or nil
      return on.on_gap(self, symbol, tonumber(other.a_n))
    end,
    [C.TL_STAGE_PARAM] = function() return hooks.param(other) end,
    [C.TL_STAGE_SIGNAL] = function() return on.on_signal(self, events.signal(other)) end,
    [C.TL_STAGE_VENUE] = function()
      return on.on_venue(self, ffi.string(C.tl_runtime_venue_name(host, tonumber(other.a_n))), events.VENUE[tonumber(other.b_n)] or "disconnected")
    end,
    [C.TL_STAGE_SAGA] = function() return hooks.saga(other) end,
    [C.TL_STAGE_STEP] = function() return hooks.step(tonumber(other.a_n)) end,
  }
  return function()
    while true do
      local stage = next_stage(host)
      if stage == QUOTE then on_quote(self, quote)
      elseif stage == TRADE then on_trade(self, trade)
      elseif stage == BOOK then on_book(self, book(other.instrument_n))
      elseif stage == BAR then on_bar(self, bar)
      elseif stage == ORDER then on_order(self, handle(report.slot_n, report.generation_n), report)
      elseif stage == FILL then on_fill(self, handle(report.slot_n, report.generation_n), report)
      elseif stage == TIMER then timer(other)
      elseif stage == BARS then on_bars(self, interval_name(tonumber(other.a_n)), tonumber(other.b_n))
      elseif stage < PHASE then return tonumber(stage)
      else rare[stage]()
      end
    end
  end
end

return M

--- Reads what a recorder holds: its arrays in place, its counters as numbers.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = {}

local function by_reason(count_of, recorder)
  local counts = {}
  for reason = 0, tonumber(C.TL_REASONS) - 1 do
    local n = tonumber(count_of(recorder, reason))
    if n > 0 then
      local code = ffi.string(C.tl_reason_code(reason))
      counts[code ~= "" and code or "other"] = n
    end
  end
  return counts
end

local total_names = { "commands", "orders", "replaces", "cancels", "fills", "maker_fills", "taker_fills", "auction_fills", "rejects", "denies",
  "refusals", "merged", "exposure_ns" }

--- The recorder's contents. Arrays are cdata, valid while the recorder lives; counts are numbers.
---@param recorder ffi.cdata* tl_recorder
---@return table source
function M.read(recorder)
  local n = ffi.new "uint64_t[1]"
  local source = {}
  source.fills = C.tl_recorder_fills(recorder, n)
  source.fill_count = tonumber(n[0])
  source.marks = C.tl_recorder_equity(recorder, n)
  source.mark_count = tonumber(n[0])
  source.orders = C.tl_recorder_orders(recorder, n)
  source.order_count = tonumber(n[0])
  local totals = ffi.new "tl_record_totals"
  C.tl_recorder_totals(recorder, totals)
  source.totals = { first_ns = totals.first_ns, last_ns = totals.last_ns }
  for _, name in ipairs(total_names) do source.totals[name] = tonumber(totals[name]) end
  source.rejects = by_reason(C.tl_recorder_rejected, recorder)
  source.denies = by_reason(C.tl_recorder_denied, recorder)
  source.refusals = by_reason(C.tl_recorder_refused, recorder)
  source.decisions_hash = ("%s"):format(M.hex(C.tl_recorder_decisions_hash(recorder)))
  --- The price path of an instrument (tl_record_path array, twice the price) and its length.
  function source.path(instrument)
    local count = ffi.new "uint32_t[1]"
    local path = C.tl_recorder_path(recorder, instrument, count)
    return path, tonumber(count[0])
  end
  --- First and last price of an instrument as mantissas (twice), nil before any.
  function source.price_span(instrument)
    local first, last = ffi.new "int64_t[1]", ffi.new "int64_t[1]"
    if not C.tl_recorder_price_span(recorder, instrument, first, last) then return nil end
    return tonumber(first[0]), tonumber(last[0])
  end
  return source
end

--- Sixteen hexadecimal digits of a 64-bit number.
function M.hex(value)
  value = ffi.cast("uint64_t", value)
  return ("%08x%08x"):format(tonumber(value / 0x100000000ULL), tonumber(value % 0x100000000ULL))
end

return M

--- Trades, the equity curve and recorded series as CSV: exact decimals, times in ISO 8601 UTC with all their digits.
local draft = require "tidelock.draft"
local native = require "tidelock.native"
local format = require "tidelock.report.format"
local json = require "tidelock.report.json"
local ffi = native.ffi

local M = {}

local FLUSH_ROWS = 4096

--- A cell: quoted where it must be. A leading sign of a formula is kept from spreadsheets by an apostrophe in text cells.
local function text_cell(value)
  if value:find "^[=+@\t\r-]" then value = "'" .. value end
  if value:find '[",\r\n]' then return '"' .. value:gsub('"', '""') .. '"' end
  return value
end

--- Writes rows that `row(i)` returns for i = 0..count-1 below a header line.
local function write(path, header, count, row)
  local file = draft.open(path)
  local rows, n = { header }, 1
  for i = 0, count - 1 do
    n = n + 1
    rows[n] = row(i)
    if n == FLUSH_ROWS then
      file:write(table.concat(rows, "\n", 1, n) .. "\n")
      n = 0
    end
  end
  if n > 0 then file:write(table.concat(rows, "\n", 1, n) .. "\n") end
  file:commit()
end

M.trade_columns = {
  "number", "symbol", "side", "quantity", "entry_time", "entry_price", "exit_time", "exit_price", "gross_pnl", "fees", "net_pnl", "return",
  "duration_ns", "entry_liquidity", "exit_liquidity", "entry_tag", "exit_tag", "entry_order", "exit_order",
}

M.equity_columns = { "time", "ts_ns", "equity", "cash", "exposure", "drawdown" }

local liquidity = { [0] = "", "maker", "taker", "auction" }

--- Round trips, one a row (docs/STATISTICS.md lists the columns).
function M.trades(results, path)
  local instruments = {}
  for _, instrument in ipairs(results.instruments) do instruments[instrument.id] = instrument end
  local fills, trades, tag_name = results.source.fills, results.round_trips, results.tag_name
  write(path, table.concat(M.trade_columns, ","), trades.n, function(i)
    local trade = trades.at[i]
    local instrument = instruments[trade.instrument]
    local entry, exit = fills[trade.entry_fill], fills[trade.exit_fill]
    local net = trade.gross_e8 - trade.fees_e8
    local value = math.abs(tonumber(trade.entry_value_e8))
    return table.concat({
      i + 1, text_cell(instrument.symbol), trade.direction > 0 and "long" or "short", format.decimal(trade.quantity, instrument.quantity_exponent),
      format.iso(trade.entry_ns), format.decimal(trade.entry_price, instrument.price_exponent),
      format.iso(trade.exit_ns), format.decimal(trade.exit_price, instrument.price_exponent),
      format.decimal(trade.gross_e8, -8), format.decimal(trade.fees_e8, -8), format.decimal(net, -8),
      value > 0 and ("%.10g"):format(tonumber(net) / value) or "", format.decimal(trade.exit_ns - trade.entry_ns, 0),
      liquidity[entry.liquidity] or "", liquidity[exit.liquidity] or "", text_cell(tag_name(entry.tag)), text_cell(tag_name(exit.tag)),
      format.decimal(ffi.cast("int64_t", entry.order_id), 0), format.decimal(ffi.cast("int64_t", exit.order_id), 0),
    }, ",")
  end)
end

--- Every mark of the account, one a row.
function M.equity(results, path)
  local marks = results.source.marks
  local peak = results.equity_initial
  write(path, table.concat(M.equity_columns, ","), results.source.mark_count, function(i)
    local mark = marks[i]
    local equity = tonumber(mark.equity_e8) / 1e8
    if equity > peak then peak = equity end
    return table.concat({ format.iso(mark.ts_ns), format.decimal(mark.ts_ns, 0), format.decimal(mark.equity_e8, -8),
      format.decimal(mark.cash_e8, -8), format.decimal(mark.exposure_e8, -8), peak > 0 and ("%.10g"):format(math.min(equity / peak - 1, 0)) or "" }, ",")
  end)
end

--- Series that the script recorded: name, time, value.
function M.series(results, path)
  local first, total = {}, 0
  for n, series in ipairs(results.series) do
    first[n] = total
    total = total + series.count
  end
  local n = 1
  write(path, "name,time,value", total, function(i)
    while i >= first[n] + results.series[n].count do n = n + 1 end
    local series, at = results.series[n], i - first[n]
    return table.concat({ text_cell(series.name), format.iso(series.ts[at]), json.number(series.values[at]) }, ",")
  end)
end

return M

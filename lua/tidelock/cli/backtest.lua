--- `tidelock backtest SCRIPT --data FILE...`: a strategy on recorded data, in simulated time.
local backtest = require "tidelock.backtest"
local config = require "tidelock.config"
local draft = require "tidelock.draft"
local inputs = require "tidelock.backtest.inputs"
local progress = require "tidelock.cli.progress"

local M = { summary = "run a strategy on recorded data, in simulated time" }

function M.parser(parser)
  parser:argument("script", "the strategy; may be left out when the configuration names one"):args "?"
  parser:option("--data", "data files: ITCH 5.0 or CSV, plain, .gz or .zst; \"SYMBOL=FILE\" and \"SYMBOL@1d=FILE\" say what a CSV holds"):args "+":count "*"
  parser:option("--config", "accounts, cash, fees, latency, risk: a Lua file"):argname "FILE"
  parser:option("--strategy", "which of the configuration's strategies"):argname "NAME"
  parser:option("--param", "a param's value"):argname "NAME=VALUE":count "*"
  parser:option("--symbols", "instead of the script's, separated by commas"):argname "A,B"
  parser:option("--input", "outside data for on_data"):argname "NAME=FILE":count "*"
  parser:option("--from", "first day or time, in the market's zone"):argname "DATE"
  parser:option("--to", "last day (whole) or time"):argname "DATE"
  parser:option("--date", "the day of an ITCH file whose name does not tell it"):argname "YYYY-MM-DD"
  parser:option("--bar-time", "what intraday bars are stamped with"):choices { "open", "close" }
  parser:option("--zone", "zone of times without one, such as America/New_York"):argname "ZONE"
  parser:option("--calendar", "calendar of CSV instruments: XNAS, XNYS or 24x7"):argname "NAME"
  parser:option("--cash", "initial cash, instead of the configuration's (default 1,000,000)"):argname "AMOUNT":convert(tonumber)
  parser:option("--seed", "of math.random and of the models (default 1)"):argname "N":convert(tonumber)
  parser:option("--batch", "records the strategy takes at once at most (the result is the same)"):argname "N":convert(tonumber)
  parser:flag("--no-jit", "interpret the strategy (the result is the same)")
  parser:flag("--poison", "make use of an event after its handler show")
  parser:option("--report", "write a report: one HTML file"):argname "FILE"
  parser:option("--trades", "write the round trips as CSV"):argname "FILE"
  parser:option("--equity", "write every mark of the account as CSV"):argname "FILE"
  parser:option("--series", "write what the script recorded by record.series as CSV"):argname "FILE"
  parser:option("--decisions", "write every order action with its time as CSV"):argname "FILE"
  parser:flag("--json", "print one JSON object instead of the table")
  parser:flag("--quiet", "no log lines of the strategy")
  parser:epilog("Example:\n  tidelock generate --seed 7 --out day.itch\n  tidelock backtest scripts/market_maker.lua --data day.itch --report report.html")
end

local function words(text)
  local list = {}
  for word in text:gmatch "[^,%s]+" do list[#list + 1] = word end
  return list
end

local function options_of(args, context)
  local options = {
    script = args.script, library = context.root .. "/lua", data = {}, params = {}, inputs = args.input, strategy = args.strategy,
    symbols = args.symbols and words(args.symbols), from = args.from, to = args.to, date = args.date, bar_time = args.bar_time, zone = args.zone,
    calendar = args.calendar, cash = args.cash, seed = args.seed, batch = args.batch, no_jit = args.no_jit, poison = args.poison, quiet = args.quiet,
    config = args.config and config.load(args.config),
  }
  for _, list in ipairs(args.data or {}) do
    for _, spec in ipairs(list) do options.data[#options.data + 1] = spec end
  end
  for _, text in ipairs(args.param or {}) do
    local name, value = text:match "^([%w_]+)=(.*)$"
    if not name then error({ usage = ("--param %s: write NAME=VALUE"):format(text) }, 0) end
    options.params[#options.params + 1] = { name, value }
  end
  return options
end

--- The files that the run will write, begun before it, so that a long run is not lost to a folder that is not there.
local function outputs_of(args, options)
  local files, all = {}, {}
  for _, name in ipairs { "report", "trades", "equity", "series", "decisions" } do
    if args[name] then
      files[name] = draft.open(args[name])
      all[#all + 1] = files[name]
    end
  end
  local read = { args.config }
  read[#read + 1] = options.script
  for _, spec in ipairs(options.data) do read[#read + 1] = (inputs.split(spec)) end
  for _, spec in ipairs(options.inputs or {}) do read[#read + 1] = spec:match "=(.+)$" end
  draft.keep_apart(all, read)
  return files
end

local function want_whole(args, name, least, most, range)
  local value = args[name]
  if value and not (value >= least and value <= most and value % 1 == 0) then
    error({ usage = ("--%s is a whole number from %s"):format(name, range) }, 0)
  end
end

function M.run(args, context)
  want_whole(args, "seed", 0, 2 ^ 53, "0 to 2^53")
  want_whole(args, "batch", 1, 65536, "1 to 65536")
  if args.strategy and not args.config then error({ usage = "--strategy names one of the configuration's strategies: give --config" }, 0) end
  if args.symbols and #words(args.symbols) == 0 then error({ usage = "--symbols names no symbol" }, 0) end
  local options = options_of(args, context)
  local files = outputs_of(args, options)
  options.decisions = files.decisions
  local run = backtest.open(options)
  local bar
  run:play(function(counts)
    local total, done = tonumber(counts.bytes_total), tonumber(counts.bytes_consumed)
    local messages = tonumber(counts.messages)
    bar = bar or progress.new(nil, "messages")
    if total > 0 and done > 0 then bar.total = messages * total / done end
    bar:update(messages)
  end)
  if bar then bar:finish() end
  local report = require "tidelock.report"
  local results = report.build(run:description())
  if files.trades then report.write_trades(results, files.trades) end
  if files.equity then report.write_equity(results, files.equity) end
  if files.series then report.write_series(results, files.series) end
  if files.report then report.write_html(results, files.report) end
  if args.json then
    print(report.to_json(results))
  else
    report.print(results)
    if args.report then print("Report: " .. args.report) end
  end
  if run.failure then error(run.failure, 0) end
  return 0
end

return M

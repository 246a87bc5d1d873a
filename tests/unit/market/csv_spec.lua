local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local QUOTE, TRADE, LEVEL, BOOK, BAR, DATA = 1, 2, 3, 4, 6, 11
local BARS_FILE, TRADES_FILE, QUOTES_FILE, DEPTH_FILE, DATA_FILE = 1, 2, 3, 4, 5
local OPEN, CLOSE = 1, 2
local ALWAYS, XNAS = 0, 1
local ABSENT = ffi.cast("int64_t", bit.lshift(1LL, 63))
local MINUTE = 60000000000LL

local calendars = C.tl_calendars_create()
-- In memory where it can be: thousands of small rewrites wait for a disk.
local path = os.tmpname()
do
  local in_memory = "/dev/shm/" .. path:match "[^/]*$"
  local file = io.open(in_memory, "wb")
  if file then
    file:close()
    os.remove(path)
    path = in_memory
  end
end

local function write(text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
end

--- Opens a text as a file: reader, instruments; or nil and the error.
local function open(text, options)
  if text then write(text) end
  local instruments = options and options.instruments or ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  local o = options or {}
  local made = ffi.new("tl_csv_options", { calendar = o.calendar or XNAS, kind = o.kind or 0, bar_time = o.bar_time or 0,
    interval_ns = o.interval or 0, price_exponent = o.price_exponent or 0, zone = o.zone, name = o.name })
  if o.symbol ~= false then made.symbol = o.symbol or "X" end
  local out = ffi.new "tl_csv *[1]"
  if C.tl_csv_open(o.path or path, made, instruments, calendars, out) ~= 0 then return nil, ffi.string(C.tl_error_text()) end
  return ffi.gc(out[0], C.tl_csv_close), instruments
end

--- "2024-01-02 14:30:00.5" of ns since the epoch, UTC.
local function utc(ns)
  local s = tonumber(ns / 1000000000LL)
  local fraction = tonumber(ns % 1000000000LL)
  return os.date("!%Y-%m-%d %H:%M:%S", s) .. (fraction ~= 0 and (("%.9f"):format(fraction / 1e9):sub(2):gsub("0+$", "")) or "")
end

--- All events, as plain tables with prices as numbers; problems as texts.
local function read(text, options)
  local csv, instruments = open(text, options)
  assert(csv, instruments)
  local event, tail = ffi.new "tl_event", ffi.new "tl_event_tail"
  local list, problems = {}, {}
  while true do
    local status = tonumber(C.tl_csv_next(csv, event, tail))
    if status == 1 then break end
    if status ~= 0 then
      problems[#problems + 1] = ffi.string(C.tl_error_text()):gsub("^.*, line", "line")
    else
      local symbol, price_unit, size_unit
      if event.instrument ~= 4294967295 then
        local i = C.tl_instruments_at(instruments, event.instrument)
        symbol, price_unit, size_unit = ffi.string(i.symbol), 10 ^ -i.price_exponent, 10 ^ -i.quantity_exponent
      end
      local function price(v) return v ~= ABSENT and tonumber(v) / price_unit or nil end
      local function size(v) return v ~= ABSENT and tonumber(v) / size_unit or nil end
      local e = { kind = event.kind, ts = utc(event.ts_ns), symbol = symbol }
      local w = event.w
      if event.kind == BAR then
        e.o, e.h, e.l, e.c = price(w[0]), price(w[1]), price(w[2]), price(w[3])
        e.volume, e.vwap, e.open, e.interval = size(tail.w[0]), price(tail.w[2]), utc(tail.w[3]), tonumber(tail.w[4]) / 1e9
        e.trades = tail.w[1] ~= ABSENT and tonumber(tail.w[1]) or nil
      elseif event.kind == TRADE then
        e.price, e.size, e.id, e.side = price(w[0]), size(w[1]), tonumber(w[2]), tonumber(w[3] % 256)
      elseif event.kind == QUOTE then
        e.bid, e.ask, e.bid_size, e.ask_size = price(w[0]), price(w[1]), size(w[2]), size(w[3])
      elseif event.kind == LEVEL then
        e.price, e.size, e.side = price(w[0]), size(w[1]), tonumber(w[3])
      elseif event.kind == DATA then
        e.row, e.values = tonumber(w[1]), {}
        for i = 0, C.tl_csv_columns(csv) - 1 do e.values[ffi.string(C.tl_csv_column(csv, i))] = C.tl_csv_value(csv, i) end
      end
      list[#list + 1] = e
    end
  end
  assert.equal(#problems, tonumber(C.tl_csv_problems(csv)))
  return list, problems, csv, instruments
end

local function refused(pattern, text, options)
  local csv, err = open(text, options)
  assert.is_nil(csv)
  assert.matches(pattern, err)
end

local HEAD = "time,open,high,low,close,volume\n"

describe("CSV bars", function()
  it("by date close at the end of their session, early closes and resting days too", function()
    local list, problems, csv = read("Date,Open,High,Low,Close,Volume\n2024-11-27,1,2,1,2,10\n2024-11-28,1,2,1,2,10\n2024-11-29,1,2,1,2,10\n")
    assert.same({}, problems)
    assert.equal(BARS_FILE, C.tl_csv_kind_of(csv))
    assert.equal(86400, list[1].interval)
    assert.same({ "2024-11-27 21:00:00", "2024-11-28 21:00:00", "2024-11-29 18:00:00" }, { list[1].ts, list[2].ts, list[3].ts })
    assert.equal("2024-11-27 14:30:00", list[1].open)
    list = read(nil, { calendar = ALWAYS })
    assert.equal("2024-11-28 00:00:00", list[1].ts)
    assert.equal("2024-11-27 00:00:00", list[1].open)
  end)

  it("read the forms of a daily stamp as the same days", function()
    for _, days in ipairs {
      { "2024-07-03", "2024-07-05", "2024-07-08" }, { "20240703", "20240705", "20240708" }, { "2024/7/3", "2024/7/5", "2024/07/08" },
      { "2024.07.03", "2024.07.05", "2024.07.08" }, { "20240703 00:00", "20240705 00:00", "20240708 00:00" },
      { "2024-07-03 00:00:00", "2024-07-05 00:00:00", "2024-07-08 00:00:00" },
      { "2024-07-03 00:00:00-04:00", "2024-07-05 00:00:00-04:00", "2024-07-08 00:00:00-04:00" },
      { "2024-07-03T00:00:00Z", "2024-07-05T00:00:00Z", "2024-07-08T00:00:00Z" },
      { "2024-07-03 04:00:00+00:00", "2024-07-05 04:00:00+00:00", "2024-07-08 04:00:00+00:00" },
      { "1719964800", "1720137600", "1720396800" }, { "1719964800000", "1720137600000", "1720396800000" },
      { "1719964800000000", "1720137600000000", "1720396800000000" }, { "1719964800000000000", "1720137600000000000", "1720396800000000000" },
      { "1719979200", "1720152000", "1720411200" }, -- midnight in New York
      { '"2024-07-03"', ' 2024-07-05 ', '" 2024-07-08"' },
    } do
      local rows = {}
      for i, day in ipairs(days) do rows[i] = day .. ",10.5,11,10,10.25,100" end
      local list, problems = read(HEAD .. table.concat(rows, "\n"))
      assert.same({}, problems)
      assert.same({ "2024-07-03 17:00:00", "2024-07-05 20:00:00", "2024-07-08 20:00:00" }, { list[1].ts, list[2].ts, list[3].ts }, days[1])
      assert.equal(10.25, list[3].c)
    end
  end)

  it("of minutes need their stamp's meaning, from an option or the header", function()
    local rows = "2024-07-05 09:30:00,1,2,1,2,10\n2024-07-05 09:31:00,1,2,1,2,10\n2024-07-05 15:59:00,1,2,1,2,10\n"
    refused("bars of 1m: .*%-%-bar%-time open|close", HEAD .. rows)
    local list = read(nil, { bar_time = OPEN })
    assert.same({ "2024-07-05 13:31:00", "2024-07-05 13:30:00", 60 }, { list[1].ts, list[1].open, list[1].interval })
    assert.equal("2024-07-05 20:00:00", list[3].ts)
    list = read(nil, { bar_time = CLOSE })
    assert.same({ "2024-07-05 13:30:00", "2024-07-05 13:29:00" }, { list[1].ts, list[1].open })
    list = read("ticker,volume,open,close,high,low,window_start\nX,1,1,2,2,1,1720186200000000000\nX,1,1,2,2,1,1720186260000000000\n")
    assert.equal("2024-07-05 13:31:00", list[1].ts)
    list = read("Open time,Open,High,Low,Close,Volume,Close time\n1720186200000,1,2,1,2,1,1720186259999\n1720186260000,1,2,1,2,1,1720186319999\n")
    assert.same({ "2024-07-05 13:31:00", "2024-07-05 13:30:00" }, { list[1].ts, list[1].open })
    refused("one row does not tell", HEAD .. "2024-07-05 09:30:00,1,2,1,2,10\n", { bar_time = OPEN })
    assert.equal("2024-07-05 13:35:00", read(nil, { bar_time = OPEN, interval = 5 * MINUTE })[1].ts)
    refused("rows are 1m apart, and its bars were stated to be of 5m", HEAD .. rows, { bar_time = OPEN, interval = 5 * MINUTE })
  end)

  it("of hours end with the session that they began in", function()
    local list = read(HEAD .. "2024-07-05 14:30,1,2,1,2,1\n2024-07-05 15:30,1,2,1,2,1\n2024-07-05 16:30,1,2,1,2,1\n", { bar_time = OPEN })
    assert.same({ "2024-07-05 19:30:00", "2024-07-05 20:00:00", "2024-07-05 21:30:00" }, { list[1].ts, list[2].ts, list[3].ts })
    list = read(nil, { bar_time = OPEN, zone = "UTC", calendar = ALWAYS })
    assert.equal("2024-07-05 15:30:00", list[1].ts)
  end)

  it("of weeks and months need their date's meaning", function()
    local weeks = HEAD .. "2024-06-24,1,2,1,2,1\n2024-07-01,1,2,1,2,1\n2024-07-08,1,2,1,2,1\n"
    refused("7 days apart.*%-%-bar%-time open|close", weeks)
    local list = read(nil, { bar_time = OPEN })
    assert.same({ "2024-06-28 20:00:00", "2024-06-24 13:30:00", 7 * 86400 }, { list[1].ts, list[1].open, list[1].interval })
    assert.equal("2024-06-24 20:00:00", read(nil, { bar_time = CLOSE })[1].ts)
    list = read(HEAD .. "2024-01-01,1,2,1,2,1\n2024-02-01,1,2,1,2,1\n2024-03-01,1,2,1,2,1\n2024-03-06,1,2,1,2,1\n", { bar_time = OPEN })
    assert.same({ "2024-01-31 21:00:00", "2024-02-29 21:00:00", "2024-03-28 20:00:00" }, { list[1].ts, list[2].ts, list[3].ts })
    assert.equal("2024-06-24 20:00:00", read(weeks, { interval = 86400000000000LL })[1].ts)
  end)

  it("keep local times through a change of the clock, and take a zone", function()
    local list = read(HEAD .. "2024-03-08 16:00,1,2,1,2,1\n2024-03-11 16:00,1,2,1,2,1\n", { bar_time = CLOSE, interval = MINUTE })
    assert.same({ "2024-03-08 21:00:00", "2024-03-11 20:00:00" }, { list[1].ts, list[2].ts })
    list = read(nil, { bar_time = CLOSE, interval = MINUTE, zone = "Europe/Berlin" })
    assert.equal("2024-03-08 15:00:00", list[1].ts)
    refused("no time zone 'Mars/Base'", nil, { bar_time = CLOSE, zone = "Mars/Base" })
  end)

  it("refuse rows from the newest to the oldest", function()
    refused("from the newest to the oldest", HEAD .. "2024-07-08,1,2,1,2,1\n2024-07-05,1,2,1,2,1\n2024-07-03,1,2,1,2,1\n")
  end)

  it("that cannot be are named by line and column and skipped", function()
    local list, problems, csv = read(HEAD .. table.concat({
      "2024-07-01,1,2,1,2,10", "2024-07-02,1,2,3,2,10", "2024-07-03,1,2,1.5,1.2,10", "2024-07-05,3,2,1,2,10", "2024-07-08,1,x,1,2,10",
      "2024-07-09,,2,1,2,10", "2024-07-10,1,2,1,2,-5", "2024-07-11,1,2,1", "2024-07-12,1,2,1,2,10,99", "2024-13-01,1,2,1,2,10",
      "2024-06-28,1,2,1,2,10", "", "2024-07-15,0,2,0,2,10", '2024-07-16,1,"2,1,2,10', "2024-07-17,1,2,1,2,1e30", "2024-07-18 09:30,1,2,1,2,10",
      "2024-07-19,1,2,1,2,10", "2024-07-19,1,2,1,2,10", "2024-07-22,1,inf,1,2,10", "2024-07-23,nan,nan,nan,nan,nan",
    }, "\n"))
    assert.equal(2, #list)
    assert.same({
      "line 3, column 3 (high): the high is below the bar's low", "line 4, column 4 (low): the low is above the bar's open",
      "line 5, column 3 (high): the high is below the bar's open", "line 6, column 3 (high): 'x' is not a number",
      "line 7, column 2 (open): the price is missing", "line 8, column 6 (volume): it is negative",
      "line 9, column 5 (close): the row ends before this column", "line 10, column 7 (): there are more fields than the header has columns",
      "line 11, column 1 (time): '2024-13-01' is no time that can be read (docs/CSV.md lists the forms)",
      "line 12, column 1 (time): the time is before that of the row in front of it; rows must be ordered by time",
      "line 14, column 2 (open): the price is 0", "line 15, column 3 (high): a quote does not end",
      "line 16, column 6 (volume): the number does not fit: with 0 decimals the limit is 9223372036854775807",
      "line 17, column 1 (time): a time of day among rows that stand for whole days",
      "line 19, column 1 (time): a second bar of the same time", "line 20, column 3 (high): 'inf' is not a number",
      "line 21, column 2 (open): the price is missing",
    }, problems)
    assert.matches("^/.*, line 3, column 3 %(high%)", ffi.string(C.tl_csv_first_problem(csv)))
    assert.equal(19, tonumber(C.tl_csv_rows(csv)))
  end)

  it("have volume, trades and vwap where the file has them", function()
    local b = read("t,o,h,l,c,v,n,vw\n2024-07-01,1,2,1,2,10,3,1.5\n")[1]
    assert.same({ 10, 3, 1.5 }, { b.volume, b.trades, b.vwap })
    b = read("date,open,high,low,close\n2024-07-01,1,2,1,2\n")[1]
    assert.same({}, { b.volume, b.trades, b.vwap })
    b = read("Date,Open,High,Low,Close,Adj Close,Volume\n2024-07-01,1,2,1,2,1.9,\n")[1]
    assert.equal(2, b.c)
    assert.is_nil(b.volume)
    assert.equal(1.9, read("Date,Open,High,Low,Adj Close\n2024-07-01,1,2,1,1.9\n")[1].c)
  end)
end)

describe("CSV columns", function()
  it("are found in any order, case and dress", function()
    for _, header in ipairs { "VOLUME,Close,LOW,high,Open,TimeStamp", "<VOL>,<CLOSE>,<LOW>,<HIGH>,<OPEN>,<DATE>",
      '"5. volume","4. close","3. low","2. high","1. open","timestamp"',
      "tick_volume,close_price,l,h,o,ts", "Volume BTC,c,l,h,o,unix" } do
      local list, problems = read(header .. "\n7,2,1,3,1.5,2024-07-05\n")
      assert.same({}, problems, header)
      assert.same({ 1.5, 3, 1, 2, 7 }, { list[1].o, list[1].h, list[1].l, list[1].c, list[1].volume }, header)
    end
  end)

  it("without a name in front are the time, as pandas writes it", function()
    assert.equal("2024-07-05 20:00:00", read(",Open,High,Low,Close,Volume\n2024-07-05,1,2,1,2,10\n")[1].ts)
    assert.equal("2024-07-05 20:00:00", read("Unnamed: 0,Open,High,Low,Close,Volume\n2024-07-05,1,2,1,2,10\n")[1].ts)
    -- A row number in front does not hide a column with a name.
    assert.equal("2024-07-05 20:00:00", read(",date,Open,High,Low,Close,Volume\n0,2024-07-05,1,2,1,2,10\n")[1].ts)
  end)

  it("of date and time belong together, and yield to one that has both", function()
    local list = read("Date,Time,Open,High,Low,Close,Vol\n2024.07.05,09:30,1,2,1,2,1\n2024.07.05,09:31,1,2,1,2,1\n", { bar_time = OPEN })
    assert.equal("2024-07-05 13:31:00", list[1].ts)
    list = read("time,date,price,size\n093000.25,20240705,1,2\n")
    assert.equal("2024-07-05 13:30:00.25", list[1].ts)
    list = read("unix,date,symbol,open,high,low,close,Volume BTC,Volume USD\n1720137600,2024-07-05 00:00:00,BTC/USD,1,2,1,2,3,4\n" ..
      "1720224000,2024-07-06 00:00:00,BTC/USD,1,2,1,2,3,4\n", { calendar = ALWAYS, symbol = "BTCUSD" })
    assert.same({ "BTCUSD", "2024-07-06 00:00:00", 3 }, { list[1].symbol, list[1].ts, list[1].volume })
  end)

  it("that are missing are named", function()
    refused("the header tells no kind of data.*it has: time, foo", "time,foo\n2024-01-01,1\n")
    refused("bars need a column 'low', and the header has: time, open, high", "time,open,high,close\n", { kind = BARS_FILE })
    refused("trades need a column 'size'", "time,price\n", { kind = TRADES_FILE })
    refused("quotes need a column 'ask'", "time,bid\n", { kind = QUOTES_FILE })
    refused("depth needs a column 'side'", "time,price,size\n", { kind = DEPTH_FILE })
    refused("no column is the time", "open,high,low,close\n1,2,1,2\n")
    write "time,price,size\n2024-07-05T10:00:00Z,1,1\n"
    local nameless = path:match "^.*/" .. ".tidelock-csv-spec"
    assert(os.rename(path, nameless))
    refused("no short name, so its symbol must be given", nil, { symbol = false, path = nameless })
    os.remove(nameless)
  end)

  it("without a symbol leave it to the file's name", function()
    local named = path .. "-VOD.L.csv"
    local file = assert(io.open(named, "w"))
    file:write "time,price,size\n2024-07-05T10:00:00Z,1,1\n"
    file:close()
    local list = read(nil, { symbol = false, path = named })
    os.remove(named)
    assert.equal(named:match "([^/.]+)%.[^/]*$", list[1].symbol)
  end)

  it("may be missing in front: LEAN's files are ten-thousandths", function()
    local list, problems, _, instruments = read("20240703 00:00,1359100,1409300,945400,1003700,23200275\n" ..
      "20240705 00:00,1011900,1090800,1005000,1083205,11377703\n")
    assert.same({}, problems)
    assert.same({ 135.91, 140.93, 94.54, 100.37, 23200275 }, { list[1].o, list[1].h, list[1].l, list[1].c, list[1].volume })
    assert.equal(108.3205, list[2].c)
    assert.equal(10000, tonumber(C.tl_instruments_at(instruments, 0).tick))
    list = read("1720137600,135.91,140.93,94.54,100.37\n1720224000,135.91,140.93,94.54,100.37\n")
    assert.equal(135.91, list[1].o)
    refused("without one a row is time, open, high, low, close, volume", "2024-07-05,1,2,3\n")
  end)
end)

describe("CSV trades", function()
  it("have price, size, aggressor and id", function()
    local list, problems = read("timestamp,price,amount,side,id\n1720186200123456789,101.25,3,buy,77\n1720186200123456789,101.24,0.5,Sell,abc\n" ..
      "1720186201000000000,101.24,1,,\n")
    assert.same({}, problems)
    assert.same({ kind = TRADE, ts = "2024-07-05 13:30:00.123456789", symbol = "X", price = 101.25, size = 3, id = 77, side = 1 }, list[1])
    assert.same({ 2, 2, 0.5 }, { list[2].side, list[2].id, list[2].size })
    assert.equal(0, list[3].side)
    list = read("agg_trade_id,price,quantity,transact_time,is_buyer_maker\n77,1,1,1720186200250,True\n")
    assert.same({ "2024-07-05 13:30:00.25", 77 }, { list[1].ts, list[1].id })
    list = read("time,price,qty,is_buyer_maker\n1720186200.25,1,1,True\n1720186201.5,1,1,false\n")
    assert.same({ 2, 1, "2024-07-05 13:30:00.25" }, { list[1].side, list[2].side, list[1].ts })
    assert.same({ 1, 2 }, { list[1].id, list[2].id })
  end)

  it("of several symbols go to their instruments, each in its own units", function()
    local text = "time,ticker,price,size\n2024-07-05T13:30:00Z,AAPL,226.5,100\n2024-07-05T13:30:00Z,SHIB,0.0000171234,1000.5\n" ..
      "2024-07-05T13:30:01+00:00,AAPL,226.25,100\n"
    local list, problems, _, instruments = read(text, { symbol = false })
    assert.same({}, problems)
    assert.equal(2, C.tl_instruments_count(instruments))
    assert.same({ "AAPL", "SHIB", "AAPL" }, { list[1].symbol, list[2].symbol, list[3].symbol })
    assert.equal(0.0000171234, list[2].price)
    assert.same({ -8, 1000000 }, { C.tl_instruments_at(instruments, 0).price_exponent, tonumber(C.tl_instruments_at(instruments, 0).tick) })
    assert.same({ -10, 1, -8 }, { C.tl_instruments_at(instruments, 1).price_exponent, tonumber(C.tl_instruments_at(instruments, 1).tick),
      C.tl_instruments_at(instruments, 1).quantity_exponent })
    -- One of them alone, by its name; and one that is not there.
    assert.equal(2, #read(text, { symbol = "AAPL" }))
    refused("no row has the symbol 'MSFT'", text, { symbol = "MSFT" })
  end)

  it("grouped by symbol are refused as a whole and read one by one", function()
    local text = "date,symbol,open,high,low,close\n2024-07-03,A,1,2,1,2\n2024-07-05,A,1,2,1,2\n2024-07-03,B,1,2,1,2\n2024-07-05,B,1,2,1,2\n"
    refused("grouped by symbol", text, { symbol = false })
    local list, problems = read(text, { symbol = "B" })
    assert.same({}, problems)
    assert.same({ "B", "2024-07-05 20:00:00" }, { list[2].symbol, list[2].ts })
  end)

  it("without price or size are bad rows", function()
    local _, problems = read("time,price,size\n2024-07-05T13:30:00Z,1,1\n2024-07-05T13:30:01Z,,1\n2024-07-05T13:30:02Z,1,0\n2024-07-05T13:30:03Z,0,1\n" ..
      "2024-07-05T13:29:00Z,1,1\n")
    assert.same({ "line 3, column 2 (price): the price is missing", "line 4, column 3 (size): the size is 0", "line 5, column 2 (price): the price is 0",
      "line 6, column 1 (time): the time is before that of the row in front of it; rows must be ordered by time" }, problems)
  end)
end)

describe("CSV quotes and depth", function()
  it("show an empty side as absent", function()
    local list = read("ts,bid_price,bid_size,ask_price,ask_size\n2024-07-05T13:30:00Z,10.01,100,10.03,200\n2024-07-05T13:30:01Z,,,10.03,200\n" ..
      "2024-07-05T13:30:02Z,10.01,0,0,5\n")
    assert.same({ kind = QUOTE, ts = "2024-07-05 13:30:00", symbol = "X", bid = 10.01, ask = 10.03, bid_size = 100, ask_size = 200 }, list[1])
    assert.is_nil(list[2].bid)
    assert.equal(10.03, list[2].ask)
    assert.is_nil(list[3].bid or list[3].ask)
    local q = read("time,bid,ask\n2024-07-05T13:30:00Z,10.01,10.03\n")[1]
    assert.equal(10.01, q.bid)
    assert.is_nil(q.bid_size)
  end)

  it("give the changes of one level after another", function()
    local list = read("time,side,price,size\n2024-07-05T13:30:00Z,bid,10.01,100\n2024-07-05T13:30:00Z,ask,10.03,0\n")
    assert.same({ LEVEL, BOOK, LEVEL, BOOK }, { list[1].kind, list[2].kind, list[3].kind, list[4].kind })
    assert.same({ 10.01, 100, 1 }, { list[1].price, list[1].size, list[1].side })
    assert.same({ 10.03, 0, 2 }, { list[3].price, list[3].size, list[3].side })
  end)

  it("turn rows of levels into the changes between them", function()
    for _, header in ipairs { "time,bid1,bid_size1,ask1,ask_size1,bid2,bid_size2,ask2,ask_size2",
      "timestamp,bids[0].price,bids[0].amount,asks[0].price,asks[0].amount,bids[1].price,bids[1].amount,asks[1].price,asks[1].amount",
      "ts_event,bid_px_00,bid_sz_00,ask_px_00,ask_sz_00,bid_px_01,bid_sz_01,ask_px_01,ask_sz_01",
        "time,bid1,bidqty1,ask1,askqty1,bid2,bidqty2,ask2,askqty2" } do
      local list, problems = read(header .. "\n2024-07-05T13:30:00Z,10,5,11,6,9,7,12,8\n2024-07-05T13:30:01Z,10,4,11,6,8,7,,\n" ..
        "2024-07-05T13:30:02Z,10,4,11,6,8,7,12,0\n2024-07-05T13:30:03Z,10,4,11,6,11,7,12,1\n")
      local words = {}
      for _, e in ipairs(list) do words[#words + 1] = e.kind == BOOK and "book" or ("%s%g:%g"):format(e.side == 1 and "b" or "a", e.price, e.size) end
      assert.equal("b10:5 b9:7 a11:6 a12:8 book b9:0 b10:4 b8:7 a12:0 book book", table.concat(words, " "), header)
      assert.equal(1, #problems)
      assert.matches("line 5, column 6 .*level 2 is not behind", problems[1])
    end
  end)
end)

describe("CSV outside data", function()
  it("is every column of numbers beside the time", function()
    local list, problems, csv = read("date,source,score,count\n2024-07-05,blog,0.5,7\n2024-07-08,blog,,1e3\n2024-07-09,blog,x,1\n",
      { name = "sentiment", symbol = false })
    assert.equal(DATA_FILE, C.tl_csv_kind_of(csv))
    assert.equal(2, C.tl_csv_columns(csv))
    assert.same({ kind = DATA, ts = "2024-07-05 20:00:00", row = 1, values = { score = 0.5, count = 7 } }, list[1])
    assert.is_true(list[2].values.score ~= list[2].values.score)
    assert.equal(1000, list[2].values.count)
    assert.same({ "line 4, column 3 (score): 'x' is not a number" }, problems)
  end)
end)

describe("CSV numbers", function()
  local function tick_of(prices, options)
    local rows = {}
    for i, p in ipairs(prices) do rows[i] = ("2024-07-05T13:30:%02dZ,%s,1"):format(i, p) end
    local list, problems, _, instruments = read("time,price,size\n" .. table.concat(rows, "\n"), options)
    assert.same({}, problems)
    local i = C.tl_instruments_at(instruments, 0)
    return tonumber(i.tick), i.price_exponent, list
  end

  it("read as the literal, whatever binary floating point left behind", function()
    local tick, exponent, list = tick_of { "101.30000000000001", "101.25", "99.99999999999999", "+5e-1", "1.5E2", "0.1000000000000000055511151231257827" }
    assert.same({ 1000000, -8 }, { tick, exponent })
    local prices = {}
    for i, e in ipairs(list) do prices[i] = e.price end
    assert.same({ 101.3, 101.25, 100, 0.5, 150, 0.1 }, prices)
  end)

  it("are rounded half to even beyond the exponent", function()
    local _, _, list = tick_of({ "1.0005", "1.0015", "1.00050001", "-37.6345" }, { price_exponent = -3 })
    local prices = {}
    for i, e in ipairs(list) do prices[i] = e.price end
    assert.same({ 1, 1.002, 1.001, -37.634 }, prices)
  end)

  it("find the exponent that they need and that fits", function()
    local function units(...) return { (tick_of(...)), (select(2, tick_of(...))) } end
    assert.same({ 1, -12 }, units { "0.000000012345", "0.000000012346" })
    assert.same({ 1, -8 }, units { "100000.1234567891" }) -- scripts see prices exactly up to 2^53
    assert.same({ 100, -4 }, units({ "5", "6" }, { price_exponent = -4 })) -- a cent at most
    assert.equal(1000000, (tick_of { "5", "6" }))
  end)

  it("refine the tick when a later row is finer", function()
    local rows = { "time,price,size" }
    for i = 1, 1100 do rows[#rows + 1] = ("%d,%d,1"):format(1720186200 + i, 100 + i % 7) end
    rows[#rows + 1] = "1720190000,100.5,1"
    rows[#rows + 1] = "1720190001,100.12500,1"
    local _, _, _, instruments = read(table.concat(rows, "\n"))
    assert.equal(100000, tonumber(C.tl_instruments_at(instruments, 0).tick))
  end)

  it("tell nothing of later rows in a file with a symbol column: cutting it changes no unit of what was read before", function()
    local rows = { "time,symbol,price,size" }
    for i = 1, 1100 do rows[#rows + 1] = ("%d,%s,%d.25,1"):format(1720186200 + i, i % 2 == 0 and "A" or "B", 100 + i % 7) end
    for i = 1, 1100 do rows[#rows + 1] = ("%d,A,%d.25,1"):format(1720188000 + i, 100 + i % 7) end
    local function units()
      local file = assert(io.open(path, "wb"))
      file:write(table.concat(rows, "\n"), "\n")
      file:close()
      local out, instruments = ffi.new "tl_csv *[1]", ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
      native.check(C.tl_csv_open(path, ffi.new("tl_csv_options", { calendar = XNAS }), instruments, calendars, out))
      C.tl_csv_close(out[0])
      local one = C.tl_instruments_at(instruments, C.tl_instruments_find(instruments, "A"))
      return { tonumber(one.tick), one.price_exponent, one.quantity_exponent }
    end
    assert.same({ 1000000, -8, 0 }, units())
    rows[#rows + 1] = "1720190000,A,100.1234,0.5"
    assert.same({ 1000000, -8, 0 }, units())
  end)

  it("leave a tick alone that somebody set", function()
    local rows = { "time,price,size" }
    for i = 1, 1100 do rows[#rows + 1] = ("%d,%d,1"):format(1720186200 + i, 100 + i % 7) end
    rows[#rows + 1] = "1720190000,100.5,1"
    local csv, instruments = open(table.concat(rows, "\n"))
    C.tl_instruments_edit(instruments, 0).tick = 25000000
    local event = ffi.new "tl_event"
    while C.tl_csv_next(csv, event, nil) == 0 do end
    assert.equal(25000000, tonumber(C.tl_instruments_at(instruments, 0).tick))
  end)

  it("go into the units of an instrument that is there", function()
    local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
    native.check(C.tl_instruments_add(instruments, ffi.new("tl_instrument", { symbol = "X", price_exponent = -4, tick = 100 }), nil))
    local list = read("time,price,size\n2024-07-05T13:30:00Z,10.12345,1\n", { instruments = instruments })
    assert.equal(10.1234, list[1].price)
    assert.equal(100, tonumber(C.tl_instruments_at(instruments, 0).tick))
  end)
end)

describe("CSV text", function()
  local body = "2024-07-03,1,2,1,2,10\n2024-07-05,1,2,1,2,10"

  it("may have CRLF, a mark in front, blank lines, comments, spare separators, and no last line end", function()
    for _, text in ipairs { HEAD .. body, (HEAD .. body .. "\n"):gsub("\n", "\r\n"), "\239\187\191" .. HEAD .. body,
      "\n\n# from somewhere\nhttps://example.org\n" .. HEAD .. "\n\n" .. body .. "\n\n \n",
      (HEAD .. body):gsub("\n", ",,\n"), (HEAD .. body):gsub(",", ";"), (HEAD .. body):gsub(",", "\t"), (HEAD .. body):gsub(",", "|"),
        (HEAD .. body):gsub(",", " , "),
      ((HEAD .. body):gsub("([^,\n]+)", '"%1"')) } do
      local list, problems = read(text)
      assert.same({}, problems, text)
      assert.equal(2, #list, text)
      assert.equal("2024-07-05 20:00:00", list[2].ts, text)
    end
  end)

  it("keeps separators and quotes within quotes", function()
    local list = read('time,note,price,size\n2024-07-05T13:30:00Z,"a, ""b"", c",1,2\n')
    assert.equal(1, list[1].price)
  end)

  it("counts lines from the top of the file", function()
    local _, problems = read("# x\r\n\r\n" .. HEAD .. "\r\n2024-07-03,1,2,1,2,10\r\n\r\n2024-07-05,1,2,1,2,?\r\n")
    assert.matches("^line 7, column 6", problems[1])
  end)

  it("may be packed", function()
    write(HEAD .. body .. "\n")
    for _, tool in ipairs { "gzip -c", "zstd -qc" } do
      assert(os.execute(("%s %s >%s.packed"):format(tool, path, path)))
      local list = read(nil, { path = path .. ".packed" })
      assert.equal(2, #list)
    end
    local rows = { "time,price,size" }
    for i = 1, 2000 do rows[#rows + 1] = ("%d,%d,%d"):format(1720186200 + i, 1 + i * i % 97, 1 + i * i % 89) end
    write(table.concat(rows, "\n"))
    assert(os.execute(("gzip -c %s >%s.packed"):format(path, path)))
    local f = assert(io.open(path .. ".packed", "rb"))
    local packed = f:read "*a"
    f:close()
    write(packed:sub(1, math.floor(#packed / 2)))
    local list, problems = read()
    assert.is_true(#list > 100 and #list < 2000)
    assert.equal(1, #problems)
    assert.matches("the compressed data is cut off", problems[1])
    os.remove(path .. ".packed")
  end)

  it("that is something else is refused with its name", function()
    refused("it is empty", "")
    refused("no header row", "\n")
    refused("no header row", "time\n2024\n")
    refused("UTF%-16", "\255\254t\0i\0")
    refused("zip archive", "PK\3\4............")
    refused("longer than 65536 bytes", ("x"):rep(100000))
    refused("more than 512 columns", "time" .. (",a"):rep(600) .. "\n")
    refused("cannot open", nil, { path = "/nonexistent.csv" })
    refused("it is a folder", nil, { path = "/tmp" })
    refused("none of its first rows can be read: line 2, column 1 %(Date%)", "Date,Open,High,Low,Close\n2/22/2013 12:00:00 AM,1,2,1,2\n")
    refused("longer than 23 bytes", "time,price,size\n2024-07-05T13:30:00Z,1,1\n", { symbol = ("S"):rep(30) })
    refused("price_exponent is 2, and it goes from %-12 to 0", HEAD, { price_exponent = 2 })
    refused("no calendar 60", HEAD, { calendar = 60 })
    refused("no kind 9", HEAD, { kind = 9 })
    refused("bars of %-1 ns", HEAD, { interval = -1 })
    refused("several tickers", "Price,Close,Close\nTicker,A,B\nDate,,\n2024-07-05,1,2\n")
    assert.equal(0, #read(HEAD))
  end)

  it("of yfinance names its ticker in a second line", function()
    local list, problems = read("Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,\n" ..
      "2024-07-05,226.34,226.45,221.65,221.65,60412400\n", { symbol = false })
    assert.same({}, problems)
    assert.same({ "AAPL", 226.34, 221.65 }, { list[1].symbol, list[1].c, list[1].o })
  end)

  it("names lines that are too long and goes on behind them", function()
    local list, problems = read(HEAD .. "2024-07-03,1,2,1,2,10\n" .. ("9"):rep(3000000) .. "\n2024-07-05,1,2,1,2,10\n")
    assert.equal(2, #list)
    assert.same({ "line 3: it is longer than 65536 bytes" }, problems)
  end)
end)

describe("hostile CSV", function()
  it("never does worse than a bad row", function()
    local seed = tonumber(os.getenv "TIDELOCK_SEED") or 11
    math.randomseed(seed)
    local bases = {
      HEAD .. "2024-07-03,1.5,2,1,2,10\n2024-07-05,1,2,1,2,10\n2024-07-08,1,2,1,2,10\n",
      "timestamp,symbol,price,amount,side,id\n1720186200123456789,A,101.25,3,buy,77\n1720186200123456789,B,101.24,0.5,Sell,9\n",
      "time,bid1,bid_size1,ask1,ask_size1,bid2,bid_size2,ask2,ask_size2\n2024-07-05T13:30:00Z,10,5,11,6,9,7,12,8\n" ..
        "2024-07-05T13:30:01.5+02:00,10,4,11,6,8,7,,\n",
      "Date,Time,Open,High,Low,Close,Vol\n2024.07.05,09:30,1,2,1,2,1\n2024.07.05,09:31,1,2,1,2,1\n",
      "time;bid;ask\n2024-07-05T13:30:00Z;10;11\n20240705 13:31;9e-1;\"12\"\n",
    }
    local bits = { ",", "\n", "\r", '"', "-", "9", "0", ".", "e", "\0", "\255", "nan", "999999999999999999999", "1e4000", "-9223372036854775808", ";",
      " ", "T", "Z", "+23:59" }
    local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
    for round = 1, 3000 do
      local text = bases[math.random(#bases)]
      for _ = 1, math.random(1, 6) do
        local at = math.random(0, #text)
        local way = math.random(3)
        if way == 1 then text = text:sub(1, at) .. bits[math.random(#bits)] .. text:sub(at + 1)
        elseif way == 2 then text = text:sub(1, at) .. text:sub(at + 1 + math.random(0, 9))
        else text = text:sub(1, at) .. text:sub(math.random(1, #text + 1)) end
      end
      local csv = open(text, { instruments = instruments, symbol = round % 2 == 0 and "X" or false, bar_time = math.random(0, 2),
        name = round % 7 == 0 and "d" or nil })
      if csv then
        local event, tail = ffi.new "tl_event", ffi.new "tl_event_tail"
        local last, calls = ffi.cast("int64_t", bit.lshift(1LL, 63)), 0
        while true do
          local status = tonumber(C.tl_csv_next(csv, event, tail))
          calls = calls + 1
          assert(calls < 2000, "it does not end, seed " .. seed)
          if status == 1 then break end
          if status == 0 then
            assert(event.ts_ns >= last, "time went back, seed " .. seed)
            last = event.ts_ns
            if event.kind == BAR then
              assert(event.w[1] >= event.w[0] and event.w[1] >= event.w[3] and event.w[2] <= event.w[0] and event.w[2] <= event.w[3])
            end
          end
        end
        C.tl_csv_close(ffi.gc(csv, nil))
      end
    end
  end)

  it("stands any way of cutting a file into reads", function()
    -- More than a buffer of rows, so that lines lie across refills.
    local rows = { "time,price,size" }
    for i = 1, 120000 do rows[#rows + 1] = ("%d,%d.%02d,%d"):format(1720186200000 + i, 100 + i % 50, i % 100, 1 + i % 1000) end
    local csv = open(table.concat(rows, "\n"))
    local event, count = ffi.new "tl_event", 0
    while C.tl_csv_next(csv, event, nil) == 0 do
      count = count + 1
      assert(event.w[0] == (100LL + count % 50) * 100000000 + (count % 100) * 1000000)
      assert(event.w[1] == 1 + count % 1000)
    end
    assert.equal(120000, count)
    assert.equal(0, tonumber(C.tl_csv_problems(csv)))
    assert.equal(C.tl_csv_size(csv), C.tl_csv_consumed(csv))
  end)
end)

describe("real CSV files", function()
  local folder = "../shared/data/bars/"
  local function there(name)
    local f = io.open(folder .. name, "rb")
    if f then f:close() end
    return f ~= nil
  end

  it("of backtrader: 255 daily bars", function()
    if not there "2006-day-001.txt" then return pending "../shared/data is not here" end
    local list, problems = read(nil, { path = folder .. "2006-day-001.txt" })
    assert.same({}, problems)
    assert.equal(255, #list)
    assert.same({ 3578.73, 3605.95, 3578.73, 3604.33, "2006-01-02 21:00:00" }, { list[1].o, list[1].h, list[1].l, list[1].c, list[1].ts })
  end)

  it("of LEAN: two decades of days", function()
    if not there "spy.zip" then return pending "../shared/data is not here" end
    if os.execute("command -v unzip >/dev/null") ~= 0 then return pending "unzip is not installed" end
    assert.equal(0, os.execute(("unzip -p %sspy.zip >%s"):format(folder, path)))
    local list, problems = read()
    assert.same({}, problems)
    assert.equal(5849, #list)
    assert.same({ 97.31, 97.36, 2150000, "1998-01-02 21:00:00" }, { list[1].o, list[1].c, list[1].volume, list[1].ts })
  end)
end)

teardown(function() os.remove(path) end)

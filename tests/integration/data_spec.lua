local cjson = require "cjson"

local build = os.getenv "TIDELOCK_BUILD" or "build"
local samples = "../shared/data/itch/"

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

local function sample(name)
  if not exists(samples .. name) then pending(samples .. name .. " is not here") end
  return samples .. name
end

--- Runs the verb; returns its exit code, standard output and standard error.
local function data(arguments)
  local errors = os.tmpname()
  local pipe = io.popen(build .. "/tidelock data " .. arguments .. " 2>" .. errors .. "; printf '\\n%d' $?")
  local text = pipe:read "*a"
  pipe:close()
  local file = io.open(errors)
  local err = file:read "*a"
  file:close()
  os.remove(errors)
  local out, code = text:match "^(.*)\n(%d+)$"
  return tonumber(code), out, err
end

local function write(bytes)
  local path = os.tmpname()
  local file = io.open(path, "wb")
  file:write(bytes)
  file:close()
  return path
end

local function unhex(text)
  return (text:gsub("%s", ""):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

-- System event, directory entry of TEST, two adds, an execution of the first, a trade, a delete of nothing.
local frames = {
  unhex "000c 53 0000 0000 1f1acfe45900 4f",
  unhex "0027 52 0007 0000 1f1acfe45901 5445535420202020 51 4e 00000064 4e 43 5a20 50 4e 4e 31 4e 00000000 4e",
  unhex "0024 41 0007 0000 1f1acfe45902 0000000000000001 42 00000064 5445535420202020 00002710",
  unhex "0024 41 0007 0000 1f1acfe45903 0000000000000002 53 000000c8 5445535420202020 00002774",
  unhex "001f 45 0007 0000 1f1acfe45904 0000000000000001 0000001e 0000000000000009",
  unhex "002c 50 0007 0000 1f1acfe45905 0000000000000000 42 0000000a 5445535420202020 00002742 000000000000000a",
  unhex "0013 44 0007 0000 1f1acfe45906 0000000000000063",
}

describe("tidelock data", function()
  local function totals(name, messages, types, instruments, problems)
    local code, out, err = data(sample(name) .. " --json")
    assert.equal(0, code)
    assert.equal("", err)
    local summary = cjson.decode(out)
    assert.equal(messages, summary.messages)
    assert.same(types, summary.types)
    assert.equal(instruments, summary.instrument_count)
    assert.equal(instruments, #summary.instruments)
    assert.equal(problems, summary.problem_count)
    return summary
  end

  it("finds the totals of a real AMZN day", function()
    local summary = totals("amzn_2012-06-21.itch.gz", 178372,
      { S = 6, R = 1, H = 1, A = 84256, X = 5799, D = 77304, E = 8560, P = 2445 }, 1, 0)
    assert.equal("2012-06-21", summary.date)
    assert.equal(824, summary.live_orders)
    assert.equal(869, summary.most_live_orders)
    assert.equal("09:30:00.017459614", summary.span.first)
    assert.equal("15:59:59.959359653", summary.span.last)
    assert.equal(5365189, summary.bytes)
  end)

  it("reports the unknown references of a file that begins mid-day and goes on", function()
    local summary = totals("nasdaq_2019-12-30_0930.itch", 1000,
      { A = 367, U = 225, F = 193, D = 167, E = 28, X = 6, I = 4, P = 4, Q = 4, C = 1, S = 1 }, 190, 399)
    assert.equal(1, #summary.problems)
    assert.equal("unknown_order", summary.first_problem.kind)
    assert.equal(0, summary.first_problem.first_offset)
  end)

  it("reads the directory of a real start of day", function()
    local summary = totals("nasdaq_2019-12-30_start_of_day.itch", 1000, { S = 1, R = 993, H = 3, Y = 3 }, 993, 0)
    assert.equal("A", summary.instruments[1].symbol)
  end)

  it("counts an artificial file", function()
    local code, out = data(sample "ritch_artificial.itch" .. " --json")
    assert.equal(0, code)
    local summary = cjson.decode(out)
    assert.equal(12012, summary.messages)
    local sum = 0
    for _, count in pairs(summary.types) do sum = sum + count end
    assert.equal(12012, sum)
  end)

  it("prints the true book after every message of a real day", function()
    local file, rows = sample "amzn_2012-06-21.itch.gz", sample "amzn_2012-06-21.rows.csv.zst"
    local ours = io.popen(build .. "/tidelock data " .. file .. " --book AMZN --levels 5")
    local line, compared = nil, 0
    for truth in io.popen("zstd -dcq " .. rows):lines() do
      local ordinal, rest = truth:match "^(%d+),%d+,(.*)$"
      repeat line = ours:read "*l" until not line or line:match "^%d+" == ordinal
      if line ~= ordinal .. "," .. rest then assert.equal(ordinal .. "," .. rest, line) end
      compared = compared + 1
    end
    ours:close()
    assert.equal(155935, compared)
  end)

  it("prints rows for what touches the book, and empty levels as the format says", function()
    local path = write(table.concat(frames))
    local code, out, err = data(path .. " --book TEST --levels 2")
    os.remove(path)
    assert.equal(0, code)
    assert.equal(table.concat({
      "3,9999999999,0,10000,100,9999999999,0,-9999999999,0",
      "4,10100,200,10000,100,9999999999,0,-9999999999,0",
      "5,10100,200,10000,70,9999999999,0,-9999999999,0",
      "6,10100,200,10000,70,9999999999,0,-9999999999,0",
      "",
    }, "\n"), out)
    assert.matches("unknown_order +1 +first at byte 210, message 7", err)
  end)

  it("prints the rows of each symbol where all share one locate, which a backtest refuses", function()
    local other = frames[4]:gsub("TEST", "MORE"):gsub("\2S", "\3S")
    local delete = frames[7]:gsub("\99$", "\3")
    local path = write(table.concat(frames, "", 1, 3) .. other .. frames[4] .. delete)
    local code, out = data(path .. " --book TEST --levels 1")
    assert.equal(0, code)
    assert.equal("3,9999999999,0,10000,100\n5,10100,200,10000,100\n", out)
    code, out = data(path .. " --book MORE --levels 1")
    assert.equal(0, code)
    assert.equal("4,10100,200,-9999999999,0\n6,9999999999,0,-9999999999,0\n", out)
    os.remove(path)
    local function backtest(bytes)
      path = write(bytes)
      local pipe = io.popen(build .. "/tidelock backtest scripts/market_maker.lua --symbols TEST --json --data " .. path .. " 2>&1")
      local text = pipe:read "*a"
      pipe:close()
      os.remove(path)
      return text
    end
    assert.equal(1, cjson.decode(backtest(table.concat(frames, "", 1, 3) .. other .. frames[4])).data.problems)
    local again = frames[2]:gsub("TEST", "MORE")
    assert.matches("the stock locate 7 stands for several symbols; a replay wants one for each\n$", backtest(frames[2] .. again .. frames[3]))
  end)

  it("reads standard input", function()
    local path = write(table.concat(frames))
    local code, out = data("- --json <" .. path)
    os.remove(path)
    assert.equal(0, code)
    assert.equal(7, cjson.decode(out).messages)
  end)

  it("says on a terminal's width what is in the file", function()
    local path = write(table.concat(frames))
    local code, out = data(path)
    os.remove(path)
    assert.equal(0, code)
    assert.matches("messages     7 in 231 bytes", out)
    assert.matches("A +2  add order", out)
    assert.matches("1 instrument, 1 with orders", out)
    assert.matches("TEST +6 +2 +2 +40", out)
    assert.matches("1 problem\n  unknown_order +1 +first at byte 210, message 7", out)
  end)

  it("reports a file that is cut at any byte", function()
    local whole = table.concat(frames)
    for _, length in ipairs { 15, 40, 90, 130, 200, 230 } do
      local path = write(whole:sub(1, length))
      local code, out = data(path .. " --json")
      os.remove(path)
      assert.equal(0, code)
      assert.equal("truncated", cjson.decode(out).first_problem.kind)
    end
  end)

  it("says what is in CSV files of bars, trades and other numbers, and the first bad row", function()
    local function summary(text)
      local path = write(text)
      local code, out = data(path .. " --json")
      local _, table_out = data(path)
      os.remove(path)
      assert.equal(0, code)
      return cjson.decode(out), table_out
    end
    local bars, shown = summary "time,open,high,low,close,volume\n2024-01-02,1,2,0.5,1.5,100\n2024-01-03,1,2,0.5,1.5,100\nxx,1,2,3,4,5\n"
    assert.equal("csv", bars.kind)
    assert.equal("bars", bars.csv_kind)
    assert.equal(86400, bars.interval_s)
    assert.equal(3, bars.rows)
    assert.equal(1, bars.problem_count)
    assert.matches("line 4, column 1", bars.first_problem)
    assert.matches("1 bad row, the first: .*line 4, column 1", shown)
    assert.same({ first = "2024-01-02T21:00:00.000000000Z", last = "2024-01-03T21:00:00.000000000Z" }, bars.span)
    assert.matches("to 2024%-01%-03T21:00:00.000000000Z, the sessions' ends by XNAS\n", shown)
    local local_times = summary "time,bid,ask\n2024-07-02 10:00:00,1,2\n"
    assert.equal("2024-07-02T14:00:00.000000000Z", local_times.span.first)
    local trades = summary "ts,symbol,price,size\n1704205800000,AAPL,150.1,100\n1704205801500,MSFT,310,5\n1704205802000,AAPL,150.2,1\n"
    assert.equal("trades", trades.csv_kind)
    assert.same({ { symbol = "AAPL", events = 2 }, { symbol = "MSFT", events = 1 } }, trades.instruments)
    assert.same({ first = "2024-01-02T14:30:00.000000000Z", last = "2024-01-02T14:30:02.000000000Z" }, trades.span)
    assert.equal(0, trades.problem_count)
    local wide = { "ts,symbol,price,size" }
    for i = 1, 30 do wide[i + 1] = "1704205800000,S" .. i .. ",1,1" end
    local many, few = summary(table.concat(wide, "\n"))
    assert.equal(30, #many.instruments)
    assert.matches("S20 +1 event\n  and 10 more symbols", few)
    local scores = summary "date,score\n2024-01-02,1.5\n"
    assert.equal("data", scores.csv_kind)
    assert.same({ "score" }, scores.columns)
    local path = write "hello,\n"
    local code, _, err = data(path)
    assert.equal(1, code)
    assert.matches("^tidelock: data: " .. path:gsub("%p", "%%%0") .. ": ", err)
    code, _, err = data(path .. " --book A")
    os.remove(path)
    assert.equal(1, code)
    assert.matches("it is text; %-%-book wants ITCH 5.0\n$", err)
  end)

  it("fails with a sentence on what it cannot read", function()
    local function fails(arguments, sentence)
      local code, out, err = data(arguments)
      assert.equal(1, code)
      assert.equal("", out)
      assert.matches(sentence, err)
    end
    fails("/nowhere.itch", "^tidelock: data: cannot open /nowhere.itch: No such file or directory\n$")
    fails("tests", "^tidelock: data: cannot read tests: it is a folder\n$")
    fails("/dev/null", "^tidelock: data: /dev/null: it is empty\n$")
    fails("/bin/sh", "^tidelock: data: /bin/sh: no message of ITCH 5.0 in it; first problem: bad_length at byte 0\n$")
    local function file_fails(bytes, sentence)
      local path = write(bytes)
      fails(path, "^tidelock: data: " .. path:gsub("%p", "%%%0") .. ": " .. sentence .. "\n$")
      os.remove(path)
    end
    file_fails("PK\3\4\20\0\0\0", "it is a zip archive; unpack it %(gzip and zstd are read as they are%)")
    file_fails("\255\254t\0,\0p\0\n\0", "it is UTF%-16 text; save it as UTF%-8")
    local rows = write "date,open,high,low,close\n2024-01-02,1,2,1,2\n"
    fails("- <" .. rows, "^tidelock: data: %-: no message of ITCH 5.0 in it %(CSV is read from files, not from pipes%); .*")
    os.remove(rows)
    file_fails("\n\n", "it has no header row")
    file_fails("time,symbol,price,size\n1704205800000,A,1,1\n1704205801000,A,1,1\n1704205800000,B,1,1\n",
      "its rows are grouped by symbol and not ordered by time: .*")
    file_fails("Date,open,high,low,close\n01/03/2024,1,1,1,1\n", "none of its first rows can be read: line 2, column 1 %(Date%): .*")
    local path = write(table.concat(frames))
    fails(path .. " --book TSET", "unknown instrument 'TSET'; did you mean 'TEST'%?\n$")
    os.remove(path)
  end)

  it("fails when what it prints cannot be written", function()
    if not exists "/dev/full" then return pending "there is no /dev/full here" end
    local path = write(table.concat(frames))
    for _, options in ipairs { "", " --json", " --book TEST" } do
      local code, _, err = data(path .. options .. " >/dev/full")
      assert.equal(1, code, options)
      assert.matches("cannot write: No space left on device\n", err)
    end
    os.remove(path)
  end)

  it("exits 2 on a misuse", function()
    for _, arguments in ipairs { "", "x --levels 3", "x --book A --levels 0", "x --book A --levels 1.5", "x --book A --levels many",
      "x --book A --levels 1001", "x --book A --json", "x --bok A" } do
      local code, out, err = data(arguments)
      assert.equal(2, code, arguments)
      assert.equal("", out)
      assert.matches("^tidelock: data: ", err)
    end
  end)
end)

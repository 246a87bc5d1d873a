-- What a run writes is there whole or not at all, and nothing else is lost for it.
local cli = require "integration.cli"

describe("files that a run writes", function()
  local folder, session

  setup(function()
    folder = cli.folder()
    session = folder .. "/session_2024-01-02.itch"
    assert.equal(0, (cli.run("generate --seed 5 --symbols 2 --messages 10000 --out " .. session)))
  end)

  teardown(function() cli.remove(folder) end)

  local function names(path)
    local pipe = io.popen("ls -A '" .. path .. "'")
    local text = pipe:read "*a"
    pipe:close()
    return text
  end

  local function fails(code, args, pattern, prefix)
    local got, out, err = cli.run(args, prefix)
    assert.same({ code, "" }, { got, out }, args)
    assert.matches(pattern, err)
    assert.equal(1, select(2, err:gsub("\n", "")), err)
  end

  local maker = "backtest scripts/market_maker.lua --quiet --data "

  it("end in a sentence when the disk is full", function()
    for _, option in ipairs { "report", "trades", "equity", "decisions" } do
      fails(1, ("%s%s --%s /dev/full"):format(maker, session, option), "cannot write /dev/full: No space left on device")
    end
  end)

  it("keep what was there when the new file cannot be whole", function()
    local place = folder .. "/place"
    os.execute("mkdir " .. place)
    for _, option in ipairs { "report", "trades", "equity", "decisions" } do
      local kept = cli.write(place .. "/" .. option, "old")
      fails(1, ("%s%s --%s %s"):format(maker, session, option, kept), "cannot write .*: File too large", "ulimit -f 4; ")
      assert.equal("old", cli.read(kept))
    end
    fails(1, ("generate --messages 10000 --out %s/new.itch"):format(place), "cannot write .*: File too large", "ulimit -f 4; ")
    assert.equal("decisions\nequity\nreport\ntrades\n", names(place))
  end)

  it("are tried before the run, not after it", function()
    local script = cli.write(folder .. "/endless.lua", [[
      local s = require "strategy" { symbols = "*" }
      function s:on_quote() while true do end end
      return s]])
    for _, option in ipairs { "report", "trades", "equity", "decisions" } do
      fails(1, ("backtest %s --data %s --%s %s/none/file"):format(script, session, option, folder), "cannot write .*/none/file: No such file")
    end
  end)

  it("never take the place of what the run reads, nor of each other", function()
    fails(2, maker .. session .. " --report " .. session, "is read and would be written over")
    fails(2, ("%s%s --trades %s/x --equity %s/x"):format(maker, session, folder, folder), "would be written twice")
    assert.equal(0, (cli.run("data " .. session)))
  end)

  it("never get the number of a standard stream that was closed", function()
    assert.equal(1, (cli.run(("generate --seed 5 --symbols 2 --messages 10000 --out %s/again.itch >&-"):format(folder))))
    assert.equal(cli.read(session), cli.read(folder .. "/again.itch"))
  end)

  it("go where standard output goes, without losing what is printed", function()
    local both = folder .. "/both"
    assert.equal(0, (cli.run(("backtest scripts/market_maker.lua --quiet --json --data %s --trades /dev/stdout >%s"):format(session, both))))
    local text = cli.read(both)
    assert.matches("^number,symbol,side.*\n{", text)
    assert.matches('"decisions_hash"', text)
  end)

  for signal, sentence in pairs { INT = "interrupted", TERM = "terminated" } do
    it(("leave nothing behind when SIG%s ends a strategy that does not return"):format(signal), function()
      local place = folder .. "/place_" .. signal
      os.execute("mkdir " .. place)
      local script = cli.write(folder .. "/endless.lua", [[
        local s = require "strategy" { symbols = "*" }
        function s:on_quote() print "in it" while true do end end
        return s]])
      -- the handler's line says that it runs; a shell without job control would have the signal ignored in the background
      local code, out = cli.run("", ([[luajit -e '
        local ffi = require "ffi"
        ffi.cdef "int kill(int pid, int signal);"
        local p = io.popen("echo $$; exec %s backtest %s --data %s --decisions %s/d --report %s/r 2>&1")
        local pid = tonumber(p:read "*l")
        print(p:read "*l")
        ffi.C.kill(pid, %d)
        print(p:read "*l")' #]]):format(cli.binary, script, session, place, place, signal == "INT" and 2 or 15))
      assert.equal(0, code)
      assert.matches("in it\ntidelock: " .. sentence .. "\n$", out)
      assert.equal("", names(place))
    end)
  end

  it("cannot have a terminal do things by what stands in a sentence", function()
    local script = cli.write(folder .. "/colours.lua", 'error("a\\27[31mb", 0)')
    fails(1, ("backtest %s --data %s"):format(script, session), "^tidelock: backtest: .*a\\x1b%[31mb\n$")
    script = cli.write(folder .. "/says.lua", [[
      local s = require "strategy" { symbols = "*" }
      function s:on_start() print "a\27[31mb\0c\td" end
      return s]])
    local code, _, err = cli.run(("backtest %s --data %s"):format(script, session))
    assert.equal(0, code)
    assert.matches("info a%?%[31mb.*\n$", err)
    assert.is_nil(err:find("\27", 1, true))
  end)

  it("come from a pipe only where its head is not needed twice", function()
    fails(1, maker .. folder .. "/pipe", "pipe: is a pipe, and its head is read twice; give a file", ("mkfifo %s/pipe && "):format(folder))
    local code, out = cli.run(("data /dev/stdin"), ("cat %s | "):format(session))
    assert.equal(0, code)
    assert.matches("messages     10000 ", out)
  end)

  it("are not written of nothing", function()
    local header = cli.write(folder .. "/header.csv", "time,bid,ask\n")
    fails(1, ("%sX=%s --equity %s/none.csv"):format(maker, header, folder), "the data holds nothing: no message and no row in .*/header.csv")
    assert.is_nil(io.open(folder .. "/none.csv", "r"))
  end)

  it("say which option cannot be", function()
    for args, pattern in pairs {
      ["--batch nan"] = "%-%-batch is a whole number", ["--batch 1.5"] = "%-%-batch is a whole number", ["--symbols ,"] = "names no symbol",
      ["--strategy x"] = "give %-%-config",
    } do fails(2, maker .. session .. " " .. args, pattern) end
    for args, pattern in pairs {
      ["--date 2024-02-30"] = "'2024%-02%-30' is no day", ["--date 9999-12-31"] = "no day between 1970 and 2199", ["--from 2024-13-01"] = "is no day",
      ["--from 2024-01-02T25:00"] = "is no time of day", ["--calendar X"] = "no calendar 'X'",
      ["--date 2024-01-02 --from 2025-01-01"] = "nothing of the data lies in the span from 2025%-01%-01",
      ["--date 2024-01-02 --to 2020-01-01"] = "nothing of the data lies in the span to 2020%-01%-01",
      ["--data " .. session] = "is given twice: everything in it would happen twice", ["--cash=-5"] = "cash of %-5 is negative",
    } do fails(1, maker .. session .. " " .. args, pattern) end
    for field, pattern in pairs {
      tick = "instruments.AAPL.tick: inf is too large", lot = "instruments.AAPL.lot: inf is too large", max_quantity = "AAPL.max_quantity: inf is too large",
    } do
      local config = cli.write(folder .. "/config.lua", ("return { instruments = { AAPL = { %s = 1 / 0 } } }"):format(field))
      fails(1, ("%s%s --config %s"):format(maker, session, config), pattern)
    end
  end)

  it("say what of a configuration would be passed over", function()
    for text, pattern in pairs {
      ["accounts = { main = { leverage = 0 } }"] = "leverage: is 0; it must be above 0", ["accounts = { main = { cash = -1 } }"] = "the least is 0",
      ["risk = { strategies = { market_makr = { max_position = 1 } } }"] = "risk.strategies: unknown strategy 'market_makr'; did you mean 'market_maker'",
      ["strategies = { { script = 'elsewhere/market_maker.lua', params = { size = 5000 } } }"] = "size.*5000.*1000",
    } do
      local config = cli.write(folder .. "/passed.lua", "return { " .. text .. " }")
      fails(1, maker .. session .. " --config " .. config, pattern)
    end
  end)

  it("are not begun without address space, and the sentence says which limit it is", function()
    if os.getenv "TIDELOCK_SAN" then return pending "a sanitizer's own reservations pass any limit" end
    fails(1, maker .. session, "ulimit %-v", "ulimit -v 4000000; ")
    fails(1, "generate --messages 10000 --out " .. folder .. "/x", "no memory to generate", "ulimit -v 100000; ")
  end)
end)

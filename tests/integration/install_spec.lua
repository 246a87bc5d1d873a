local cli = require "integration.cli"

-- make install, and everything that the installed binary must find by itself: from another folder, without the environment of the tests.
describe("make install", function()
  local folder, installed
  local bare = "env -u TIDELOCK_BUILD -u LUA_PATH "

  local function make(words)
    local text, status = cli.make("-s install " .. words)
    assert.equal(0, status, text)
  end

  local function run(args)
    local code, out, err = cli.run(args, ("cd %s/work && %s"):format(folder, bare), installed)
    assert.equal(0, code, ("tidelock %s: %s%s"):format(args, out, err))
    return out
  end

  setup(function()
    folder = cli.folder()
    os.execute(("mkdir '%s/work'"):format(folder))
    make(("PREFIX='%s/to here'"):format(folder))
    installed = ("'%s/to here/bin/tidelock'"):format(folder)
  end)
  teardown(function() cli.remove(folder) end)

  it("says its version", function()
    assert.matches("^tidelock %d+%.%d+%.%d+\n$", run "--version")
  end)

  it("runs the verbs that need no data", function()
    run "doctor"
    assert.matches('"event":"accepted"', run [[exchange --scenario - <<'END'
{"op":"new","id":"a","symbol":"X","side":"buy","type":"limit","price":"10.50","quantity":"100","tif":"gtc"}
END
]])
  end)

  it("generates a session, looks at it and backtests a strategy of its own making, with a report that holds its charts", function()
    run "generate --seed 3 --symbols 2 --messages 20000 --out day_2024-01-02.itch"
    assert.matches("no problems", run "data day_2024-01-02.itch")
    run "new my_idea"
    run "check my_idea.lua"
    assert.matches("3 passed, 0 failed", run "test .")
    assert.matches("Final equity", run "backtest my_idea.lua --data day_2024-01-02.itch --report report.html")
    assert.is_true(#cli.read(folder .. "/work/report.html") > 20000)
    assert.matches("</html>", cli.read(folder .. "/work/report.html"))
  end)

  it("brings the examples and their specs", function()
    local share = ("'%s/to here/share/tidelock'"):format(folder)
    assert.matches("Final equity", run(("backtest %s/scripts/market_maker.lua --data day_2024-01-02.itch"):format(share)))
    assert.matches(", 0 failed", run(("test %s/scripts"):format(share)))
  end)

  it("goes under DESTDIR without a trace of it inside", function()
    make(("DESTDIR='%s/stage' PREFIX=/opt/tidelock"):format(folder))
    assert.equal(0, os.execute(("cp -r '%s/stage/opt/tidelock' '%s/moved'"):format(folder, folder)))
    assert.matches("^tidelock", select(2, cli.run("--version", bare, ("'%s/moved/bin/tidelock'"):format(folder))))
  end)
end)

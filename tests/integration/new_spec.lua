local cli = require "integration.cli"
local json = require "cjson"

describe("tidelock new", function()
  local folder

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  local function run(args)
    return cli.run(args, ("cd '%s' && "):format(folder))
  end

  it("writes a strategy that checks, passes its spec, and trades on a generated session", function()
    local code, out = run "new my_idea"
    assert.equal(0, code)
    assert.matches("wrote my_idea.lua and my_idea_spec.lua", out)
    assert.matches("tidelock test my_idea_spec.lua\n", out)
    assert.equal(0, (run "check my_idea.lua"))
    code, out = run "test my_idea_spec.lua"
    assert.equal(0, code, out)
    assert.matches("3 passed, 0 failed", out)
    assert.equal(0, (run "generate --seed 7 --symbols 2 --messages 60000 --out day_2024-01-02.itch"))
    local failed
    code, out, failed = run "backtest my_idea.lua --data day_2024-01-02.itch --json"
    assert.equal(0, code, failed)
    local result = json.decode(out)
    assert.is_true(result.fills > 0)
    assert.is_true(result.statistics.trades > 0)
    assert.equal(0, result.handlers.on_quote.errors)
  end)

  it("writes a spec that fails when the strategy is wrong", function()
    run "new my_idea"
    local path = folder .. "/my_idea.lua"
    local text = cli.read(path)
    local harms = { { "q.ask < band.lower", "q.ask > band.lower" }, { "q.bid >= band.middle", "q.bid >= band.lower" }, { "order.sell%(", "order.buy(" } }
    for _, harm in ipairs(harms) do
      local harmed, times = text:gsub(harm[1], harm[2])
      assert.equal(1, times)
      cli.write(path, harmed)
      assert.equal(1, (run "test ."), harm[1])
    end
  end)

  it("writes both files or none", function()
    cli.write(folder .. "/my_idea_spec.lua", "mine")
    local code, _, err = run "new my_idea"
    assert.equal(1, code)
    assert.matches("my_idea_spec.lua exists already", err)
    assert.equal("mine", cli.read(folder .. "/my_idea_spec.lua"))
    assert.is_nil(io.open(folder .. "/my_idea.lua", "r"))
  end)

  it("goes into another folder", function()
    os.execute(("mkdir '%s/ideas'"):format(folder))
    assert.equal(0, (run "new other --dir ideas"))
    local code, out = run "test ideas"
    assert.equal(0, code, out)
  end)

  it("writes over nothing, and says what is no name", function()
    local function fails(args, wanted, pattern)
      local code, out, err = run(args)
      assert.equal(wanted, code, args)
      assert.equal("", out)
      assert.matches(pattern, err)
    end
    run "new my_idea"
    fails("new my_idea", 1, "^tidelock: new: my_idea.lua exists already")
    fails("new 1st", 2, "'1st' is no name for a strategy")
    fails("new 'a b'", 2, "'a b' is no name")
    fails("new ../up", 2, "is no name")
    fails("new order", 2, "'order' cannot name a strategy")
    fails("new end", 2, "'end' cannot name a strategy")
    fails("new x --dir nowhere", 1, "cannot write nowhere/x.lua: No such file")
    fails("new", 2, "missing argument 'name'")
  end)
end)

describe("tidelock test", function()
  local folder

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  local function run(args)
    return cli.run(args, ("cd '%s' && "):format(folder))
  end

  local function spec(name, condition)
    cli.write(("%s/%s"):format(folder, name), ([[
      describe("it", function()
        it("holds", function() assert.is_true(%s) end)
        it("is alive", function() end)
      end)]]):format(condition))
  end

  it("runs the specs of folders below, once each, and follows no links", function()
    os.execute(("mkdir -p '%s/a/b' '%s/.hidden' && ln -s .. '%s/a/loop'"):format(folder, folder, folder))
    spec("a/b/one_spec.lua", "true")
    spec("two_spec.lua", "true")
    spec(".hidden/three_spec.lua", "false")
    spec("helper.lua", "false")
    local code, out = run "test"
    assert.equal(0, code, out)
    assert.matches("\n4 passed, 0 failed\n", out)
  end)

  it("exits with 1 when a spec fails, and names it", function()
    spec("one_spec.lua", "false")
    local code, out, err = run "test ."
    assert.equal(1, code)
    assert.matches("FAILED it holds", out)
    assert.matches("1 passed, 1 failed\n$", out)
    assert.equal("", err)
    assert.equal(0, (run "test . --filter alive"))
  end)

  it("exits with 1 when a spec cannot be loaded", function()
    cli.write(folder .. "/broken_spec.lua", "describe(")
    local code, out = run "test ."
    assert.equal(1, code)
    assert.matches("broken_spec.lua", out)
  end)

  it("says so when there is nothing to run", function()
    local code, _, err = run "test ."
    assert.equal(1, code)
    assert.matches("^tidelock: test: no specs of strategies %(%*_spec.lua%) in %.\n$", err)
    code, _, err = run "test nowhere"
    assert.equal(2, code)
    assert.matches("nowhere: there is no such file or folder", err)
  end)

  it("finds a spec's script from wherever it runs", function()
    run "new my_idea"
    local code, out = cli.run(("test '%s'"):format(folder), "cd / && ")
    assert.equal(0, code, out)
  end)
end)

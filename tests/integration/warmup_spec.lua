local cli = require "integration.cli"

local SCRIPT = [[
  local strategy, order = require "strategy", require "order"
  local s = strategy { name = "warm", symbols = "*", bars = { "1d" }, params = { bars = 3 }, warmup = function(p) return { ["1d"] = p.bars } end }
  local function try(self, where)
    local o, why = order.market { symbol = "WALK", side = "buy", quantity = 1 }
    log.info("%s %s %s", where, self.phase, o and "sent" or why.code)
  end
  function s:on_start() try(self, "start") end
  function s:on_bar(b) try(self, b.close) end
  function s:on_fill(o, f) log.info("filled at %g", f.price) end
  return s]]

describe("a warm-up", function()
  local folder

  setup(function() folder = cli.folder() end)
  teardown(function() cli.remove(folder) end)

  local function run(bars, more)
    local script = cli.write(folder .. "/warm.lua", SCRIPT)
    local lines = { "time,open,high,low,close,volume" }
    for i = 1, bars do lines[#lines + 1] = ("2024-01-%02d,%d,%d,%d,%d,10"):format(i + 1, i, i, i, i) end
    local data = cli.write(folder .. "/walk.csv", table.concat(lines, "\n") .. "\n")
    local code, _, err = cli.run(("backtest %s --data WALK=%s %s"):format(script, data, more or ""))
    local said = {}
    for text in err:gmatch "info ([^\n]+)" do said[#said + 1] = text end
    return said, code, err
  end

  it("sends that many bars first, and takes no orders before the first live one", function()
    local said, code = run(4)
    assert.equal(0, code)
    assert.same({ "start history warming_up", "1 history warming_up", "2 history warming_up", "3 history warming_up", "4 live sent" }, said)
  end)

  it("that is not asked for leaves everything live", function()
    -- what is sent from on_start is denied: no price is known yet
    local said = run(2, "--param bars=0")
    assert.same({ "start live sent", "1 live sent", "filled at 2", "2 live sent" }, said)
  end)

  it("with less history than it asks for is an error", function()
    local _, code, err = run(2)
    assert.equal(1, code)
    assert.matches("the data ended before the warm%-up had its bars", err)
  end)
end)

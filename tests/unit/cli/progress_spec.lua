local progress = require "tidelock.cli.progress"

local function sink()
  local text = {}
  return { write = function(_, ...) for _, s in ipairs { ... } do text[#text + 1] = s end end, flush = function() end,
    text = function() return table.concat(text) end }
end

describe("progress", function()
  it("says the amount, percent, rate and time left", function()
    assert.equal("5.0M messages, 25 %, 2.5M/s, 0:06 left", progress.line(5e6, 20e6, "messages", 2))
    assert.equal("500 orders, 100/s", progress.line(500, nil, "orders", 5))
    assert.equal("20.0M messages, 100 %, 10.0M/s", progress.line(20e6, 20e6, "messages", 2))
    assert.equal("1 messages, 0 %, 1/s, 2:46:39 left", progress.line(1, 10000, "messages", 1))
  end)

  it("is silent in the first second, then at most ten lines a second, and leaves an empty line", function()
    local out, time = sink(), 100
    local bar = progress.new(1000, "messages", { out = out, terminal = true, now = function() return time end,
      columns = function() end })
    time = 100.9
    bar:update(100)
    assert.equal("", out.text())
    time = 101
    bar:update(200)
    assert.equal("\r200 messages, 20 %, 200/s, 0:04 left", out.text())
    time = 101.05
    bar:update(250)
    assert.equal("\r200 messages, 20 %, 200/s, 0:04 left", out.text())
    bar:finish()
    bar:finish()
    assert.truthy(out.text():find "^\r200[^\r]*\r +\r$")
  end)

  it("stays on one line of a narrow terminal, and is cleared by whoever has something to say", function()
    local out, time = sink(), 0
    local bar = progress.new(1000, "messages", { out = out, terminal = true, now = function() return time end, columns = function() return 12 end })
    time = 2
    bar:update(200)
    assert.equal("\r200 message", out.text())
    progress.clear()
    progress.clear()
    assert.equal("\r200 message\r" .. (" "):rep(11) .. "\r", out.text())
  end)

  it("is silent where standard error is no terminal", function()
    local out, time = sink(), 0
    local bar = progress.new(1000, "messages", { out = out, terminal = false, now = function() return time end })
    time = 10
    bar:update(500)
    bar:finish()
    assert.equal("", out.text())
  end)
end)

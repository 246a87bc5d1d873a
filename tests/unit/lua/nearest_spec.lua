local nearest = require "tidelock.nearest"

describe("the nearest known name", function()
  it("is suggested when it is near", function()
    assert.equal("unknown handler 'on_qoute'; did you mean 'on_quote'?", nearest.sentence("handler", "on_qoute", { "on_trade", "on_quote" }))
    assert.equal("unknown handler 'x'", nearest.sentence("handler", "x", { "on_trade", "on_quote" }))
  end)

  it("is not looked for, nor all shown, when a word is endless", function()
    local sentence = nearest.sentence("module", ("x"):rep(1e6), { "order" })
    assert.equal("unknown module '" .. ("x"):rep(64) .. "...'", sentence)
  end)
end)

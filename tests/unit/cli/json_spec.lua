local cjson = require "cjson"
local json = require "tidelock.cli.json"

describe("JSON out", function()
  it("has its keys in order, whole numbers without a point and null for what is no number", function()
    assert.equal('{"a":[],"b":{"x":1},"c":[1,2.5,"t"],"d":null,"e":true}',
      json.encode { e = true, d = 0 / 0, c = { 1, 2.5, "t" }, b = { x = 1 }, a = json.array {} })
    assert.equal("9007199254740991", json.encode(2 ^ 53 - 1))
  end)

  it("is UTF-8 whatever a file's name is", function()
    local text = json.encode { ["k\255"] = "caf\195\169 caf\233\n" }
    assert.equal('{"k\239\191\189":"caf\195\169 caf\239\191\189\\n"}', text)
    assert.same({ ["k\239\191\189"] = "caf\195\169 caf\239\191\189\n" }, cjson.decode(text))
  end)
end)

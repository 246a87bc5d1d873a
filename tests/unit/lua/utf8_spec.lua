local utf8 = require "tidelock.utf8"

describe("UTF-8", function()
  it("is told from what is not, by the place of the first byte that is wrong", function()
    for _, text in ipairs { "", "plain", "caf\195\169", "\226\130\172", "\240\159\152\128", "\239\191\191", "\244\143\191\191", "\0" } do
      assert.is_nil(utf8.fault(text))
      assert.equal(text, utf8.clean(text))
    end
    for text, at in pairs {
      ["\255"] = 1, ["a\128"] = 2, ["ab\195"] = 3, ["\192\128"] = 1, ["\224\159\191"] = 1, ["\237\160\128"] = 1,
      ["\240\143\191\191"] = 1, ["\244\144\128\128"] = 1, ["\195\169\226\130"] = 3, ["\245\128\128\128"] = 1,
    } do
      assert.equal(at, utf8.fault(text))
      assert.is_nil(utf8.fault(utf8.clean(text)))
    end
  end)

  it("is made by putting U+FFFD for each byte that is wrong", function()
    assert.equal("a\239\191\189b\239\191\189\239\191\189\195\169", utf8.clean("a\255b\226\130\195\169"))
  end)
end)

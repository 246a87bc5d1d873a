-- What make would do again, by its own word (make -n), in the build folder that is under test.
local cli = require "integration.cli"

describe("an incremental build", function()
  local function make(words)
    return (cli.make("-n V=1 all " .. (words or "")))
  end

  local function sources()
    local pipe, list = assert(io.popen "ls runtime/*/*.c"), {}
    for path in pipe:lines() do list[#list + 1] = path end
    pipe:close()
    return list
  end

  --- Names of the sources that are compiled.
  local function compiled(text)
    local names = {}
    for name in text:gmatch "%-c runtime/([%w_/]+)%.c" do names[name] = true end
    return names
  end

  it("does nothing when nothing changed", function()
    assert.equal(":\n", make())
  end)

  it("compiles again what includes a changed header, and nothing else", function()
    local text = make "-W runtime/script/timers.h"
    local names = compiled(text)
    assert.is_true(names["script/timers"])
    assert.is_nil(names["market/book"])
    assert.matches("libtidelock.so.new", text)
    assert.matches("cdef.lua", text)
  end)

  it("compiles one changed source and links", function()
    local text = make "-W runtime/market/book.c"
    assert.same({ ["market/book"] = true }, compiled(text))
    assert.matches("libtidelock.so.new", text)
  end)

  it("links again without a source that is gone", function()
    local list = sources()
    local gone = table.remove(list, 3)
    local text = make(("SRC='%s'"):format(table.concat(list, " ")))
    assert.same({}, compiled(text))
    assert.matches("libtidelock.so.new", text)
    assert.is_nil(text:find(gone:match "([^/]+)%.c$" .. ".o", 1, true))
  end)

  it("compiles everything again with another flag", function()
    local names, count = compiled(make "OPT=-O3"), 0
    for _ in pairs(names) do count = count + 1 end
    assert.equal(#sources() + 1, count)
  end)
end)

local native = require "tidelock.native"
local cli = require "integration.cli"
local draft = require "tidelock.draft"
local C = native.C

describe("a draft", function()
  local folder

  before_each(function() folder = cli.folder() end)
  after_each(function() cli.remove(folder) end)

  local function names()
    local pipe = io.popen("ls -A '" .. folder .. "'")
    local text = pipe:read "*a"
    pipe:close()
    return (text:gsub("\n", " "))
  end

  it("is a file once it is committed, and nothing before", function()
    local one = draft.open(folder .. "/one")
    one:write "some"
    assert.equal("", names())
    one:write " text"
    one:commit()
    assert.equal("one ", names())
    assert.equal("some text", cli.read(folder .. "/one"))
  end)

  it("leaves what was there when it is discarded, or when a write failed", function()
    local path = cli.write(folder .. "/one", "old")
    local one = draft.open(path)
    one:write "new"
    C.tl_draft_discard(one:release())
    assert.equal("old", cli.read(path))
    assert.equal("one ", names())
  end)

  it("follows links, and keeps the mode of what it replaces", function()
    local path = cli.write(folder .. "/one", "old")
    os.execute(("ln -s one '%s/link' && chmod 600 '%s'"):format(folder, path))
    local one = draft.open(folder .. "/link")
    one:write "new"
    one:commit()
    assert.equal("new", cli.read(path))
    local pipe = io.popen(("stat -c %%a '%s'; readlink '%s/link'"):format(path, folder))
    assert.equal("600\none\n", pipe:read "*a")
    pipe:close()
  end)

  it("takes names as long as the system allows", function()
    local path = folder .. "/" .. ("x"):rep(255)
    local one = draft.open(path)
    one:write "text"
    one:commit()
    assert.equal("text", cli.read(path))
  end)

  it("names the path and the reason when it cannot be", function()
    assert.error_matches(function() draft.open(folder .. "/none/one") end, "^cannot write .*/none/one: No such file or directory$")
    assert.error_matches(function() draft.open(folder) end, "^cannot write .*: Is a directory$")
    assert.error_matches(function() draft.open "" end, "^cannot write : No such file or directory$")
  end)

  it("tells the first reason for which a write failed, in place of a device as well", function()
    local full = io.open("/dev/full", "r")
    if not full then return pending "there is no /dev/full" end
    full:close()
    local one = draft.open "/dev/full"
    assert.error_matches(function() one:write "text" end, "^cannot write /dev/full: No space left on device$")
    assert.error_matches(function() one:write "more" end, "No space left on device")
    assert.error_matches(function() one:commit() end, "No space left on device")
  end)

  it("knows whether it would replace a file that is read, or what another draft writes", function()
    local path = cli.write(folder .. "/data", "old")
    local one, two, third = draft.open(folder .. "/./data"), draft.open(folder .. "/new"), draft.open(folder .. "/new")
    assert.is_true(C.tl_draft_replaces(one.draft, path))
    assert.is_false(C.tl_draft_replaces(two.draft, path))
    assert.is_true(C.tl_draft_same_target(two.draft, third.draft))
    assert.is_false(C.tl_draft_same_target(one.draft, third.draft))
  end)
end)

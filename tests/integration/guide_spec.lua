-- The newcomer's path, literally: the shell blocks of the README and of the guide run one after the other in a folder of their own, all but `make`;
-- live instances in a place of their own.
local cli = require "integration.cli"
local live = require "integration.live"

describe("a newcomer", function()
  local folder, shm

  before_each(function()
    folder, shm = cli.folder(), live.folder()
    local setup = "cd '%s' && mkdir build && ln -s '%s' build/tidelock && ln -s \"$OLDPWD/scripts\" scripts"
    assert.equal(0, os.execute(setup:format(folder, cli.binary)))
    assert.equal(0, (cli.run(("generate --seed 42 --symbols 2 --messages 60000 --out '%s/build/demo.itch'"):format(folder))))
  end)
  after_each(function()
    cli.remove(folder)
    cli.remove(shm)
  end)

  --- Runs a page's blocks: a Lua block that begins with `-- NAME.lua` is a file to write, a shell block is to be typed.
  local function follow(page)
    local typed = 0
    for language, block in cli.read(page):gmatch "```(%l+)\n(.-)```" do
      local file = language == "lua" and block:match "^%-%- ([%w_]+%.lua)\n"
      if file then cli.write(folder .. "/" .. file, block) end
      if language == "sh" then
        local lines = {}
        for line in block:gmatch "[^\n]+" do
          if not line:match "^make" then lines[#lines + 1] = (line:gsub("tidelock run %S+", "%0 --shm-dir " .. shm)) end
        end
        typed = typed + #lines
        local script = cli.write(folder .. "/block.sh", table.concat(lines, "\n") .. "\n")
        local code, out, err = cli.run("", ("cd '%s' && PATH=\"$PWD/build:$PATH\" sh -e %s #"):format(folder, script))
        assert.equal(0, code, ("%s:\n%s\n%s%s"):format(page, block, out, err))
      end
    end
    return typed
  end

  it("can do what the README says", function()
    assert.is_true(follow "README.md" >= 4)
    assert.matches("</html>", cli.read(folder .. "/report.html"))
  end)

  it("can do what the guide says", function()
    assert.is_true(follow "docs/GUIDE.md" >= 8)
    assert.matches("</html>", cli.read(folder .. "/report.html"))
    assert.matches("^number,symbol,side", cli.read(folder .. "/trades.csv"))
    assert.is_true(#cli.read(folder .. "/honest.lua") > 100)
  end)
end)

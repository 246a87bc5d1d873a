-- What is written for people: links lead somewhere, and every verb explains itself with an example.
local cli = require "integration.cli"

local function read(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

local function lines_of(command)
  local pipe, lines = assert(io.popen(command)), {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  return lines
end

--- A heading's anchor, as GitHub makes it.
local function anchors(text)
  local found = {}
  for heading in ("\n" .. text:gsub("\n```.-\n```", "")):gmatch "\n#+ +([^\n]+)" do
    found[heading:lower():gsub("[^%w %-_]", ""):gsub(" ", "-")] = true
  end
  return found
end

describe("the documents", function()
  local pages = lines_of "ls README.md docs/*.md"

  for _, page in ipairs(pages) do
    it(page .. " has no dead links", function()
      local folder, text = page:match "^(.*)/" or ".", assert(read(page))
      local prose = text:gsub("```.-```", ""):gsub("`[^`\n]*`", "")
      for target in prose:gmatch "%]%(([^%s)]+)%)" do
        if not target:match "^%a+:" then
          local path, anchor = target:match "^([^#]*)#?(.*)$"
          local there = path == "" and text or read(folder .. "/" .. path)
          assert(there or lines_of(("ls -d %s/%s 2>/dev/null"):format(folder, path))[1], ("%s: %s is not there"):format(page, target))
          if anchor ~= "" then assert(anchors(there)[anchor], ("%s: no heading for #%s in %s"):format(page, anchor, path)) end
        end
      end
    end)
  end

  it("show strategies in which `tidelock check` finds nothing", function()
    local folder, count = cli.folder(), 0
    finally(function() cli.remove(folder) end)
    for _, page in ipairs(pages) do
      for block in read(page):gmatch "```lua\n(.-)```" do
        if block:find("strategy {", 1, true) and block:find "\nreturn " then
          count = count + 1
          local code, out = cli.run("check " .. cli.write(("%s/shown_%d.lua"):format(folder, count), block))
          assert.equal(0, code, page .. ": " .. out)
        end
      end
    end
    assert.is_true(count >= 2)
  end)

  it("name only verbs, make targets and scripts that exist", function()
    local verbs, targets = {}, {}
    for _, path in ipairs(lines_of "ls lua/tidelock/cli/*.lua") do verbs[path:match "([%w_]+)%.lua$"] = true end
    for _, file in ipairs { "Makefile", "tests/rules.mk", "bench/rules.mk" } do
      for target in ("\n" .. read(file)):gmatch "\n([%w-]+):" do targets[target] = true end
    end
    for _, page in ipairs(pages) do
      for block in read(page):gmatch "```sh\n(.-)```" do
        for line in block:gmatch "[^\n]+" do
          local verb, target = line:match "^%s*b?u?i?l?d?/?tidelock (%a+)", line:match "^%s*make (%l[%w-]*)"
          if verb then assert(verbs[verb], page .. ": " .. line) end
          if target then assert(targets[target], page .. ": " .. line) end
          for script in line:gmatch "scripts/[%w_]+%.lua" do assert(read(script), page .. ": " .. line) end
        end
      end
    end
  end)
end)

describe("the command line", function()
  local _, overview = cli.run "--help"

  it("lists its verbs", function()
    for verb in ("backtest data generate exchange check test new doctor"):gmatch "%a+" do assert.matches("\n  " .. verb .. " ", overview) end
  end)

  for verb in overview:gmatch "\n  (%l+) " do
    it(verb .. " has a help with an example", function()
      local code, out, err = cli.run(verb .. " --help")
      assert.equal(0, code)
      assert.equal("", err)
      assert.matches("^Usage: tidelock " .. verb, out)
      assert.matches("Examples?:.*tidelock", out)
    end)

    it(verb .. " names an option that it does not have", function()
      local code, out, err = cli.run(verb .. " --no-such-option")
      assert.equal(2, code)
      assert.equal("", out)
      assert.matches("^tidelock: " .. verb .. ": [^\n]+\n$", err)
    end)
  end

  it("shows no control characters of what it quotes", function()
    local path = os.tmpname()
    finally(function() os.remove(path) end)
    cli.write(path, "\27[31mred\7,b\n1,2\n")
    local code, _, err = cli.run("data " .. path)
    assert.equal(1, code)
    assert.is_nil(err:gsub("\n$", ""):find "%c")
  end)

  it("takes only verbs that it has, and suggests the nearest", function()
    local code, _, err = cli.run "backtset"
    assert.equal(2, code)
    assert.equal("tidelock: backtset: there is no such verb; did you mean 'backtest'?\n", err)
  end)
end)

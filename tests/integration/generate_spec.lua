local cjson = require "cjson"

local build = os.getenv "TIDELOCK_BUILD" or "build"

--- Runs a verb; returns its exit code, standard output and standard error.
local function tidelock(arguments)
  local errors = os.tmpname()
  local pipe = io.popen(build .. "/tidelock " .. arguments .. " 2>" .. errors .. "; printf '\\n%d' $?")
  local text = pipe:read "*a"
  pipe:close()
  local file = io.open(errors)
  local err = file:read "*a"
  file:close()
  os.remove(errors)
  local out, code = text:match "^(.*)\n(%d+)$"
  return tonumber(code), out, err
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "*a"
  file:close()
  return bytes
end

describe("tidelock generate", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
  end)

  after_each(function() os.execute("rm -r " .. folder) end)

  it("writes what tidelock data reads without a problem", function()
    local path = folder .. "/session_2024-03-04.itch"
    local code, out, err = tidelock("generate --seed 3 --symbols 4 --messages 20000 --out " .. path)
    assert.equal(0, code)
    assert.equal("", err)
    assert.equal(path .. ": 20000 messages of 4 symbols, seed 3\n", out)
    local _, json = tidelock("data --json " .. path)
    local summary = cjson.decode(json)
    assert.equal(20000, summary.messages)
    assert.equal(4, summary.instrument_count)
    assert.equal(0, summary.problem_count)
    assert.equal("2024-03-04", summary.date)
    assert.equal("AAPL", summary.instruments[1].symbol)
  end)

  it("gives the same session plain, packed, to standard output and in another process", function()
    local options = "generate --seed 9 --symbols 3 --messages 5000 --out "
    for _, suffix in ipairs { "", ".gz", ".zst" } do assert.equal(0, (tidelock(options .. folder .. "/a" .. suffix))) end
    local plain = read(folder .. "/a")
    local code, out = tidelock(options .. "-")
    assert.equal(0, code)
    assert.is_true(out == plain)
    for suffix, tool in pairs { [".gz"] = "gzip -dc ", [".zst"] = "zstd -dcq " } do
      local pipe = io.popen(tool .. folder .. "/a" .. suffix)
      assert.is_true(pipe:read "*a" == plain)
      pipe:close()
    end
  end)

  it("names the file by seed and date when none is given", function()
    local binary = build:sub(1, 1) == "/" and build or "$OLDPWD/" .. build
    os.execute(("cd %s && %s/tidelock generate --seed 5 --date 2024-02-29 --messages 1000 >/dev/null"):format(folder, binary))
    assert.is_true(#read(folder .. "/generated_5_2024-02-29.itch") > 10000)
  end)

  it("exits 2 on a misuse and 1 where it cannot write", function()
    for arguments, sentence in pairs {
      ["--symbols 0"] = "%-%-symbols 0: a whole number from 1 to 65535 is wanted",
      ["--symbols 70000"] = "%-%-symbols 70000: ",
      ["--messages 1e6"] = "%-%-messages 1e6: a whole number",
      ["--messages 10"] = "10 messages: a session of 5 symbols has at least %d+",
      ["--seed -1"] = "",
      ["--date 2023-02-29"] = "%-%-date 2023%-02%-29: a day as YYYY%-MM%-DD is wanted",
      ["--date tomorrow"] = "%-%-date tomorrow: ",
      ["--sed 3"] = "unknown option",
    } do
      local code, out, err = tidelock("generate " .. arguments .. " --out " .. folder .. "/x")
      assert.equal(2, code, arguments)
      assert.equal("", out)
      assert.matches("^tidelock: generate: " .. sentence, err)
    end
    local code, _, err = tidelock "generate --messages 1000 --out /nowhere/x"
    assert.equal(1, code)
    assert.equal("tidelock: generate: cannot write /nowhere/x: No such file or directory\n", err)
    code, _, err = tidelock "generate --messages 1000 --out /dev/full"
    assert.equal(1, code)
    assert.equal("tidelock: generate: cannot write /dev/full: No space left on device\n", err)
  end)
end)

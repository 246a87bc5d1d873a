-- The validators of tests/validate: programs that run two or more processes over real regions, check every value, and kill the writers: after one more
-- instruction each time, and at random. Seconds here, minutes with TIDELOCK_SOAK=1.
local build = os.getenv "TIDELOCK_BUILD"
local san = os.getenv "TIDELOCK_SAN" or ""
local soak = os.getenv "TIDELOCK_SOAK" == "1"

local function run(command)
  local pipe = io.popen(command .. " 2>&1; echo $?")
  local text = pipe:read "*a"
  pipe:close()
  local output, code = text:match "^(.-)(%d+)\n$"
  return output, tonumber(code)
end

local function validate(name, arguments, environment)
  local output, code = run(("env -u LD_PRELOAD %s timeout %d %s/validate/%s %s"):format(environment or "", soak and 1200 or 120, build, name, arguments))
  assert.equal(0, code, output)
  return output
end

local arguments = soak and "--seconds 60 --every" or "--seconds 1.5"

describe("under the hands of a killer,", function()
  setup(function()
    local output, code = run(("env -u LD_PRELOAD -u MAKEFLAGS -u MAKELEVEL make -s validators SAN=%s"):format(san))
    assert.equal(0, code, output)
  end)

  -- ThreadSanitizer follows threads, not processes, and single steps through it would take minutes.
  if san:find "thread" then
    for _, name in ipairs { "channel", "latch", "broadcast" } do
      it("(in threads) the ends of a " .. name .. " race by C's rules nowhere", function() validate(name, "--seconds 3 --threads") end)
    end
    return
  end

  it("a channel loses, repeats and tears nothing", function()
    local slots, steps, deaths = validate("channel", arguments):match "channel: (%d+) slots checked, killed within (%d+) instructions and (%d+) times"
    assert.is_true(tonumber(slots) > 1000 and (san ~= "" or tonumber(steps) > 100) and tonumber(deaths) > 10)
  end)

  it("a latch shows whole values only, and never an older one", function()
    local reads, deaths = validate("latch", arguments):match "(%d+) reads .- (%d+) times at random"
    assert.is_true(tonumber(reads) > 1000 and tonumber(deaths) > 10)
  end)

  it("a broadcast ring hands out whole records in order, and the latches bring back what a lapped reader lost", function()
    local checked, laps, deaths = validate("broadcast", arguments):match "(%d+) checked .- lapped (%d+) times.- (%d+) times at random"
    assert.is_true(tonumber(checked) > 1000 and tonumber(laps) > 0 and tonumber(deaths) > 10)
  end)
end)

describe("two workers that sleep whenever they have nothing to do", function()
  it("miss no wake-up in a million", function()
    local parks = validate("waker", "", san ~= "" and "PARKS=100000" or soak and "PARKS=20000000" or ""):match "waker: (%d+) parks"
    assert.is_true(tonumber(parks) >= (san ~= "" and 100000 or 1000000))
  end)
end)

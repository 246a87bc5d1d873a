local native = require "tidelock.native"
local worlds = require "support.sched_world"
local C, ffi = native.C, native.ffi

ffi.cdef [[
struct spec_address { uint16_t family; char path[108]; };
int socket(int domain, int type, int protocol); int connect(int fd, const void *address, unsigned length); int shutdown(int fd, int how);
ssize_t send(int fd, const void *data, size_t bytes, int flags); ssize_t recv(int fd, void *data, size_t bytes, int flags);
]]
local DONTWAIT = 0x40

describe("the control socket", function()
  local world, fds
  local function connect()
    local address = ffi.new("struct spec_address", { family = 1, path = world.socket })
    local fd = C.socket(1, 1, 0)
    assert.equal(0, C.connect(fd, address, ffi.sizeof(address)))
    fds[#fds + 1] = fd
    return fd
  end
  local function say(fd, text) return tonumber(C.send(fd, text, #text, 0x4040)) end
  --- What comes until `bytes` are there, or the end ("" then).
  local function hear(fd, bytes)
    local buffer, got = ffi.new("char[?]", 65536), {}
    local have, ended = 0, false
    world:await(function()
      local n = tonumber(C.recv(fd, buffer, 65536, DONTWAIT))
      if n > 0 then
        got[#got + 1] = ffi.string(buffer, n)
        have = have + n
      end
      ended = n == 0
      return have >= bytes or ended
    end, "an answer")
    return table.concat(got), ended
  end

  before_each(function()
    fds = {}
    world = worlds.create { { name = "io" } }
    world:start()
    world.on_request = function(line) C.tl_master_reply(world.master, "you said " .. line) end
  end)
  after_each(function()
    for _, fd in ipairs(fds) do C.close(fd) end
    world:destroy()
  end)

  it("is for its owner only, and is gone at the end", function()
    local pipe = io.popen("stat -c %a " .. world.socket)
    assert.equal("600", pipe:read "*l")
    pipe:close()
    world:end_master()
    assert.is_nil(io.open(world.socket))
    local stat = os.execute("test -e " .. world.socket)
    assert.is_true(stat ~= 0 and stat ~= true)
  end)

  it("answers line by line, whatever pieces they come in, on several connections", function()
    local a, b = connect(), connect()
    say(a, "hel")
    say(b, "one\ntwo\r\n")
    assert.equal("you said one\nyou said two\n", hear(b, 26))
    say(a, "lo\n")
    assert.equal("you said hello\n", hear(a, 15))
  end)

  it("knows who asks", function()
    local uid
    world.on_request = function()
      uid = C.tl_master_request_uid(world.master)
      C.tl_master_reply(world.master, "")
    end
    hear(connect(), 0)
    say(fds[1], "who\n")
    assert.equal("\n", hear(fds[1], 1))
    assert.equal(C.getuid(), uid)
  end)

  it("answers one who has said all and waits", function()
    local fd = connect()
    say(fd, "last\n")
    C.shutdown(fd, 1)
    assert.same({ "you said last\n", true }, { hear(fd, 100) })
  end)

  it("sends long answers whole to one who reads slowly, and goes on meanwhile", function()
    local long = ("x"):rep(700000)
    world.on_request = function(line) C.tl_master_reply(world.master, line == "long" and long or line) end
    local slow, quick = connect(), connect()
    for _ = 1, 4 do say(slow, "long\n") end
    for i = 1, 20 do
      say(quick, "q" .. i .. "\n")
      assert.equal("q" .. i .. "\n", hear(quick, #("q" .. i) + 1))
    end
    local text = hear(slow, 4 * 700001)
    assert.equal(4 * 700001, #text)
    assert.is_true(text == (long .. "\n"):rep(4))
  end)

  it("hangs up on one whose line has no end", function()
    local fd = connect()
    say(fd, ("x"):rep(5000))
    local text, ended = hear(fd, 1000)
    assert.matches("a line of up to 4095 bytes", text)
    assert.is_true(ended)
  end)

  it("lives through one who goes away, or is not answered", function()
    world.on_request = function(line) if line ~= "silence" then C.tl_master_reply(world.master, line) end end
    local fd = connect()
    say(fd, "silence\nthen\n")
    assert.equal("then\n", hear(fd, 5))
    say(fd, "x\ny\n")
    C.close(table.remove(fds))
    for _ = 1, 5 do world.step() end
    say(connect(), "after\n")
    assert.equal("after\n", hear(fds[1], 6))
  end)

  it("has room for many who say nothing", function()
    for _ = 1, 40 do
      connect()
      world.step()
    end
    say(fds[40], "hello\n")
    assert.equal("you said hello\n", hear(fds[40], 15))
  end)
end)

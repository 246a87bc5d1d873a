local native = require "tidelock.native"
local worlds = require "support.sched_world"
local C, ffi = native.C, native.ffi

ffi.cdef [[
struct spec_manager_address { uint16_t family; char path[108]; };
int socket(int domain, int type, int protocol); int bind(int fd, const void *address, unsigned length);
ssize_t recv(int fd, void *data, size_t bytes, int flags); int setenv(const char *name, const char *value, int replace);
]]

describe("a service manager", function()
  it("is told when all workers run, that the master lives, and that it stops", function()
    local world = worlds.create { { name = "io" }, { name = "house" } }
    local path = world.dir .. "/notify"
    local fd = C.socket(1, 2, 0)
    assert.equal(0, C.bind(fd, ffi.new("struct spec_manager_address", { family = 1, path = path }), ffi.sizeof "struct spec_manager_address"))
    C.setenv("NOTIFY_SOCKET", path, 1)
    C.setenv("WATCHDOG_USEC", "20000", 1)
    world:start()
    assert.is_nil(os.getenv "NOTIFY_SOCKET")
    local buffer, heard = ffi.new "char[256]", {}
    local function listen(word)
      world:await(function()
        local n = tonumber(C.recv(fd, buffer, 256, 0x40))
        if n > 0 then heard[#heard + 1] = ffi.string(buffer, n) end
        return heard[#heard] == word
      end, word)
    end
    listen "READY=1"
    listen "WATCHDOG=1"
    listen "WATCHDOG=1"
    C.tl_master_stop(world.master)
    listen "STOPPING=1"
    C.close(fd)
    world:destroy()
  end)
end)

--- What the verbs that look at or operate a live instance share: finding it, and asking it over its control socket.
local native = require "tidelock.native"
local cjson = require("cjson").new()
local instances = require "tidelock.live.instance"
local json = require "tidelock.report.json"
local nearest = require "tidelock.nearest"
local ffi = native.ffi

ffi.cdef [[
struct tidelock_sockaddr_un { unsigned short family; char path[108]; };
int socket(int domain, int type, int protocol);
int connect(int fd, const void *address, unsigned length);
ssize_t recv(int fd, void *into, size_t bytes, int flags);
ssize_t send(int fd, const void *from, size_t bytes, int flags);
int setsockopt(int fd, int level, int name, const void *value, unsigned length);
struct tidelock_timeval { long seconds, microseconds; };
int close(int fd);
]]

local M = {}

local AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC, MSG_NOSIGNAL, SOL_SOCKET, SO_RCVTIMEO = 1, 1, 524288, 16384, 1, 20
local PATIENCE_S = 5

--- Options that all of them have.
function M.parser(parser)
  parser:option("--shm-dir", "where instances keep their folders (default /dev/shm)"):argname "DIR"
end

--- The instance of a name; without one the only one that runs. Raises when there is none or a choice.
---@return table instance name, directory, running
function M.find(name, shm_dir)
  local all, names, running = instances.list(shm_dir), {}, {}
  for _, one in ipairs(all) do
    if one.name == name then return one end
    names[#names + 1] = one.name
    if one.running then running[#running + 1] = one end
  end
  if name then error(#names == 0 and ("there is no instance '%s': none runs"):format(name) or nearest.sentence("instance", name, names), 0) end
  if #running == 1 then return running[1] end
  if #running == 0 then error("no instance runs" .. (#all > 0 and (": '%s' was left behind"):format(names[1]) or ""), 0) end
  for i, one in ipairs(running) do names[i] = one.name end
  error({ usage = ("several instances run: name one of %s"):format(table.concat(names, ", ", 1, #running)) }, 0)
end

--- Sends a request to an instance's master; its answer. Raises what it refuses.
function M.ask(directory, request)
  local path = directory .. "/control"
  local address = ffi.new "struct tidelock_sockaddr_un"
  if #path >= ffi.sizeof(address.path) then error(path .. ": is too long a path for a socket", 0) end
  address.family = AF_UNIX
  ffi.copy(address.path, path)
  local fd = ffi.C.socket(AF_UNIX, SOCK_STREAM + SOCK_CLOEXEC, 0)
  if fd < 0 then error("no socket can be had", 0) end
  local function give_up(why)
    ffi.C.close(fd)
    error(why, 0)
  end
  if ffi.C.connect(fd, address, ffi.sizeof(address)) ~= 0 then give_up(("%s: nobody listens: the instance does not run"):format(path)) end
  ffi.C.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, ffi.new("struct tidelock_timeval", { PATIENCE_S, 0 }), ffi.sizeof "struct tidelock_timeval")
  local line = json.encode(request) .. "\n"
  if ffi.C.send(fd, line, #line, MSG_NOSIGNAL) ~= #line then give_up "the request could not be sent" end
  local answer, block = "", ffi.new "char[65536]"
  while not answer:find("\n", 1, true) do
    local n = tonumber(ffi.C.recv(fd, block, 65536, 0))
    if n <= 0 then give_up(n == 0 and "the master hung up" or ("the master did not answer within %d s"):format(PATIENCE_S)) end
    answer = answer .. ffi.string(block, n)
  end
  ffi.C.close(fd)
  local ok, reply = pcall(cjson.decode, answer)
  if not ok then error("the master's answer is no JSON", 0) end
  if not reply.ok then error(reply.error or "refused", 0) end
  return reply
end

return M

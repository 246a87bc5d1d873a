--- The system calls that a live instance's folder wants, each raising a sentence when it cannot be done.
local native = require "tidelock.native"
local ffi = native.ffi

ffi.cdef [[
int mkdir(const char *path, unsigned mode);
int rmdir(const char *path);
int unlink(const char *path);
int rename(const char *from, const char *to);
int open(const char *path, int flags, ...);
int close(int fd);
int flock(int fd, int operation);
int kill(int pid, int number);
int getpid(void);
int access(const char *path, int mode);
int usleep(unsigned us);
struct tidelock_statx { unsigned before[7]; unsigned short mode; unsigned char after[226]; };
struct tidelock_sigset { unsigned long bits[16]; };
int sigprocmask(int how, const struct tidelock_sigset *set, struct tidelock_sigset *before);
int statx(int folder, const char *path, int flags, unsigned mask, struct tidelock_statx *about);
int isatty(int fd);
long sysconf(int name);
char *realpath(const char *path, char *into);
char *strerror(int code);
void free(void *memory);
int glob(const char *pattern, int flags, void *error, void *result);
void globfree(void *result);
typedef struct tidelock_glob { size_t count; char **paths; size_t reserved[7]; } tidelock_glob;
]]

local M = {}
local S = ffi.C

local O_RDWR, O_CREAT, O_CLOEXEC = 2, 64, 524288
local LOCK_EX, LOCK_NB, LOCK_UN = 2, 4, 8
local EEXIST, ENOENT, EWOULDBLOCK, EPERM = 17, 2, 11, 1
local SC_PROCESSORS_ONLINE = 84
local PRIVATE_FOLDER, PRIVATE_FILE = 448, 384 -- 0700, 0600

local function refuse(what, path)
  error(("cannot %s %s: %s"):format(what, path, ffi.string(S.strerror(ffi.errno()))), 0)
end

--- Makes a folder for this user only; false when it is there already.
function M.make_folder(path)
  if S.mkdir(path, PRIVATE_FOLDER) == 0 then return true end
  if ffi.errno() == EEXIST then return false end
  refuse("make the folder", path)
end

function M.remove_file(path)
  if S.unlink(path) ~= 0 and ffi.errno() ~= ENOENT then refuse("remove", path) end
end

--- Removes a folder with the files in it.
function M.remove_folder(path)
  for _, file in ipairs(M.glob(path .. "/*")) do M.remove_file(file) end
  if S.rmdir(path) ~= 0 and ffi.errno() ~= ENOENT then refuse("remove", path) end
end

--- Puts a file's whole text in place at once.
function M.write_file(path, text)
  local draft = path .. ".new"
  local fd = S.open(draft, O_RDWR + O_CREAT + O_CLOEXEC, ffi.cast("int", PRIVATE_FILE))
  if fd < 0 then refuse("write", draft) end
  S.close(fd)
  local file, why = io.open(draft, "w")
  if not file then error("cannot write " .. why, 0) end
  local ok = file:write(text)
  ok = file:close() and ok
  if not ok or S.rename(draft, path) ~= 0 then refuse("write", path) end
end

function M.read_file(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

--- Paths that match, in order.
function M.glob(pattern)
  local found, list = ffi.new "tidelock_glob", {}
  if S.glob(pattern, 0, nil, found) == 0 then
    for i = 0, tonumber(found.count) - 1 do list[#list + 1] = ffi.string(found.paths[i]) end
  end
  S.globfree(found)
  return list
end

--- Takes the lock on a file; its descriptor (closed in children), or nil when somebody has it.
function M.lock(path)
  local fd = S.open(path, O_RDWR + O_CREAT + O_CLOEXEC, ffi.cast("int", PRIVATE_FILE))
  if fd < 0 then refuse("open", path) end
  if S.flock(fd, LOCK_EX + LOCK_NB) == 0 then return fd end
  local taken = ffi.errno() == EWOULDBLOCK
  S.close(fd)
  if taken then return nil end
  refuse("lock", path)
end

--- Whether somebody holds the lock on a file.
function M.is_locked(path)
  if S.access(path, 0) ~= 0 then return false end
  local fd = S.open(path, O_RDWR + O_CLOEXEC)
  if fd < 0 then return false end
  local free = S.flock(fd, LOCK_EX + LOCK_NB) == 0
  if free then S.flock(fd, LOCK_UN) end
  S.close(fd)
  return not free
end

function M.close(fd) S.close(fd) end
function M.pid() return S.getpid() end
function M.exists(path) return S.access(path, 0) == 0 end

--- Whether there is something at the path that is no plain file: a folder, a device, a pipe.
function M.is_special(path)
  local about = ffi.new "struct tidelock_statx"
  local AT_FDCWD, STATX_TYPE, KIND, REGULAR = -100, 1, 0xf000, 0x8000
  return S.statx(AT_FDCWD, path, 0, STATX_TYPE, about) == 0 and bit.band(about.mode, KIND) ~= REGULAR
end

function M.sleep_ms(ms) S.usleep(ms * 1000) end
function M.is_terminal(fd) return S.isatty(fd) == 1 end
function M.cores() return math.max(1, tonumber(S.sysconf(SC_PROCESSORS_ONLINE))) end

--- Whether a process of that id is there.
function M.is_alive(pid)
  return pid > 0 and (S.kill(pid, 0) == 0 or ffi.errno() == EPERM)
end

--- The words that a process was started with, nil when it is gone.
function M.command_line(pid)
  local text = M.read_file(("/proc/%d/cmdline"):format(pid))
  if not text or text == "" then return nil end
  local words = {}
  for word in text:gmatch "[^%z]+" do words[#words + 1] = word end
  return words
end

--- Keeps SIGHUP, SIGINT and SIGTERM waiting, or lets them come.
function M.hold_signals(hold)
  local SIG_BLOCK, SIG_UNBLOCK, HUP_INT_TERM = 0, 1, 0x4003
  local set = ffi.new "struct tidelock_sigset"
  set.bits[0] = HUP_INT_TERM
  S.sigprocmask(hold and SIG_BLOCK or SIG_UNBLOCK, set, nil)
end

function M.signal(pid, number) return S.kill(pid, number) == 0 end

--- The path from the root, nil when there is no such file.
function M.absolute(path)
  local full = S.realpath(path, nil)
  if full == nil then return nil end
  local text = ffi.string(full)
  S.free(full)
  return text
end

return M

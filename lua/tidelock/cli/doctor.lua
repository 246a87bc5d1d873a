--- `tidelock doctor`: what this machine offers to a trading runtime, and what to do about what is missing.
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local M = { summary = "look at the machine, the packages and the privileges, and say what to do" }

local PACKAGES = { "libluajit-5.1-2", "libjemalloc2", "libzstd1", "zlib1g", "tzdata", "lua-argparse", "lua-cjson", "lua-inspect" }
local CAPABILITIES = { { bit = 23, name = "CAP_SYS_NICE", why = "negative nice values and FIFO scheduling" },
  { bit = 14, name = "CAP_IPC_LOCK", why = "locked memory" }, { bit = 21, name = "CAP_SYS_ADMIN", why = "eBPF and namespaces" } }

function M.parser(parser)
  parser:flag("--json", "print one JSON object")
  parser:epilog "Example:\n  tidelock doctor"
end

local function read(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text and (text:gsub("%s+$", "")) or nil
end

local function lines_of(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local text = pipe:read "*a"
  pipe:close()
  return text
end

--- Each check adds findings: { area, name, state = "ok" | "note" | "warn" | "fail", value, advice }.
local function machine(add)
  local info = read "/proc/cpuinfo" or ""
  local cores = select(2, info:gsub("processor%s*:", ""))
  add("machine", "processor", "ok", (info:match "model name%s*:%s*([^\n]+)" or "unknown") .. (", %d cores"):format(cores))
  if cores < 2 then
    add("machine", "cores", "warn", "1 core", "workers will block instead of spinning; use a machine with at least two cores")
  elseif cores < 4 then
    add("machine", "cores", "note", cores .. " cores", "one worker can spin; the rest share the other core")
  end
  add("machine", "kernel", "ok", read "/proc/sys/kernel/osrelease" or "unknown")
  local clock = read "/sys/devices/system/clocksource/clocksource0/current_clocksource"
  local even = info:find "constant_tsc" and info:find "nonstop_tsc"
  add("machine", "clock source", (clock == "tsc" or clock == "kvm-clock") and "ok" or "warn",
    (clock or "unknown") .. (even and ", even time stamp counter" or ""),
    not (clock == "tsc" or clock == "kvm-clock") and "reading the clock costs a system call; boot with clocksource=tsc if the counter is stable" or nil)
  local isolated, nohz = read "/sys/devices/system/cpu/isolated" or "", read "/sys/devices/system/cpu/nohz_full" or ""
  if nohz == "(null)" then nohz = "" end
  local rest = cores > 2 and "1-" .. cores - 1 or "1"
  add("machine", "isolated cores", isolated ~= "" and "ok" or "note", isolated ~= "" and isolated or "none",
    isolated == "" and cores > 1 and ("for the lowest jitter boot with isolcpus=%s nohz_full=%s rcu_nocbs=%s"):format(rest, rest, rest) or nil)
  if isolated ~= "" and nohz == "" then add("machine", "timer ticks", "note", "on", "add nohz_full=" .. isolated .. " to the kernel command line") end
  local governor = read "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
  if governor then
    add("machine", "frequency governor", governor == "performance" and "ok" or "warn", governor,
      governor ~= "performance" and "cpupower frequency-set -g performance" or nil)
  end
  local nodes = read "/sys/devices/system/node/online"
  add("machine", "memory nodes", "ok", nodes or "0")
end

local function memory(add)
  local info = read "/proc/meminfo" or ""
  local total = tonumber(info:match "MemTotal:%s*(%d+)" or 0) / 1048576
  local free = tonumber(info:match "MemAvailable:%s*(%d+)" or 0) / 1048576
  add("memory", "memory", free > 1 and "ok" or "warn", ("%.1f GiB, %.1f available"):format(total, free), free <= 1 and "less than 1 GiB is free" or nil)
  local swap = tonumber(info:match "SwapTotal:%s*(%d+)" or 0)
  add("memory", "swap", swap == 0 and "ok" or "note", swap == 0 and "off" or ("%.1f GiB"):format(swap / 1048576),
    swap > 0 and "a swapped page stalls a worker for milliseconds; swapoff -a on a trading machine" or nil)
  local huge = (read "/sys/kernel/mm/transparent_hugepage/enabled" or ""):match "%[(%w+)%]"
  add("memory", "transparent huge pages", (huge == "always" or huge == "madvise") and "ok" or "note", huge or "unknown",
    huge == "never" and "books of many orders pay for page walks; echo madvise >/sys/kernel/mm/transparent_hugepage/enabled" or nil)
  local shm = lines_of "df -Pk /dev/shm":match "\n%S+%s+%d+%s+%d+%s+(%d+)"
  local shm_mib = tonumber(shm or 0) / 1024
  add("memory", "/dev/shm", shm_mib >= 256 and "ok" or "warn", shm and ("%.0f MiB free"):format(shm_mib) or "absent",
    shm_mib < 256 and "regions of a live instance want 256 MiB; mount -o remount,size=1g /dev/shm, or set shm_dir" or nil)
end

local function privileges(add)
  local limits, status = read "/proc/self/limits" or "", read "/proc/self/status" or ""
  local files = tonumber(limits:match "Max open files%s+(%d+)" or 0)
  add("privileges", "open files", files >= 4096 and "ok" or "note", tostring(files), files < 4096 and "ulimit -n 65536 for many sessions" or nil)
  local locked = limits:match "Max locked memory%s+(%S+)"
  local enough = locked == "unlimited" or tonumber(locked or 0) >= 256 * 1048576
  add("privileges", "locked memory", enough and "ok" or "note", locked or "unknown",
    not enough and "set LimitMEMLOCK=infinity so that pages can be locked" or nil)
  local effective = status:match "CapEff:%s*(%x+)" or "0"
  for _, capability in ipairs(CAPABILITIES) do
    local digit = tonumber(effective:sub(-(math.floor(capability.bit / 4) + 1), -(math.floor(capability.bit / 4) + 1)), 16) or 0
    local has = bit.band(bit.rshift(digit, capability.bit % 4), 1) == 1
    add("privileges", capability.name, has and "ok" or "note", has and "yes" or "no",
      not has and ("needed for %s: run as a service that grants it, or setcap %s+ep on the binary"):format(capability.why,
        capability.name:lower()) or nil)
  end
end

--- What tiers and the watchdog rest on.
local function scheduling(add)
  local cores = tonumber(lines_of "nproc") or 1
  add("scheduling", "spinning workers", cores > 1 and "ok" or "note", cores > 1 and ("up to %d, never on core 0"):format(cores - 1) or "none",
    cores == 1 and "every worker sleeps when there is nothing to do, and wakes 50 us later; two cores let one spin" or nil)
  local throttle = read "/proc/sys/kernel/sched_rt_runtime_us"
  add("scheduling", "real-time throttle", "ok", throttle == "-1" and "off" or throttle and throttle .. " us of each second" or "unknown")
  local groups = read "/proc/sys/kernel/sched_autogroup_enabled"
  add("scheduling", "groups by session", "ok", groups == "1" and "on: each worker is a session, with its nice value" or "off")
  local actions = read "/proc/sys/kernel/seccomp/actions_avail" or ""
  local filter = actions:find "kill_process" ~= nil
  add("scheduling", "system call filter", filter and "ok" or "fail", filter and "seccomp" or "absent",
    not filter and "strategies do not run without: a kernel with CONFIG_SECCOMP_FILTER" or nil)
  local landlock = C.tl_confine_landlock()
  add("scheduling", "Landlock", landlock > 0 and "ok" or "note", landlock > 0 and "version " .. landlock or "absent",
    landlock == 0 and "strategies could read files that this user can read; boot with lsm=landlock,..." or nil)
end

local function software(add)
  local missing = {}
  local known = lines_of("dpkg-query -W -f '${Package} ${Status}\\n' " .. table.concat(PACKAGES, " "))
  if known ~= "" then
    for _, package in ipairs(PACKAGES) do
      if not known:find(package:gsub("%p", "%%%0") .. " install ok installed") then missing[#missing + 1] = package end
    end
    add("software", "packages", #missing == 0 and "ok" or "fail", #missing == 0 and "all there" or "missing " .. table.concat(missing, " "),
      #missing > 0 and "apt-get install " .. table.concat(missing, " ") or nil)
  end
  add("software", "tidelock", "ok", ffi.string(C.tl_version()))
  add("software", "LuaJIT", jit.status() and "ok" or "warn", jit.version .. (jit.status() and ", compiler on" or ", compiler off"),
    not jit.status() and "strategies are interpreted and slow on this machine" or nil)
  local busted = package.searchpath("busted.runner", package.path)
  add("software", "busted", busted and "ok" or "note", busted and "found" or "not found",
    not busted and "for `tidelock test`: apt-get install lua-busted" or nil)
  local bundled, page = pcall(require, "tidelock.report_page")
  local charts = bundled and page.chart_code
  add("software", "charts of reports", charts and "ok" or "note", charts and "bundled" or "plain",
    not charts and "build again where npm and a network are there" or nil)
  local calendars = C.tl_calendars_create()
  local zones = calendars ~= nil
  add("software", "time zones", zones and "ok" or "fail", zones and "found" or ffi.string(C.tl_error_text()), not zones and "apt-get install tzdata" or nil)
  if zones then C.tl_calendars_destroy(calendars) end
end

--- All findings, in order.
function M.examine()
  local findings = {}
  local function add(area, name, state, value, advice)
    findings[#findings + 1] = { area = area, name = name, state = state, value = value, advice = advice }
  end
  machine(add)
  memory(add)
  privileges(add)
  scheduling(add)
  software(add)
  return findings
end

function M.run(args)
  local findings = M.examine()
  local failed, warned = 0, 0
  for _, finding in ipairs(findings) do
    if finding.state == "fail" then failed = failed + 1 elseif finding.state == "warn" then warned = warned + 1 end
  end
  if args.json then
    print(require "cjson".encode { findings = findings, failed = failed, warned = warned })
    return failed == 0 and 0 or 1
  end
  local area
  for _, finding in ipairs(findings) do
    if finding.area ~= area then
      area = finding.area
      print(area)
    end
    print(("  %-5s %-24s %s"):format(finding.state, finding.name, finding.value))
    if finding.advice then print(("        %-24s -> %s"):format("", finding.advice)) end
  end
  print(failed == 0 and (warned == 0 and "\nready" or ("\nready, with %d warning%s"):format(warned, warned == 1 and "" or "s"))
    or ("\nnot ready: %d thing%s missing"):format(failed, failed == 1 and " is" or "s are"))
  return failed == 0 and 0 or 1
end

return M

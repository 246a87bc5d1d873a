--- The path of a C program of tests/support/, built if it is not there (specs may be run without `make unit`).
return function(name)
  local build = os.getenv "TIDELOCK_BUILD"
  local san = os.getenv "TIDELOCK_SAN"
  local path = build .. "/support/" .. name
  -- What is preloaded into luajit is not meant for compilers.
  local done = os.execute(("env -u LD_PRELOAD make -s BUILD=%s SAN=%s %s >&2"):format(build, san or "", path))
  assert(done == 0 or done == true, "cannot build " .. path)
  return path
end

--- `tidelock top [INSTANCE]`: a live instance on the terminal, drawn again each second.
local operate = require "tidelock.cli.operate"

local M = { summary = "a live view of an instance: workers, rings, latency, positions" }

local FRAME_MS, LOOK_MS = 1000, 100

function M.parser(parser)
  parser:argument("instance", "its name; may be left out when one runs"):args "?"
  parser:flag("--once", "print one picture and end, for pipes")
  operate.parser(parser)
  parser:epilog "Reads shared memory only. q ends it, space draws at once.\n\nExample:\n  tidelock top demo"
end

local function look(view)
  local now = view:read()
  now.rings, now.orders_open, now.counters = view:rings(), view:orders(), {}
  for _, process in ipairs(view.plan.processes) do
    for _, counter in ipairs(view:counters(process.region)) do
      now.counters[#now.counters + 1] = { file = process.name, label = counter[1], value = counter[2] }
    end
  end
  return now
end

--- Until a key ends it or the instance is gone; true when that is so.
local function watch(one, view, terminal, size, lines_of)
  local system = require "tidelock.live.system"
  local before, now = nil, look(view)
  while true do
    local rows, columns = size()
    terminal:draw(lines_of(now, before, { color = true, columns = columns }))
    local waited = 0
    while waited < FRAME_MS do
      local key = terminal:key(LOOK_MS)
      if key and (key == "" or key:find "[qQ\3\4]") then return false end
      if key then break end
      waited = waited + LOOK_MS
      local r, c = size()
      if r ~= rows or c ~= columns then
        rows, columns = r, c
        terminal:draw(lines_of(now, before, { color = true, columns = columns }))
      end
    end
    if not system.exists(one.directory .. "/plan") then return true end
    local again = look(view)
    before, now = again.uptime_ns > now.uptime_ns and now or before, again
  end
end

function M.run(args)
  local screen, terminals = require "tidelock.live.screen", require "tidelock.cli.terminal"
  local one = operate.find(args.instance, args.shm_dir)
  local view = require("tidelock.live.status").open(one.directory)
  if args.once then
    local first = look(view)
    require("tidelock.live.system").sleep_ms(1000) -- for rates
    io.stdout:write(table.concat(screen.lines(look(view), first, {}), "\n"), "\n")
    return 0
  end
  local terminal = terminals.open()
  local ok, gone = pcall(watch, one, view, terminal, terminals.size, screen.lines)
  terminal:close()
  if not ok then error(gone, 0) end
  if gone then print(("instance '%s' has ended"):format(one.name)) end
  return 0
end

return M

-- Holds the house's rule: a room may include the rooms above it in this list, never one below.
local rooms = { "base", "memory", "queue", "market", "order", "exchange", "journal", "net", "venue", "gateway", "script", "sched", "ops" }
local rank = {}
for i, room in ipairs(rooms) do rank[room] = i end

local bad = 0
for path in io.popen("find runtime -mindepth 2 -name '*.[ch]' | sort"):lines() do
  local room = path:match "^runtime/([^/]+)/"
  if not rank[room] then
    print(path .. ": '" .. room .. "' is not a room of the house")
    bad = bad + 1
  else
    local number = 0
    for line in io.lines(path) do
      number = number + 1
      local target = line:match '^%s*#%s*include%s+"([^"]+)"'
      if target then
        local other = target:match "^([^/]+)/"
        if not other or not rank[other] then
          print(("%s:%d: include \"%s\" names no room"):format(path, number, target))
          bad = bad + 1
        elseif rank[other] > rank[room] then
          print(("%s:%d: %s may not use %s"):format(path, number, room, other))
          bad = bad + 1
        end
      end
    end
  end
end
os.exit(bad == 0 and 0 or 1)

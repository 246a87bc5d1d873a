--- A process that is a master of two workers and a strategy, for a spec that kills it: says the folder and the pids, then steps until it dies.
local worlds = require "support.sched_world"
local world = worlds.create {
  { name = "io" }, { name = "house", outlive = "io" }, { name = "s", tier = 2, strategy = 1, hard_budget_ns = 100e6 },
}
world:start()
world:ask("io", "stop_delay", 200e6)
-- It hangs, and takes no notice of its lifeline.
if arg[1] == "hang" then world:tell("s", "hang") end
io.stdout:write(world.dir, " ", world.master_page.pid, "\n")
for _, name in ipairs { "io", "house", "s" } do io.stdout:write(name, " ", world:slot(name).pid, "\n") end
io.stdout:flush()
while true do world.step() end

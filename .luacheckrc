std = "luajit"
max_line_length = 160
self = false
-- 581: `not (x >= y)` is how NaN is refused
ignore = { "311", "581" }
files["tests"] = { std = "+busted", globals = { "arg" } }
files["scripts"] = { std = "+busted", read_globals = { "log", "metric", "record" } }
files["**/*_spec.lua"] = { std = "+busted" }
files["lua/tidelock/meta"] = { ignore = { "1", "2", "3", "631" } }

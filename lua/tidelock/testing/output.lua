-- busted output: a line for each failure as it happens, the time of slow files, and one closing line "N passed, N failed".
return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local clock = require("system").gettime
  local file_started

  local function failure(element, _, message, trace)
    io.write("\nFAILED ", handler.getFullName(element), "\n  ")
    local text = type(message) == "string" and message or require("pl.pretty").write(message)
    io.write((text:gsub("\n", "\n  ")), "\n")
    if options.verbose and trace and trace.traceback then io.write(trace.traceback, "\n") end
    io.flush()
  end

  handler.fileStart = function() file_started = clock() return nil, true end
  handler.fileEnd = function(file)
    io.write(string.format("  %-56s %6.2f s\n", file.name, clock() - file_started))
    io.flush()
    return nil, true
  end
  handler.testFailure = function(element, parent, message, trace) failure(element, parent, message, trace) return nil, true end
  handler.testError = handler.testFailure
  handler.error = function(element, parent, message, trace)
    if element.descriptor ~= "it" then failure(element, parent, message, trace) end
    return nil, true
  end
  handler.suiteEnd = function()
    local skipped = handler.pendingsCount
    for _, p in pairs(handler.pendings) do
      if type(p.message) == "string" then io.write("  skipped: ", p.name, ": ", p.message, "\n") end
    end
    local failed = handler.failuresCount + handler.errorsCount
    io.write(string.format("%d passed, %d failed%s\n", handler.successesCount, failed, skipped > 0 and (", " .. skipped .. " skipped") or ""))
    io.flush()
    return nil, true
  end

  busted.subscribe({ "file", "start" }, handler.fileStart)
  busted.subscribe({ "file", "end" }, handler.fileEnd)
  busted.subscribe({ "failure", "it" }, handler.testFailure)
  busted.subscribe({ "error", "it" }, handler.testError)
  busted.subscribe({ "error" }, handler.error)
  busted.subscribe({ "failure" }, handler.error)
  busted.subscribe({ "suite", "end" }, handler.suiteEnd)
  return handler
end

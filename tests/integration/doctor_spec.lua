local cli = require "integration.cli"
local json = require "cjson"

describe("tidelock doctor", function()
  it("looks at the machine, memory, privileges and software", function()
    local code, out, err = cli.run "doctor"
    assert.equal("", err)
    assert.is_true(code == 0 or code == 1)
    for _, area in ipairs { "machine", "memory", "privileges", "scheduling", "software" } do assert.matches("\n" .. area .. "\n", "\n" .. out) end
    assert.matches(code == 0 and "\nready" or "\nnot ready", out)
  end)

  it("gives programs the same findings, each with a state and with advice where something is wrong", function()
    local code, out = cli.run "doctor --json"
    local result = json.decode(out)
    assert.equal(result.failed == 0 and 0 or 1, code)
    local names, failed = {}, 0
    for _, finding in ipairs(result.findings) do
      names[finding.name] = finding
      assert.is_truthy(({ ok = true, note = true, warn = true, fail = true })[finding.state], finding.name)
      if finding.state == "warn" or finding.state == "fail" then assert.is_string(finding.advice, finding.name) end
      if finding.state == "fail" then failed = failed + 1 end
    end
    assert.equal(failed, result.failed)
    for _, name in ipairs { "processor", "kernel", "clock source", "spinning workers", "system call filter", "Landlock", "memory",
      "open files", "LuaJIT", "busted", "charts of reports", "time zones" } do
      assert.is_table(names[name], name)
    end
  end)

  it("sees a limit that is set lower", function()
    local _, out = cli.run("doctor --json", "ulimit -n 200 && ")
    for _, finding in ipairs(json.decode(out).findings) do
      if finding.name == "open files" then
        assert.same({ "note", "200" }, { finding.state, finding.value })
        assert.matches("ulimit", finding.advice)
      end
    end
  end)
end)

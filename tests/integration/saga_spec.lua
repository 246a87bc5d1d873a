-- A pair trade in a backtest of generated data: what is undone, when, and that the outcome is a function of the data.
local cli = require "integration.cli"
local json = require "cjson"

describe("a pair trade on generated data", function()
  local folder
  local options = "backtest scripts/pair_trade.lua --symbols AAPL,MSFT --param patience=20ms "
    .. "--quiet --json --data %s/gen_2024-01-02.itch --config %s/config.lua %s"

  setup(function()
    folder = cli.folder()
    assert.equal(0, (cli.run(("generate --seed 5 --symbols 2 --messages 120000 --out %s/gen_2024-01-02.itch"):format(folder))))
    local file = assert(io.open(folder .. "/config.lua", "w"))
    file:write [[return { latency = { feed = "100us", compute = "10us", entry = "200us", report = "200us" },
      accounts = { main = { cash = 1000000, leverage = 4, short = true } } }]]
    file:close()
  end)

  teardown(function()
    cli.remove(folder)
  end)

  local function run(more)
    local code, out, err = cli.run(options:format(folder, folder, more or ""))
    assert.equal(0, code, err)
    return json.decode(out)
  end

  local function rows_of(path)
    local rows, names = {}, nil
    for line in io.lines(path) do
      local cells = {}
      for cell in (line .. ","):gmatch "([^,]*)," do cells[#cells + 1] = cell end
      if not names then names = cells
      else
        local row = {}
        for i, name in ipairs(names) do row[name] = cells[i] end
        rows[#rows + 1] = row
      end
    end
    return rows
  end

  it("is undone where its second order does not complete it, by orders of the gateway's", function()
    local result = run("--decisions " .. folder .. "/decisions.csv")
    assert.equal(0, result.errors)
    local begun, done, legs = 0, 0, 0
    local first -- leg of the saga in hand
    for _, row in ipairs(rows_of(folder .. "/decisions.csv")) do
      if row.kind == "saga_begin" then begun, first = begun + 1, nil
      elseif row.kind == "saga_end" then done = done + 1
      elseif row.kind == "new" then
        legs = legs + 1
        -- There and back, and a step computes as a handler does.
        if first then assert.is_true(tonumber(row.ts_ns:sub(-15)) - first >= 410000) end
        first = first or tonumber(row.ts_ns:sub(-15))
      end
    end
    assert.is_true(begun > 20, begun)
    assert.is_true(done < begun) -- some failed
    assert.is_true(result.orders > legs, "the gateway's own orders count as well")
  end)

  it("brings every position back to what it was, within the deadline", function()
    local file = assert(io.open(folder .. "/unlucky.lua", "w"))
    file:write [[
      local strategy, timeout, snapshot, record = require "strategy", require "timeout", require "snapshot", require "record"
      local s = strategy { symbols = { "AAPL", "MSFT" } }
      local function held() return snapshot.position("AAPL").quantity, snapshot.position("MSFT").quantity end
      function s:on_start() self.counts = { done = 0, undone = 0, failed = 0, late = 0, wrong = 0 } end
      function s:on_quote(q)
        if self.saga or not (q.bid and q.ask) or snapshot.instrument(q.symbol).status ~= "trading" then return end
        local other = q.symbol == "AAPL" and "MSFT" or "AAPL"
        local quote = snapshot.quote(other)
        if not quote.bid or math.random() < 0.9 then return end
        self.before, self.deadline = { held() }, timeout.after("20ms")
        local first = { symbol = q.symbol, side = "buy", quantity = 100, price = q.ask }
        local second = { symbol = other, side = "sell", quantity = 100, price = math.floor(quote.bid + 2) }
        self.saga = timeout.saga("unlucky", self.deadline, function(saga)
          if math.random() < 0.5 then saga:legs { { send = first }, { send = second } }
          else saga:leg { send = first, undo = { price = q.bid } } saga:leg { send = second } end
        end)
      end
      function s:on_saga(saga, outcome)
        self.saga = nil
        local counts, one, other = self.counts, held()
        counts[outcome.status] = counts[outcome.status] + 1
        if self.deadline:expired() then counts.late = counts.late + 1 end
        if outcome.status == "undone" and (one ~= self.before[1] or other ~= self.before[2]) then counts.wrong = counts.wrong + 1 end
      end
      function s:on_stop() for _, name in ipairs { "done", "undone", "failed", "late", "wrong" } do record.result(name, self.counts[name]) end end
      return s]]
    file:close()
    local code, out, err = cli.run((options:gsub("scripts/pair_trade.lua.-ms", "%%s/unlucky.lua")):format(folder, folder, folder, ""))
    assert.equal(0, code, err)
    local custom = json.decode(out).custom
    assert.is_true(custom.undone > 300, custom.undone)
    assert.same({ 0, 0, 0, 0 }, { custom.done, custom.failed, custom.late, custom.wrong })
  end)

  it("decides the same whatever the batch, compiled or not, with poisoned events", function()
    local hash = run().decisions_hash
    for _, more in ipairs { "--batch 1", "--batch 3", "--no-jit", "--poison" } do assert.equal(hash, run(more).decisions_hash, more) end
  end)
end)

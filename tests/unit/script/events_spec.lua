local native = require "tidelock.native"
local host_world = require "support.host_world"
local C, ffi = native.C, native.ffi

local HEAD = "local strategy, log, snapshot = require 'strategy', require 'log', require 'snapshot'\nlocal s = strategy { bars = { '1m' } }\n"

local function world_of(body, config)
  return assert(host_world.new { script = HEAD .. body .. "\nreturn s\n", config = config })
end

describe("what scripts are shown", function()
  it("has scalar members only: no array and no pointer, which could be indexed out of bounds", function()
    local cdef, found = require "tidelock.cdef", 0
    for name, body in pairs { tl_order_handle = cdef:match "typedef struct tl_order_handle {(.-)}" } do
      assert.is_nil(body:find "[%[%*]", name)
    end
    for name, body in cdef:gmatch "typedef struct (tl_shown_%w+) {(.-)}" do
      found = found + 1
      assert.is_nil(body:find "[%[%*]", name .. " has an array or a pointer")
      for member in body:gmatch "([^;]+);" do
        local kind = member:match "^%s*([%w_]+)"
        assert.truthy(("double int64_t uint64_t uint32_t uint16_t uint8_t"):find(kind, 1, true), name .. ": " .. member)
      end
    end
    assert.is_true(found >= 9)
  end)

  it("shows an event's numbers as the decimals they are, and nil for what is absent", function()
    local world = world_of [[
      function s:on_quote(q)
        log.info("%s %s %s %s %s %s", q.bid, q.ask, q.bid_size, q.ask_size, q.bid == 150.10, q.symbol)
      end
      function s:on_trade(t) log.info("%s %s %s %s", t.price, t.size, t.aggressor, t.kind) end]]
    world:start():quote("AAPL", 150.10, 150.12, 5, 7):quote("AAPL", nil, 150.12, 5, 7):trade("AAPL", 0.0001, 3)
    assert.is_true(world:drain())
    assert.same({ "150.1 150.12 5 7 true AAPL", "nil 150.12 nil 7 false AAPL", "0.0001 3 nil normal" }, world:lines())
  end)

  it("has exact times: latency, age, since, tod, iso", function()
    local world = world_of [[
      function s:on_quote(q)
        log.info("%d %d %s %d %s %d", q.latency, q:age(), q:iso(), q.tod / 1e9, q.ts < q.ts_recv, self.last and q:since(self.last) or 0)
        self.last = q:copy()
      end]]
    world:start():quote("AAPL", 1, 2):quote("AAPL", 1, 2)
    assert.is_true(world:drain())
    assert.same({ "400 0 2023-11-14T22:13:20.000001600Z 62000 true 0", "400 0 2023-11-14T22:13:20.000002600Z 62000 true 1000" }, world:lines())
  end)

  it("raises for a field that is not there, naming the nearest, and for every write", function()
    local world = world_of [[
      local function why(f) return (select(2, pcall(f)):gsub("^[^ ]+ ", "")) end
      function s:on_quote(q)
        print(why(function() return q.bid_sise end))
        print(why(function() q.bid = 1 end))
        print(why(function() q.bid_n = 1 end))
        print(why(function() q.copy().bid_n = 1 end))
        print(why(function() q:copy().bid_n = 1 end))
        print(why(function() return q[1] end))
        print(why(function() return #q end))
        print(why(function() snapshot.quote("AAPL").bid_n = 1 end))
        print(why(function() snapshot.position("AAPL").realized = 1 end))
        print(why(function() snapshot.book("AAPL").at_ns = 1 end))
        print(why(function() snapshot.bars("AAPL", "1m", 1).count_n = 9 end))
        print(why(function() q:since(5) end))
        print(why(function() q.copy("text") end))
        print(tostring(q), getmetatable(q))
      end]]
    world:start():quote("AAPL", 150, 151)
    assert.is_true(world:drain())
    local lines = world:lines()
    assert.equal("unknown field of a quote 'bid_sise'; did you mean 'bid_size'?", lines[1])
    for i, word in ipairs { "did you mean", "constant", "constant", "as a method", "constant", "unknown field", "length", "constant", "constant", "constant",
      "constant", "takes an event", "as a method" } do
      assert.matches(word, lines[i], 1, false)
    end
    assert.matches("^quote AAPL at 2023", lines[14])
    assert.is_nil(lines[14]:find "0x")
    assert.equal("150", tostring(tonumber(C.tl_view_at(C.tl_host_view(world.host), 0).quote.bid_n) / 1e4))
  end)

  it("reads the same compiled: many events, few surprises", function()
    local body = [[
      local sum = 0
      function s:on_quote(q) sum = sum + (q.bid or 0) * (q.ask_size or 0) - (q.ask or 0) + q.latency + q.seq end
      function s:on_bar(b) sum = sum + b.open + b.high - b.low + b.close + b.volume + (b.vwap or 0) end
      function s:on_stop() log.info("%.17g", sum) end]]
    local function total(config)
      local world = world_of(body, config)
      world:start()
      for i = 1, 3000 do
        world:quote("AAPL", i % 7 > 0 and 10 + i / 100 or nil, i % 11 > 0 and 11 + i / 100 or nil, i, i)
        if i % 5 == 0 then world:bar("AAPL", i, i + 1, i - 1, i + 0.5) end
        if i % 1000 == 0 then world:drain() end
      end
      world:stop():drain()
      return world:lines()[1]
    end
    assert.equal(total { no_jit = 1 }, total { no_jit = 0 })
  end)
end)

describe("snapshots", function()
  it("are as of the event in hand, book and bars included", function()
    local world = world_of [[
      function s:on_book() end
      function s:on_bar(b)
        local bars, book = snapshot.bars("AAPL", "1m", 3), snapshot.book("AAPL")
        log.info("%d: %s %s %s", #bars, bars:close(1), bars:close(-1), bars:close(4))
        log.info("%s %s %s", book:bid(1))
        log.info("%s %s %.4f %.4f", book:ask(3), book:mid(), book:microprice(), book:imbalance(2))
        log.info("%s %s | %s %s", book:vwap("buy", 15), select(2, book:vwap("buy", 15)), book:vwap("sell", 1000))
      end]]
    world:start()
    world:level("AAPL", "buy", 10, 5, 2):level("AAPL", "buy", 9.99, 20):level("AAPL", "sell", 10.02, 10):level("AAPL", "sell", 10.03, 10):book("AAPL")
    for i = 1, 5 do world:bar("AAPL", i, i, i, i) end
    assert.is_true(world:drain())
    local lines = world:lines()
    assert.equal("1: 1 1 nil", lines[1])
    assert.equal("3: 3 5 nil", lines[17])
    assert.equal("10 5 2", lines[18])
    assert.equal("nil 10.01 10.0067 0.1111", lines[19])
    assert.matches("^10.0233%d* 15 | 9.992%d* 25$", lines[20])
  end)

  it("are kept by copies, which stay as they were", function()
    local world = world_of [[
      function s:on_book(b)
        if not self.book then
          self.book, self.bars, self.position = b:copy(), snapshot.bars("AAPL", "1m", 5):copy(), snapshot.position("AAPL"):copy()
          local c = self.book
          for _, f in ipairs {
            function(x) return x:bid(1) end, function(x) return x:ask(2) end, function(x) return x:mid() end, function(x) return x:microprice() end,
            function(x) return x:imbalance(2) end, function(x) return x:vwap("buy", 15) end, function(x) return x:vwap("sell", 1000) end,
            function(x) return x.seq, x.ts, x:iso() end, function(x) return x:own("buy", 1), x.depth, x.symbol end,
          } do
            local a1, a2, a3 = f(b)
            local b1, b2, b3 = f(c)
            if a1 ~= b1 or a2 ~= b2 or a3 ~= b3 then print("differs", _, a1, b1, a2, b2) end
          end
        else
          log.info("%s %s %s %d %s %s", self.book:bid(1), b:bid(1), self.bars:close(-1), #self.bars, self.position.quantity,
            pcall(function() self.book.x = 1 end))
        end
      end]]
    world:start():bar("AAPL", 1, 2, 1, 2):level("AAPL", "buy", 10, 5, 2):level("AAPL", "buy", 9.99, 20):level("AAPL", "sell", 10.02, 10)
    world:level("AAPL", "sell", 10.03, 10):book("AAPL"):bar("AAPL", 1, 3, 1, 3):level("AAPL", "buy", 10.01, 1):book("AAPL")
    assert.is_true(world:drain())
    assert.same({ "10 10.01 2 1 0 false" }, world:lines())
  end)

  it("hold more bars when more are asked for", function()
    local world = world_of [[
      function s:on_bar(b)
        if b.close % 400 == 0 then log.info("%d %s", #snapshot.bars("AAPL", "1m", 900), snapshot.bars("AAPL", "1m", 900):close(1)) end
      end]]
    world:start()
    for i = 1, 1600 do
      world:bar("AAPL", i, i, i, i)
      if i % 100 == 0 then world:drain() end
    end
    assert.same({ "400 1", "800 1", "900 301", "900 701" }, world:lines())
  end)

  it("say so when they are asked for bars that nobody keeps", function()
    local world = world_of [[
      function s:on_start()
        print(select(2, pcall(snapshot.bars, "AAPL", "5m", 3)))
        print(select(2, pcall(snapshot.bars, "AAPL", "1m", 0)))
      end]]
    world:start():drain()
    assert.matches("declare bars = { \"5m\" }", world:lines()[1])
    assert.matches("from 1 to", world:lines()[2])
  end)

  it("take a group as of one moment", function()
    local world = world_of [[
      local g = snapshot.group { "AAPL", "MSFT" }
      function s:on_quote(q)
        if q.seq == 3 then g:read() end
        if q.seq == 4 then log.info("%s %s %s", g.AAPL.bid, g.MSFT.bid, snapshot.quote("MSFT").bid) g:read() log.info("%s", g.MSFT.bid) end
        if q.seq == 4 then print(select(2, pcall(function() return g.APPL end))) end
      end]]
    world:start():quote("AAPL", 1, 2):quote("MSFT", 3, 4):quote("MSFT", 5, 6)
    assert.is_true(world:drain())
    assert.equal("1 3 5", world:lines()[1])
    assert.equal("5", world:lines()[2])
    assert.matches("did you mean 'AAPL'", world:lines()[3])
  end)

  it("give nil and an error for a symbol that is not known, and raise for what is wrong with the program", function()
    local world = world_of [[
      function s:on_start()
        local q, err = snapshot.quote("APPL")
        log.info("%s %s %s %s", q, err.code, err.field, tostring(err))
        print(pcall(snapshot.quote, 5))
        print(snapshot.account("other"))
        print(snapshot.rate("EUR", "USD"))
        print(snapshot.rate("EUR", "EUR"))
      end]]
    world:start():drain()
    local lines = world:lines()
    assert.equal("nil unknown_symbol symbol unknown symbol 'APPL'; did you mean 'AAPL'?", lines[1])
    assert.matches("a symbol is a string", lines[2])
    assert.matches("no account 'other'", lines[3])
    assert.matches("no rate from EUR to USD", lines[4])
    assert.equal("1", lines[5])
  end)

  it("know the instrument and its session", function()
    local world = world_of [[
      function s:on_status()
        local i = snapshot.instrument("AAPL")
        log.info("%s %s %s %s %s %s", i.tick, i.lot, i.settle, i.zone, i.status, i.min_quantity)
        log.info("%s %s", os.date("%H:%M", i.open / 1e9), i:round(10.006, "buy"))
        log.info("%s %s %s", i:round(10.006), i:round_quantity(7.9), pcall(function() return i.tikc end))
      end
      function s:on_stop() log.info("%s", snapshot.instrument("AAPL").tick) end]]
    world:start():append(C.TL_EVENT_STATUS, "AAPL", { C.TL_STATE_TRADING })
    assert.is_true(world:drain())
    local one = C.tl_instruments_edit(world.instruments, 0)
    one.tick = one.tick / 10 -- as a file's finer row does
    world:stop():drain()
    assert.equal("0.001", world:lines()[4])
    assert.equal("0.01 1 USD America/New_York trading nil", world:lines()[1])
    assert.equal("14:30 10", world:lines()[2])
    assert.equal("10.01 7 false", world:lines()[3])
  end)

  it("follow fills: position, P&L and account, with each handler seeing its own fill and no later one", function()
    local world = world_of [[
      local order = require "order"
      function s:on_quote(q)
        if not self.sent then
          self.sent = order.buy("AAPL", 10, 100)
          log.info("sent %s %g", self.sent.status, snapshot.account().buying_power)
        end
        log.info("equity %.2f", snapshot.account().equity)
      end
      function s:on_fill(o, f)
        local p = snapshot.position("AAPL")
        log.info("fill %s %g@%g %s %g %s | %g %g %g %g %g", f.side, f.quantity, f.price, f.liquidity, f.fee, f:id(), p.quantity, p.average_price,
          p.realized_pnl, p.fees, p.net_pnl)
      end
      function s:on_order(o, r) log.info("order %s %s %s", r.kind, o.status, r.reason) end
      function s:on_error(e) log.info("%s", e.message) end]]
    world:start():quote("AAPL", 99, 101)
    assert.is_true(world:drain())
    local count = ffi.new "uint32_t[1]"
    local command = C.tl_mirror_commands(C.tl_host_mirror(world.host), count)[0]
    assert.equal(1, count[0])
    assert.equal(2, tonumber(command.input_sequence))
    local function report(kind, price, quantity, filled, fee)
      local r = ffi.new("tl_report", {
        order_id = command.order_id, kind = kind, price = price * 1e4, quantity = quantity, filled = filled, fee_e8 = (fee or 0) * 1e8,
        execution_id = 77 + filled,
        limit = bit.lshift(1LL, 63), value = bit.lshift(1LL, 63), queue_ahead = bit.lshift(1LL, 63), liquidity = 1,
      })
      local event, tail = ffi.new("tl_event", { kind = C.TL_EVENT_REPORT, ts_ns = world.now, ts_recv_ns = world.now + 5 }), ffi.new "tl_event_tail"
      ffi.copy(event.w, r, 32)
      ffi.copy(tail, ffi.cast("char *", r) + 32, 64)
      assert(C.tl_input_log_append(world.log, event, tail))
    end
    report(C.TL_REPORT_ACCEPTED, 100, 10, 0)
    report(C.TL_REPORT_FILL, 100, 4, 4, 0.25)
    report(C.TL_REPORT_FILL, 100, 6, 10, 0.5)
    world:quote("AAPL", 109, 111)
    assert.is_true(world:drain())
    assert.same({
      "sent pending_new 99000", "equity 100000.00", "order accepted new nil", "fill buy 4@100 maker 0.25 81 | 4 100 0 0.25 -0.25",
      "order fill partially_filled nil",
      "fill buy 6@100 maker 0.5 87 | 10 100 0 0.75 -0.75", "order fill filled nil", "equity 100099.25",
    }, world:lines())
  end)
end)

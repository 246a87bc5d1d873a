local bench = require "unit.gateway.live_bench"
local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

describe("a gateway agent", function()
  local w
  local function new(opts)
    w = bench.new(opts)
    return w
  end
  after_each(function()
    if w then w:close() end
    w = nil
  end)

  it("takes commands to the venue and its reports back", function()
    new()
    w:quote(1000000, 1000200)
    local id = w:order(1, "buy", 10, 1000000)
    assert.equal(1, w:work())
    local sent = w:venue_commands()
    assert.same({ "new", id, 10 }, { sent[1].kind, sent[1].id, sent[1].quantity })
    w:answer(id, "accepted")
    w:answer(id, "fill", { price = 1000000, quantity = 10, execution_id = 1 })
    assert.equal(2, w:work())
    local told = w:told(1)
    assert.same({ "accepted", "fill" }, { told[1].report, told[2].report })
    assert.same({ 1, 2 }, { told[1].sequence, told[2].sequence })
    assert.equal(0, w:work())
  end)

  it("takes at most 64 commands of a strategy at a time", function()
    new { names = { "one", "two" } }
    w:quote(1000000, 1000200)
    for i = 1, 100 do w:order(1, "buy", 10, 1000000 - 100 * i) end
    w:order(2, "buy", 10, 1000000)
    assert.equal(65, w:work())
    assert.equal(36, w:work())
    assert.equal(101, #w:venue_commands())
  end)

  it("does not believe a command in another's name", function()
    new { names = { "one", "two" } }
    w:quote(1000000, 1000200)
    w:send(1, "new", { strategy = 4, order_id = 4 * 2 ^ 40 + 1, side = "buy", quantity = 1, price = 1000000 })
    w:send(1, "new", { order_id = 4 * 2 ^ 40 + 1, side = "buy", quantity = 1, price = 1000000 })
    w:send(1, "attach", { strategy = 4, epoch = 9 })
    w:work()
    assert.equal("", w:venue_words())
    assert.equal("", w:words(2))
    assert.equal("denied bad_field", w:words(1))
    w:order(2, "buy", 1, 1000000)
    w:work()
    assert.equal("new", w:venue_words())
  end)

  it("tells a generation that attaches all that is its own, and refuses the one before", function()
    new()
    w:quote(1000000, 1000200)
    local filled = w:order(1, "buy", 10, 1000000)
    local resting = w:order(1, "sell", 5, 1100000)
    w:work()
    w:answer(filled, "fill", { price = 1000000, quantity = 10, execution_id = 1 })
    w:answer(resting, "accepted")
    w:work()
    w:words(1)
    w.players[1].epoch = 2
    w:send(1, "attach")
    w:work()
    local told, kinds = w:told(1), {}
    for i, m in ipairs(told) do kinds[i] = m.kind end
    assert.equal("position order venue attached", table.concat(kinds, " "))
    assert.equal(10, told[1].quantity)
    assert.same({ resting, C.TL_ORDER_NEW }, { told[2].id, told[2].status })
    assert.equal(C.TL_VENUE_RECONCILED, told[3].word / 2 ^ 32)
    assert.equal(2, told[4].word)
    w.players[1].epoch = 1
    w:order(1, "buy", 1, 1000000)
    w:work()
    w:venue_commands()
    assert.equal("", w:words(1))
    w:send(1, "attach")
    w:work()
    assert.equal("", w:words(1))
  end)

  it("takes what a dead generation had sent, then cancels its orders when it is told to", function()
    new()
    w:quote(1000000, 1000200)
    local first = w:order(1, "buy", 1, 1000000)
    w:work()
    w:answer(first, "accepted")
    w:work()
    w:order(1, "buy", 2, 999900)
    w.players[1].epoch = 2
    w:order(1, "buy", 3, 999800)
    w:venue_commands()
    w:operate("died", { target = 3, word = 1 })
    assert.equal("new, cancel, cancel", w:venue_words())
    w:work()
    assert.equal("new", w:venue_words())
    w:answer(first, "canceled")
    w:work()
    assert.equal("accepted, canceled stop", w:words(1))
  end)

  it("leaves the orders of a dead generation where that is configured", function()
    new { on_death = "keep" }
    w:quote(1000000, 1000200)
    w:order(1, "buy", 1, 1000000)
    w:operate("died", { target = 3, word = 1 })
    assert.equal("new", w:venue_words())
    w:order(1, "buy", 1, 1000000)
    w:work()
    assert.equal("", w:venue_words())
  end)

  it("stops when orders are cancelled and answered, and not much later when they are not", function()
    new { names = { "one", "two" } }
    w:quote(1000000, 1000200)
    local id = w:order(1, "buy", 1, 1000000)
    w:work()
    w:answer(id, "accepted")
    w:work()
    w:order(2, "buy", 1, 1000000)
    local function stop(after) return w.duty.stop(w.duty.state, C.TL_STOP_ORDERLY, w:now() + (after or 0)) end
    w:venue_commands()
    assert.is_false(stop())
    assert.equal("cancel, new, cancel", w:venue_words())
    w:answer(id, "canceled")
    w:work()
    assert.is_false(stop())
    assert.is_true(stop(2100000000LL))
    assert.equal(1, w:page().position_count - 1)
  end)

  it("denies new orders of who does not read its reports, and loses none of these", function()
    new { report_capacity = 64, command_capacity = 1024 }
    w:quote(1000000, 1000200)
    local id = w:order(1, "buy", 100, 1000000)
    w:work()
    w:answer(id, "accepted")
    for i = 1, 80 do w:answer(id, "fill", { price = 1000000, quantity = 1, execution_id = i }) end
    w:work()
    w:order(1, "buy", 1, 1000000)
    w:send(1, "cancel", { order_id = id })
    w:work()
    assert.equal("new, cancel", w:venue_words())
    local told = {}
    for _ = 1, 10 do
      for _, m in ipairs(w:told(1)) do told[#told + 1] = m end
      w:work()
    end
    assert.equal(82, #told)
    for i, m in ipairs(told) do assert.equal(i, m.sequence) end
    assert.same({ "denied", "reports_behind", 32, 81 }, { told[82].report, told[82].reason, tonumber(told[82].limit), tonumber(told[82].value) })
    w:order(1, "buy", 1, 1000000)
    w:work()
    assert.equal("new", w:venue_words())
  end)

  it("denies new orders while the venue does not take them, and lets cancels wait", function()
    new { venue_command_capacity = 32, command_capacity = 1024 }
    w:quote(1000000, 1000200)
    local ids = {}
    for i = 1, 40 do ids[i] = w:order(1, "buy", 1, 1000000 - i * 100) end
    w:work(2)
    local told = w:told(1)
    assert.same({ "denied", "ring_full" }, { told[1].report, told[1].reason })
    assert.equal(23, #told)
    for i = 1, 17 do w:send(1, "cancel", { order_id = ids[i] }) end
    w:work(2)
    local sent = {}
    for _ = 1, 3 do
      for _, c in ipairs(w:venue_commands()) do sent[#sent + 1] = c end
      w:work()
    end
    assert.equal(34, #sent)
    for i = 1, 34 do assert.same({ i <= 17 and "new" or "cancel", ids[(i - 1) % 17 + 1] }, { sent[i].kind, sent[i].id }) end
  end)

  it("keeps to what it can write down", function()
    new { order_capacity = 4, command_capacity = 16384, report_capacity = 16384, venue_command_capacity = 16384, log_slots = 65536 }
    w:quote(1000000, 1000200)
    for i = 1, 4101 do w:order(1, "buy", 1, 1000000 - 100 * i) end
    w:work(80)
    assert.matches("too_many_orders", w:words(1):match "[^,]*$")
  end)

  it("lets no strategy take what others have to themselves of the room for orders", function()
    new { names = { "one", "two" }, order_capacity = 4 }
    w:quote(1000000, 1000200)
    for i = 1, 3 do w:order(1, "buy", 1, 1000000 - 100 * i) end
    w:work()
    assert.equal("new, new", w:venue_words())
    local told = w:told(1)
    assert.same({ 1, "too_many_orders", 2, 3 }, { #told, told[1].reason, told[1].limit, told[1].value })
    for i = 1, 2 do w:order(2, "buy", 1, 1000000 - 100 * i) end
    w:work()
    assert.equal("new, new", w:venue_words())
    assert.equal(0, #w:told(2))
  end)

  it("throws the kill switch and takes it back, by the operator and by a file", function()
    local path = os.tmpname()
    os.remove(path)
    new { kill_file = path }
    w:quote(1000000, 1000200)
    local function try()
      w:order(1, "buy", 1, 1000000)
      w:work()
      return (w:words(1) .. " " .. w:venue_words()):match "^%s*(.-)%s*$"
    end
    assert.equal("new", try())
    w:operate("kill", { target = -1, word = 1 })
    assert.equal("denied risk_kill_switch cancel", try())
    w:operate("kill", { target = -1, word = 0 })
    assert.equal("new", try())
    io.open(path, "w"):close()
    w:later()
    assert.equal("denied risk_kill_switch cancel", try())
    w:operate("kill", { target = -1, word = 0 })
    w:later()
    assert.equal("new", try())
    os.remove(path)
    w:later()
    assert.equal("new", try())
  end)

  it("sets limits and restrictions that the operator names", function()
    new()
    w:quote(1000000, 1000200)
    w:operate("limit", { target = 3, value = 5, text = "max_order_quantity" })
    w:order(1, "buy", 6, 1000000)
    w:work()
    assert.equal("denied risk_order_quantity", w:words(1))
    w:operate("limit", { target = -1, value = 100, text = "max_order_notional" })
    w:order(1, "buy", 5, 1000000)
    w:work()
    assert.equal("denied risk_order_notional", w:words(1))
    w:operate("limit", { target = 3, value = -5, text = "nonsense" })
    w:operate("limit", { target = -1, value = 0, text = "max_order_notional" })
    w:operate("restrict", { target = 0, word = 1 })
    w:order(1, "buy", 5, 1000000)
    w:work()
    assert.equal("denied risk_restricted", w:words(1))
    w:operate("restrict", { target = 0, word = 0 })
    w:order(1, "buy", 5, 1000000)
    w:work()
    assert.equal("new", w:venue_words())
  end)

  it("sends what leads to a cut once, as if the strategy had read all", function()
    local function commands(reads, before)
      new { report_capacity = 16, order_capacity = 16, position_capacity = 1, command_capacity = 8192, venue_command_capacity = 4096 }
      w:quote(1000000, 1000200)
      local id = w:order(1, "buy", 100000, 990000, { group = 1, link = C.TL_LINK_BRACKET_ENTRY })
      w:order(1, "sell", 100000, 1100000, { group = 1, link = C.TL_LINK_BRACKET_LEG })
      w:order(1, "sell", 100000, 1200000, { group = 1, link = C.TL_LINK_BRACKET_LEG })
      w:work()
      for i = 1, before do w:send(1, "cancel", { order_id = i }) end
      local words, execution = {}, 0
      for _ = 1, 3000 do -- each fill of the entry is a report, and more of the legs a command each
        execution = execution + 1
        w:answer(id, "fill", { price = 990000, quantity = 1, execution_id = execution })
        w:work()
        for _, c in ipairs(w:venue_commands()) do
          words[#words + 1] = ("%s %d %d"):format(c.kind, c.id - id, c.quantity)
          if c.id ~= id then w:answer(c.id, c.kind == "new" and "accepted" or "replaced", { quantity = c.quantity, price = 1100000 }) end
        end
        w:work()
        if reads then w:told(1) end
      end
      w:later()
      local cut = C.tl_counter_find(ffi.cast("tl_counter *", w:section("io", "counters")), 256, "gateway.reports_cut")
      assert.equal(reads and 0 or 1, tonumber(cut))
      w:close()
      return words
    end
    local all = commands(true, 0)
    assert.is_true(#all > 6000)
    for before = 0, 2 do assert.same(all, commands(false, before)) end -- so that it is the fill once at which there is no room
    w = nil
  end)

  it("that cannot write down its state ends with a sentence", function()
    new { checkpoint_bytes = 65536 }
    local page = ffi.cast("tl_worker_page *", w:section("io", "worker"))
    w:quote(1000000, 1000200)
    for i = 1, 3000 do
      w:send(1, "cancel", { order_id = 1000 + i })
      if i % 100 == 0 then w:work() w:told(1) end
    end
    assert.equal(C.TL_WORKER_FAILED, page.state)
    assert.matches("the gateway's state of %d+ bytes does not fit its checkpoint of 65536", ffi.string(page.failure))
  end)

  it("tells strategies of the venue's process", function()
    new { page = true }
    local page = ffi.cast("tl_worker_page *", w:section("house", "worker"))
    w:send(1, "attach")
    w:work()
    local function look()
      w:later()
      local words = {}
      for _, m in ipairs(w:told(1)) do if m.kind == "venue" then words[#words + 1] = m.word / 2 ^ 32 end end
      return table.concat(words, " ")
    end
    assert.equal("0", look())
    page.state, page.epoch, page.pid = C.TL_WORKER_RUNNING, 1, C.getpid()
    assert.equal("1 2", look())
    assert.equal("", look())
    page.epoch = 2
    assert.equal("0 1 2", look())
    page.pid = 2 ^ 22 - 3
    assert.equal("0", look())
    page.pid, page.epoch = C.getpid(), 3
    assert.equal("1 2", look())
  end)

  it("publishes positions, orders, accounts and counts", function()
    new()
    w:quote(1000000, 1000200)
    local id = w:order(1, "buy", 10, 1000000)
    local resting = w:order(1, "sell", 3, 1100000)
    w:work()
    w:answer(id, "fill", { price = 1000000, quantity = 10, execution_id = 1 })
    w:answer(resting, "accepted")
    w:work()
    w:quote(1010000, 1010200)
    local start = w:now()
    repeat w:work() until w:now() > start + 3000000
    local page = w:page()
    assert.same({ 2, 1, 1, 1 }, { tonumber(page.orders), tonumber(page.fills), page.position_count, page.account_count })
    local position = ffi.new "tl_published_position"
    assert.is_true(C.tl_published_position_read(w:section("io", "positions"), 0, position))
    assert.same({ 3, 0, 10, 1 }, { position.strategy, position.instrument, tonumber(position.position.quantity), position.open_orders })
    assert.equal(10.1e8, tonumber(position.unrealized_e8))
    local order, seen = ffi.new "tl_published_order", {}
    for i = 0, page.order_count - 1 do
      assert.is_true(C.tl_published_order_read(w:section("io", "orders"), i, order))
      if order.status ~= 0 and order.status < C.TL_ORDER_FILLED then seen[#seen + 1] = tonumber(order.last.order_id) end
    end
    assert.same({ resting }, seen)
    local account = ffi.new "tl_published_account"
    assert.is_true(C.tl_published_account_read(w:section("io", "accounts"), 0, account))
    assert.equal("main", ffi.string(account.name))
    assert.equal(10.1e8, tonumber(account.state.unrealized_e8))
    assert.is_true(w:page().as_of > 0)
    local counters = ffi.cast("tl_counter *", w:section("io", "counters"))
    w:later()
    assert.equal(2, tonumber(C.tl_counter_find(counters, 256, "gateway.orders")))
    assert.equal(1, tonumber(C.tl_counter_find(counters, 256, "gateway.fills")))
    local stages = ffi.cast("tl_stages *", w:section("io", "stages"))
    assert.equal(2, tonumber(stages.of[C.TL_LATENCY_ORDER].count))
    assert.equal(2, tonumber(stages.of[C.TL_LATENCY_GATEWAY].count))
    assert.equal(2, tonumber(stages.of[C.TL_LATENCY_VENUE].count))
  end)
end)

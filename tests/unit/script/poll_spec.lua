-- A driver in miniature behind the drain loop: it serves records in batches, keeps timers in their places, and gets back what a handler's timer cuts off.
local native = require "tidelock.native"
local host_world = require "support.host_world"
local C, ffi = native.C, native.ffi

local SCRIPT = [[
  local strategy, log, timeout, order, snapshot = require "strategy", require "log", require "timeout", require "order", require "snapshot"
  local s = strategy { symbols = "*", data = { "x" } }
  function s:on_start() self.n = 0 timeout.every("5us", "tick") end
  function s:on_quote(q)
    self.n = self.n * 0.75 + q.bid
    local symbol = q.symbol
    if q.seq % 7 == 0 then timeout.once("1300ns", function() self.n = self.n + 1 order.buy(symbol, 1, 100) end) end
    if q.seq % 5 == 0 then order.quote(q.symbol, "sell", 10, 200 + math.random(9), nil) end
  end
  function s:on_data(d) self.n = self.n + d.value end
  function s:on_timer() self.n = self.n / 2 log.info("%.17g %.0f", self.n, timeout.now() % 1e6) end
  return s
]]

local function decisions(config)
  config.retract = 1
  local world = assert(host_world.new { script = SCRIPT, config = config, data = { { name = "x", "value" } } })
  local pending, served, at = {}, {}, 0
  local function record(kind, words, symbol)
    at = at + 1000
    pending[#pending + 1] = ffi.new("tl_event", {
      kind = kind, ts_ns = world.now + at, ts_recv_ns = world.now + at, instrument = symbol or 0xffffffff, w = words,
    })
  end
  record(C.TL_EVENT_START, { 0 })
  for i = 1, 600 do
    if i % 50 == 0 then record(C.TL_EVENT_DATA, { 0, i }) end
    record(C.TL_EVENT_QUOTE, { 1500000 + i % 40 * 100, 1501000, 10, 10 }, i % 2)
  end
  record(C.TL_EVENT_STOP, { 0 })

  local out, values = {}, ffi.new "double[1]"
  local count, timer = ffi.new "uint32_t[1]", ffi.new "tl_event"
  local function take_commands()
    local commands = C.tl_mirror_commands(C.tl_host_mirror(world.host), count)
    for i = 0, count[0] - 1 do
      local c = commands[i]
      out[#out + 1] = ("%d %d %d %d %d"):format(tonumber(c.ts_ns - 1700000000000000000LL), c.kind, c.side, tonumber(c.price), tonumber(c.quantity))
    end
    C.tl_mirror_clear_commands(C.tl_host_mirror(world.host))
  end
  local function poll(_, log, most)
    take_commands()
    while #served > 0 and served[#served].sequence >= log.next_sequence do -- taken back
      table.insert(pending, 1, table.remove(served).event)
    end
    local appended = 0
    while appended < most do
      local first = pending[1]
      local due = C.tl_host_next_timer_ns(world.host)
      local event
      if first and due < first.ts_recv_ns then
        assert(C.tl_host_take_timer(world.host, due, timer))
        event = ffi.new("tl_event", timer)
      elseif first then
        event = table.remove(pending, 1)
        if event.kind == C.TL_EVENT_DATA then
          values[0] = tonumber(event.w[1])
          C.tl_host_set_data_row(world.host, 0, values)
        end
      else
        break
      end
      served[#served + 1] = { event = event, sequence = log.next_sequence }
      assert(C.tl_input_log_append(log, event, nil))
      appended = appended + 1
    end
    return appended
  end
  jit.off(poll, true)
  local callback = ffi.cast("tl_host_poll_function", poll)
  C.tl_host_set_poll(world.host, callback, nil)
  jit.off() -- a callback must not come out of compiled code
  local status = C.tl_host_drain(world.host)
  jit.on()
  callback:free()
  assert(status == 0, ffi.string(C.tl_host_failure(world.host)))
  take_commands()
  for _, line in ipairs(world:lines()) do out[#out + 1] = line end
  assert.equal(C.TL_HOST_STOPPED, C.tl_host_state_of(world.host))
  world:close()
  return out
end

describe("decisions behind a polling driver", function()
  local first = decisions { seed = 3, batch = 1 }

  it("are many enough to mean something", function()
    assert.is_true(#first > 150)
  end)

  it("do not depend on how many records a poll may return: timers cut the batch", function()
    for _, batch in ipairs { 2, 3, 7, 64 } do assert.same(first, decisions { seed = 3, batch = batch }) end
  end)

  it("are the same interpreted, poisoned and timed", function()
    assert.same(first, decisions { seed = 3, batch = 64, no_jit = 1 })
    assert.same(first, decisions { seed = 3, batch = 64, poison = 1, time_handlers = 1 })
  end)

  it("follow the seed", function()
    assert.are_not.same(first, decisions { seed = 4, batch = 64 })
  end)
end)

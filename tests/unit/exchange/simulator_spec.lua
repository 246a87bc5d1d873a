local native = require "tidelock.native"
local venue = require "simulated_venue"
local allocations = require "allocations"
local C, ffi = native.C, native.ffi

local DATA = "../shared/data/"
local AMZN, ROWS = DATA .. "itch/amzn_2012-06-21.itch.gz", DATA .. "itch/amzn_2012-06-21.rows.csv.zst"
local END = 0x7fffffffffffffffLL

local function is_there(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

--- Plays a file for one symbol. `each` is called after each record with what came out since the last; it may return a command.
local function play_day(path, symbol, want, each)
  local calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
  local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  local simulator = ffi.gc(C.tl_simulator_create(instruments, calendars, ffi.new("tl_simulator_config")), C.tl_simulator_destroy)
  native.check(tonumber(C.tl_simulator_add_itch(simulator, path, 20191230)))
  local day = { simulator = simulator, instruments = instruments, instrument = C.tl_instruments_find(instruments, symbol), keep = calendars }
  C.tl_simulator_want(simulator, day.instrument, want)
  local after, slots, count = ffi.new "bool[1]", ffi.new "uint32_t[1]", ffi.new "uint32_t[1]"
  while true do
    local ts_ns = C.tl_simulator_next_ns(simulator, after)
    if ts_ns == END then break end
    C.tl_simulator_step(simulator)
    local events = C.tl_simulator_events(simulator, slots)
    local reports = C.tl_simulator_reports(simulator, count)
    local send = each(day, ts_ns, events, slots[0], reports, count[0])
    C.tl_simulator_clear_output(simulator)
    if send then C.tl_simulator_submit(simulator, send, ts_ns) end
  end
  day.counts = ffi.new("tl_simulator_counts")
  C.tl_simulator_count(simulator, day.counts)
  return day
end

--- The lines of a file, whatever it is packed with.
local function lines_of(path)
  local stream, length = ffi.new "tl_stream *[1]", ffi.new "size_t[1]"
  native.check(tonumber(C.tl_stream_open(path, stream)))
  local buffer, rest = ffi.new("char[?]", 1048576), ""
  return coroutine.wrap(function()
    while true do
      native.check(tonumber(C.tl_stream_read(stream[0], buffer, 1048576, length)))
      if length[0] == 0 then break end
      local text = rest .. ffi.string(buffer, length[0])
      local from = 1
      while true do
        local at = text:find("\n", from, true)
        if not at then break end
        coroutine.yield(text:sub(from, at - 1))
        from = at + 1
      end
      rest = text:sub(from)
    end
    C.tl_stream_close(stream[0])
  end)
end

--- Five levels of a view as the truth writes them.
local function picture(view, instrument, level)
  local cells = {}
  for i = 0, 4 do
    for side = 2, 1, -1 do
      local there = C.tl_view_book_level(view, instrument, side, i, level)
      cells[#cells + 1] = there and tonumber(level.price) or (side == 1 and -9999999999 or 9999999999)
      cells[#cells + 1] = there and tonumber(level.size) or 0
    end
  end
  return table.concat(cells, ",")
end

local function command(id, fields)
  local c = ffi.new("tl_command", fields)
  c.order_id = id
  c.stop_price = venue.ABSENT
  return c
end

describe("the simulated venue", function()
  it("gives the true rows of a real day when nobody trades", function()
    if not is_there(AMZN) then return pending "../shared/data is not here" end
    local view, step, rows, level = nil, 0, 0, ffi.new "tl_view_level"
    local next_line = lines_of(ROWS)
    local ordinal, wanted
    local function advance()
      local line = next_line()
      if line then ordinal, wanted = line:match "^(%d+),%d+,(.*)$" else ordinal = nil end
      ordinal = tonumber(ordinal)
    end
    advance()
    local day = play_day(AMZN, "AMZN", 7, function(day, _, events, slots)
      view = view or ffi.gc(C.tl_view_create(day.instruments), C.tl_view_destroy)
      for i = 0, slots - 1 do C.tl_view_apply(view, events[i], nil) end
      step = step + 1
      if step ~= ordinal then return end
      rows = rows + 1
      local got = picture(view, day.instrument, level)
      if got ~= wanted then assert.equal(wanted, got, "after message " .. step) end
      advance()
    end)
    assert.equal(178372, step)
    assert.equal(155935, rows)
    assert.equal(178372, tonumber(day.counts.messages))
    assert.equal(0, tonumber(day.counts.problems))
  end)

  it("keeps a sound market with random own orders in a real day", function()
    if not is_there(AMZN) then return pending "../shared/data is not here" end
    local seed = 7
    math.randomseed(seed)
    local open, filled, ended, next_id, step = {}, {}, 0, 0, 0
    local bid, ask, fills, queue_seen, view, best = nil, nil, 0, 0, nil, ffi.new "tl_view_level[2]"
    local day = play_day(AMZN, "AMZN", 1 + 2 + 4 + 32, function(day, _, events, slots, reports, count)
      step = step + 1
      view = view or ffi.gc(C.tl_view_create(day.instruments), C.tl_view_destroy)
      for i = 0, slots - 1 do
        local e = events[i]
        C.tl_view_apply(view, e, nil)
        if e.kind == C.TL_EVENT_BOOK then
          if C.tl_view_book_level(view, day.instrument, 1, 0, best[0]) and C.tl_view_book_level(view, day.instrument, 2, 0, best[1]) and
             best[0].price >= best[1].price then
            error(("crossed at step %d: %d x %d"):format(step, tonumber(best[0].price), tonumber(best[1].price)))
          end
        elseif e.kind == C.TL_EVENT_QUOTE then
          bid, ask = e.w[0] ~= venue.ABSENT and tonumber(e.w[0]) or nil, e.w[1] ~= venue.ABSENT and tonumber(e.w[1]) or nil
          if bid and ask and bid >= ask then error(("crossed at step %d: %d x %d"):format(step, bid, ask)) end
        elseif e.kind == C.TL_EVENT_QUEUE then
          queue_seen = queue_seen + 1
          assert.is_true(e.w[1] >= 0 and e.w[1] < e.w[2])
        end
      end
      for i = 0, count - 1 do
        local r = reports[i]
        local id = tonumber(r.order_id)
        if r.kind == C.TL_REPORT_FILL then
          fills = fills + 1
          filled[id] = (filled[id] or 0) + tonumber(r.quantity)
          assert.equal(filled[id], tonumber(r.filled))
          assert.is_true(filled[id] <= 100)
        end
        if r.kind ~= C.TL_REPORT_ACCEPTED and not (r.kind == C.TL_REPORT_FILL and filled[id] < 100) and open[id] then
          open[id] = nil
          ended = ended + 1
        end
      end
      if step % 40 == 0 and bid and ask then
        next_id = next_id + 1
        open[next_id] = true
        local buy = math.random(2) == 1
        local price = (buy and bid or ask) + 100 * math.random(-3, 3)
        price = price - price % 100
        return command(next_id, { kind = C.TL_COMMAND_NEW, instrument = day.instrument, side = buy and 1 or 2, quantity = 100, price = price,
          time_in_force = math.random(4) == 1 and C.TL_TIF_IOC or C.TL_TIF_DAY })
      elseif step % 97 == 0 then
        local id = next(open)
        if id then return command(id, { kind = C.TL_COMMAND_CANCEL, instrument = day.instrument }) end
      end
    end)
    assert.equal("", ffi.string(C.tl_simulator_problem(day.simulator, 0)))
    assert.is_true(fills > 500 and queue_seen > 500, ("%d fills, %d queue events"):format(fills, queue_seen))
  end)

  it("asks for no memory in the steady state", function()
    if not allocations.known() then return pending "the heap is not jemalloc" end
    math.randomseed(7)
    local history, n = venue.history():directory(1), 4000
    for i = 1, n do
      local buy = math.random(2) == 1
      history:add(i * 10, i, buy and "buy" or "sell", (buy and 1000 - math.random(9) or 1000 + math.random(9)) * 100, 100)
      if i > 20 then history:delete(i * 10 + 5, i - 20) end
    end
    local run = venue.run { history = history }
    local c, after, id, step = command(0, {}), ffi.new "bool[1]", 0, 0
    local function play(records)
      for _ = 1, records do
        local ts_ns = C.tl_simulator_next_ns(run.simulator, after)
        if ts_ns == END then return false end
        C.tl_simulator_step(run.simulator)
        step = step + 1
        if step % 3 == 0 then
          id = id + 1
          c.order_id, c.kind, c.instrument, c.side, c.quantity = id, C.TL_COMMAND_NEW, run.instrument, 1 + id % 2, 30
          c.price = 100000 + math.random(-5, 5) * 100
          C.tl_simulator_submit(run.simulator, c, ts_ns)
          c.order_id, c.kind = math.max(1, id - 10), C.TL_COMMAND_CANCEL
          C.tl_simulator_submit(run.simulator, c, ts_ns)
        end
        C.tl_simulator_clear_output(run.simulator)
      end
      return true
    end
    play(3000)
    assert.equal(0, allocations.of(function() assert.is_true(play(4000)) end))
  end)

  it("gets through files that begin in mid-day and the artificial one", function()
    local some = false
    for _, file in ipairs { { "itch/nasdaq_2019-12-30_0930.itch", "AAPL" }, { "itch/ritch_artificial.itch", "ALC" } } do
      if is_there(DATA .. file[1]) then
        some = true
        local kinds = {}
        local day = play_day(DATA .. file[1], file[2], 15, function(_, _, events, slots)
          for i = 0, slots - 1 do kinds[events[i].kind] = (kinds[events[i].kind] or 0) + 1 end
        end)
        assert.is_true(day.counts.messages >= 1000)
      end
    end
    if not some then pending "../shared/data is not here" end
  end)

  it("gets through a day cut and damaged at random", function()
    local seed = 11
    math.randomseed(seed)
    local history = venue.history():directory(1)
    for i = 1, 200 do history:add(i * 10, i, i % 2 == 0 and "buy" or "sell", (i % 2 == 0 and 1000 or 1100) * 100, 100):execute(i * 10 + 5, i, 30) end
    local path = history:file()
    local file = assert(io.open(path, "rb"))
    local whole = file:read "*a"
    file:close()
    for round = 1, 60 do
      local bytes = whole
      for _ = 1, math.random(1, 40) do
        local at = math.random(1, #bytes)
        bytes = bytes:sub(1, at - 1) .. string.char(math.random(0, 255)) .. bytes:sub(at + 1)
      end
      if round % 3 == 0 then bytes = bytes:sub(1, math.random(1, #bytes)) end
      file = assert(io.open(path, "wb"))
      file:write(bytes)
      file:close()
      local calendars = ffi.gc(C.tl_calendars_create(), C.tl_calendars_destroy)
      local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
      local simulator = ffi.gc(C.tl_simulator_create(instruments, calendars, ffi.new("tl_simulator_config")), C.tl_simulator_destroy)
      native.check(tonumber(C.tl_simulator_add_itch(simulator, path, 20120621)))
      for i = 0, tonumber(C.tl_instruments_count(instruments)) - 1 do C.tl_simulator_want(simulator, i, 63) end
      local after, slots, n, last = ffi.new "bool[1]", ffi.new "uint32_t[1]", 0, -END
      while true do
        local ts_ns = C.tl_simulator_next_ns(simulator, after)
        if ts_ns == END then break end
        assert.is_true(ts_ns >= last)
        last, n = ts_ns, n + 1
        C.tl_simulator_step(simulator)
        if n % 7 == 0 then
          local buy = n % 2 == 0
          C.tl_simulator_submit(simulator, command(n, { kind = C.TL_COMMAND_NEW, instrument = 0, side = buy and 1 or 2, quantity = 50,
            price = (buy and 1001 or 1099) * 100 }), ts_ns)
        end
        C.tl_simulator_events(simulator, slots)
        C.tl_simulator_clear_output(simulator)
      end
    end
    os.remove(path)
  end)
end)

local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local BUY, SELL = 1, 2
local NO_INSTRUMENT = 4294967295

local function feed()
  local instruments = ffi.gc(C.tl_instruments_create(), C.tl_instruments_destroy)
  local f = {
    instruments = instruments, books = ffi.gc(C.tl_books_create(0), C.tl_books_destroy),
    directory = ffi.gc(C.tl_itch_directory_create(instruments), C.tl_itch_directory_destroy),
    counts = ffi.new "tl_itch_problem_counts", ordinal = 0,
  }
  --- Applies one message given as a table.
  function f.send(kind, fields)
    local m = ffi.new "tl_itch_message[1]"
    f.ordinal = f.ordinal + 1
    m[0].type, m[0].ordinal, m[0].offset, m[0].locate = kind:byte(), f.ordinal, f.ordinal * 40, 1
    for name, value in pairs(fields) do
      if name == "stock" then ffi.copy(m[0].stock, value) else m[0][name] = value end
    end
    local instrument = ffi.new "uint32_t[1]"
    C.tl_itch_apply(f.books, f.directory, m, 1, f.counts, instrument)
    return instrument[0]
  end
  function f.add(reference, side, price, shares, kind, stock)
    return f.send(kind or "A", { reference = reference, side = side, price = price, shares = shares, stock = stock or "TEST" })
  end
  --- The levels of a side as "price:quantity(references)".
  function f.side(side, instrument)
    local parts = {}
    for i = 0, C.tl_books_depth(f.books, instrument or 0, side) - 1 do
      local level = C.tl_books_level(f.books, C.tl_books_level_at(f.books, instrument or 0, side, i))
      local references, at = {}, level.head
      while at ~= 0 do
        local o = C.tl_books_order(f.books, at)
        references[#references + 1] = tostring(tonumber(o.reference))
        at = o.next
      end
      parts[#parts + 1] = ("%d:%d(%s)"):format(tonumber(level.price), tonumber(level.quantity), table.concat(references, ","))
    end
    return table.concat(parts, " ")
  end
  function f.problem(name)
    return tonumber(f.counts.count[C["TL_ITCH_PROBLEM_" .. name]])
  end
  function f.problems()
    local sum = 0
    for i = 0, C.TL_ITCH_PROBLEMS - 1 do sum = sum + tonumber(f.counts.count[i]) end
    return sum
  end
  return f
end

describe("applying ITCH to books", function()
  it("keeps symbols apart that share a locate, by the symbol of an add and by the order of what follows", function()
    local f = feed()
    assert.equal(-1, C.tl_itch_shared_locate(f.directory))
    assert.equal(0, f.add(1, BUY, 100, 500, "A", "ONE"))
    assert.equal(-1, C.tl_itch_shared_locate(f.directory))
    assert.equal(1, f.add(2, SELL, 110, 200, "F", "TWO"))
    assert.equal(1, C.tl_itch_shared_locate(f.directory))
    assert.equal(0, f.send("E", { reference = 1, shares = 100 }))
    assert.equal(1, f.send("U", { reference = 2, new_reference = 3, price = 120, shares = 50 }))
    assert.equal(0, f.add(4, BUY, 99, 10, "A", "ONE"))
    assert.equal("100:400(1) 99:10(4)", f.side(BUY, 0))
    assert.equal("120:50(3)", f.side(SELL, 1))
    assert.equal("", f.side(SELL, 0))
    assert.equal(NO_INSTRUMENT, f.send("D", { reference = 77 }))
    assert.equal(1, f.problems())
  end)

  it("adds, executes, cancels, deletes and replaces, each in queue order", function()
    local f = feed()
    f.add(1, BUY, 100, 500)
    f.add(2, BUY, 100, 300, "F")
    f.add(3, SELL, 110, 200)
    f.send("E", { reference = 1, shares = 100 })
    f.send("C", { reference = 3, shares = 50, price = 105, printable = 78 })
    f.send("X", { reference = 2, shares = 1 })
    assert.equal("100:699(1,2)", f.side(BUY))
    assert.equal("110:150(3)", f.side(SELL))
    f.send("U", { reference = 1, new_reference = 9, shares = 50, price = 100 }) -- even at the same price to the end of the queue
    assert.equal("100:349(2,9)", f.side(BUY))
    f.send("U", { reference = 3, new_reference = 10, shares = 70, price = 120 })
    assert.equal("120:70(10)", f.side(SELL))
    f.send("D", { reference = 2 })
    assert.equal("100:50(9)", f.side(BUY))
    f.send("E", { reference = 9, shares = 50 })
    assert.equal("", f.side(BUY))
    assert.equal(0, f.problems())
  end)

  it("leaves the book to messages that are not about orders", function()
    local f = feed()
    f.add(1, BUY, 100, 500)
    for kind in ("SRHYLVWKJhPQBINO"):gmatch "." do f.send(kind, { reference = 1, shares = 100, price = 5, stock = "TEST" }) end
    assert.equal("100:500(1)", f.side(BUY))
    assert.equal(0, f.problems())
  end)

  it("counts references that are not there, once each, with the first place", function()
    local f = feed()
    for kind in ("ECXDU"):gmatch "." do f.send(kind, { reference = 77, new_reference = 78, shares = 1, price = 1 }) end
    assert.equal(5, f.problem "UNKNOWN_ORDER")
    assert.equal(5, f.problems())
    assert.equal(40, tonumber(f.counts.first_offset[C.TL_ITCH_PROBLEM_UNKNOWN_ORDER]))
    assert.equal(1, tonumber(f.counts.first_ordinal[C.TL_ITCH_PROBLEM_UNKNOWN_ORDER]))
    assert.equal(0, tonumber(C.tl_books_live_orders(f.books)))
  end)

  it("counts an add for a live reference and keeps the first", function()
    local f = feed()
    f.add(1, BUY, 100, 500)
    f.add(1, SELL, 110, 10)
    assert.equal(1, f.problem "DUPLICATE_ORDER")
    assert.equal("100:500(1)", f.side(BUY))
    assert.equal("", f.side(SELL))
    f.send("D", { reference = 1 })
    f.add(1, SELL, 110, 10) -- no longer live: its number may come again
    assert.equal(1, f.problems())
    assert.equal("110:10(1)", f.side(SELL))
  end)

  it("counts a replacement whose new reference is live: the old order is gone", function()
    local f = feed()
    f.add(1, BUY, 100, 500)
    f.add(2, BUY, 99, 5)
    f.send("U", { reference = 1, new_reference = 2, shares = 3, price = 98 })
    assert.equal(1, f.problem "DUPLICATE_ORDER")
    assert.equal("99:5(2)", f.side(BUY))
    f.send("U", { reference = 2, new_reference = 2, shares = 3, price = 98 }) -- onto itself
    assert.equal("98:3(2)", f.side(BUY))
    assert.equal(1, f.problems())
    f.send("U", { reference = 2, new_reference = 3, shares = 0, price = 98 })
    assert.equal(1, f.problem "BAD_FIELD")
    assert.equal("", f.side(BUY))
  end)

  it("counts more taken off an order than was open, and closes it", function()
    local f = feed()
    f.add(1, BUY, 100, 500)
    f.send("E", { reference = 1, shares = 501 })
    assert.equal(1, f.problem "OVER_EXECUTED")
    assert.equal("", f.side(BUY))
    f.add(2, BUY, 100, 500)
    f.send("X", { reference = 2, shares = 500 })
    assert.equal(1, f.problems())
  end)

  it("learns instruments from any message that names one", function()
    local f = feed()
    assert.equal(NO_INSTRUMENT, f.send("S", { locate = 0 }))
    assert.equal(NO_INSTRUMENT, f.send("D", { locate = 5, reference = 1 }))
    assert.equal(0, f.send("R", { locate = 5, stock = "ABC" }))
    assert.equal(0, f.send("D", { locate = 5, reference = 1 }))
    assert.equal(1, f.send("A", { locate = 6, stock = "XYZ", reference = 1, side = BUY, shares = 1, price = 7 }))
    assert.equal("7:1(1)", f.side(BUY, 1))
    local one = C.tl_instruments_at(f.instruments, 1)
    assert.equal("XYZ", ffi.string(one.symbol))
    assert.equal(-4, one.price_exponent)
    assert.equal(100, tonumber(one.tick))
    assert.equal(0, f.send("R", { locate = 9, stock = "ABC" })) -- another number for the same
    assert.equal(0, f.send("H", { locate = 9, stock = "ABC" }))
  end)

  it("takes no symbol with letters that cannot be shown, and counts its orders", function()
    local f = feed()
    for _, bad in ipairs { "A\27[2J", "A B", "\200X", "" } do
      assert.equal(NO_INSTRUMENT, f.add(1, BUY, 100, 5, "A", bad))
    end
    assert.equal(4, f.problem "BAD_FIELD")
    assert.equal(0, tonumber(C.tl_books_live_orders(f.books)))
  end)

  it("says what a message means for the trading state", function()
    local m = ffi.new "tl_itch_message"
    local function state(kind, code)
      m.type, m.code = kind:byte(), code:byte()
      return C.tl_itch_state(m)
    end
    assert.equal(tonumber(C.TL_STATE_TRADING), state("H", "T"))
    assert.equal(tonumber(C.TL_STATE_HALTED), state("H", "H"))
    assert.equal(tonumber(C.TL_STATE_PAUSED), state("H", "P"))
    assert.equal(tonumber(C.TL_STATE_AUCTION), state("H", "Q"))
    assert.equal(-1, state("H", "?"))
    assert.equal(tonumber(C.TL_STATE_HALTED), state("h", "H"))
    assert.equal(tonumber(C.TL_STATE_TRADING), state("h", "T"))
    assert.equal(tonumber(C.TL_STATE_PRE_OPEN), state("S", "S"))
    assert.equal(tonumber(C.TL_STATE_TRADING), state("S", "Q"))
    for code in ("MEC"):gmatch "." do assert.equal(tonumber(C.TL_STATE_CLOSED), state("S", code)) end
    assert.equal(-1, state("S", "O"))
    assert.equal(-1, state("A", "T"))
  end)

  it("gives the same books whatever the batches, small and past the size at which it looks ahead", function()
    local function run(batch)
      local options = ffi.new "tl_generator_options"
      options.seed, options.symbols, options.messages = 5, 400, 200000
      local slot = ffi.new "tl_generator *[1]"
      native.check(C.tl_generator_create(options, slot))
      local path = os.tmpname()
      local sink = ffi.new "tl_sink *[1]"
      native.check(C.tl_sink_open(path, sink))
      local buffer, length = ffi.new("uint8_t[?]", 65536), ffi.new "size_t[1]"
      repeat
        native.check(C.tl_generator_fill(slot[0], buffer, 65536, length))
        native.check(C.tl_sink_write(sink[0], buffer, length[0]))
      until length[0] == 0
      native.check(C.tl_sink_close(sink[0]))
      C.tl_generator_destroy(slot[0])
      local f, reader = feed(), ffi.new "tl_itch *[1]"
      native.check(C.tl_itch_open(path, reader))
      local messages, most, parts = ffi.new("tl_itch_message[?]", batch), 0, {}
      while true do
        local n = C.tl_itch_read(reader[0], messages, batch)
        if n == 0 then break end
        C.tl_itch_apply(f.books, f.directory, messages, n, f.counts, nil)
        most = math.max(most, tonumber(C.tl_books_live_orders(f.books)))
      end
      C.tl_itch_close(reader[0])
      os.remove(path)
      for instrument = 0, 399, 7 do
        parts[#parts + 1] = f.side(BUY, instrument) .. "|" .. f.side(SELL, instrument)
      end
      assert.equal(0, f.problems())
      return table.concat(parts, "\n"), most
    end
    local one, most = run(1)
    assert.is_true(most > 16384) -- past TL_BOOKS_CACHED
    for _, batch in ipairs { 2, 7, 31, 256, 1000 } do assert.is_true(one == run(batch), "batches of " .. batch) end
  end)
end)

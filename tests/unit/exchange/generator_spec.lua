local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function options_of(seed, symbols, messages)
  local options = ffi.new "tl_generator_options"
  options.seed, options.symbols, options.messages = seed, symbols, messages
  return options
end

--- The bytes of a generated session.
local function session(seed, symbols, messages, capacity)
  local slot = ffi.new "tl_generator *[1]"
  native.check(C.tl_generator_create(options_of(seed, symbols, messages), slot))
  capacity = capacity or C.TL_GENERATOR_BUFFER_BYTES
  local buffer, length, parts = ffi.new("uint8_t[?]", capacity), ffi.new "size_t[1]", {}
  repeat
    native.check(C.tl_generator_fill(slot[0], buffer, capacity, length))
    parts[#parts + 1] = ffi.string(buffer, length[0])
  until length[0] == 0
  assert.equal(messages, tonumber(C.tl_generator_written(slot[0])))
  C.tl_generator_destroy(slot[0])
  return table.concat(parts)
end

local function with_file(bytes, body)
  local path = os.tmpname()
  local file = io.open(path, "wb")
  file:write(bytes)
  file:close()
  local ok, err = pcall(body, path)
  os.remove(path)
  if not ok then error(err, 0) end
end

--- The totals of a session by the project's own decoder and books.
local function survey(bytes, body)
  with_file(bytes, function(path)
    local slot = ffi.new "tl_itch_survey *[1]"
    native.check(C.tl_itch_survey_open(path, slot))
    while C.tl_itch_survey_step(slot[0], 1000000) do end
    body(C.tl_itch_survey_totals_of(slot[0]), slot[0])
    C.tl_itch_survey_close(slot[0])
  end)
end

local function type_count(totals, letter)
  return tonumber(totals.types[letter:byte()])
end

describe("the session generator", function()
  it("writes exactly the messages asked for, without a problem to our decoder, at any size", function()
    for _, case in ipairs { { 1, 1, 12 + 7 }, { 2, 1, 1000 }, { 3, 2, 500 }, { 4, 5, 2000 }, { 5, 5, 100000 }, { 6, 300, 50000 },
      { 7, 3000, 60000 }, { 8, 65535, 600000 } } do
      local seed, symbols, messages = case[1], case[2], case[3]
      survey(session(seed, symbols, messages), function(totals)
        local name = ("seed %d, %d symbols, %d messages"):format(seed, symbols, messages)
        assert.equal(messages, tonumber(totals.messages), name)
        assert.equal(symbols, totals.instruments, name)
        for kind = 0, C.TL_ITCH_PROBLEMS - 1 do
          assert.equal(0, tonumber(totals.problems.count[kind]), name .. ": " .. ffi.string(C.tl_itch_problem_name(kind)))
        end
        assert.equal(symbols, type_count(totals, "R"), name)
        assert.equal(6, type_count(totals, "S"), name)
      end)
    end
  end)

  it("gives the same bytes for the same options, whatever the buffer, and others for another seed", function()
    local first = session(42, 7, 30000)
    assert.is_true(first == session(42, 7, 30000))
    assert.is_true(first == session(42, 7, 30000, 300000))
    assert.is_false(first == session(43, 7, 30000))
    -- The same on every machine and build: a change of this number is a change of every generated session.
    local sum = ffi.new("uint32_t[1]", 1)
    for i = 1, #first do sum[0] = sum[0] * 31 + first:byte(i) end
    assert.equal(2954160730, sum[0])
  end)

  it("has every part of a day and all message types of a market", function()
    survey(session(1, 5, 200000), function(totals, s)
      for letter in ("SRHYLVJAFECXDUPQINB"):gmatch "." do
        assert.is_true(type_count(totals, letter) > 0, "no message of type " .. letter)
      end
      assert.equal(11, type_count(totals, "Q")) -- opening, closing, one halt
      assert.equal("AAPL", ffi.string(C.tl_itch_survey_symbol(s, 0)))
      assert.equal(10983 * 1000000000LL, totals.first_ns)
      assert.equal(72300 * 1000000000LL, totals.last_ns)
      local adds = type_count(totals, "A") + type_count(totals, "F") + type_count(totals, "U")
      local executions = type_count(totals, "E")
      assert.is_true(executions > adds / 20 and executions < adds / 3)
    end)
  end)

  it("never crosses or locks a book, and the first symbol is quoted around 150 with a spread of mostly 1 to 4 cents", function()
    local instruments, books = C.tl_instruments_create(), C.tl_books_create(0)
    local directory = C.tl_itch_directory_create(instruments)
    local problems, top = ffi.new "tl_itch_problem_counts", ffi.new "tl_book_top"
    with_file(session(9, 3, 120000), function(path)
      local slot = ffi.new "tl_itch *[1]"
      native.check(C.tl_itch_open(path, slot))
      local m = ffi.new "tl_itch_message[1]"
      local narrow, quoted = 0, 0
      local last_ns, halted = 0, {}
      while C.tl_itch_read(slot[0], m, 1) == 1 do
        local one = m[0]
        C.tl_itch_apply(books, directory, m, 1, problems, nil)
        assert.is_true(one.ts_ns >= last_ns)
        last_ns = one.ts_ns
        if one.locate > 0 then
          C.tl_books_top(books, one.locate - 1, top)
          assert(top.bid_size == 0 or top.ask_size == 0 or top.bid_price < top.ask_price, "crossed")
          if one.type == 72 then halted[one.locate] = one.code ~= 84 end
          local trades = one.type == 69 or one.type == 67 or one.type == 80 -- E, C, P
          assert(not (trades and halted[one.locate]), "a trade in a halt")
          if one.locate == 1 and one.ts_ns > 34200 * 1000000000LL and one.ts_ns < 57600 * 1000000000LL then
            quoted = quoted + 1
            if top.ask_price - top.bid_price <= 400 then narrow = narrow + 1 end
            assert(top.bid_price > 1300000 and top.ask_price < 1700000)
          end
        end
      end
      C.tl_itch_close(slot[0])
      assert.is_true(narrow > quoted * 0.6)
    end)
    C.tl_itch_directory_destroy(directory)
    C.tl_books_destroy(books)
    C.tl_instruments_destroy(instruments)
  end)

  it("names the option that cannot be", function()
    local slot = ffi.new "tl_generator *[1]"
    local function refused(symbols, messages, sentence)
      assert.equal(C.TL_ERR_ARGUMENT, C.tl_generator_create(options_of(1, symbols, messages), slot))
      assert.matches(sentence, ffi.string(C.tl_error_text()))
    end
    refused(0, 1000, "^0 symbols: a session has 1 to 65535$")
    refused(70000, 1e6, "^70000 symbols")
    refused(5, 10, "^10 messages: a session of 5 symbols has at least %d+$")
  end)
end)

local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local samples = "../shared/data/"

local function unhex(text)
  return (text:gsub("%s", ""):gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

local message = ffi.new "tl_itch_message"
local problem = ffi.new "tl_itch_problem[1]"

local function decode(body)
  ffi.fill(message, ffi.sizeof(message), 0x5a) -- whatever was there before must not show
  return C.tl_itch_decode(body, #body, message, problem)
end

local function letter(c) return c:byte() end

--- A field of the message as a Lua value: texts as strings, numbers as numbers.
local function field(name)
  local value = message[name]
  if name == "stock" or name == "attribution" then return ffi.string(value) end
  return tonumber(value)
end

local FIELDS = { "reference", "new_reference", "match", "shares", "price", "price2", "price3", "imbalance", "side", "code", "printable",
  "stock", "attribution" }

-- Type, body behind the header of locate 0x0102, tracking 0x0304 and time 0x05060708090a, and what must come out of it. Every byte of
-- every number is another, so that a wrong offset or order cannot pass.
local HEADER = "0102 0304 05060708090a"
local TYPES = {
  { "S", "51", { code = letter "Q" } },
  { "R", "5a56 5a5a 5420 2020 51 4e 00000064 4e 43 5a20 50 4e 4e 31 4e 00000000 4e",
    { stock = "ZVZZT", code = letter "Q", shares = 100 } },
  { "H", "4142434445464748 48 20 5431 2020", { stock = "ABCDEFGH", code = letter "H", attribution = "T1" } },
  { "Y", "4120202020202020 31", { stock = "A", code = letter "1" } },
  { "L", "4e495445 4142202020202020 59 4e 41", { stock = "AB", attribution = "NITE", printable = letter "N", code = letter "A" } },
  { "V", "0001020304050607 0002030405060708 000304050607080a",
    { price = 0x01020304050607, price2 = 0x02030405060708, price3 = 0x0304050607080a } },
  { "W", "32", { code = letter "2" } },
  { "K", "4142432020202020 01020304 41 05060708", { stock = "ABC", shares = 0x01020304, code = letter "A", price = 0x05060708 } },
  { "J", "4142434420202020 01020304 05060708 090a0b0c 0d0e0f10",
    { stock = "ABCD", price = 0x01020304, price2 = 0x05060708, price3 = 0x090a0b0c, shares = 0x0d0e0f10 } },
  { "h", "4142434445202020 51 48", { stock = "ABCDE", printable = letter "Q", code = letter "H" } },
  { "A", "0001020304050607 42 08090a0b 4142434445462020 8c0d0e0f",
    { reference = 0x01020304050607, side = 1, shares = 0x08090a0b, stock = "ABCDEF", price = 0x8c0d0e0f } },
  { "F", "0001020304050607 53 f8090a0b 4142434445464720 0c0d0e0f 554253 53",
    { reference = 0x01020304050607, side = 2, shares = 0xf8090a0b, stock = "ABCDEFG", price = 0x0c0d0e0f, attribution = "UBSS" } },
  { "E", "0001020304050607 08090a0b 000d0e0f10111213",
    { reference = 0x01020304050607, shares = 0x08090a0b, match = 0x0d0e0f10111213, printable = letter "Y" } },
  { "C", "0001020304050607 08090a0b 000d0e0f10111213 4e 14151617",
    { reference = 0x01020304050607, shares = 0x08090a0b, match = 0x0d0e0f10111213, printable = letter "N", price = 0x14151617 } },
  { "X", "0001020304050607 08090a0b", { reference = 0x01020304050607, shares = 0x08090a0b } },
  { "D", "0001020304050607", { reference = 0x01020304050607 } },
  { "U", "0001020304050607 0008090a0b0c0d0e 0f101112 13141516",
    { reference = 0x01020304050607, new_reference = 0x08090a0b0c0d0e, shares = 0x0f101112, price = 0x13141516 } },
  { "P", "0000000000000000 42 08090a0b 4142434445464748 0c0d0e0f 0011121314151617",
    { side = 1, shares = 0x08090a0b, stock = "ABCDEFGH", price = 0x0c0d0e0f, match = 0x11121314151617 } },
  { "Q", "0001020304050607 4142434445464748 08090a0b 000d0e0f10111213 4f",
    { shares = 0x01020304050607, stock = "ABCDEFGH", price = 0x08090a0b, match = 0x0d0e0f10111213, code = letter "O" } },
  { "B", "0001020304050607", { match = 0x01020304050607 } },
  { "I", "0001020304050607 0008090a0b0c0d0e 42 4142434445464748 0f101112 13141516 1718191a 43 4c",
    { shares = 0x01020304050607, imbalance = 0x08090a0b0c0d0e, printable = letter "B", stock = "ABCDEFGH", price3 = 0x0f101112,
      price2 = 0x13141516, price = 0x1718191a, code = letter "C" } },
  { "N", "4142434445464748 53", { stock = "ABCDEFGH", code = letter "S" } },
  { "O", "4142434445464748 59 01020304 05060708 090a0b0c 0001020304050607 0d0e0f10 11121314",
    { stock = "ABCDEFGH", code = letter "Y", price2 = 0x01020304, price3 = 0x05060708, price = 0x090a0b0c } },
}

local function body_of(case)
  return case[1] .. unhex(HEADER) .. unhex(case[2])
end

local function frame(body)
  return string.char(math.floor(#body / 256), #body % 256) .. body
end

describe("the ITCH decoder", function()
  for _, case in ipairs(TYPES) do
    it("reads every field of a message of type " .. case[1], function()
      local body = body_of(case)
      assert.is_true(decode(body))
      assert.equal(case[1]:byte(), message.type)
      assert.equal(0x0102, message.locate)
      assert.equal(0x0304, message.tracking)
      assert.equal(0x05060708090a, tonumber(message.ts_ns))
      for _, name in ipairs(FIELDS) do
        local wanted = case[3][name] or (name == "stock" or name == "attribution") and "" or 0
        assert.equal(wanted, field(name), case[1] .. "." .. name)
      end
    end)

    it("refuses type " .. case[1] .. " at any other length", function()
      local body = body_of(case)
      for length = 1, 60 do
        local other = (body .. ("\0"):rep(60)):sub(1, length)
        if length ~= #body then
          assert.is_false(decode(other))
          assert.equal(C.TL_ITCH_PROBLEM_BAD_LENGTH, tonumber(problem[0]))
        end
      end
    end)

    it("writes type " .. case[1] .. " so that it reads the same", function()
      assert.is_true(decode(body_of(case)))
      local out, again = ffi.new("uint8_t[?]", C.TL_ITCH_FRAME_MAX_BYTES + 8), ffi.new "tl_itch_message"
      out[C.TL_ITCH_FRAME_MAX_BYTES] = 0x77
      local length = C.tl_itch_encode(message, out)
      assert.equal(#body_of(case) + 2, length)
      assert.equal(length - 2, out[0] * 256 + out[1])
      assert.is_true(C.tl_itch_decode(out + 2, length - 2, again, problem))
      for _, name in ipairs(FIELDS) do
        local before = field(name)
        if name == "stock" or name == "attribution" then assert.equal(before, ffi.string(again[name]))
        else assert.equal(before, tonumber(again[name]), name) end
      end
      assert.equal(0x77, out[C.TL_ITCH_FRAME_MAX_BYTES])
    end)
  end

  it("knows no other letter, and no empty message", function()
    local known = {}
    for _, case in ipairs(TYPES) do known[case[1]] = true end
    for byte = 0, 255 do
      local c = string.char(byte)
      if not known[c] then
        assert.is_false(decode(c .. ("\0"):rep(35)))
        assert.equal(C.TL_ITCH_PROBLEM_UNKNOWN_TYPE, tonumber(problem[0]))
        message.type = byte
        assert.equal(0, C.tl_itch_encode(message, ffi.new "uint8_t[60]"))
      end
    end
    assert.is_false(decode "")
    assert.equal(C.TL_ITCH_PROBLEM_BAD_LENGTH, tonumber(problem[0]))
  end)

  it("takes the padding off a symbol whatever its length, spaces or zeros, and keeps what is inside", function()
    local name = "ABCDEFGH"
    for length = 0, 8 do
      for _, pad in ipairs { " ", "\0" } do
        assert.is_true(decode("Y" .. unhex(HEADER) .. name:sub(1, length) .. pad:rep(8 - length) .. "0"))
        assert.equal(name:sub(1, length), field "stock")
      end
    end
    assert.is_true(decode("Y" .. unhex(HEADER) .. "A B     0"))
    assert.equal("A B", field "stock")
    for _, zeros in ipairs { "AB \0 \0  ", "AB \0CDEF", "AB\0CDEFG", "AB     \0" } do
      assert.is_true(decode("Y" .. unhex(HEADER) .. zeros .. "0"))
      assert.equal("AB", field "stock")
    end
    assert.is_true(decode("Y" .. unhex(HEADER) .. "\0BCDEFGH" .. "0"))
    assert.equal("", field "stock")
    assert.is_true(decode("Y" .. unhex(HEADER) .. "AB      0"))
    assert.equal("AB", field "stock")
  end)

  it("refuses sides, quantities that cannot be", function()
    local function refused(bytes)
      assert.is_false(decode(bytes))
      assert.equal(C.TL_ITCH_PROBLEM_BAD_FIELD, tonumber(problem[0]))
    end
    for _, kind in ipairs { 11, 12, 18 } do
      local body = body_of(TYPES[kind])
      refused(body:sub(1, 19) .. "X" .. body:sub(21))
      refused(body:sub(1, 20) .. "\0\0\0\0" .. body:sub(25))
    end
    local cross = body_of(TYPES[19])
    refused(cross:sub(1, 11) .. "\255" .. cross:sub(13))
    local imbalance, levels = body_of(TYPES[21]), body_of(TYPES[6])
    for _, at in ipairs { 12, 20 } do refused(imbalance:sub(1, at - 1) .. "\128" .. imbalance:sub(at + 1)) end
    for _, at in ipairs { 12, 20, 28 } do refused(levels:sub(1, at - 1) .. "\128" .. levels:sub(at + 1)) end
  end)

  it("reads real captured messages, each with the body's own bytes", function()
    local folders = { "moldudp64/totalview_itch_5.0", "moldudp64/totalview_itch_5.0_2023" }
    local seen, kinds = {}, {}
    for _, folder in ipairs(folders) do
      local count = 0
      local list = io.popen("ls " .. samples .. folder .. "/*.pcap 2>/dev/null")
      for path in list:lines() do
        local file = io.open(path, "rb")
        local data = file:read "*a"
        file:close()
        -- Little-endian pcap; Ethernet, IPv4, UDP, then MoldUDP64: session (10), sequence (8), count (2), then length and body.
        local magic = hex(data:sub(1, 4))
        assert.is_true(magic == "d4c3b2a1" or magic == "4d3cb2a1")
        local at = 25
        while at + 16 <= #data do
          local b1, b2, b3, b4 = data:byte(at + 8, at + 11)
          local size = b1 + b2 * 256 + b3 * 65536 + b4 * 16777216
          local packet = data:sub(at + 16, at + 15 + size)
          at = at + 16 + size
          local ip = hex(packet:sub(13, 14)) == "0800" and 15 or 19 -- behind a VLAN tag
          local udp = ip + (packet:byte(ip) % 16) * 4
          local mold = udp + 8
          local messages = packet:byte(mold + 18) * 256 + packet:byte(mold + 19)
          local from = mold + 20
          for _ = 1, messages do
            local length = packet:byte(from) * 256 + packet:byte(from + 1)
            local body = packet:sub(from + 2, from + 1 + length)
            from = from + 2 + length
            assert.is_true(decode(body), path)
            local function number(offset, bytes)
              local n = 0
              for i = offset + 1, offset + bytes do n = n * 256 + body:byte(i) end
              return n
            end
            assert.equal(number(1, 2), message.locate)
            assert.equal(number(5, 6), tonumber(message.ts_ns))
            local kind = body:sub(1, 1)
            if ("AFECXDUP"):find(kind, 1, true) then assert.equal(number(11, 8), tonumber(message.reference)) end
            if ("AFP"):find(kind, 1, true) then
              assert.equal(number(20, 4), tonumber(message.shares))
              assert.equal(number(32, 4), tonumber(message.price))
              assert.equal(body:sub(25, 32):gsub(" +$", ""), field "stock")
            end
            if kind == "U" then assert.equal(number(19, 8), tonumber(message.new_reference)) end
            kinds[kind] = (kinds[kind] or 0) + 1
            count = count + 1
          end
        end
      end
      list:close()
      seen[#seen + 1] = count
    end
    if seen[1] == 0 then pending(samples .. "moldudp64 is not here") return end
    assert.equal(46, seen[1])
    assert.equal(71, seen[2])
    for kind in ("SHYLAFECXDUPQIJ"):gmatch "." do assert.is_truthy(kinds[kind], "no message of type " .. kind) end
  end)
end)

--- Reads a file of these bytes; returns its messages' letters and ordinals, and its problems.
--- `unpacked_bytes` is how many bytes there are in all, where `bytes` are packed.
local function read(bytes, batch, unpacked_bytes)
  local path = os.tmpname()
  local file = io.open(path, "wb")
  file:write(bytes)
  file:close()
  local slot = ffi.new "tl_itch *[1]"
  native.check(C.tl_itch_open(path, slot))
  batch = batch or 16
  local messages, letters, ordinals, offsets = ffi.new("tl_itch_message[?]", batch), {}, {}, {}
  while true do
    local n = C.tl_itch_read(slot[0], messages, batch)
    if n == 0 then break end
    for i = 0, n - 1 do
      letters[#letters + 1] = string.char(messages[i].type)
      ordinals[#ordinals + 1] = tonumber(messages[i].ordinal)
      offsets[#offsets + 1] = tonumber(messages[i].offset)
    end
  end
  assert.equal(0, C.tl_itch_read(slot[0], messages, batch))
  local problems, counts = {}, C.tl_itch_problems(slot[0])
  for kind = 0, C.TL_ITCH_PROBLEMS - 1 do
    if counts.count[kind] > 0 then
      problems[ffi.string(C.tl_itch_problem_name(kind))] =
        { tonumber(counts.count[kind]), tonumber(counts.first_offset[kind]), tonumber(counts.first_ordinal[kind]) }
    end
  end
  local unpacked = tonumber(C.tl_itch_unpacked(slot[0]))
  C.tl_itch_close(slot[0])
  os.remove(path)
  assert.equal(unpacked_bytes or #bytes, unpacked)
  return table.concat(letters), problems, ordinals, offsets
end

local all_frames = {}
for i, case in ipairs(TYPES) do all_frames[i] = frame(body_of(case)) end
local LETTERS = "SRHYLVWKJhAFECXDUPQBINO"

describe("reading an ITCH file", function()
  it("gives every message with its number and place", function()
    local letters, problems, ordinals, offsets = read(table.concat(all_frames))
    assert.equal(LETTERS, letters)
    assert.same({}, problems)
    local at = 0
    for i, one in ipairs(all_frames) do
      assert.equal(i, ordinals[i])
      assert.equal(at, offsets[i])
      at = at + #one
    end
  end)

  it("gives the same in batches of 1", function()
    assert.equal(LETTERS, (read(table.concat(all_frames), 1)))
  end)

  it("reports a cut at every byte, with the messages before it whole", function()
    local whole = table.concat(all_frames)
    local ends, at = { [0] = 0 }, 0
    for i, one in ipairs(all_frames) do at = at + #one ends[at] = i end
    local last_end = 0
    for length = 0, #whole do
      if ends[length] then last_end = length end
      local letters, problems = read(whole:sub(1, length))
      assert.equal(LETTERS:sub(1, ends[last_end]), letters)
      if ends[length] then assert.same({}, problems)
      else assert.same({ truncated = { 1, last_end, ends[last_end] + 1 } }, problems) end
    end
  end)

  it("takes an empty frame at the very end for the end mark that some files have", function()
    local letters, problems = read(table.concat(all_frames) .. "\0\0")
    assert.equal(LETTERS, letters)
    assert.same({}, problems)
  end)

  it("skips an unknown letter as one message, short or long", function()
    for _, size in ipairs { 1, 12, 50, 51, 400, 40000 } do
      local bytes = all_frames[1] .. frame("z" .. ("q"):rep(size - 1)) .. all_frames[11] .. all_frames[16]
      local letters, problems, ordinals = read(bytes)
      assert.equal("SAD", letters)
      assert.same({ unknown_type = { 1, #all_frames[1], 2 } }, problems)
      assert.same({ 1, 3, 4 }, ordinals)
      local unknown = frame("z" .. ("q"):rep(size - 1))
      letters, problems, ordinals = read(all_frames[1] .. unknown .. unknown .. unknown .. all_frames[11] .. all_frames[16])
      assert.equal("SAD", letters)
      assert.same({ unknown_type = { 3, #all_frames[1], 2 } }, problems)
      assert.same({ 1, 5, 6 }, ordinals)
    end
  end)

  it("finds its way again behind a wrong length", function()
    local tail = table.concat(all_frames)
    for _, length in ipairs { 0, 1, 11, 35, 37, 51, 300, 0x7fff, 0xffff } do
      local wrong = string.char(math.floor(length / 256), length % 256) .. all_frames[11]:sub(3)
      local letters, problems = read(all_frames[1] .. wrong .. tail .. tail)
      assert.equal("S" .. LETTERS .. LETTERS, letters, "length " .. length)
      assert.same({ bad_length = { 1, #all_frames[1], 2 } }, problems)
    end
  end)

  it("skips a frame of another length than its type's as one message where the frames around it make sense", function()
    local tail = table.concat(all_frames)
    for _, size in ipairs { 1, 12, 35, 37, 50, 51, 400, 40000 } do
      local letters, problems, ordinals = read(all_frames[1] .. frame("A" .. ("A"):rep(size - 1)) .. tail)
      assert.equal("S" .. LETTERS, letters, "length " .. size)
      assert.same({ bad_length = { 1, #all_frames[1], 2 } }, problems)
      assert.equal(3, ordinals[2])
    end
  end)

  it("says where in the unpacked data a packed file was cut off", function()
    local bytes = table.concat(all_frames):rep(50)
    local path = os.tmpname()
    os.remove(path)
    path = path .. ".gz"
    local sink = ffi.new "tl_sink *[1]"
    native.check(C.tl_sink_open(path, sink))
    native.check(C.tl_sink_write(sink[0], bytes, #bytes))
    native.check(C.tl_sink_close(sink[0]))
    local file = io.open(path, "rb")
    local packed = file:read "*a"
    file:close()
    os.remove(path)
    local letters, problems = read(packed:sub(1, #packed - 4), 16, #bytes) -- within the length that ends the member
    assert.equal(LETTERS:rep(50), letters)
    assert.same({ broken_stream = { 1, #bytes, 50 * #LETTERS + 1 } }, problems)
  end)

  it("finds its way again behind rubbish of any size, across its buffer", function()
    local tail = table.concat(all_frames)
    for _, size in ipairs { 1, 2, 3, 51, 1000, 600000, 1100000, 2200000 } do
      local letters, problems = read(tail .. ("\255"):rep(size) .. tail .. tail)
      assert.is_truthy(problems.bad_length)
      assert.equal(#tail, problems.bad_length[2])
      assert.equal(LETTERS, letters:sub(1, #LETTERS))
      assert.equal(LETTERS, letters:sub(-#LETTERS), "rubbish of " .. size)
    end
  end)

  it("reads messages that lie across the end of its buffer", function()
    local tail, parts = table.concat(all_frames), {}
    for i = 1, 3000 do parts[i] = tail end
    local letters, problems = read(table.concat(parts), 512)
    assert.equal(3000 * #LETTERS, #letters)
    assert.equal(LETTERS:rep(3000), letters)
    assert.same({}, problems)
  end)

  it("counts times that go back", function()
    local early = frame("S" .. unhex "0000 0000 000000000001" .. "O")
    local letters, problems = read(all_frames[1] .. early .. all_frames[1])
    assert.equal("SSS", letters)
    assert.same({ backwards = { 1, #early, 2 } }, problems)
  end)

  it("survives any bytes", function()
    local seed = 20240102
    local random = ffi.new "tl_random"
    C.tl_random_seed(random, seed, 0)
    local function below(n) return tonumber(C.tl_random_below(random, n)) end
    for round = 1, 150 do
      local parts = {}
      for i = 1, 40 do
        local one = all_frames[1 + below(#all_frames)]
        local harm = below(6)
        if harm == 0 then -- one byte changed
          local at = 1 + below(#one)
          one = one:sub(1, at - 1) .. string.char(below(256)) .. one:sub(at + 1)
        elseif harm == 1 then -- cut
          one = one:sub(1, below(#one))
        elseif harm == 2 then -- rubbish
          local rubbish = {}
          for j = 1, below(80) do rubbish[j] = string.char(below(256)) end
          one = table.concat(rubbish)
        end
        parts[i] = one
      end
      local letters, problems = read(table.concat(parts))
      local count = 0
      for _, p in pairs(problems) do count = count + p[1] end
      assert.is_true(#letters > 0 and count > 0, "seed " .. seed .. ", round " .. round)
    end
  end)

  it("fails to open what cannot be read", function()
    local slot = ffi.new "tl_itch *[1]"
    assert.equal(C.TL_ERR_IO, C.tl_itch_open("/nowhere/at.all", slot))
    assert.equal("cannot open /nowhere/at.all: No such file or directory", ffi.string(C.tl_error_text()))
  end)

  it("finds the date in a file's name", function()
    local function date(name) return C.tl_itch_date_of_name(name) end
    assert.equal(20200130, date "01302020.NASDAQ_ITCH50.gz")
    assert.equal(20130130, date "/data/S013013-v50.txt")
    assert.equal(20200130, date "20200130.itch")
    assert.equal(20120621, date "../2019-01-01/amzn_2012-06-21.itch")
    assert.equal(20191230, date "nasdaq_2019-12-30_0930.itch")
    assert.equal(20240102, date "generated_1_2024-01-02.itch")
    assert.equal(0, date "ritch_artificial.itch")
    assert.equal(0, date "run_123456789.itch")
    assert.equal(0, date "99999999.itch")
    assert.equal(0, date "")
  end)
end)

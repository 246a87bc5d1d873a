local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function with_file(bytes, suffix, body)
  local path = os.tmpname() .. (suffix or "")
  local file = io.open(path, "wb")
  file:write(bytes)
  file:close()
  local ok, err = pcall(body, path)
  os.remove(path)
  if not ok then error(err, 0) end
end

--- All bytes of a file, read in pieces, and the status that ended it.
local function read(path, piece)
  local slot = ffi.new "tl_stream *[1]"
  native.check(C.tl_stream_open(path, slot))
  local buffer, length, parts = ffi.new("uint8_t[?]", piece), ffi.new "size_t[1]", {}
  local status
  repeat
    status = tonumber(C.tl_stream_read(slot[0], buffer, piece, length))
    parts[#parts + 1] = ffi.string(buffer, length[0])
  until status ~= 0 or tonumber(length[0]) < piece
  local why = status ~= 0 and ffi.string(C.tl_error_text()) or nil
  if status == 0 then
    native.check(C.tl_stream_read(slot[0], buffer, piece, length))
    assert.equal(0, tonumber(length[0]))
  end
  local consumed, size = tonumber(C.tl_stream_consumed(slot[0])), tonumber(C.tl_stream_size(slot[0]))
  C.tl_stream_close(slot[0])
  return table.concat(parts), status, why, consumed, size
end

--- Writes bytes by a sink in pieces; returns what is in the file then.
local function sunk(bytes, suffix, piece)
  local path = os.tmpname() .. suffix
  local slot = ffi.new "tl_sink *[1]"
  native.check(C.tl_sink_open(path, slot))
  for at = 1, #bytes, piece do
    local part = bytes:sub(at, at + piece - 1)
    native.check(C.tl_sink_write(slot[0], part, #part))
  end
  native.check(C.tl_sink_close(slot[0]))
  local file = io.open(path, "rb")
  local packed = file:read "*a"
  file:close()
  os.remove(path)
  return packed
end

local function sample(size)
  local parts, x = {}, 1
  for i = 1, math.ceil(size / 8) do
    x = (x * 1103515245 + 12345) % 2147483648
    parts[i] = ("%08x"):format(i % 7 == 0 and x or i)
  end
  return table.concat(parts):sub(1, size)
end

local SUFFIXES = { "", ".gz", ".zst" }

describe("streams and sinks", function()
  it("give back the bytes, plain and compressed, in pieces of any size", function()
    for _, size in ipairs { 0, 1, 3, 4, 5, 262143, 262144, 262145, 900000 } do
      local bytes = sample(size)
      for _, suffix in ipairs(SUFFIXES) do
        local packed = sunk(bytes, suffix, 70001)
        if suffix == "" then assert.is_true(packed == bytes) end
        with_file(packed, suffix, function(path)
          for _, piece in ipairs { 7919, 300000, 1000000 } do
            local got, status, _, consumed, file_size = read(path, piece)
            assert.equal(0, status)
            assert.is_true(got == bytes, ("%d bytes, %s, pieces of %d"):format(size, suffix, piece))
            assert.equal(#packed, file_size)
            assert.equal(#packed, consumed)
          end
        end)
      end
    end
  end)

  it("tell the kind by the first bytes, not by the name", function()
    with_file(sunk("hello", ".gz", 5), ".txt", function(path) assert.equal("hello", (read(path, 100))) end)
    with_file("hello", ".gz", function(path) assert.equal("hello", (read(path, 100))) end)
  end)

  it("write what the usual tools read", function()
    local bytes = sample(100000)
    for suffix, tool in pairs { [".gz"] = "gzip -dc", [".zst"] = "zstd -dcq" } do
      with_file(sunk(bytes, suffix, 999), suffix, function(path)
        local pipe = io.popen(tool .. " " .. path)
        assert.is_true(pipe:read "*a" == bytes)
        pipe:close()
      end)
    end
  end)

  it("write the same file for the same bytes, whatever the pieces", function()
    local bytes = sample(400000)
    for _, suffix in ipairs(SUFFIXES) do
      assert.is_true(sunk(bytes, suffix, 400000) == sunk(bytes, suffix, 400000))
      if suffix ~= ".zst" then assert.is_true(sunk(bytes, suffix, 400000) == sunk(bytes, suffix, 1234)) end
    end
  end)

  it("read members one after another, and zeros behind the last as tape blocks have them", function()
    for _, suffix in ipairs { ".gz", ".zst" } do
      with_file(sunk("one", suffix, 3) .. sunk("two", suffix, 3), suffix, function(path) assert.equal("onetwo", (read(path, 100))) end)
    end
    with_file(sunk("one", ".gz", 3) .. ("\0"):rep(300000), ".gz", function(path)
      local got, status = read(path, 100)
      assert.equal("one", got)
      assert.equal(0, status)
    end)
  end)

  it("refuse what is neither a member nor zeros behind the last one, and give what was before", function()
    with_file(sunk("one", ".gz", 3) .. "\0\0rubbish", ".gz", function(path)
      local got, status, why = read(path, 100)
      assert.equal("one", got)
      assert.equal(tonumber(C.TL_ERR_FORMAT), status)
      assert.equal("what stands behind the gzip data is no gzip data", why)
    end)
  end)

  it("say that compressed data is cut, at any byte, and give what was before", function()
    local bytes = sample(3000)
    for _, suffix in ipairs { ".gz", ".zst" } do
      local packed = sunk(bytes, suffix, 3000)
      for length = 5, #packed - 1, 17 do
        with_file(packed:sub(1, length), suffix, function(path)
          local got, status, why = read(path, 100000)
          assert.equal(tonumber(C.TL_ERR_FORMAT), status)
          assert.equal("the compressed data is cut off", why)
          assert.is_true(bytes:sub(1, #got) == got)
        end)
      end
    end
  end)

  it("survive compressed data that is broken at any byte", function()
    local bytes = sample(3000)
    for _, suffix in ipairs { ".gz", ".zst" } do
      local packed = sunk(bytes, suffix, 3000)
      for at = 5, #packed, 11 do
        local broken = packed:sub(1, at - 1) .. string.char((packed:byte(at) + 1) % 256) .. packed:sub(at + 1)
        with_file(broken, suffix, function(path)
          local got, status, why = read(path, 100000)
          assert.is_true(status == 0 or why ~= "")
          assert.is_true(#got <= 1000000)
        end)
      end
    end
  end)

  it("refuse with the system's reason", function()
    local slot = ffi.new "tl_stream *[1]"
    assert.equal(tonumber(C.TL_ERR_IO), tonumber(C.tl_stream_open("tests", slot)))
    assert.equal("cannot read tests: it is a folder", ffi.string(C.tl_error_text()))
    local sink = ffi.new "tl_sink *[1]"
    assert.equal(tonumber(C.TL_ERR_IO), tonumber(C.tl_sink_open("/nowhere/x", sink)))
    assert.equal("cannot write /nowhere/x: No such file or directory", ffi.string(C.tl_error_text()))
    native.check(C.tl_sink_open("/dev/full", sink))
    native.check(C.tl_sink_write(sink[0], "x", 1))
    assert.equal(tonumber(C.TL_ERR_IO), tonumber(C.tl_sink_close(sink[0])))
    assert.equal("cannot write /dev/full: No space left on device", ffi.string(C.tl_error_text()))
  end)

  it("tell the kind of a pipe that brings its bytes one by one", function()
    local packed = sunk(sample(1000), ".gz", 1000)
    with_file(packed, ".gz", function(path)
      local fifo = os.tmpname()
      os.remove(fifo)
      os.execute("mkfifo " .. fifo)
      local writer = io.popen(("env -u LD_PRELOAD dd if=%s of=%s bs=1 2>/dev/null"):format(path, fifo))
      assert.is_true((read(fifo, 5000)) == sample(1000))
      writer:close()
      os.remove(fifo)
    end)
  end)
end)

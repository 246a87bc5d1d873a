-- Wireshark decodes the MoldUDP64 part of TotalView-ITCH 5.0 (its ITCH dissector is for the older text versions): a generated session is put
-- into packets, and what it takes out of them must be the session's messages.
local build = os.getenv "TIDELOCK_BUILD" or "build"
local PORT, A_PACKET = 26400, 12

local function le32(n)
  return string.char(n % 256, math.floor(n / 256) % 256, math.floor(n / 65536) % 256, math.floor(n / 16777216))
end

local function be(n, bytes)
  local out = {}
  for i = bytes, 1, -1 do
    out[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(out)
end

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

--- An Ethernet frame with an IPv4 UDP datagram, without checksums.
local function datagram(payload)
  local udp = be(PORT, 2) .. be(PORT, 2) .. be(8 + #payload, 2) .. be(0, 2) .. payload
  local ip = string.char(0x45, 0) .. be(20 + #udp, 2) .. be(0, 4) .. string.char(16, 17) .. be(0, 2) .. be(0xe9360c65, 4) .. be(0xe9360c66, 4)
  return ("\1"):rep(12) .. be(0x0800, 2) .. ip .. udp
end

local function capture(messages)
  local parts, sequence = { le32(0xa1b2c3d4) .. "\2\0\4\0" .. le32(0) .. le32(0) .. le32(65535) .. le32(1) }, 1
  for first = 1, #messages, A_PACKET do
    local count = math.min(A_PACKET, #messages - first + 1)
    local blocks = {}
    for i = first, first + count - 1 do blocks[#blocks + 1] = be(#messages[i], 2) .. messages[i] end
    local frame = datagram("0000000001" .. be(sequence, 8) .. be(count, 2) .. table.concat(blocks))
    parts[#parts + 1] = le32(first) .. le32(0) .. le32(#frame) .. le32(#frame) .. frame
    sequence = sequence + count
  end
  return table.concat(parts)
end

describe("a generated session in MoldUDP64", function()
  it("comes out of Wireshark's dissector message by message", function()
    if os.execute "command -v tshark >/dev/null 2>&1" ~= 0 then pending "tshark is not installed" return end
    local pipe = io.popen(build .. "/tidelock generate --seed 11 --symbols 3 --messages 1500 --out -")
    local session = pipe:read "*a"
    pipe:close()
    local messages, at = {}, 1
    while at <= #session do
      local length = session:byte(at) * 256 + session:byte(at + 1)
      messages[#messages + 1] = session:sub(at + 2, at + 1 + length)
      at = at + 2 + length
    end
    assert.equal(1500, #messages)
    local path = os.tmpname()
    local file = io.open(path, "wb")
    file:write(capture(messages))
    file:close()
    local fields = { "moldudp64.count", "moldudp64.msgseq", "moldudp64.msglen", "moldudp64.msgdata", "moldudp64.msglen.invalid",
      "moldudp64.count.invalid", "_ws.malformed" }
    local command = ("tshark -r %s -d udp.port==%d,moldudp64 -T fields -E separator='|' -E aggregator=, -e %s 2>/dev/null"):format(path, PORT,
      table.concat(fields, " -e "))
    local seen = 0
    for line in io.popen(command):lines() do
      local count, sequences, lengths, bodies, bad = line:match "^(%d+)|([^|]*)|([^|]*)|([^|]*)|(.*)$"
      assert.equal("||", bad)
      local next_sequence, next_length = sequences:gmatch "%d+", lengths:gmatch "%d+"
      local here = 0
      for body in bodies:gmatch "[^,]+" do
        seen, here = seen + 1, here + 1
        assert.equal(seen, tonumber(next_sequence()))
        assert.equal(#messages[seen], tonumber(next_length()))
        assert.equal(hex(messages[seen]), (body:gsub(":", "")))
      end
      assert.equal(tonumber(count), here)
    end
    os.remove(path)
    assert.equal(1500, seen)
  end)
end)

local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

ffi.cdef [[
int truncate(const char *path, long length);
int mprotect(void *address, size_t bytes, int protection);
]]

local folder
local function path(name) return folder .. "/" .. name end

local function sections(list)
  local s = ffi.new("tl_region_section[?]", #list)
  for i, one in ipairs(list) do s[i - 1].name, s[i - 1].bytes = one[1], one[2] end
  return s, #list
end

local function create(name, list, version)
  local s, count = sections(list)
  return tonumber(C.tl_region_create(path(name), s, count, version or 1)), ffi.string(C.tl_error_text()), C.tl_region_layout(s, count, version or 1)
end

local function open(name, writable, layout)
  local region = ffi.new "tl_region"
  local status = tonumber(C.tl_region_open(region, path(name), writable or false, layout or 0))
  return status == 0 and ffi.gc(region, C.tl_region_close) or nil, status, ffi.string(C.tl_error_text())
end

local function descriptors(name)
  local count = 0
  for line in io.popen("ls -l /proc/" .. require "ffi".C.getpid() .. "/fd"):lines() do if line:find(name, 1, true) then count = count + 1 end end
  return count
end
ffi.cdef "int getpid(void);"

describe("a region", function()
  before_each(function()
    folder = "/dev/shm/tidelock-spec-" .. ffi.C.getpid()
    os.execute("rm -rf " .. folder .. "; mkdir -m 700 " .. folder)
  end)
  after_each(function() os.execute("rm -rf " .. folder) end)

  it("is made zeroed, with its sections at pages of their own, and shared by who opens it", function()
    local status, _, layout = create("one", { { "worker", 512 }, { "out:x", 70000 }, { "in:x", 128 } })
    assert.equal(0, status)
    local ours, theirs = open("one", true, layout), open("one", false, layout)
    local bytes = ffi.new "uint64_t[1]"
    for name, size in pairs { worker = 512, ["out:x"] = 70000, ["in:x"] = 128 } do
      local mine = ffi.cast("uint8_t *", C.tl_region_find(ours, name, bytes))
      assert.equal(size, tonumber(bytes[0]))
      assert.equal(0, tonumber(ffi.cast("uintptr_t", mine)) % 4096)
      for i = 0, size - 1 do if mine[i] ~= 0 then error("not zeroed") end end
      mine[size - 1] = 9
      assert.equal(9, ffi.cast("const uint8_t *", C.tl_region_find(theirs, name, nil))[size - 1])
    end
    assert.equal(ffi.C.getpid(), theirs.header.writer)
    assert.is_true(C.tl_region_find(ours, "worke", nil) == nil)
    assert.matches("no section 'worke'", ffi.string(C.tl_error_text()))
    assert.equal("600", io.popen("stat -c %a " .. path "one"):read "*l")
  end)

  it("keeps no descriptor, so that a reader's mapping cannot be made writable", function()
    create("one", { { "a", 8 } })
    local ours, theirs = open("one", true), open("one", false)
    assert.equal(0, descriptors "one")
    assert.equal(-1, ffi.C.mprotect(theirs.header, 4096, 3))
    assert.equal(0, ffi.C.mprotect(ours.header, 4096, 3))
  end)

  it("that is there is not made again", function()
    create("one", { { "a", 8 } })
    local status, why = create("one", { { "a", 8 } })
    assert.equal(C.TL_ERR_EXISTS, status)
    assert.matches("it is there already", why)
  end)

  it("takes its space at once, and says what was wanted and what there is", function()
    local status, why = create("one", { { "a", 2 ^ 43 } })
    assert.equal(C.TL_ERR_IO, status)
    assert.matches("8388610%.0 MiB of shared memory are wanted and %d+%.%d MiB are free", why)
    assert.is_nil(io.open(path "one"))
    create("two", { { "a", 5 * 2 ^ 20 } })
    assert.is_true(tonumber(io.popen("stat -c %b " .. path "two"):read "*l") * 512 >= 5 * 2 ^ 20)
  end)

  it("begins where large pages can, and works whether there are any or not", function()
    create("one", { { "a", 5 * 2 ^ 20 } })
    local ours, theirs = open("one", true), open("one", false)
    for _, region in ipairs { ours, theirs } do
      assert.equal(0, tonumber(ffi.cast("uintptr_t", region.header)) % 2 ^ 21)
      assert.equal(0, tonumber(region.bytes) % 2 ^ 21)
      assert.is_true(region.huge == 0 or region.huge == 1)
    end
    ffi.cast("uint8_t *", C.tl_region_find(ours, "a", nil))[5 * 2 ^ 20 - 1] = 3
    assert.equal(3, ffi.cast("uint8_t *", C.tl_region_find(theirs, "a", nil))[5 * 2 ^ 20 - 1])
  end)

  it("is refused when it is of another layout or boot, cut short, unfinished, no region, or not there", function()
    local _, _, layout = create("one", { { "a", 8 } })
    local function refused(status, text, wanted)
      local region, got, why = open("one", false, wanted)
      assert.is_nil(region)
      assert.equal(status, got)
      assert.matches(text, why)
    end
    refused(C.TL_ERR_FORMAT, "another layout", layout + 1)
    local ours = open("one", true, layout)
    ours.header.boot_id[3] = 33
    refused(C.TL_ERR_FORMAT, "an earlier boot")
    ours.header.magic = 0
    refused(C.TL_ERR_FORMAT, "whose making was broken off")
    ffi.C.truncate(path "one", 100)
    refused(C.TL_ERR_FORMAT, "no region of tidelock")
    os.remove(path "one")
    refused(C.TL_ERR_NOT_FOUND, "there is no ")
    create("one", { { "a", 8 } })
    ffi.C.truncate(path "one", 16384)
    refused(C.TL_ERR_FORMAT, "is cut short or grown: it has 16384 bytes and was made with 20480")
    os.remove(path "one")
    os.execute("mkdir " .. path "one")
    refused(C.TL_ERR_FORMAT, "no region")
    os.execute("rmdir " .. path "one" .. "; ln -s /etc/passwd " .. path "one")
    refused(C.TL_ERR_IO, "cannot open")
  end)

  it("does not hand out what lies outside of it, whatever its writer wrote", function()
    create("one", { { "a", 8 } })
    local ours, theirs = open("one", true), open("one", false)
    for _, lie in ipairs { { 4096 * 100, 8 }, { 16384, 2 ^ 40 }, { 16385, 8 }, { 2 ^ 62, 2 ^ 62 } } do
      ours.header.sections[0].offset, ours.header.sections[0].bytes = lie[1], lie[2]
      assert.is_true(C.tl_region_find(theirs, "a", nil) == nil)
    end
    ours.header.section_count = 0xffffffff
    assert.is_true(C.tl_region_find(theirs, "zz", nil) == nil)
  end)

  it("has a layout that is a function of names, sizes, order and version", function()
    local seen = {}
    for _, case in ipairs {
      { { { "a", 8 }, { "b", 8 } } }, { { { "b", 8 }, { "a", 8 } } }, { { { "a", 8 }, { "b", 16 } } }, { { { "a", 8 }, { "b", 8 } }, 2 },
      { { { "ab", 8 } } }, { {} },
    } do
      local s, count = sections(case[1])
      local hash = tostring(C.tl_region_layout(s, count, case[2] or 1))
      assert.is_nil(seen[hash])
      seen[hash] = true
      assert.equal(hash, tostring(C.tl_region_layout(s, count, case[2] or 1)))
    end
  end)

  it("refuses sections that cannot be", function()
    for text, list in pairs {
      ["two sections are named 'a'"] = { { "a", 8 }, { "a", 9 } }, ["cannot have 0 bytes"] = { { "a", 0 } }, ["must have 1 to 47 characters"] = { { "", 1 } },
    } do
      local status, why = create("bad", list)
      assert.equal(C.TL_ERR_ARGUMENT, status)
      assert.is_truthy(why:find(text, 1, true), why)
    end
  end)
end)

local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local second = 1000000000LL

describe("the delay before a next generation", function()
  local function after(deaths, fields)
    local respawn, delays = ffi.new("tl_respawn", fields or {}), {}
    for i, at in ipairs(deaths) do delays[i] = tonumber(C.tl_respawn_after_death(respawn, second * at)) / 1e6 end
    return delays
  end

  it("is none after the first death and then grows from 100 ms to 5 s", function()
    assert.same({ 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000 }, after { 1, 2, 3, 4, 5, 6, 7, 8, 9 })
  end)

  it("is none again after a quiet minute", function()
    assert.same({ 0, 100, 200, 0, 100 }, after { 10, 11, 71, 132, 133 })
  end)

  it("is forever after too many deaths in the window", function()
    local limits = { limit = 3, window_ns = second * 60 }
    assert.same({ 0, 100, -1e-6 }, after({ 1, 2, 61 }, limits))
    assert.same({ 0, 100, 200, -1e-6 }, after({ 1, 2, 62, 62 }, limits))
    assert.same({ -1e-6 }, after({ 1 }, { limit = 1, window_ns = second }))
  end)
end)

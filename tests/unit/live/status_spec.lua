local native = require "tidelock.native"
local status = require "tidelock.live.status"
local summary = require "tidelock.live.summary"

describe("the status of a live instance", function()
  it("reads money exactly, a loss as a gain", function()
    local function money(high, low) return status.money(native.ffi.new("tl_money", { high = high, low = low })) end
    assert.equal(1.23456789, money(0, 123456789))
    assert.equal(-0.00000001, money(-1, 0xffffffffffffffffULL))
    assert.equal(-1.23456789, money(-1, 0xffffffffffffffffULL - 123456788))
    assert.equal(2 ^ 64 / 1e8, money(1, 0))
    assert.equal(-2 ^ 64 / 1e8, money(-1, 0))
  end)

  it("sums up all positions, however many there are, within the width of the table", function()
    local positions = {}
    for i = 1, 30 do positions[i] = { symbol = "SYM" .. i, quantity = i % 2 == 0 and 100 * i or -100 * i } end
    local function text(list)
      return summary.text { instance = "x", uptime_ns = 1e9, accounts = {}, denies = {}, workers = {}, latency = {}, latency_names = {}, events = 0, orders = 0,
        fills = 0, strategies = { { name = "s", pnl = 1, handled = 1, commands = 1, fills = 1, positions = list, errors = 0, overruns = 0, gaps = 0,
        skipped = 0, decisions_hash = "0" } } }
    end
    local all = text(positions)
    assert.matches("30 symbols:", all)
    for i = 1, 30 do assert.is_truthy(all:find(("SYM%d %d"):format(i, positions[i].quantity), 1, true)) end
    for line in all:gmatch "[^\n]+" do assert.is_true(#line <= 96, line) end
    assert.matches("SYM1 %-100, SYM2 200\n", text { positions[1], positions[2] })
    assert.matches("flat\n", text {})
  end)
end)

local native = require "tidelock.native"
local C, ffi = native.C, native.ffi

local function status_name(status) return ffi.string(C.tl_order_status_name(status)) end
local function move_name(move) return ffi.string(C.tl_order_move_name(move)) end

local CELL_WORDS = {
  [tonumber(C.TL_CELL_AS_BEFORE)] = "as `before`",
  [tonumber(C.TL_CELL_STAY)] = "stays, moves `before`",
  [tonumber(C.TL_CELL_BACK)] = "back",
  [tonumber(C.TL_CELL_BACK_REPLACED)] = "back, replaced",
}

--- Moves an order from (status, before); the new pair, or nil when illegal.
local function apply(move, status, before)
  local s, b = ffi.new("uint8_t[1]", status), ffi.new("uint8_t[1]", before)
  local legal = C.tl_order_move_apply(move, s, b)
  if legal then return s[0], b[0] end
  assert.equal(status, s[0])
  assert.equal(before, b[0])
end

local OPEN = { C.TL_ORDER_PENDING_NEW, C.TL_ORDER_NEW, C.TL_ORDER_PARTIALLY_FILLED, C.TL_ORDER_REPLACED, C.TL_ORDER_TRIGGERED }

describe("the transition table", function()
  it("is the one printed in docs/ORDERS.md, row by row", function()
    local printed = {}
    for line in io.lines "docs/ORDERS.md" do
      local status, move, becomes = line:match "^| `([%w_]+)` | `([%w_]+)` | (.-) |$"
      if status then
        assert.is_nil(printed[status .. " " .. move])
        printed[status .. " " .. move] = becomes
      end
    end
    local rows = 0
    for status = 0, tonumber(C.TL_ORDER_STATUSES) - 1 do
      for move = 0, tonumber(C.TL_MOVES) - 1 do
        local cell, key = C.tl_order_cell(status, move), status_name(status) .. " " .. move_name(move)
        if cell == C.TL_ORDER_NONE then
          assert.is_nil(printed[key], key)
        else
          rows = rows + 1
          assert.equal(CELL_WORDS[cell] or ("`" .. status_name(cell) .. "`"), printed[key], key)
        end
        printed[key] = nil
      end
    end
    assert.is_nil(next(printed))
    assert.is_true(rows > 60)
  end)

  it("does at every cell what the cell says", function()
    for status = 0, tonumber(C.TL_ORDER_STATUSES) - 1 do
      local pending = status == C.TL_ORDER_PENDING_CANCEL or status == C.TL_ORDER_PENDING_REPLACE
      for move = 0, tonumber(C.TL_MOVES) - 1 do
        local cell = C.tl_order_cell(status, move)
        for _, before in ipairs(pending and OPEN or { status }) do
          before = tonumber(before)
          local s, b = apply(move, status, before)
          local own = C.tl_order_cell(before, move)
          local replaced = before <= C.TL_ORDER_NEW and tonumber(C.TL_ORDER_REPLACED) or before
          local name = ("%s (%s) %s"):format(status_name(status), status_name(before), move_name(move))
          if cell == C.TL_ORDER_NONE then assert.is_nil(s, name)
          elseif cell == C.TL_CELL_AS_BEFORE or cell == C.TL_CELL_STAY then
            if own == C.TL_ORDER_NONE then assert.is_nil(s, name)
            else assert.same({ cell == C.TL_CELL_STAY and status or own, own }, { s, b }, name) end
          elseif cell == C.TL_CELL_BACK then assert.same({ before, before }, { s, b }, name)
          elseif cell == C.TL_CELL_BACK_REPLACED then assert.same({ replaced, replaced }, { s, b }, name)
          else
            local request = cell == C.TL_ORDER_PENDING_CANCEL or cell == C.TL_ORDER_PENDING_REPLACE
            assert.same({ cell, request and before or cell }, { s, b }, name)
          end
        end
      end
    end
  end)

  it("never reopens a closed order and never lets a number outside it through", function()
    for status = tonumber(C.TL_ORDER_FILLED), tonumber(C.TL_ORDER_STATUSES) - 1 do
      for move = 0, tonumber(C.TL_MOVES) - 1 do
        local s = apply(move, status, status)
        assert.is_true(s == nil or s == status)
      end
    end
    for _, wild in ipairs { 13, 64, 255 } do
      for move = -1, tonumber(C.TL_MOVES) do
        assert.is_nil((apply(move, wild, wild)))
      end
    end
    assert.is_nil((apply(-1, C.TL_ORDER_NEW, C.TL_ORDER_NEW)))
    assert.is_nil((apply(200, C.TL_ORDER_NEW, C.TL_ORDER_NEW)))
  end)

  it("keeps a fill that crosses a cancel, and the refusal that follows it", function()
    local s, b = apply(C.TL_MOVE_SEND, C.TL_ORDER_NONE, C.TL_ORDER_NONE)
    s, b = apply(C.TL_MOVE_ASK_CANCEL, s, b) -- before it is acknowledged
    s, b = apply(C.TL_MOVE_ACCEPTED, s, b)
    assert.same({ "pending_cancel", "new" }, { status_name(s), status_name(b) })
    s, b = apply(C.TL_MOVE_FILL, s, b)
    assert.same({ "pending_cancel", "partially_filled" }, { status_name(s), status_name(b) })
    s, b = apply(C.TL_MOVE_LAST_FILL, s, b)
    assert.equal("filled", status_name(s))
    s = apply(C.TL_MOVE_CANCEL_REJECTED, s, b)
    assert.equal("filled", status_name(s))
  end)

  it("maps each report kind to its move", function()
    assert.equal(-1, C.tl_order_move_of_report(0, false))
    assert.equal(-1, C.tl_order_move_of_report(12, false))
    assert.equal(-1, C.tl_order_move_of_report(-5, true))
    for kind = 1, tonumber(C.TL_REPORTS) - 1 do
      assert.equal(ffi.string(C.tl_report_kind_name(kind)), move_name(C.tl_order_move_of_report(kind, false)))
    end
    assert.equal("last_fill", move_name(C.tl_order_move_of_report(C.TL_REPORT_FILL, true)))
  end)
end)

describe("the words of orders", function()
  it("has one for every reason, status, kind, type and time in force, all different", function()
    local sets = {
      { C.tl_reason_code, C.TL_REASONS }, { C.tl_order_status_name, C.TL_ORDER_STATUSES },
      { C.tl_report_kind_name, C.TL_REPORTS }, { C.tl_order_type_name, C.TL_TYPES }, { C.tl_time_in_force_name, C.TL_TIFS },
    }
    for _, set in ipairs(sets) do
      local seen = {}
      for i = 0, tonumber(set[2]) - 1 do
        local word = ffi.string(set[1](i))
        assert.is_nil(seen[word], word)
        assert.is_truthy(word == "" or word:match "^[a-z_]+$", word)
        seen[word] = true
      end
      assert.equal("unknown", ffi.string(set[1](set[2])))
      assert.equal("unknown", ffi.string(set[1](-1)))
    end
    local docs = assert(io.open "docs/ORDERS.md"):read "*a"
    for i = 1, tonumber(C.TL_REASONS) - 1 do
      local code = ffi.string(C.tl_reason_code(i))
      assert.truthy(docs:find("`" .. code .. "`", 1, true), code .. " is not in docs/ORDERS.md")
    end
    assert.equal("", ffi.string(C.tl_reason_code(0)))
    assert.equal("risk_order_quantity", ffi.string(C.tl_reason_code(C.TL_REASON_RISK_ORDER_QUANTITY)))
    assert.equal("stop_limit", ffi.string(C.tl_order_type_name(C.TL_TYPE_STOP_LIMIT)))
    assert.equal("cancel_rejected", ffi.string(C.tl_report_kind_name(C.TL_REPORT_CANCEL_REJECTED)))
  end)
end)

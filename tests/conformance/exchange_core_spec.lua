-- Scenarios of another exchange, written in Gherkin, through the exchange's own lines. Its accounts' balances are the gateway's
-- affair here: what is refused for want of money is not sent, and balances are not compared.
local scenario = require "tidelock.scenario"
local cjson = require "cjson"

local folder = "../shared/data/matching/"

local function cells(row)
  local list = {}
  for cell in row:gsub("^%s*|", ""):gmatch "%s*([^|]*)|" do list[#list + 1] = (cell:gsub("%s+$", "")) end
  return list
end

--- The scenarios of a file: lists of steps { text, rows }, outlines unfolded over their examples.
local function scenarios_of(path)
  local file = io.open(path)
  if not file then return nil end
  local all, background, current, examples = {}, {}, nil, nil
  local function close()
    if not current then return end
    local values = examples and #examples > 1 and { unpack(examples, 2) } or { {} }
    for _, row in ipairs(values) do
      local one = { name = current.name }
      for _, step in ipairs(current) do
        local text = step.text
        for i, value in ipairs(row) do text = text:gsub("<" .. examples[1][i] .. ">", value) end
        one[#one + 1] = { text = text, rows = step.rows }
      end
      all[#all + 1] = one
    end
    current, examples = nil, nil
  end
  local into = background
  for line in file:lines() do
    local text = line:match "^%s*(.-)%s*$"
    local title = text:match "^Scenario[^:]*:%s*(.*)"
    if title then
      close()
      current = { name = title }
      for _, step in ipairs(background) do current[#current + 1] = step end
      into = current
    elseif text:match "^Examples:" then
      examples = {}
    elseif text:match "^|" then
      local rows = examples or into[#into].rows
      rows[#rows + 1] = cells(text)
    elseif text:match "^Given " or text:match "^When " or text:match "^Then " or text:match "^And " then
      into[#into + 1] = { text = text:gsub("^%a+ ", "", 1), rows = {} }
    end
  end
  close()
  file:close()
  return all
end

local function run(steps)
  local out, orders, from = {}, {}, 0
  local s = scenario.new { write = function(text) out[#out + 1] = text end }
  local function send(line)
    from = #out
    s:line(line)
    for i = from + 1, #out do
      local e = cjson.decode(out[i])
      assert.are_not.equal("rejected", e.event, out[i])
      local o = orders[e.id]
      if e.event == "accepted" or e.event == "replaced" then o.price, o.size = e.price, e.quantity end
      if e.event == "fill" then o.filled = o.filled + e.quantity end
      if (e.event == "fill" and e.remaining == "0") or e.event == "canceled" then o.open = false end
    end
  end
  local function fills()
    local list = {}
    for i = from + 1, #out do
      local e = cjson.decode(out[i])
      if e.event == "fill" then list[#list + 1] = e end
    end
    return list
  end
  local function book(symbol)
    s:line(('{"op":"book","symbol":"%s"}'):format(symbol))
    return cjson.decode(table.remove(out))
  end
  local checked = 0
  local function check_step(step)
    local text = step.text
    local client, side, id, price, size, tif, symbol =
      text:match "^A client (%a+) places an (%a+) order (%d+) at (%d+)@(%d+) %(type: (%a+), symbol: ([%w_]+)"
    if client then
      orders[id] = { client = client, side = side, filled = 0, open = true, symbol = symbol }
      return send(('{"op":"new","id":"%s","symbol":"%s","side":"%s","price":"%s","quantity":"%s","tif":"%s","account":"%s"}'):format(
        id, symbol, side == "BID" and "buy" or "sell", price, size, tif:lower(), client))
    end
    price, id = text:match "moves a price to (%d+) of the order (%d+)$"
    if id and not text:find "could not" then return send(('{"op":"replace","id":"%s","price":"%s"}'):format(id, price)) end
    id = text:match "cancels the remaining size %d+ of the order (%d+)$"
    if id then return send(('{"op":"cancel","id":"%s"}'):format(id)) end
    if text:find "could not" or text:find "balance" then return end
    checked = checked + 1
    if text == "No trade events" then
      assert.same({}, fills())
      return
    end
    local how, quantity
    id, how, price, quantity = text:match "^The order (%d+) is (%a+) matched%. LastPx: (%d+), LastQty: (%d+)"
    if id then
      local last
      for _, e in ipairs(fills()) do if e.id == id then last = e end end
      assert.same({ price, quantity, "maker" }, { last.price, last.quantity, last.liquidity }, text)
      assert.equal(how == "fully", last.remaining == "0", text)
      return
    end
    symbol = text:match "^An ([%w_]+) order book is:"
    if symbol then
      local asks, bids = {}, {}
      for _, row in ipairs(step.rows) do
        if row[3] ~= "" and row[3] ~= "ask" then table.insert(asks, 1, { row[2], row[3] }) end
        if row[1] ~= "" and row[1] ~= "bid" then bids[#bids + 1] = { row[2], row[1] } end
      end
      local now = book(symbol)
      local function levels(side_of)
        local list = {}
        for i, level in ipairs(side_of) do list[i] = { level.price, level.quantity } end
        return list
      end
      assert.same({ bids, asks }, { levels(now.bids), levels(now.asks) }, text)
      return
    end
    client = text:match "^A client (%a+) orders:" or text:match "^A client (%a+) does not have active orders"
    assert.truthy(client, "a step that this spec does not know: " .. text)
    local open = {}
    for order_id, o in pairs(orders) do
      if o.client == client and o.open then open[order_id] = { o.price, o.size, tostring(o.filled), o.side } end
    end
    local wanted = {}
    for i = 2, #step.rows do
      local row = step.rows[i]
      wanted[row[1]] = { row[2], row[3], row[4], row[6] }
    end
    assert.same(wanted, open, text)
  end
  for _, step in ipairs(steps) do check_step(step) end
  return checked
end

describe("exchange-core's scenarios", function()
  for file, count in pairs { ["basic.feature"] = 3, ["risk.feature"] = 2 } do
    it("hold: " .. file, function()
      local all = scenarios_of(folder .. file)
      if not all then return pending(folder .. file .. " is not here") end
      assert.equal(count, #all)
      for _, one in ipairs(all) do assert.is_true(run(one) > 0, one.name) end
    end)
  end
end)

---@meta snapshot

---@class Position
---@field symbol string
---@field quantity number signed
---@field average_price number|nil
---@field realized_pnl number gross
---@field unrealized_pnl number
---@field fees number positive when paid
---@field net_pnl number
---@field funding number
---@field currency string

---@class Account
---@field name string
---@field currency string
---@field equity number
---@field cash number
---@field buying_power number
---@field margin_used number
local Account = {}
---@param currency string
---@return number
function Account:balance(currency) end

---@class Instrument
---@field symbol string
---@field venue string
---@field base string
---@field quote string
---@field settle string
---@field multiplier number
---@field inverse boolean
---@field tick number
---@field lot number
---@field min_quantity number|nil
---@field max_quantity number|nil
---@field min_notional number|nil
---@field price_band number|nil
---@field zone string
---@field status TradingStatus|nil
---@field open number|nil
---@field close number|nil
---@field next_open number|nil
local Instrument = {}
---@param price number
---@param side Side|nil
---@return number
function Instrument:round(price, side) end
---@param quantity number
---@return number
function Instrument:round_quantity(quantity) end

---@class Group
---@field [string] Quote
local Group = {}
function Group:read() end

local snapshot = {}

---@param symbol string
---@return Quote
function snapshot.quote(symbol) end
---@param symbol string
---@return Book
function snapshot.book(symbol) end
---@param symbol string
---@param interval Interval
---@param n integer
---@return Bars
function snapshot.bars(symbol, interval, n) end
---@param symbols string[]
---@return Group
function snapshot.group(symbols) end
---@param symbol string
---@param account string|nil
---@return Position
function snapshot.position(symbol, account) end
---@param name string|nil
---@return Account
function snapshot.account(name) end
---@param from string
---@param to string
---@return number|nil rate
---@return string|nil why
function snapshot.rate(from, to) end
---@param symbol string
---@return Instrument
function snapshot.instrument(symbol) end

return snapshot

---@meta strategy
-- Types of the strategy contract for editors (LuaLS). Never executed: handlers are declared as methods, choices as string unions.

---@alias Side "buy"|"sell"
---@alias Tier "L1"|"L2"|"L3"
---@alias Phase "shadow"|"history"|"live"
---@alias TradingStatus "pre_open"|"auction"|"trading"|"halted"|"paused"|"closed"
---@alias Duration string|number "250us" "5ms" "1s" "2m" "1h" "1d", or nanoseconds
---@alias Interval string "1s" "1m" "5m" "1h" "1d"
---@alias Seconds number

---@class ParamSpec
---@field default number|boolean|string
---@field min number|nil
---@field max number|nil
---@field step number|nil
---@field type "integer"|"number"|"boolean"|"string"|"duration"|nil by default that of the default; a whole number is an integer
---@field choices any[]|nil
---@field help string|nil

---@class Declaration
---@field name string
---@field tier Tier|nil the worker's tier rules; another one is refused
---@field symbols string[]|"*"|nil
---@field depth integer|nil levels whose changes call on_book
---@field orders boolean|nil order-by-order events
---@field bars Interval[]|nil with `fill = true` beside the intervals, built bars go on where nothing trades
---@field warmup table<Interval, integer>|(fun(params: table): table<Interval, integer>)|nil bars sent through on_bar before the first live event
---@field data string[]|nil names of outside inputs
---@field params table<string, ParamSpec|number|boolean|string>|nil
---@field check (fun(params: table): boolean, string|nil)|nil

---@class Strategy
---@field params table<string, any> read-only
---@field symbols string[] the resolved list
---@field state table handed over where there is no on_save
---@field phase Phase
---@field name string
local Strategy = {}

---@param symbol string
---@return table<string, any> params with the configuration's overrides for the symbol
function Strategy:params_of(symbol) end
---@param symbol string
function Strategy:subscribe(symbol) end
---@param symbol string
function Strategy:unsubscribe(symbol) end

---@param why "start"|"reload"|"recovery"
function Strategy:on_start(why) end
---@param why string
function Strategy:on_stop(why) end
---@param quote Quote
function Strategy:on_quote(quote) end
---@param trade Trade
function Strategy:on_trade(trade) end
---@param book Book
function Strategy:on_book(book) end
---@param bar Bar
function Strategy:on_bar(bar) end
---@param interval Interval
---@param ts number
function Strategy:on_bars(interval, ts) end
---@param mark Mark
function Strategy:on_mark(mark) end
---@param action Action
function Strategy:on_action(action) end
---@param row DataRow
function Strategy:on_data(row) end
---@param signal Signal another strategy's
function Strategy:on_signal(signal) end
---@param order Order
---@param report Report
function Strategy:on_order(order, report) end
---@param order Order
---@param fill Fill
function Strategy:on_fill(order, fill) end
---@param saga Saga one that has ended
---@param outcome { status: "done"|"undone"|"failed", reason: string|nil, legs: Order[] }
function Strategy:on_saga(saga, outcome) end
---@param name string
---@param ts number
---@param missed integer
function Strategy:on_timer(name, ts, missed) end
---@param symbol string
---@param status TradingStatus
function Strategy:on_status(symbol, status) end
---@param symbol string
---@param state "stale"|"fresh"
function Strategy:on_feed(symbol, state) end
---@param venue string
---@param state "connected"|"disconnected"|"reconciled"
function Strategy:on_venue(venue, state) end
---@param symbol string
---@param missed integer
function Strategy:on_gap(symbol, missed) end
---@param name string
---@param new any
---@param old any
---@return boolean|nil ok
---@return string|nil reason
function Strategy:on_param(name, new, old) end
---@return table
function Strategy:on_save() end
---@param state table
---@param version integer
---@return boolean|nil ok
---@return string|nil reason
function Strategy:on_load(state, version) end
---@param err HandlerError
function Strategy:on_error(err) end

---@class HandlerError
---@field handler string
---@field message string
---@field traceback string
---@field count integer

---@class Event
---@field seq integer place in this strategy's one total order
---@field ts number ns since the Unix epoch, as a double (steps of 256 ns)
---@field ts_recv number
---@field latency number ns from ts to ts_recv, exact
---@field tod number ns since midnight in the instrument's zone
local Event = {}
---@return number ns since it was received, exact
function Event:age() end
---@param other Event
---@return number ns between two events, exact
function Event:since(other) end
---@return string all digits, UTC
function Event:iso() end
---@return self a copy that may be kept
function Event:copy() end

---@class Quote : Event
---@field symbol string
---@field venue string
---@field bid number|nil
---@field ask number|nil
---@field bid_size number|nil
---@field ask_size number|nil

---@class Trade : Event
---@field symbol string
---@field venue string
---@field price number
---@field size number
---@field aggressor Side|nil
---@field kind "normal"|"cross"|"hidden"
local Trade = {}
---@return string
function Trade:id() end

---@class Book : Event
---@field symbol string
---@field depth integer levels of the deeper side
local Book = {}
---@param i integer 1 = best
---@return number|nil price
---@return number|nil size
---@return integer|nil orders
function Book:bid(i) end
---@param i integer
---@return number|nil price
---@return number|nil size
---@return integer|nil orders
function Book:ask(i) end
---@param side Side
---@param i integer
---@return number own open quantity in that level
function Book:own(side, i) end
---@return number|nil
function Book:mid() end
---@return number|nil
function Book:microprice() end
---@param levels integer|nil
---@return number|nil in [-1, 1]
function Book:imbalance(levels) end
---@param side Side "buy" walks the asks
---@param quantity number
---@return number|nil price
---@return number found
function Book:vwap(side, quantity) end

---@class Bar : Event
---@field symbol string
---@field interval Interval
---@field open number
---@field high number
---@field low number
---@field close number
---@field volume number
---@field trades number|nil
---@field vwap number|nil
---@field ts_open number

---@class Bars
---@operator len: integer
local Bars = {}
---@param i integer 1 the oldest, -1 the newest
---@return number|nil
function Bars:open(i) end
---@param i integer
---@return number|nil
function Bars:high(i) end
---@param i integer
---@return number|nil
function Bars:low(i) end
---@param i integer
---@return number|nil
function Bars:close(i) end
---@param i integer
---@return number|nil
function Bars:volume(i) end
---@param i integer
---@return number|nil
function Bars:ts(i) end

---@class Mark : Event
---@field symbol string
---@field mark number|nil
---@field index number|nil
---@field funding_rate number|nil
---@field next_funding number|nil

---@class Action : Event
---@field symbol string
---@field kind "split"|"dividend"|"funding"|"listing"
---@field ratio number|nil
---@field amount number|nil
---@field currency string|nil

---@class DataRow : Event
---@field name string
---@field [string] number|nil

---@class Signal : Event
---@field name string
---@field value number
---@field from string the strategy that sent it

---@class Report : Event
---@field kind "accepted"|"fill"|"canceled"|"replaced"|"rejected"|"denied"|"expired"|"triggered"|"cancel_rejected"|"replace_rejected"|"restated"
---@field reason string|nil
---@field text string|nil a sentence
---@field field string|nil
---@field limit number|nil
---@field value number|nil

---@class Fill : Event
---@field symbol string
---@field side Side
---@field price number
---@field quantity number
---@field fee number
---@field fee_currency string
---@field liquidity "maker"|"taker"|"auction"
local Fill = {}
---@return string
function Fill:id() end

---@param declaration Declaration
---@return Strategy
local function strategy(declaration) end

return strategy

---@meta order

---@alias OrderStatus "pending_new"|"new"|"partially_filled"|"filled"|"pending_cancel"|"pending_replace"|"canceled"|"replaced"|"rejected"|"denied"|"expired"|"triggered"
---@alias OrderType "limit"|"market"|"stop"|"stop_limit"|"trailing_stop"|"iceberg"
---@alias TimeInForce "day"|"gtc"|"ioc"|"fok"|"gtd"|"at_open"|"at_close"

---@class OrderError
---@field code string stable: see docs/ERRORS.md
---@field field string|nil
---@field limit number|nil
---@field value number|nil

---@class OrderFields
---@field stop_price number|nil
---@field offset number|nil trailing distance, in price
---@field percent number|nil trailing distance, in percent
---@field display number|nil shown quantity of an iceberg
---@field time_in_force TimeInForce|nil
---@field expire Duration|Deadline|nil a duration, a deadline or a time in ns; implies gtd
---@field post_only boolean|"slide"|nil
---@field reduce_only boolean|nil
---@field round boolean|"passive"|"nearest"|"aggressive"|nil
---@field trigger "last"|"quote"|"mark"|nil
---@field deadline Duration|Deadline|nil bounds getting there
---@field tag string|nil
---@field venue string|nil
---@field account string|nil

---@class OrderSpec : OrderFields
---@field symbol string
---@field side Side
---@field quantity number
---@field price number|nil

---@class OrderOptions

---@class Order
---@field id integer
---@field symbol string
---@field side Side
---@field type OrderType
---@field time_in_force TimeInForce
---@field status OrderStatus
---@field is_open boolean
---@field pending boolean a request is in flight
---@field price number|nil acknowledged
---@field quantity number acknowledged total
---@field wanted_price number|nil last asked
---@field wanted_quantity number
---@field filled number
---@field remaining number
---@field average_price number|nil
---@field stop_price number|nil
---@field display number|nil
---@field queue_ahead number|nil
---@field queue_total number|nil
---@field tag string|nil
---@field undo boolean sent by the gateway to undo a saga's leg
---@field offset number|nil
---@field percent number|nil
---@field expire number|nil
---@field deadline number|nil
---@field post_only boolean|"slide"
---@field reduce_only boolean
---@field round "passive"|"nearest"|"aggressive"|nil
---@field trigger "last"|"quote"|"mark"
---@field venue string
---@field account string
---@field reason string|nil of the last report
---@field adopted boolean
---@field created number
---@field updated number
local Order = {}
---@return boolean|nil ok
---@return OrderError|nil err
function Order:cancel() end
---@param price number|nil
---@param quantity number|nil the new total
---@return boolean|nil ok
---@return OrderError|nil err
function Order:replace(price, quantity) end
---@return number ns since it was sent
function Order:age() end

local order = {}

---@param fields OrderFields
---@return OrderOptions
function order.options(fields) end
---@param symbol string
---@param quantity number
---@param price number
---@param options OrderOptions|nil
---@return Order|nil
---@return OrderError|nil
function order.buy(symbol, quantity, price, options) end
---@param symbol string
---@param quantity number
---@param price number
---@param options OrderOptions|nil
---@return Order|nil
---@return OrderError|nil
function order.sell(symbol, quantity, price, options) end
--- Keeps exactly one working order per symbol, side and tag.
---@param symbol string
---@param side Side
---@param quantity number 0 cancels it
---@param price number|nil
---@param options OrderOptions|nil
---@return Order|boolean|nil
---@return OrderError|nil
function order.quote(symbol, side, quantity, price, options) end
---@param spec OrderSpec
---@return Order|nil
---@return OrderError|nil
function order.limit(spec) end
---@param spec OrderSpec
---@return Order|nil
---@return OrderError|nil
function order.market(spec) end
---@param spec OrderSpec
---@return Order|nil
---@return OrderError|nil
function order.stop(spec) end
---@param spec OrderSpec
---@return Order|nil
---@return OrderError|nil
function order.stop_limit(spec) end
---@param spec OrderSpec
---@return Order|nil
---@return OrderError|nil
function order.trailing_stop(spec) end
---@param spec OrderSpec
---@return Order|nil
---@return OrderError|nil
function order.iceberg(spec) end
---@param a OrderSpec
---@param b OrderSpec
---@return Order|nil
---@return Order|OrderError|nil
function order.oco(a, b) end
---@param spec { entry: OrderSpec, take_profit: OrderSpec, stop_loss: OrderSpec }
---@return Order|nil entry
---@return Order|OrderError|nil take_profit
---@return Order|nil stop_loss
function order.bracket(spec) end
---@param spec { symbol: string, quantity: number|nil, weight: number|nil, type: OrderType|nil, price: number|nil, band: number|nil }
---@return Order|boolean|nil
---@return OrderError|nil
function order.target(spec) end
---@param spec { weights: table<string, number>, others: "close"|"keep"|nil }
---@return boolean|nil
---@return OrderError|nil
function order.rebalance(spec) end
---@param spec { symbol: string|nil }|nil
---@return integer sent
function order.flatten(spec) end
---@param spec { symbol: string|nil, side: Side|nil, tag: string|nil }|nil
---@return integer asked
function order.cancel_all(spec) end
---@param symbol string|nil
---@param side Side|nil
---@return fun(): integer|nil, Order
function order.each(symbol, side) end
---@param symbol string|nil
---@param side Side|nil
---@return integer
function order.count(symbol, side) end
---@param spec { tag: string|nil, symbol: string|nil, side: Side|nil, id: integer|nil }
---@return Order|nil
function order.find(spec) end

return order

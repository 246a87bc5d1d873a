---@meta _

log = {}
---@param fmt string
function log.debug(fmt, ...) end
---@param fmt string
function log.info(fmt, ...) end
---@param fmt string
function log.warn(fmt, ...) end
---@param fmt string
function log.error(fmt, ...) end

metric = {}
---@param name string
---@return { add: fun(self, n: number|nil) }
function metric.counter(name) end
---@param name string
---@return { set: fun(self, value: number) }
function metric.gauge(name) end
---@param name string
---@return { record: fun(self, value: number) }
function metric.histogram(name) end

record = {}
---@param name string
---@param options { pane: string|nil }|nil
---@return { push: fun(self, value: number) }
function record.series(name, options) end
---@param name string
---@param value number|string|boolean
function record.result(name, value) end

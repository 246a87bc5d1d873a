--- Looks at a script's compiled code without running it: globals and fields that do not exist, at their lines.
---
--- The code is LuaJIT's own, read through jit.util: what is compiled is what will run. A name is known for sure in three places: a global, a library module
--- held in a local, and what a handler is given. Anything else is left alone, so that what is reported is wrong.
local nearest = require "tidelock.nearest"

local M = {}

--- What a script's environment holds, and what is in its tables. A test compares it with the sandbox.
M.GLOBALS = {
  _G = true, _VERSION = true, assert = true, error = true, getmetatable = true, ipairs = true, next = true, pairs = true, pcall = true, print = true,
  rawequal = true, rawget = true, rawset = true, require = true, select = true, setmetatable = true, tonumber = true, tostring = true, type = true,
  unpack = true, xpcall = true,
  string = { "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub", "upper" },
  table = { "concat", "insert", "maxn", "remove", "sort" },
  math = {
    "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cosh", "deg", "exp", "floor", "fmod", "frexp", "huge", "ldexp", "log", "log10", "max", "min",
    "mod", "modf", "pi", "pow", "rad", "random", "randomseed", "sin", "sinh", "sqrt", "tan", "tanh",
  },
  bit = { "arshift", "band", "bnot", "bor", "bswap", "bxor", "lshift", "rol", "ror", "rshift", "tobit", "tohex" },
  coroutine = { "create", "isyieldable", "resume", "running", "status", "wrap", "yield" },
  os = { "clock", "date", "time" },
  log = { "debug", "error", "info", "line", "warn" }, metric = { "counter", "gauge", "histogram" }, record = { "result", "series" },
}

local GLOBAL_NAMES = {}
for name in pairs(M.GLOBALS) do GLOBAL_NAMES[#GLOBAL_NAMES + 1] = name end
table.sort(GLOBAL_NAMES)

local function contains(list, name)
  for _, one in ipairs(list) do
    if one == name then return true end
  end
  return false
end

-- ---- reading code ----

local util, opcodes

local function prepare()
  if util ~= nil then return util end
  local ok, found = pcall(require, "jit.util")
  local known, vmdef = pcall(require, "jit.vmdef")
  util = ok and known and found or false
  if not util then return false end
  opcodes = {}
  for i = 0, #vmdef.bcnames / 6 - 1 do opcodes[i] = vmdef.bcnames:sub(i * 6 + 1, i * 6 + 6):match "^%S+" end
  return util
end

local WRITES = 1 -- the mode of an operand that is written

--- The instructions of a function: op, the fields A, B, C, D, whether A is written, and the line.
local function instructions(proto)
  local list = {}
  for pc = 1, 1e6 do
    local word, mode = util.funcbc(proto, pc)
    if not word then break end
    list[pc] = {
      op = opcodes[bit.band(word, 0xff)], a = bit.band(bit.rshift(word, 8), 0xff), c = bit.band(bit.rshift(word, 16), 0xff), b = bit.rshift(word, 24),
      d = bit.rshift(word, 16), writes = bit.band(mode, 7) == WRITES, line = util.funcinfo(proto, pc).currentline,
    }
  end
  return list
end

--- Registers that are written once in the whole function, with the instruction that does it; others are false.
local function single_writes(list)
  local once = {}
  for _, ins in ipairs(list) do
    if ins.writes then
      if once[ins.a] == nil then once[ins.a] = ins else once[ins.a] = false end
    end
    -- calls and loops leave results in registers that no operand names
    if ins.op:match "^CALL" or ins.op == "VARG" or ins.op:match "^ITER" or ins.op:match "^FOR" or ins.op == "KNIL" then
      for register = ins.a, ins.a + (ins.op == "KNIL" and ins.d - ins.a or 4) do once[register] = false end
    end
  end
  return once
end

-- ---- what names mean ----

--- Locals that hold library modules, by their text: `local a, b = require "a", require "b"`. A name that is declared in any other way besides is left out.
local function module_locals(text)
  local held, declared = {}, {}
  text = text:gsub("%-%-%[%[.-%]%]", ""):gsub("%-%-[^\n]*", "")
  for names, values in text:gmatch "local%s+([%w_,%s]-)%s*=%s*([^\n]+)" do
    local list = {}
    for name in names:gmatch "[%a_][%w_]*" do list[#list + 1] = name end
    for _, name in ipairs(list) do declared[name] = (declared[name] or 0) + 1 end
    local i = 0
    for value in (values .. ","):gmatch "([^,]*)," do
      i = i + 1
      local module = value:match "^%s*require%s*%(?%s*[\"']([%w_]+)[\"']%s*%)?%s*$"
      if module and list[i] then held[list[i]] = module end
    end
  end
  for parameters in text:gmatch "function[^(\n]*%(([^)]*)%)" do
    for name in parameters:gmatch "[%a_][%w_]*" do declared[name] = (declared[name] or 0) + 1 end
  end
  for name in text:gmatch "for%s+([%w_,%s]+)%s+in" do
    for one in name:gmatch "[%a_][%w_]*" do declared[one] = (declared[one] or 0) + 1 end
  end
  for name in pairs(held) do
    if declared[name] ~= 1 then held[name] = nil end
  end
  return held
end

--- Checks one function and those inside it. `at` has report(line, text), modules (local name -> fields), handlers (name -> list of fields by parameter),
--- params (names or nil).
local function walk(proto, at, handler)
  local list = instructions(proto)
  local once = single_writes(list)
  local info = util.funcinfo(proto)
  local parameters = info.params
  local fields_of = handler and at.handlers[handler]

  local function constant(index) return util.funck(proto, -index - 1) end

  --- What the register holds at an instruction: a list of fields and a word for it, or nil.
  local function meaning(pc, register)
    local before = list[pc - 1]
    local source = before and before.writes and before.a == register and before or once[register]
    if not source then
      if source == nil and register < parameters and fields_of and fields_of[register] then return fields_of[register].fields, fields_of[register].what end
      return nil
    end
    if source.op == "GGET" then
      local name = constant(source.d)
      local fields = M.GLOBALS[name]
      if type(fields) == "table" then return fields, name end
    elseif source.op == "UGET" then
      local name = util.funcuvname(proto, source.d)
      if at.modules[name] then return at.modules[name].fields, at.modules[name].what end
    elseif source.op == "TGETS" and source.b == 0 and handler and constant(source.c) == "params" and at.params and once[0] == nil then
      return at.params, "self.params"
    end
    return nil
  end

  for pc, ins in ipairs(list) do
    if ins.op == "GGET" then
      local name = constant(ins.d)
      if M.GLOBALS[name] == nil and not at.own_globals[name] then at.report(ins.line, nearest.sentence("global", name, GLOBAL_NAMES)) end
    elseif ins.op == "TGETS" then
      local key = constant(ins.c)
      local fields, what = meaning(pc, ins.b)
      if fields and not contains(fields, key) then at.report(ins.line, nearest.sentence("field of " .. what, key, fields)) end
    elseif ins.op == "FNEW" then
      local after = list[pc + 1]
      local name = after and after.op == "TSETS" and after.a == ins.a and constant(after.c) or nil
      walk(constant(ins.d), at, type(name) == "string" and name or nil)
    end
  end
end

--- Globals that the script itself sets: legal, and read later.
local function globals_set(proto, found)
  for _, ins in ipairs(instructions(proto)) do
    if ins.op == "GSET" then found[util.funck(proto, -ins.d - 1)] = true
    elseif ins.op == "FNEW" then globals_set(util.funck(proto, -ins.d - 1), found) end
  end
  return found
end

--- The problems of a script's text: { { line =, text = }, ... }, or nil and why it cannot be looked at.
---@param text string
---@param path string for messages of the compiler
---@param known table modules: name -> list of fields; handlers: name -> { [register] = { what, fields } }; params: list of names or nil
function M.problems(text, path, known)
  if not prepare() then return nil, "jit.util is not there" end
  local chunk, why = load(text, "@" .. path, "t", {})
  if not chunk then return { { line = tonumber(why:match ":(%d+):") or 0, text = why:gsub("^.-:%d+:%s*", "") } } end
  local problems, seen = {}, {}
  local modules = {}
  for name, module in pairs(module_locals(text)) do
    if known.modules[module] then modules[name] = { fields = known.modules[module], what = module } end
  end
  walk(chunk, {
    modules = modules, handlers = known.handlers, params = known.params, own_globals = globals_set(chunk, {}),
    report = function(line, problem)
      local key = line .. problem
      if not seen[key] then problems[#problems + 1] = { line = line, text = problem } end
      seen[key] = true
    end,
  }, nil)
  return problems
end

return M

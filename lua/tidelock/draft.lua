--- Files that appear whole or not at all (runtime/base/draft.h): `local file = draft.open(path); file:write(text); file:commit()`.
local native = require "tidelock.native"
local C, ffi, check = native.C, native.ffi, native.check

local M = {}
local Draft = {}
Draft.__index = Draft

--- Begins a file; raises a sentence when there cannot be one. What is not committed leaves no trace. A draft that is open already is given back.
---@param path string|table
function M.open(path)
  if type(path) == "table" then return path end
  local slot = ffi.new "tl_draft *[1]"
  check(C.tl_draft_open(path, slot))
  return setmetatable({ path = path, draft = ffi.gc(slot[0], C.tl_draft_discard) }, Draft)
end

--- Raises when not all could be written.
---@param text string
function Draft:write(text)
  check(C.tl_draft_write(self.draft, text, #text))
end

--- Puts the file in its place; raises when it cannot.
function Draft:commit()
  check(C.tl_draft_commit(ffi.gc(self.draft, nil)))
end

--- Hands the C object to a new owner.
function Draft:release()
  return ffi.gc(self.draft, nil)
end

--- Raises when two of the drafts, or a draft and one of the files that are read, are the same file.
---@param drafts table[]
---@param read string[] paths
function M.keep_apart(drafts, read)
  for i, one in ipairs(drafts) do
    for _, path in ipairs(read) do
      if C.tl_draft_replaces(one.draft, path) then error({ usage = ("%s is read and would be written over"):format(path) }, 0) end
    end
    for k = i + 1, #drafts do
      if C.tl_draft_same_target(one.draft, drafts[k].draft) then error({ usage = ("%s would be written twice"):format(one.path) }, 0) end
    end
  end
end

return M

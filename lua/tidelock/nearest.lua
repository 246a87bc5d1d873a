--- Finds the known name nearest to a misspelt one, for error messages that help.
local M = {}

-- Longer words are not compared, and are shown cut: a distance costs the product of two lengths.
local LONGEST = 64

--- Damerau-Levenshtein distance (adjacent transpositions count one) between two strings, case ignored.
function M.distance(a, b)
  a, b = a:lower(), b:lower()
  local before, last = {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, before[j - 2] + 1)
      end
      row[j] = best
    end
    before, last = last, row
  end
  return last[#b]
end

--- The entry of the list `names` nearest to `name`, or nil when none is near (more than a third of its letters differ, at
--- least two allowed). Ties go to the earlier entry.
function M.find(name, names)
  if #name > LONGEST then return nil end
  local best, best_distance
  for _, known in ipairs(names) do
    local d = M.distance(name, known)
    if not best_distance or d < best_distance then best, best_distance = known, d end
  end
  if best and best_distance <= math.max(2, math.floor(#name / 3)) then return best end
  return nil
end

--- "unknown <what> 'name'; did you mean 'near'?" or without the question when nothing is near.
function M.sentence(what, name, names)
  name = tostring(name)
  local near = M.find(name, names)
  if #name > LONGEST then name = name:sub(1, LONGEST) .. "..." end
  return ("unknown %s '%s'%s"):format(what, name, near and ("; did you mean '" .. near .. "'?") or "")
end

--- The same; where nothing is near and few are known, with all of them.
function M.listed(what, name, names)
  local few = #names > 0 and #names <= 8 and not M.find(tostring(name), names)
  return M.sentence(what, name, names) .. (few and "; there is " .. table.concat(names, ", ") or "")
end

return M

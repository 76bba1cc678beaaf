-- Second part of `merge`: joins records that differ by more than one write. Few calls need it, so Lua creates these
-- functions only when a call does.

-- True if the vector `left` covers everything that the vector `right` covers; both are text.
local function dominates(left, right)
    for name, entry in string.gmatch(right, '([^ ]+=)(%d+)') do
        if entry + 0 > entryOf(left, name) then
            return false
        end
    end
    return true
end

-- Joins `number` siblings, in ARGV from `first` on, into the record. Returns whether that changed it, or nil if the key
-- holds no record.
local function join(key, mine, theirs, first, number)
    if number == 1 and mine and dominates(theirs, mine) and not covers(parseVector(mine), ARGV[first]) then
        -- The only incoming sibling is new, and its writer has seen everything here: it replaces the record.
        if call('HLEN', key) > fieldsWithOneSibling then
            call('ZREM', 'cap:conflicts', key)
        end
        replaceRecord(key, theirs, ARGV[first], ARGV[first + 1], mine)
        return true
    end
    local _, held, count, _, isRecord = scanRecord(call('HGETALL', key))
    if not isRecord then
        return nil
    end
    local myVector, theirVector = parseVector(mine or ''), parseVector(theirs)
    local incoming, joined, dropped, added = {}, {}, {}, {}
    for index = first, first + 2 * number - 1, 2 do
        incoming[ARGV[index]] = ARGV[index + 1]
    end
    for dot, sibling in pairs(held) do
        if incoming[dot] or not covers(theirVector, dot) then
            joined[dot] = sibling
        else
            dropped[#dropped + 1] = dot
        end
    end
    for dot, sibling in pairs(incoming) do
        if not held[dot] and not covers(myVector, dot) then
            joined[dot] = sibling
            added[#added + 1] = dot
        end
    end
    for actor, entry in pairs(theirVector) do
        myVector[actor] = math.max(myVector[actor] or 0, entry)
    end
    local vector = formatVector(myVector)
    if vector == (mine or '') and #dropped == 0 and #added == 0 then
        return false
    end
    if count > 1 or count - #dropped + #added > 1 then
        updateConflicts(key, joined)
    end
    for _, dot in ipairs(dropped) do
        call('HDEL', key, dot)
    end
    for _, dot in ipairs(added) do
        call('HSET', key, dot, joined[dot])
    end
    call('HSET', key, 'vv', vector, 'at', nowText)
    for _, sibling in pairs(joined) do
        listIfCollectable(key, sibling)
    end
    return true
end

return join

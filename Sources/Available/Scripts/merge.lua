-- Joins records of another replica into this one's (rule A4): a sibling stays where both have it, or where the one that
-- lacks it has not seen it. Commutative, associative, idempotent; write ids play no part.
--
-- KEYS   records `ap:<key>`
-- ARGV   per record its vector, the vector of the record that it replaced as a whole (or `-`), the number of its
--        siblings, and dot and sibling of each; then notAfter, clock epoch, incarnation
-- Reply  { OK, changed, refused .. } where `refused` are the places in KEYS that hold something other than a record
local fieldsWithOneSibling = 3 -- vv, at, and the sibling

-- True where the text `vector` covers the dot.
local function textCovers(vector, dot)
    local actor, entry = string.match(dot, '^(.+)@(%d+)$')
    return entry + 0 <= entryOf(vector, actor .. '=')
end

-- True where the text `left` covers everything that the text `right` does.
local function dominates(left, right)
    for name, entry in string.gmatch(right, '([^ ]+=)(%d+)') do
        if entry + 0 > entryOf(left, name) then
            return false
        end
    end
    return true
end

local function replaceRecord(key, vector, dot, sibling, isThere)
    if isThere then
        call('DEL', key)
    end
    call('HSET', key, 'vv', vector, 'at', nowText, dot, sibling)
    listIfMortal(key, sibling)
end

-- Joins the `number` siblings in ARGV from `first` on. True where that changed the record; nil where it is no record.
local function join(key, mine, theirs, first, number)
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
        listIfMortal(key, sibling)
    end
    return true
end

local argument, changed, refused = 1, 0, {}
for place, key in ipairs(KEYS) do
    local theirs, replaced, number = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2] + 0
    local first = argument + 3
    argument = first + 2 * number
    local mine = redis.pcall('HGET', key, 'vv')
    if type(mine) == 'table' or (not mine and call('EXISTS', key) == 1) then
        refused[#refused + 1] = place
    elseif number == 1 and (not mine or mine == replaced) then
        -- Almost always: this replica holds what the coordinator replaced as a whole. Equal vectors are equal records.
        replaceRecord(key, theirs, ARGV[first], ARGV[first + 1], mine)
        changed = changed + 1
    elseif number == 1 and dominates(theirs, mine) and not textCovers(mine, ARGV[first]) then
        -- One new sibling whose writer has seen everything here: it replaces the record.
        if call('HLEN', key) > fieldsWithOneSibling then
            updateConflicts(key, {})
        end
        replaceRecord(key, theirs, ARGV[first], ARGV[first + 1], mine)
        changed = changed + 1
    else
        local isChanged = join(key, mine, theirs, first, number)
        if isChanged == nil then
            refused[#refused + 1] = place
        elseif isChanged then
            changed = changed + 1
        end
    end
end
call('SET', 'cap:clock', nowText)
return { 'OK', changed, unpack(refused) }

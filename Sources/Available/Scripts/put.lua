-- Runs changes at their coordinator (rule A3). The changes of one call are independent: if one fails, the others still
-- apply. The clock is read once and stored once per call. The script `delete` has the same text but is a script of its
-- own, because deletes may run although the memory is full, and writes may not. `put_common.lua`, `put_hints.lua` and
-- `put_replace.lua` come before this file. `loadChanges` runs `put_change.lua`.
local overwriteRecord, change

local function put(key, position)
    local first = firstChange + (position - 1) * argumentsPerChange
    local sibling, ttl, context = ARGV[first], ARGV[first + 1], ARGV[first + 2]
    local isFirstAttempt, lastMoment = ARGV[first + 3] == 'first', ARGV[first + 4]
    if now > lastMoment + 0 then
        return { 'LATE', clockEpoch, now }
    end
    local vector, replacesRecord = call('HGET', key, 'vv') or '', false
    if context == noContext and isFirstAttempt and string.sub(sibling, 1, 1) == 'V' then
        local fieldCount = call('HLEN', key)
        replacesRecord = fieldCount == 0 or (fieldCount == fieldsWithOneSibling and vector ~= '')
        local replaced = replacesRecord and ttl == '0' and soleEntry(vector)
        if replaced then
            local entry = nextHlc(replaced + 0)
            return replaceAndHint(key, replaced, entry, entryName .. entry, sibling, '0')
        end
    end
    if not change then
        overwriteRecord, change = loadChanges()
    end
    if replacesRecord then
        return overwriteRecord(key, vector, sibling, ttl)
    end
    return change(key, vector, sibling, ttl, context, isFirstAttempt)
end

-- If one record fails, e.g. because its key has another type, only that record's reply is an error.
local replies = {}
for position, key in ipairs(KEYS) do
    local succeeded, reply = pcall(put, key, position)
    if not succeeded and type(reply) ~= 'table' then
        reply = { err = tostring(reply) }
    end
    replies[position] = reply
end
storeClock('cap:hlc', hlcText)
return replies

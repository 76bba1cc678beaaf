-- Joins records of another replica into this one's (DESIGN A4): a sibling stays where both have it, or where the one that
-- lacks it has not seen it. Commutative, associative, idempotent; write ids play no part.
--
-- KEYS  records `ap:<key>`
-- ARGV  for each record its vector, the vector that it took the place of (or `-`), the number of its siblings, and dot and
--       sibling of each
--       then not_after, steps, incarnation
-- Gives { OK, changed, refused .. } where `refused` are the places in KEYS under which there is something else than a record
local function isNew(dot, vector)
    local actor, count = string.match(dot, '^(.+)@(%d+)$')
    return count + 0 > entryOf(vector, actor .. '=')
end

local word, reply = 1, { 'OK', 0 }
for place, key in ipairs(KEYS) do
    local theirs, number = ARGV[word], ARGV[word + 2] + 0
    local first = word + 3
    local mine = redis.pcall('HGET', key, 'vv')
    if type(mine) == 'table' or (not mine and call('EXISTS', key) == 1) then
        reply[#reply + 1] = place
    elseif number == 1 and (not mine or mine == ARGV[word + 1]) then
        -- What the coordinator replaced as a whole is all that is here, as almost always: equal vectors are equal records.
        if mine then
            call('DEL', key)
        end
        call('HSET', key, 'vv', theirs, 'at', clock, ARGV[first], ARGV[first + 1])
        noteGrave(key, ARGV[first + 1])
        reply[2] = reply[2] + 1
    elseif number == 1 and hasSeen(theirs, mine) and isNew(ARGV[first], mine) then
        -- One new sibling, whose writer has seen all that is here: it takes the place of everything.
        if call('HLEN', key) > 3 then
            noteConflict(key, {})
        end
        call('DEL', key)
        call('HSET', key, 'vv', theirs, 'at', clock, ARGV[first], ARGV[first + 1])
        noteGrave(key, ARGV[first + 1])
        reply[2] = reply[2] + 1
    else
        local fields = call('HGETALL', key)
        local held, count, isRecord = {}, 0, true
        for index = 1, #fields, 2 do
            if fields[index] ~= 'vv' and fields[index] ~= 'at' then
                isRecord = isRecord and string.find(fields[index], '@%d+$')
                held[fields[index]] = fields[index + 1]
                count = count + 1
            end
        end
        mine = mine or ''
        if isRecord then
            local ours, other = parsed(mine), parsed(theirs)
            local incoming, siblings, dropped, added = {}, {}, {}, {}
            for index = first, first + 2 * number - 1, 2 do
                incoming[ARGV[index]] = ARGV[index + 1]
            end
            for dot, value in pairs(held) do
                if incoming[dot] or not isCovered(dot, other) then
                    siblings[dot] = value
                else
                    dropped[#dropped + 1] = dot
                end
            end
            for dot, value in pairs(incoming) do
                if not held[dot] and not isCovered(dot, ours) then
                    siblings[dot] = value
                    added[#added + 1] = dot
                end
            end
            for name, entry in pairs(other) do
                ours[name] = math.max(ours[name] or 0, entry)
            end
            local joined = spelled(ours)
            if joined ~= mine or #dropped > 0 or #added > 0 then
                if count > 1 or count - #dropped + #added > 1 then
                    noteConflict(key, siblings)
                end
                for _, dot in ipairs(dropped) do
                    call('HDEL', key, dot)
                end
                for _, dot in ipairs(added) do
                    call('HSET', key, dot, siblings[dot])
                end
                call('HSET', key, 'vv', joined, 'at', clock)
                for _, sibling in pairs(siblings) do
                    noteGrave(key, sibling)
                end
                reply[2] = reply[2] + 1
            end
        else
            reply[#reply + 1] = place
        end
    end
    word = first + 2 * number
end
call('SET', 'cap:clock', clock)
return reply

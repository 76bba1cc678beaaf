-- Joins records of another replica into this one's (DESIGN A4): a sibling stays where both have it, or where the one that
-- lacks it has not seen it. Commutative, associative, idempotent; write ids play no part.
--
-- KEYS  records `ap:<key>`
-- ARGV  for each record its vector, the number of its siblings, and dot and sibling of each
--       then not_after, steps, incarnation
-- Gives { OK, changed, refused .. } where `refused` are the places in KEYS whose record here has another type
local clock = string.format('%.0f', now)
local word, reply = 1, { 'OK', 0 }
for place, key in ipairs(KEYS) do
    local theirs, number = ARGV[word], ARGV[word + 1] + 0
    local first = word + 2
    word = first + number * 2
    local fields = redis.pcall('HGETALL', key)
    if fields.err then
        reply[#reply + 1] = place
    elseif #fields == 0 and number == 1 then
        call('HSET', key, 'vv', theirs, 'at', clock, ARGV[first], ARGV[first + 1])
        reply[2] = reply[2] + 1
    else
        local mine, held, count, lone = '', {}, 0, nil
        for index = 1, #fields, 2 do
            local field = fields[index]
            if field == 'vv' then
                mine = fields[index + 1]
            elseif field ~= 'at' then
                held[field] = fields[index + 1]
                count = count + 1
                lone = field
            end
        end
        -- Both with one sibling, written by one and the same actor, as almost all are: the later one wins.
        local actor, my, their
        if count == 1 and number == 1 then
            actor, their = string.match(theirs, '^([^ =]+)=(%d+)$')
            if actor and ARGV[first] == actor .. '@' .. their and lone == actor .. '@' .. string.sub(mine, #actor + 2)
                and string.sub(mine, 1, #actor + 1) == actor .. '=' then
                my = string.sub(mine, #actor + 2) + 0
            end
        end
        if my then
            if their + 0 > my then
                call('HDEL', key, lone)
                call('HSET', key, 'vv', theirs, 'at', clock, ARGV[first], ARGV[first + 1])
                reply[2] = reply[2] + 1
            end
        else
            local ours, other = parsed(mine), parsed(theirs)
            local incoming, siblings, dropped, added = {}, {}, {}, {}
            for index = first, word - 1, 2 do
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
                reply[2] = reply[2] + 1
            end
        end
    end
end
call('SET', 'cap:clock', clock)
return reply

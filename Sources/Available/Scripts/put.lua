-- Changes, at their coordinator (DESIGN A3): each is one atomic step of its own; together they share the clock.
--
-- KEYS  records `ap:<key>`
-- ARGV  1 incarnation   2 steps   3 `<replica>.<incarnation>`   4 most siblings   5 most bytes of them
--       6 most outbox entries a peer, or 0 where it need not be looked at   7 number of peers, then their names
--       then for each record: sibling as `V<write id>::<value>` or `T<write id>::`; ttl in ms, or 0; context: a vector, or
--       `-` for none; `first` attempt or `again`; not_after
-- Gives for each record
--       `OK <hlc> <before> <expires_ms> <now> <vector>`, or an array of that line, dots and siblings of what is kept beside
--       the new one, and the values that were overwritten. <before> is 0 where there was nothing; the hlc of what it took
--       the place of, where that was all there was and of this actor; 1 otherwise;
--       { `SAME <hlc> 1 0 <now> <vector>`, all dots and siblings } where the write id is there already;
--       { ABSENT, vector } for a first attempt to delete what is not there; { TOOMANY, n }; { LATE, steps, now }; { NOTMEMBER .. }
if ARGV[2] ~= steps then
    call('SET', 'cap:clock', clock)
    return everyRecord({ 'LATE', steps, now })
end
local actor, mostSiblings, mostBytes, mostOwed, peers = ARGV[3], ARGV[4] + 0, ARGV[5] + 0, ARGV[6] + 0, ARGV[7] + 0
local entryName, dotName = actor .. '=', actor .. '@'
local outboxes = {}
for index = 1, peers do
    outboxes[index] = 'cap:hints:' .. ARGV[7 + index]
end

-- The text of a time above all that is known.
local function nextStamp(known)
    local stamp = hlc < now and now or hlc + 1
    if stamp <= known then
        stamp = known + 1
    end
    if stamp >= 9007199254740992 then
        error({ err = 'CLOCK this replica has seen a time after the year 2255' })
    end
    hlc = stamp
    return string.format('%.0f', stamp)
end

-- `vector` with the entry of this actor set to `text`.
local function raised(vector, text)
    local _, from, to = entryOf(vector, entryName)
    if not from then
        if vector == '' then
            return entryName .. text
        end
        local entries = parsed(vector)
        entries[actor] = text + 0
        return spelled(entries)
    end
    local _, last = string.find(vector, '^%d+', to + 1)
    return string.sub(vector, 1, to) .. text .. string.sub(vector, last + 1)
end

-- The sibling with its expiry by this replica's clock, and that expiry.
local function dated(sibling, ttl)
    local expires = string.format('%.0f', math.floor(now / 1000) + ttl)
    return string.sub(sibling, 1, 18) .. expires .. string.sub(sibling, 19), expires
end

-- Before the record is written: a wrong type can stop it here, and what it leaves then is a debt that delivers nothing new.
local function owe(key, text)
    for index = 1, peers do
        local pending = outboxes[index]
        if call('ZADD', pending, 'NX', text, key) == 1 and mostOwed > 0 and call('ZCARD', pending) > mostOwed then
            call('ZREM', pending, key)
            local overflow = 'cap:hint_overflow:' .. ARGV[7 + index]
            call('HSETNX', overflow, 'first', text)
            call('HSET', overflow, 'last', text)
            call('HINCRBY', overflow, 'count', 1)
        end
    end
end

local function line(word, text, before, expires, vector)
    return word .. ' ' .. text .. ' ' .. before .. ' ' .. expires .. ' ' .. clock .. ' ' .. vector
end

-- A first attempt to set a value in place of the one that is there, as almost always.
local function replace(key, vector, sibling, ttl)
    local before, text = '0', nil
    if string.sub(vector, 1, #entryName) == entryName then
        before = string.sub(vector, #entryName + 1)
    end
    local known = tonumber(before)
    if known and (known > 0 or vector == '') then
        text = nextStamp(known)
        vector = entryName .. text
    else
        -- Other actors have written it too.
        before = '1'
        text = nextStamp(highest(vector))
        vector = raised(vector, text)
    end
    local expires = '0'
    if ttl ~= '0' then
        sibling, expires = dated(sibling, ttl)
    end
    owe(key, text)
    if before ~= '0' then
        call('DEL', key)
    end
    call('HSET', key, 'vv', vector, 'at', clock, dotName .. text, sibling)
    if ttl ~= '0' then
        noteGrave(key, sibling)
    end
    return line('OK', text, before, expires, vector)
end

-- The values that a change drops without having seen them, newest first; one write that two coordinators took is one.
local function unseen(dropped, held)
    table.sort(dropped, function(left, right)
        local a, b = string.match(left, '@(%d+)$') + 0, string.match(right, '@(%d+)$') + 0
        if a ~= b then
            return a > b
        end
        return earlier(right, left)
    end)
    local overwritten, seen = {}, {}
    for index, old in ipairs(dropped) do
        local write = string.sub(held[old], 2, 17)
        if index > 1 and not seen[write] then
            overwritten[#overwritten + 1] = held[old]
        end
        seen[write] = true
    end
    return overwritten
end

local function isAlive(sibling)
    if string.byte(sibling) ~= 86 then
        return false
    end
    local expires = string.byte(sibling, 19) ~= 58 and string.match(sibling, '^(%d+):', 19)
    return not expires or expires * 1000 > now
end

local function change(key, vector, sibling, ttl, context, again)
    local held, count, existed, isKnown = {}, 0, '0', false
    local id = string.sub(sibling, 2, 17)
    local fields = call('HGETALL', key)
    for index = 1, #fields, 2 do
        local field, value = fields[index], fields[index + 1]
        if field ~= 'vv' and field ~= 'at' then
            held[field] = value
            count = count + 1
            isKnown = isKnown or string.sub(value, 2, 17) == id
            if isAlive(value) then
                existed = '1'
            end
        end
    end
    if isKnown then
        local all = {}
        for dot, value in pairs(held) do
            all[#all + 1] = dot
            all[#all + 1] = value
        end
        return { line('SAME', string.format('%.0f', hlc), '1', '0', vector), all }
    end
    -- Where another attempt may have made the tombstone, "there was nothing" could be wrong: it is made here too.
    if existed == '0' and context == '-' and string.byte(sibling) == 84 and again == 'first' then
        return { 'ABSENT', vector }
    end

    local dropped, others, overwritten = {}, {}, {}
    local joined = vector
    if context == '-' then
        for dot in pairs(held) do
            dropped[#dropped + 1] = dot
        end
        if count > 1 then
            overwritten = unseen(dropped, held)
        end
    else
        local covered, bytes = parsed(context), #sibling
        for dot, value in pairs(held) do
            if isCovered(dot, covered) then
                dropped[#dropped + 1] = dot
            else
                others[#others + 1] = dot
                others[#others + 1] = value
                bytes = bytes + #value
            end
        end
        if #others / 2 + 1 > mostSiblings or (#others > 0 and bytes > mostBytes) then
            return { 'TOOMANY', #others / 2 }
        end
        local entries = parsed(vector)
        for name, entry in pairs(covered) do
            entries[name] = math.max(entries[name] or 0, entry)
        end
        joined = spelled(entries)
    end

    local text = nextStamp(math.max(highest(vector), context == '-' and 0 or highest(context)))
    local expires = '0'
    joined = raised(joined, text)
    if ttl ~= '0' then
        sibling, expires = dated(sibling, ttl)
    end
    local dot = dotName .. text
    owe(key, text)
    if count > 1 or #others > 0 then
        local left = { [dot] = sibling }
        for index = 1, #others, 2 do
            left[others[index]] = others[index + 1]
        end
        noteConflict(key, left)
    end
    for _, old in ipairs(dropped) do
        call('HDEL', key, old)
    end
    call('HSET', key, 'vv', joined, 'at', clock, dot, sibling)
    noteGrave(key, sibling)
    return { line('OK', text, existed, expires, joined), others, overwritten }
end

local function put(key, word)
    if now > ARGV[word + 4] + 0 then
        return { 'LATE', steps, now }
    end
    local sibling, ttl, context = ARGV[word], ARGV[word + 1], ARGV[word + 2]
    local vector = call('HGET', key, 'vv') or ''
    if context == '-' and ARGV[word + 3] == 'first' and string.byte(sibling) == 86 then
        local fields = call('HLEN', key)
        if fields == 0 or (fields == 3 and vector ~= '') then
            return replace(key, vector, sibling, ttl)
        end
    end
    return change(key, vector, sibling, ttl, context, ARGV[word + 3])
end

-- An error in one record (a key of another type) is that record's answer alone.
local answers = {}
for place, key in ipairs(KEYS) do
    local worked, answer = pcall(put, key, 3 + peers + place * 5)
    if not worked and type(answer) ~= 'table' then
        answer = { err = tostring(answer) }
    end
    answers[place] = answer
end
call('MSET', 'cap:clock', clock, 'cap:hlc', string.format('%.0f', hlc))
return answers

-- One change, at its coordinator (DESIGN A3).
--
-- KEYS  1 record `ap:<key>`
-- ARGV  1 sibling as `V<write id>::<value>` or `T<write id>::`   2 ttl in ms, or 0   3 context: a vector, or `-` for none
--       4 `first` attempt or `again`   5 most siblings   6 most outbox entries a peer, or 0 where it need not be looked at
--       7 number of peers, then their names, then `<replica>.<incarnation>`
--       then not_after, steps, incarnation
-- Gives { OK, hlc, vector, existed, expires_ms, now [, others, superseded] } where `others` lists dot and sibling of what
--       was kept beside the new one; { SAME, hlc, vector, existed, 0, now, all } where the write id is there already;
--       { ABSENT, vector, now } for a delete of what is not there; { TOOMANY, n }; { LATE .. }, { NOTMEMBER .. }
local key, sibling, context = KEYS[1], ARGV[1], ARGV[3]
local clock = string.format('%.0f', now)
local vector, fields = call('HGET', key, 'vv') or '', call('HLEN', key)
-- A first attempt to set a value in place of the one that is there, as almost always, needs to know no more than that.
local isPlain = context == '-' and fields <= 3 and ARGV[4] == 'first' and string.byte(sibling) == 86
local held, count, existed = {}, 0, vector ~= '' and 1 or 0
local id, isKnown = string.sub(sibling, 2, 17), false
if not isPlain then
    existed = 0
    fields = call('HGETALL', key)
    for index = 1, #fields, 2 do
        local field, value = fields[index], fields[index + 1]
        if field ~= 'vv' and field ~= 'at' then
            held[field] = value
            count = count + 1
            isKnown = isKnown or string.sub(value, 2, 17) == id
            if existed == 0 and string.byte(value) == 86 then
                local expires = string.byte(value, 19) ~= 58 and string.match(value, '^(%d+):', 19)
                if not expires or expires * 1000 > now then
                    existed = 1
                end
            end
        end
    end
end

if isKnown then
    call('SET', 'cap:clock', clock)
    local all = {}
    for dot, value in pairs(held) do
        all[#all + 1] = dot
        all[#all + 1] = value
    end
    return { 'SAME', hlc, vector, existed, 0, now, all }
end
if existed == 0 and context == '-' and string.byte(sibling) == 84 then
    call('SET', 'cap:clock', clock)
    return { 'ABSENT', vector, now }
end

local actor = ARGV[#ARGV - 3]
local stamp = math.max(now, hlc + 1)
for entry in string.gmatch(vector, '=(%d+)') do
    stamp = math.max(stamp, entry + 1)
end
local dropped, others, superseded, isExplicit = {}, {}, {}, context ~= '-'
if isExplicit then
    local covered = parsed(context)
    for entry in string.gmatch(context, '=(%d+)') do
        stamp = math.max(stamp, entry + 1)
    end
    for dot, value in pairs(held) do
        if isCovered(dot, covered) then
            dropped[#dropped + 1] = dot
        else
            others[#others + 1] = dot
            others[#others + 1] = value
        end
    end
    if #others / 2 + 1 > ARGV[5] + 0 then
        call('SET', 'cap:clock', clock)
        return { 'TOOMANY', #others / 2 }
    end
    local joined = parsed(vector)
    for name, entry in pairs(covered) do
        joined[name] = math.max(joined[name] or 0, entry)
    end
    vector = spelled(joined)
else
    for dot in pairs(held) do
        dropped[#dropped + 1] = dot
    end
end
if stamp >= 9007199254740992 then
    return redis.error_reply('CLOCK this replica has seen a time after the year 2255')
end

local text = string.format('%.0f', stamp)
local name = actor .. '='
local _, from, to = entryOf(vector, name)
if vector == '' then
    vector = name .. text
elseif from then
    local _, last = string.find(vector, '^%d+', to + 1)
    vector = string.sub(vector, 1, to) .. text .. string.sub(vector, last + 1)
else
    local entries = parsed(vector)
    entries[actor] = stamp
    vector = spelled(entries)
end
local dot = actor .. '@' .. text
local expires = 0
if ARGV[2] ~= '0' then
    expires = math.floor(now / 1000) + ARGV[2]
    sibling = string.sub(sibling, 1, 18) .. string.format('%.0f', expires) .. string.sub(sibling, 19)
end

if not isExplicit and count > 1 then
    table.sort(dropped, function(left, right)
        local a, b = string.match(left, '@(%d+)$') + 0, string.match(right, '@(%d+)$') + 0
        if a ~= b then
            return a > b
        end
        return earlier(right, left)
    end)
    local seen = {}
    for index, old in ipairs(dropped) do
        local write = string.sub(held[old], 2, 17)
        if index > 1 and not seen[write] then
            superseded[#superseded + 1] = held[old]
        end
        seen[write] = true
    end
end

-- Writes, those that a wrong type could stop first: what they leave then is a debt that delivers nothing new.
local most = ARGV[6] + 0
for index = 1, ARGV[7] + 0 do
    local peer = ARGV[7 + index]
    local pending = 'cap:pending:' .. peer
    if call('ZADD', pending, 'NX', text, key) == 1 and most > 0 and call('ZCARD', pending) > most then
        call('ZREM', pending, key)
        local overflow = 'cap:overflow:' .. peer
        call('HSETNX', overflow, 'first', text)
        call('HSET', overflow, 'last', text)
        call('HINCRBY', overflow, 'count', 1)
    end
end
if isPlain then
    call('DEL', key)
else
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
end
call('HSET', key, 'vv', vector, 'at', clock, dot, sibling)
call('MSET', 'cap:clock', clock, 'cap:hlc', text)
if isPlain then
    return { 'OK', stamp, vector, existed, expires, now }
end
return { 'OK', stamp, vector, existed, expires, now, others, superseded }

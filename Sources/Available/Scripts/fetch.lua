-- Records to deliver to another replica, as many as fit.
--
-- KEYS  records
-- ARGV  1 most bytes of siblings (the first record always fits)   2 incarnation
-- Gives { OK, hlc, then for each record in order: vector (empty: no such record; `!`: something else), dots and
--       siblings }
local room, reply = ARGV[1] + 0, { 'OK', (call('GET', 'cap:hlc') or 0) + 0 }
for place, key in ipairs(KEYS) do
    local fields = redis.pcall('HGETALL', key)
    local vector, siblings, isRecord = '', {}, true
    if fields.err then
        vector = '!'
    else
        for index = 1, #fields, 2 do
            local field, value = fields[index], fields[index + 1]
            if field == 'vv' then
                vector = value
            elseif field ~= 'at' then
                isRecord = isRecord and string.find(field, '@%d+$') ~= nil
                siblings[#siblings + 1] = field
                siblings[#siblings + 1] = value
                room = room - #value
            end
        end
    end
    if not isRecord or (vector == '' and #siblings > 0) then
        vector, siblings = '!', {}
    end
    if room < 0 and place > 1 then
        break
    end
    reply[#reply + 1] = vector
    reply[#reply + 1] = siblings
end
return reply

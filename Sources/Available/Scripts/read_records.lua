-- Reads records to deliver to another replica, as many as fit into one batch.
--
-- KEYS   records
-- ARGV   1: limit for the bytes of siblings (the first record always fits); 2: incarnation
-- Reply  { OK, hlc, then per record in order: vector (empty: no such record; `!`: a foreign key), { dot, sibling .. } }
local foreign = '!'
local bytesLeft, reply = ARGV[1] + 0, { 'OK', (call('GET', 'cap:hlc') or 0) + 0 }
for position, key in ipairs(KEYS) do
    local fields = redis.pcall('HGETALL', key)
    local vector, alternating = foreign, {}
    if not fields.err then
        local recordVector, siblings, count, _, isRecord = scanRecord(fields)
        if isRecord and (recordVector or count == 0) then
            vector = recordVector or ''
            for dot, sibling in pairs(siblings) do
                alternating[#alternating + 1] = dot
                alternating[#alternating + 1] = sibling
                bytesLeft = bytesLeft - #sibling
            end
        end
    end
    if bytesLeft < 0 and position > 1 then
        break
    end
    reply[#reply + 1] = vector
    reply[#reply + 1] = alternating
end
return reply

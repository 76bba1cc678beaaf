-- Makes a replica blank that was rolled back (rule C8): its data would bring deleted keys back.
--
--   KEYS   cap:identity
--   ARGV   incarnation, rollback counter at which it was found
--   reply  number of keys erased, or -1 where the replica is no longer in that state
local PAGE_SIZE = 1000
local incarnation, counter = unpack(ARGV)
local ownIncarnation, ownCounter = unpack(redis.call('HMGET', 'cap:identity', 'incarnation', 'rollback_counter'))
if ownIncarnation ~= incarnation or ownCounter ~= counter then return -1 end
local erased = 0
for _, pattern in ipairs({'cp:*', 'cap:*'}) do
    local cursor = '0'
    repeat
        local keys
        cursor, keys = unpack(redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', PAGE_SIZE))
        for _, key in ipairs(keys) do erased = erased + redis.call('DEL', key) end
    until cursor == '0'
end
return erased

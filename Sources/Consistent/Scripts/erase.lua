-- Erases the data of a rolled-back replica (rule C8), because its old data could bring deleted keys back. Afterwards
-- the replica is blank and can be rebuilt.
--
--   KEYS   cap:identity
--   ARGV   incarnation and rollback counter that the replica was found to have
--   reply  number of keys erased, or -1 if the replica now has another incarnation or counter
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

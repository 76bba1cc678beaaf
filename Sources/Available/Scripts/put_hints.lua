-- Second part of `put` and `delete`: stores the hints for the other replicas.
local hintLists = {}
for index = 1, peerCount do
    hintLists[index] = 'cap:hints:' .. ARGV[firstPeer + index - 1]
end

-- Stores a hint for each peer, in the same step as the write (rule A3). The hint is stored first: if the write then
-- fails because the key has another type, the hint delivers nothing new and does no harm.
local function storeHints(key, entry)
    for index = 1, peerCount do
        local hints = hintLists[index]
        if call('ZADD', hints, 'NX', entry, key) == 1 and maxHints > 0 and call('ZCARD', hints) > maxHints then
            call('ZREM', hints, key)
            local overflow = 'cap:hint_overflow:' .. ARGV[firstPeer + index - 1]
            call('HSETNX', overflow, 'first', entry)
            call('HSET', overflow, 'last', entry)
            call('HINCRBY', overflow, 'count', 1)
        end
    end
end

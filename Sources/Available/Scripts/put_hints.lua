-- Second part of `put` and `delete`: the hints for the other replicas.
local hintLists = {}
for index = 1, peerCount do
    hintLists[index] = 'cap:hints:' .. ARGV[firstPeer + index - 1]
end

-- Stores a hint for each peer, in the same step as the write (rule A3). It comes before the write: a wrong type can
-- stop that, and then the hint delivers nothing new.
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

-- Removes a tombstone that all voters hold, and raises the GC watermark to its promise and version (rule C10). Without
-- the watermark a late accept would revive the key, and its versions would begin again.
--
--   KEYS, ARGV  see prelude_acceptor.lua; per register: ballot of the tombstone
--   reply       per register 1, or 0 if the replica no longer holds this tombstone
return forEachRegister(1, function(key, ballot)
    local promise, accepted, version, deleted =
        unpack(redis.call('HMGET', key, 'promise', 'ballot', 'version', 'deleted'))
    local gcBallot, gcVersion = redis.call('GET', 'cap:gc_ballot'), redis.call('GET', 'cap:gc_version')
    if accepted ~= ballot or deleted ~= '1' then return 0 end
    local raisesBallot = not gcBallot or isBelow(gcBallot, promise)
    local raisesVersion = tonumber(version) > tonumber(gcVersion or '0')
    allowFullMemory()
    raiseEpoch()
    if raisesBallot then redis.call('SET', 'cap:gc_ballot', promise) end
    if raisesVersion then redis.call('SET', 'cap:gc_version', version) end
    redis.call('DEL', key)
    return 1
end)

-- Phase 1 of CASPaxos (Rystsov, arXiv 1802.07000, section 2.2): promise the ballot and report the accepted state.
--
--   KEYS, ARGV  see prelude_acceptor.lua; per register: ballot. ConsistentScripts.swift puts a line before this file
--               that sets `isDelete`
--   reply       per register {ballot, version, value, deleted, expires_ms, writers, evicted_at}, or
--               {'REJECTED', highest ballot seen}
--
-- If the replica has accepted nothing for the key, the ballot is null, and version and evicted_at are the version of
-- the GC watermark. The key may have had versions up to this one before its tombstone was collected (rule C10).
return forEachRegister(1, function(key, ballot)
    local promise, accepted, version, value, deleted, expiresMs, writers, evictedAt = unpack(redis.call('HMGET', key,
        'promise', 'ballot', 'version', 'value', 'deleted', 'expires_ms', 'writers', 'evicted_at'))
    promise = promise or redis.call('GET', 'cap:gc_ballot')
    local gcVersion = not accepted and redis.call('GET', 'cap:gc_version') or '0'
    if promise and not isBelow(promise, ballot) then return {'REJECTED', promise} end
    if accepted and not isBelow(accepted, ballot) then return {'REJECTED', accepted} end
    -- If the memory is full, a write must already fail here. If its accept failed instead, its outcome would be unknown
    -- (rule C7). A delete of a stored record may continue.
    if isDelete and accepted then allowFullMemory() end
    raiseEpoch()
    redis.call('HSET', key, 'promise', ballot)
    if not accepted then return {false, gcVersion, '', '1', '', '', gcVersion} end
    return {accepted, version, value, deleted, expiresMs, writers, evictedAt}
end)

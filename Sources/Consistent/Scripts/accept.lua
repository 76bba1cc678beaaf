-- Phase 2 of CASPaxos (Rystsov, arXiv 1802.07000, section 2.2): accept the state unless a higher ballot was promised or
-- accepted. Accepting also promises the proposer's next ballot, so that its next change of the register needs no phase
-- 1 (rule C2).
--
--   KEYS, ARGV  see prelude_acceptor.lua; per register: ballot, next ballot, version, value, deleted (0 or 1),
--               expires_ms (empty for never), writers, evicted_at
--   reply       per register 1, or {'REJECTED', highest ballot seen}
return forEachRegister(8, function(key, ballot, nextBallot, version, value, deleted, expiresMs, writers, evictedAt)
    local promise, accepted, oldDeleted, oldExpiresMs, oldEvictedAt =
        unpack(redis.call('HMGET', key, 'promise', 'ballot', 'deleted', 'expires_ms', 'evicted_at'))
    promise = promise or redis.call('GET', 'cap:gc_ballot')
    -- A tombstone that replaces a record needs at most a few bytes, so it may be written even if the memory is full.
    if deleted == '1' and accepted then allowFullMemory() end
    if accepted == ballot then
        raiseEpoch()
        -- This accept was already executed here. Raise the promise nevertheless: the proposer will use `nextBallot`
        -- without a prepare.
        if isBelow(promise, nextBallot) then redis.call('HSET', key, 'promise', nextBallot) end
        return 1
    end
    if promise and isBelow(ballot, promise) then return {'REJECTED', promise} end
    if accepted and isBelow(ballot, accepted) then return {'REJECTED', accepted} end
    raiseEpoch()
    -- Write fields that seldom change only if they differ, because HSET is most of the cost of this script.
    if oldDeleted == deleted and oldExpiresMs == expiresMs and oldEvictedAt == evictedAt then
        redis.call('HSET', key, 'promise', nextBallot, 'ballot', ballot, 'version', version, 'value', value,
            'writers', writers)
    else
        redis.call('HSET', key, 'promise', nextBallot, 'ballot', ballot, 'version', version, 'value', value,
            'deleted', deleted, 'expires_ms', expiresMs, 'writers', writers, 'evicted_at', evictedAt)
    end
    return 1
end)

-- Reports the records of registers without their values: for rebuild, catch-up and tombstone GC (rules C8, C10, C11).
--
--   KEYS, ARGV  see prelude_acceptor.lua; no arguments per register
--   reply       per register {ballot, deleted, expires_ms}, all null if there is no record
return forEachRegister(0, function(key)
    local summary = redis.call('HMGET', key, 'ballot', 'deleted', 'expires_ms')
    raiseEpoch()
    return summary
end)

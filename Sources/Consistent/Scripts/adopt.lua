-- Gives a blank replica its identity, once; a second call returns the same identity (rule C8).
--
--   KEYS   cap:identity
--   ARGV   group, replica name, fresh random incarnation
--   reply  {group, replica, incarnation, state, epoch} after the call, or {'NOTBLANK'}
local group, replica, incarnation = unpack(ARGV)
local function identity()
    return redis.call('HMGET', 'cap:identity', 'group', 'replica', 'incarnation', 'state', 'epoch')
end

local known = identity()
local _, _, knownIncarnation = unpack(known)
if knownIncarnation then return known end
-- A database with keys and without an identity is not blank: it belongs to another program.
if redis.call('DBSIZE') > 0 then return {'NOTBLANK'} end
redis.call('HSET', 'cap:identity', 'group', group, 'replica', replica, 'incarnation', incarnation,
    'state', 'rebuilding', 'epoch', '0', 'rollback_counter', '0')
return identity()

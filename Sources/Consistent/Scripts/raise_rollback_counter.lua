-- Raises the rollback counter of a member (rule C8). The caller copies it to the other members once it has this reply,
-- which Redis sends after the fsync.
--
--   KEYS   cap:identity
--   ARGV   group, incarnation expected here
--   reply  the new counter, or null where the replica is no member with that incarnation
local group, incarnation = unpack(ARGV)
if not isMember(group, incarnation) then return false end
return redis.call('HINCRBY', 'cap:identity', 'rollback_counter', 1)

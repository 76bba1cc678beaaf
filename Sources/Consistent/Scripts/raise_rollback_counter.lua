-- Raises the rollback counter of a member (rule C8). The caller copies it to the other members once it has this reply,
-- which Redis sends after the fsync. A raise by 0 is a write as well: it shows that the replica accepts writes (C9).
--
--   KEYS   cap:identity
--   ARGV   group, incarnation expected here, 1 or 0
--   reply  the counter, or null where the replica is no member with that incarnation
local group, incarnation, by = unpack(ARGV)
if not isMember(group, incarnation) then return false end
return redis.call('HINCRBY', 'cap:identity', 'rollback_counter', by)

-- Raises the rollback counter of a member (rule C8). The caller copies the counter to the other members after this
-- reply, which Redis sends after the fsync. A raise by 0 is also a write: it shows that the replica accepts writes
-- (rule C9).
--
--   KEYS   cap:identity
--   ARGV   group, incarnation expected here, by how much to raise (1 or 0)
--   reply  the counter, or null if the replica is not a member with that incarnation
local group, incarnation, by = unpack(ARGV)
if not isMember(group, incarnation) then return false end
return redis.call('HINCRBY', 'cap:identity', 'rollback_counter', by)

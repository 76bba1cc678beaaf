-- Raises the beat of a member (rule C8): to be copied to the others once this answer, which follows the fsync, is here.
--   ARGV[1] group   ARGV[2] incarnation expected
-- Answers the new beat, or null where that incarnation is no member here.
local identity = redis.call('HMGET', 'cap:identity', 'group', 'incarnation', 'state')
if identity[1] ~= ARGV[1] or identity[2] ~= ARGV[2] or identity[3] ~= 'member' then return false end
return redis.call('HINCRBY', 'cap:identity', 'rollback_counter', 1)

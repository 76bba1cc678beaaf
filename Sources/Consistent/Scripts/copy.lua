-- Keeps on a member how far the beats of others have come (rule C8): what they must at least show after a restart.
--   ARGV[1] group   ARGV[2] incarnation expected here   ARGV[3…] incarnation, beat, incarnation, beat, …
-- Answers 1, or 0 where that incarnation is no member here.
local identity = redis.call('HMGET', 'cap:identity', 'group', 'incarnation', 'state')
if identity[1] ~= ARGV[1] or identity[2] ~= ARGV[2] or identity[3] ~= 'member' then return 0 end
-- One field an incarnation: a late copy of a replaced one cannot hide that of its successor. Bounded all the same.
if redis.call('HLEN', 'cap:rollback_counters') > 64 then redis.call('DEL', 'cap:rollback_counters') end
for i = 3, #ARGV, 2 do
  local known = redis.call('HGET', 'cap:rollback_counters', ARGV[i])
  if not known or tonumber(known) < tonumber(ARGV[i + 1]) then redis.call('HSET', 'cap:rollback_counters', ARGV[i], ARGV[i + 1]) end
end
return 1

-- Makes a member take over an epoch before a rebuild looks at its keys (rule C8): from here on it refuses every proposer of
-- the epoch before.
--   ARGV[1] group   ARGV[2] incarnation expected   ARGV[3] epoch
-- Answers {cap:gc_ballot, cap:gc_version} as they now are, or 0 where that incarnation is no member here.
local identity = redis.call('HMGET', 'cap:identity', 'group', 'incarnation', 'state', 'epoch')
if identity[1] ~= ARGV[1] or identity[2] ~= ARGV[2] or identity[3] ~= 'member' then return 0 end
if tonumber(ARGV[3]) > tonumber(identity[4]) then redis.call('HSET', 'cap:identity', 'epoch', ARGV[3]) end
return {redis.call('GET', 'cap:gc_ballot'), redis.call('GET', 'cap:gc_version')}

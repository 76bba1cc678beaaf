-- Makes a member of the replica that carries this incarnation; never creates an identity (rule C8).
--   ARGV[1] incarnation   ARGV[2] epoch   ARGV[3] floor (a ballot, or empty)   ARGV[4] version floor
--   ARGV[5…] of the other members: incarnation, beat, incarnation, beat, …
-- Answers 1 where it is a member of that incarnation afterwards, else 0.
local identity = redis.call('HMGET', 'cap:identity', 'incarnation', 'state', 'epoch', 'rollback_counter')
if identity[1] ~= ARGV[1] then return 0 end
if identity[2] == 'member' then return 1 end

local floor, version_floor = redis.call('GET', 'cap:gc_ballot'), redis.call('GET', 'cap:gc_version')
redis.call('HLEN', 'cap:rollback_counters')
-- From now on others are compared with what it knows: a member that knew nothing would let in any old dump.
for i = 5, #ARGV - 1, 2 do redis.call('HSET', 'cap:rollback_counters', ARGV[i], ARGV[i + 1]) end
if ARGV[3] ~= '' and (not floor or below(floor, ARGV[3])) then redis.call('SET', 'cap:gc_ballot', ARGV[3]) end
if tonumber(ARGV[4]) > tonumber(version_floor or '0') then redis.call('SET', 'cap:gc_version', ARGV[4]) end
-- Epoch 1 is that of a new group, which has just agreed. In a later one a configuration here is another group's, left by an
-- init that was cut short.
if tonumber(ARGV[2]) > 1 then redis.call('DEL', 'cap:config') end
local epoch = math.max(tonumber(ARGV[2]), tonumber(identity[3]))
-- The beat that its rebuilder has copied to the others beforehand: a dump from before this moment is behind it.
local beat = math.max(1, tonumber(identity[4] or '0'))
redis.call('HSET', 'cap:identity', 'state', 'member', 'epoch', string.format('%.0f', epoch),
  'rollback_counter', string.format('%.0f', beat))
return 1

-- Makes the replica a member, if it still has this incarnation; never creates an identity (rule C8).
--
--   KEYS   cap:identity
--   ARGV   incarnation, epoch, GC ballot (empty for none), GC version; then for each other member its incarnation
--          and its rollback counter
--   reply  1 where it is a member with that incarnation afterwards, else 0
local incarnation, epoch, gcBallot, gcVersion = unpack(ARGV, 1, 4)
local FIRST_WITNESSED = 5
local ownIncarnation, state, ownEpoch, ownCounter =
    unpack(redis.call('HMGET', 'cap:identity', 'incarnation', 'state', 'epoch', 'rollback_counter'))
if ownIncarnation ~= incarnation then return 0 end
if state == 'member' then return 1 end

local ownGCBallot, ownGCVersion = redis.call('GET', 'cap:gc_ballot'), redis.call('GET', 'cap:gc_version')
-- Fails here, before any write, if the key is of another type.
redis.call('HLEN', 'cap:rollback_counters')
-- From now on other replicas are compared with what this one witnessed: without it, any old dump of theirs would pass.
for i = FIRST_WITNESSED, #ARGV - 1, 2 do redis.call('HSET', 'cap:rollback_counters', ARGV[i], ARGV[i + 1]) end
if gcBallot ~= '' and (not ownGCBallot or isBelow(ownGCBallot, gcBallot)) then
    redis.call('SET', 'cap:gc_ballot', gcBallot)
end
if tonumber(gcVersion) > tonumber(ownGCVersion or '0') then redis.call('SET', 'cap:gc_version', gcVersion) end
-- Epoch 1 is a new group, which has just agreed on its configuration. In a later epoch a configuration found here was
-- left by an init of another group that was cut short.
if tonumber(epoch) > 1 then redis.call('DEL', 'cap:config') end
-- The other members witness at least counter 1 before this call: a dump of this replica from before it is older.
local counter = math.max(1, tonumber(ownCounter or '0'))
redis.call('HSET', 'cap:identity', 'state', 'member',
    'epoch', string.format('%.0f', math.max(tonumber(epoch), tonumber(ownEpoch))),
    'rollback_counter', string.format('%.0f', counter))
return 1

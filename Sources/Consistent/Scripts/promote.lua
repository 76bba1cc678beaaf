-- Makes the replica a member, if it has the expected incarnation. Never creates an identity (rule C8).
--
--   KEYS   cap:identity
--   ARGV   incarnation expected here, epoch, ballot (empty for none) and version of the GC watermark; then for each
--          other member its incarnation and its rollback counter
--   reply  1 if the replica is a member with that incarnation after the call, else 0
local incarnation, epoch, gcBallot, gcVersion = unpack(ARGV, 1, 4)
local FIRST_WITNESSED = 5
local ownIncarnation, state, ownEpoch, ownCounter =
    unpack(redis.call('HMGET', 'cap:identity', 'incarnation', 'state', 'epoch', 'rollback_counter'))
if ownIncarnation ~= incarnation then return 0 end
if state == 'member' then return 1 end

local ownGCBallot, ownGCVersion = redis.call('GET', 'cap:gc_ballot'), redis.call('GET', 'cap:gc_version')
-- This read fails, before any write, if the key has another type.
redis.call('HLEN', 'cap:rollback_counters')
-- Store the counters of the other members. Without them, this replica could not detect an old dump of another member.
for i = FIRST_WITNESSED, #ARGV - 1, 2 do redis.call('HSET', 'cap:rollback_counters', ARGV[i], ARGV[i + 1]) end
if gcBallot ~= '' and (not ownGCBallot or isBelow(ownGCBallot, gcBallot)) then
    redis.call('SET', 'cap:gc_ballot', gcBallot)
end
if tonumber(gcVersion) > tonumber(ownGCVersion or '0') then redis.call('SET', 'cap:gc_version', gcVersion) end
-- In epoch 1 the group is new, and init has just stored the configuration here. In a later epoch, a configuration that
-- is stored here is left over from an interrupted init.
if tonumber(epoch) > 1 then redis.call('DEL', 'cap:config') end
-- Start with counter 1 or more. In a rebuild, the other members have already witnessed counter 1, so an older dump of
-- this replica, which has counter 0, is detected.
local counter = math.max(1, tonumber(ownCounter or '0'))
redis.call('HSET', 'cap:identity', 'state', 'member',
    'epoch', string.format('%.0f', math.max(tonumber(epoch), tonumber(ownEpoch))),
    'rollback_counter', string.format('%.0f', counter))
return 1

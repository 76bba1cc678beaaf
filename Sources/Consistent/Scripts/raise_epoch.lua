-- Makes a member store a higher epoch, as a step of another replica's rebuild (rule C8). From then on the member
-- rejects every proposer of an earlier epoch.
--
--   KEYS   cap:identity
--   ARGV   group, incarnation expected here, epoch
--   reply  {cap:gc_ballot, cap:gc_version}, or 0 if the replica is not a member with that incarnation
local group, incarnation, epoch = unpack(ARGV)
if not isMember(group, incarnation) then return 0 end
if tonumber(epoch) > tonumber(redis.call('HGET', 'cap:identity', 'epoch')) then
    redis.call('HSET', 'cap:identity', 'epoch', epoch)
end
return {redis.call('GET', 'cap:gc_ballot'), redis.call('GET', 'cap:gc_version')}

-- Makes a member a witness of the rollback counters of other members (rule C8). A member that later shows a lower
-- counter than the recorded one was rolled back.
--
--   KEYS   cap:identity
--   ARGV   group, incarnation expected here; then for each witnessed member its incarnation and its counter
--   reply  1, or 0 if the replica is not a member with that incarnation
local FIRST_WITNESSED = 3
local MAX_WITNESSED = 64
local group, incarnation = unpack(ARGV, 1, 2)
if not isMember(group, incarnation) then return 0 end
-- The hash has one field per incarnation, so a late counter of a replaced replica cannot overwrite that of its
-- successor. If there are too many fields, only those of incarnations in the configuration stay. They stay even if the
-- replica is down, because it may come back with an old dump.
local configuration = redis.call('HGET', 'cap:config', 'value')
if configuration and redis.call('HLEN', 'cap:rollback_counters') > MAX_WITNESSED then
    local known = redis.call('HGETALL', 'cap:rollback_counters')
    redis.call('DEL', 'cap:rollback_counters')
    for i = 1, #known, 2 do
        if string.find(configuration, known[i], 1, true) then
            redis.call('HSET', 'cap:rollback_counters', known[i], known[i + 1])
        end
    end
end
for i = FIRST_WITNESSED, #ARGV, 2 do
    local witnessed, counter = ARGV[i], ARGV[i + 1]
    local known = redis.call('HGET', 'cap:rollback_counters', witnessed)
    if not known or tonumber(known) < tonumber(counter) then
        redis.call('HSET', 'cap:rollback_counters', witnessed, counter)
    end
end
return 1

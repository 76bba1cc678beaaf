-- Prelude of the scripts that only a member runs (rule C8).
local function isMember(group, incarnation)
    local ownGroup, ownIncarnation, state =
        unpack(redis.call('HMGET', 'cap:identity', 'group', 'incarnation', 'state'))
    return ownGroup == group and ownIncarnation == incarnation and state == 'member'
end


-- Prelude of every script but `adopt`: is this replica still the incarnation that the call was meant for? (rule A2)
--
-- A replica that was wiped, restored or restarted has another incarnation, or none, and does nothing.
-- Reply otherwise: { NOTMEMBER, incarnation }
local call = redis.call
local incarnation = call('HGET', 'cap:identity', 'incarnation')
if incarnation ~= expectedIncarnation then
    return refuse({ 'NOTMEMBER', incarnation or '' })
end

-- Prelude of every script but `adopt`: is this replica still the incarnation that the call was meant for? (rule A2)
--
-- A replica that was wiped, restored or restarted has another incarnation, or none, and does nothing.
-- Reply otherwise: { NOTMEMBER, incarnation }
local call = redis.call
local incarnation = call('HGET', 'cap:identity', 'incarnation')
if incarnation ~= expectedIncarnation then
    return refuse({ 'NOTMEMBER', incarnation or '' })
end

-- Lets the script write although the memory is full (`maxmemory`). Redis stops a script only at its first write, and
-- only if that may need memory. Redis 7 has the flag `allow-oom` for the same purpose; this works since 6.2.
local function allowFullMemory()
    call('DEL', 'cap:none')
end

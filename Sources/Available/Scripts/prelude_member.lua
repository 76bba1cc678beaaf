-- Prelude of every script but `adopt`: checks that this replica is still the incarnation that the call is meant for
-- (rule A2).
--
-- A replica that was wiped, restored or restarted has another incarnation or none. Then the script does nothing.
-- Reply of a script that does nothing: { NOTMEMBER, incarnation }
local call = redis.call
local incarnation = call('HGET', 'cap:identity', 'incarnation')
if incarnation ~= expectedIncarnation then
    return refuse({ 'NOTMEMBER', incarnation or '' })
end

-- Lets the script write although the memory is full (`maxmemory`). Redis stops a script only at its first write, and
-- only if that command may need memory: `DEL` does not. Redis 7 has the flag `allow-oom` for this purpose; `DEL` works
-- since 6.2.
local function allowFullMemory()
    call('DEL', 'cap:none')
end

-- Admission: the first script on every new connection (DESIGN A2). A replica that has another `run_id` than the one it
-- was adopted under was restarted, restored or is blank: it gets a new incarnation, once, whoever asks.
--
-- A replica whose clock was last looked at too long ago was stopped for long or holds an old dump (DESIGN A10): what was
-- deleted, and collected, since then may still be alive there. It is marked, and stays out until somebody empties or admits
-- it.
--
-- ARGV  1 group   2 replica   3 run_id of the server that answered   4 incarnation to take if a new one is due
--       5 the latest clock known elsewhere, and 6 how far behind this one may be, both in microseconds
--       7 1 where the operator admits it all the same
-- Gives { OK, incarnation, steps, now, adopted (0 or 1) }; { FOREIGN, group, replica } for a replica of someone else;
--       { OLD, microseconds behind }
local call = redis.call
local identity = call('HMGET', 'cap:identity', 'group', 'replica', 'incarnation', 'run_id', 'too_old')
if identity[1] and (identity[1] ~= ARGV[1] or identity[2] ~= ARGV[2]) then
    return { 'FOREIGN', identity[1], identity[2] or '' }
end
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local clock = string.format('%.0f', now)
local state = call('MGET', 'cap:clock', 'cap:clock_epoch', 'cap:hlc')
if identity[3] and identity[4] == ARGV[3] then
    -- Fences are made of this reading, so a clock that is set back below it must be noticed. One below the last is left to
    -- the next script that looks. A full replica cannot note it, and runs nothing that has a fence.
    if now > (state[1] or 0) + 0 then
        redis.pcall('SET', 'cap:clock', clock)
    end
    return { 'OK', identity[3], state[2] or '0', now, 0 }
end
if (identity[3] or identity[5] or state[1]) and ARGV[7] ~= '1' then
    local behind = math.max(now, ARGV[5] + 0) - (state[1] or 0)
    if identity[5] or behind > ARGV[6] + 0 then
        call('HSETNX', 'cap:identity', 'too_old', string.format('%.0f', behind))
        return { 'OLD', behind }
    end
end
local steps = state[2] or '0'
if now < (state[1] or 0) + 0 then
    steps = string.format('%.0f', steps + 1)
end
call('DEL', 'cap:replicated_up_to', 'cap:last_anti_entropy')
call('HSET', 'cap:identity', 'group', ARGV[1], 'replica', ARGV[2], 'incarnation', ARGV[4], 'run_id', ARGV[3],
    'adopted', clock)
call('HDEL', 'cap:identity', 'too_old')
call('MSET', 'cap:clock', clock, 'cap:clock_epoch', steps, 'cap:hlc', state[3] or '0')
return { 'OK', ARGV[4], steps, now, 1 }

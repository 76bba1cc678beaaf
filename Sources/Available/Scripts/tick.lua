-- What a replica's clock shows, before its peers are asked what they owe it (DESIGN A8).
--
-- ARGV  not_after, steps (both empty), incarnation
-- Gives { OK, now, steps, hlc, microseconds since this incarnation was adopted (or the clock was set back), microseconds
--       since everything was compared (-1: never) }
local adopted = call('HGET', 'cap:identity', 'adopted')
local walked = call('GET', 'cap:last_anti_entropy')
call('SET', 'cap:clock', clock)
return { 'OK', now, steps, hlc, now - (adopted or now), walked and now - walked or -1 }

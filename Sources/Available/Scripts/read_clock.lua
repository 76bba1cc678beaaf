-- Reads this replica's clock, before its peers are asked which hints they have for it (rule A8).
--
-- ARGV   notAfter, clock epoch (both empty), incarnation
-- Reply  { OK, now, clock epoch, hlc, microseconds since this incarnation was adopted or the clock was set back,
--        microseconds since the last complete anti-entropy run (-1: never), the error of a write if the memory is
--        full (else empty) }
local adopted = call('HGET', 'cap:identity', 'adopted')
local compared = call('GET', 'cap:last_anti_entropy')
local failure = storeClock()
return { 'OK', now, clockEpoch, hlc, now - (adopted or now), compared and now - compared or -1, failure or '' }

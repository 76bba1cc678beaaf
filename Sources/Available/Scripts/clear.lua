-- Ends an outbox's overflow after everything was compared (DESIGN A11), unless it overflowed again meanwhile.
--
-- ARGV  1 peer   2 this replica's hlc when the walk began   3 incarnation
-- Gives { OK, cleared (0 or 1) }
local overflow = 'cap:hint_overflow:' .. ARGV[1]
local last = call('HGET', overflow, 'last')
if last and last + 0 <= ARGV[2] + 0 then
    call('DEL', overflow)
    return { 'OK', 1 }
end
return { 'OK', 0 }

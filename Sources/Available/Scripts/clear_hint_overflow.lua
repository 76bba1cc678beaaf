-- Ends the overflow of the hints for a peer, after all records were compared with that peer's (rule A11). Does nothing
-- if the hint of a later write did not fit either.
--
-- ARGV   1: peer; 2: this replica's hlc when the comparison began; 3: incarnation
-- Reply  { OK, cleared (0 or 1) }
local overflow = 'cap:hint_overflow:' .. ARGV[1]
local lastLeftOut = call('HGET', overflow, 'last')
if lastLeftOut and lastLeftOut + 0 <= ARGV[2] + 0 then
    call('DEL', overflow)
    return { 'OK', 1 }
end
return { 'OK', 0 }

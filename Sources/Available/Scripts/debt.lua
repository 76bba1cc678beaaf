-- What this replica owes its peers (DESIGN A8).
--
-- ARGV  names of the peers, then incarnation
-- Gives { OK, hlc, then for each peer: lowest hlc owed (0: nothing), entries, overflowed writes;
--   last: keys with more than one value }
local reply = { 'OK', (call('GET', 'cap:hlc') or 0) + 0 }
for index = 1, #ARGV - 1 do
    local pending = 'cap:hints:' .. ARGV[index]
    local lowest = call('ZRANGE', pending, 0, 0, 'WITHSCORES')[2]
    local overflow = call('HMGET', 'cap:hint_overflow:' .. ARGV[index], 'first', 'count')
    lowest = lowest and lowest + 0
    if overflow[1] then
        lowest = math.min(lowest or overflow[1] + 0, overflow[1] + 0)
    end
    reply[#reply + 1] = lowest or 0
    reply[#reply + 1] = call('ZCARD', pending)
    reply[#reply + 1] = (overflow[2] or 0) + 0
end
reply[#reply + 1] = call('ZCARD', 'cap:conflicts')
return reply

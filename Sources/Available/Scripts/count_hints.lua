-- Counts the hints that this replica has for its peers (rule A8).
--
-- ARGV   names of the peers; then incarnation
-- Reply  { OK, hlc; per peer: lowest hlc of a hint, or of a write whose hint did not fit (0: none); number of hints;
--        number of writes whose hint did not fit; then the number of keys with more than one value }
local reply = { 'OK', (call('GET', 'cap:hlc') or 0) + 0 }
for index = 1, #ARGV - 1 do
    local hints = 'cap:hints:' .. ARGV[index]
    local lowest = call('ZRANGE', hints, 0, 0, 'WITHSCORES')[2]
    local overflow = call('HMGET', 'cap:hint_overflow:' .. ARGV[index], 'first', 'count')
    local firstLeftOut, leftOut = overflow[1], overflow[2]
    lowest = lowest and lowest + 0
    if firstLeftOut then
        lowest = math.min(lowest or firstLeftOut + 0, firstLeftOut + 0)
    end
    reply[#reply + 1] = lowest or 0
    reply[#reply + 1] = call('ZCARD', hints)
    reply[#reply + 1] = (leftOut or 0) + 0
end
reply[#reply + 1] = call('ZCARD', 'cap:conflicts')
return reply

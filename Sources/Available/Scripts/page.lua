-- One page of a walk over all records: names and vectors.
--
-- ARGV  1 cursor   2 about how many   3 incarnation
-- Gives { OK, next cursor (0: the end), then for each record: key, vector }
local page = call('SCAN', ARGV[1], 'MATCH', 'ap:*', 'COUNT', ARGV[2])
local reply = { 'OK', page[1] }
for _, key in ipairs(page[2]) do
    local vector = redis.pcall('HGET', key, 'vv')
    if type(vector) == 'string' then
        reply[#reply + 1] = key
        reply[#reply + 1] = vector
    end
end
return reply

-- Lists one page of all records: their names and vectors.
--
-- ARGV   1: cursor; 2: about how many records; 3: incarnation
-- Reply  { OK, next cursor (0: the end), then per record: key, vector }
local page = call('SCAN', ARGV[1], 'MATCH', 'ap:*', 'COUNT', ARGV[2])
local nextCursor, keys = page[1], page[2]
local reply = { 'OK', nextCursor }
for _, key in ipairs(keys) do
    local vector = redis.pcall('HGET', key, 'vv')
    if type(vector) == 'string' then
        reply[#reply + 1] = key
        reply[#reply + 1] = vector
    end
end
return reply

-- Lists the records that differ from another replica's. Records with equal vectors are equal.
--
-- KEYS   records
-- ARGV   their vectors at another replica; then incarnation
-- Reply  { OK, positions in KEYS .. }
local reply = { 'OK' }
for position, key in ipairs(KEYS) do
    if redis.pcall('HGET', key, 'vv') ~= ARGV[position] then
        reply[#reply + 1] = position
    end
end
return reply

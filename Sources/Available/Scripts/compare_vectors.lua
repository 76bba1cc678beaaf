-- Which of these records differ here. Equal vectors are equal records.
--
-- KEYS   records
-- ARGV   their vectors at another replica; then incarnation
-- Reply  { OK, places in KEYS .. }
local reply = { 'OK' }
for place, key in ipairs(KEYS) do
    if redis.pcall('HGET', key, 'vv') ~= ARGV[place] then
        reply[#reply + 1] = place
    end
end
return reply

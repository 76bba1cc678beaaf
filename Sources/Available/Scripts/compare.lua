-- Which of these records are not the same here: one vector names one set of siblings.
--
-- KEYS  records
-- ARGV  their vectors elsewhere, then incarnation
-- Gives { OK, places in KEYS .. }
local reply = { 'OK' }
for place, key in ipairs(KEYS) do
    if redis.pcall('HGET', key, 'vv') ~= ARGV[place] then
        reply[#reply + 1] = place
    end
end
return reply

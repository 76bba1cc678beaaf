-- Debt that has been delivered (DESIGN A4): struck off where the record is still the one that was delivered, else what is
-- owed begins after it.
--
-- KEYS  records
-- ARGV  1 number of peers that have them, then their names; then for each record the vector delivered, and `cap:hlc` of
--       the step that read it; then incarnation
-- Gives { OK, struck, left }
local peers = ARGV[1] + 0
local same, moved = {}, {}
for place, key in ipairs(KEYS) do
    local vector = redis.pcall('HGET', key, 'vv') or ''
    if vector == ARGV[peers + place * 2] then
        same[#same + 1] = key
    elseif type(vector) ~= 'table' then
        moved[#moved + 1] = place
    end
end
-- What is struck off comes first: with that done, a full replica takes the rest as well.
for index = 1, peers do
    local pending = 'cap:hints:' .. ARGV[1 + index]
    for from = 1, #same, 1000 do
        call('ZREM', pending, unpack(same, from, math.min(from + 999, #same)))
    end
end
for _, place in ipairs(moved) do
    local hlc = ARGV[peers + place * 2 + 1]
    for index = 1, peers do
        local pending = 'cap:hints:' .. ARGV[1 + index]
        local score = call('ZSCORE', pending, KEYS[place])
        if score and score + 0 <= hlc + 0 then
            call('ZADD', pending, string.format('%.0f', hlc + 1), KEYS[place])
        end
    end
end
return { 'OK', #same, #moved }

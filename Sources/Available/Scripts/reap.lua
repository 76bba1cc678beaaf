-- Which of these records are dead here beyond the grace and owed to nobody, or not here at all; and their end, once every
-- replica has said so (DESIGN A10).
--
-- A replica without the record holds nothing that the tombstone must keep down: it is blank, or has reaped it already in a
-- pass that did not reach the others.
--
-- KEYS  records
-- ARGV  1 `look`, or `reap`   2 grace in microseconds   3 number of peers, then their names; then for each record the
--       vector that every replica must hold; then not_after, steps, incarnation
-- Gives { OK, now, places in KEYS .. }
local isReaping, limit, peers = ARGV[1] == 'reap', now - ARGV[2], ARGV[3] + 0

local function isOwed(key)
    for index = 1, peers do
        if call('ZSCORE', 'cap:hints:' .. ARGV[3 + index], key) then
            return true
        end
    end
    return false
end

local reply, high = { 'OK', now }, hlc
for place, key in ipairs(KEYS) do
    if call('EXISTS', key) == 0 then
        reply[#reply + 1] = place
    else
        local vector, since = deadSince(key)
        if since and since <= limit and vector == ARGV[3 + peers + place] and not isOwed(key) then
            reply[#reply + 1] = place
            if isReaping then
                -- A later write here must be later than all that is forgotten now.
                high = math.max(high, highest(vector))
                call('DEL', key)
                call('ZREM', 'cap:tombstones', key)
                call('ZREM', 'cap:conflicts', key)
            end
        end
    end
end
call('MSET', 'cap:clock', clock, 'cap:hlc', string.format('%.0f', high))
return reply

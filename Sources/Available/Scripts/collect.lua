-- `check` lists the records that this replica does not have or could collect. It could collect a record if nothing in
-- it is alive, the grace period has passed, and no hint exists for it. Once every replica agrees, `collect` lists and
-- deletes them (rule A10).
--
-- A replica without the record agrees, because it has no old value that the tombstone must suppress. It is blank, or it
-- collected the record in a run that did not reach the other replicas.
--
-- KEYS   records
-- ARGV   1: `check` or `collect`; 2: grace period in microseconds; 3: number of peers; then their names; then per
--        record the vector that every replica must hold; then notAfter, clock epoch, incarnation
-- Reply  { OK, now, positions in KEYS .. }
local isCollecting, limit, peerCount = ARGV[1] == 'collect', now - ARGV[2], ARGV[3] + 0
local firstPeer = 4
local firstVector = firstPeer + peerCount

local function hasHint(key)
    for index = firstPeer, firstVector - 1 do
        if call('ZSCORE', 'cap:hints:' .. ARGV[index], key) then
            return true
        end
    end
    return false
end

local reply, highest = { 'OK', now }, hlc
for position, key in ipairs(KEYS) do
    if call('EXISTS', key) == 0 then
        reply[#reply + 1] = position
    else
        local vector, since = collectableSince(key)
        if since and since <= limit and vector == ARGV[firstVector + position - 1] and not hasHint(key) then
            reply[#reply + 1] = position
            if isCollecting then
                -- A later write of this key here must get a higher dot than every write of the collected record.
                highest = math.max(highest, highestEntry(vector))
                call('DEL', key)
                call('ZREM', 'cap:tombstones', key)
                call('ZREM', 'cap:conflicts', key)
            end
        end
    end
end
storeClock('cap:hlc', string.format('%.0f', highest))
return reply

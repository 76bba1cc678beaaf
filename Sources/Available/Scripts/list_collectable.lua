-- Lists records whose values were all deleted or expired on this replica longer ago than the grace period, oldest first
-- (rule A10).
--
-- ARGV   1: grace period in microseconds; 2: how many to skip; 3: how many to examine; then notAfter, clock epoch (both
--        empty), incarnation
-- Reply  { OK, number examined (0: the end of the list), then per record: key, vector }
local limit = now - ARGV[1]
local keys = call('ZRANGEBYSCORE', 'cap:tombstones', '-inf', string.format('%.0f', limit), 'LIMIT', ARGV[2], ARGV[3])
local reply = { 'OK', #keys }
for _, key in ipairs(keys) do
    local vector, since = collectableSince(key)
    if not since then
        call('ZREM', 'cap:tombstones', key)
    elseif since > limit then
        allowFullMemory()
        call('ZADD', 'cap:tombstones', string.format('%.0f', since), key)
    else
        reply[#reply + 1] = key
        reply[#reply + 1] = vector
    end
end
storeClock()
return reply

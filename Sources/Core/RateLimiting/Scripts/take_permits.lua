-- Grants permits of one client, as far as its limits per minute and per hour allow. Both limits are leaky buckets: one
-- of the two forms of the generic cell rate algorithm (ITU-T I.371, annex A). `RateMeter` computes the same in a
-- process.
--
-- A backlog counts the permits that were granted and have not drained. Its unit is 1/limit of a microsecond: a permit
-- adds the window in microseconds, and each microsecond drains `limit`. So all numbers are integers below 2^53.
--
-- The state is not written to the append-only file, which gets only the removal of expired keys. So the state is lost
-- when the Redis process ends; keeping it is not worth a disk write per call. A key expires when both backlogs are
-- empty, so an idle client has no key. Without an identity nothing is stored: a blank replica must stay blank.
--
--   KEYS   cap:limit:<client>
--   ARGV   permits wanted; limit per minute, its burst, limit per hour, its burst (limit 0: none)
--   reply  {permits granted, backlog of the minute, backlog of the hour}, or {'NOTMEMBER'}
local MINUTE, HOUR = 60000000, 3600000000
if not redis.call('HGET', 'cap:identity', 'incarnation') then return {'NOTMEMBER'} end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local stored = redis.call('GET', KEYS[1])
local last, minute, hour = string.match(stored or '', '^(%d+) (%d+) (%d+)$')
-- If the clock was set back, nothing drains until it passes the stored time.
local elapsed = last and math.max(0, now - last) or 0

local function drained(backlog, limit) return math.max(0, (backlog or 0) - elapsed * limit) end
local function room(backlog, limit, burst, window)
    if limit == 0 then return math.huge end
    return math.max(0, math.floor((burst * window - backlog) / window))
end

local wanted, minuteLimit, minuteBurst, hourLimit, hourBurst =
    ARGV[1] + 0, ARGV[2] + 0, ARGV[3] + 0, ARGV[4] + 0, ARGV[5] + 0
minute, hour = drained(minute, minuteLimit), drained(hour, hourLimit)
local granted = math.min(wanted, room(minute, minuteLimit, minuteBurst, MINUTE), room(hour, hourLimit, hourBurst, HOUR))
if granted > 0 then
    if minuteLimit > 0 then minute = minute + granted * MINUTE end
    if hourLimit > 0 then hour = hour + granted * HOUR end
    local emptyAfter = math.max(
        minuteLimit > 0 and minute / minuteLimit or 0, hourLimit > 0 and hour / hourLimit or 0)
    redis.set_repl(redis.REPL_NONE)
    redis.call('SET', KEYS[1], string.format('%.0f %.0f %.0f', now, minute, hour),
        'PX', string.format('%.0f', math.ceil(emptyAfter / 1000) + 1))
end
return {granted, minute, hour}

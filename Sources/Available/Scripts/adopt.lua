-- Admission: the first script on every new connection (rule A2). If a replica's `run_id` differs from the one at its
-- adoption, it was restarted or restored, or it is blank. Then it is adopted under a new incarnation, exactly once,
-- whichever instance asks.
--
-- If the stored clock of a replica is too old, the replica was stopped for long or holds an old dump (rule A10).
-- Records that were deleted and collected since then may still be alive there. The script records this in `too_old`,
-- and refuses the replica until an operator empties or admits it.
--
-- ARGV   1: group; 2: replica; 3: `run_id` of the server that answered; 4: the new incarnation, if it is needed;
--        5: the latest clock known to the instance, 6: how far the stored clock may be behind it; in microseconds;
--        7: 1 if the operator admits the replica nevertheless
-- Reply  { OK, incarnation, clock epoch, now, adopted (0 or 1) };
--        { OTHERGROUP, group, replica } for a replica of another group; { OLD, microseconds behind }
local call = redis.call
local group, replica, runId, newIncarnation = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local latestElsewhere, maxBehind, isAdmitted = ARGV[5] + 0, ARGV[6] + 0, ARGV[7] == '1'

local identity = call('HMGET', 'cap:identity', 'group', 'replica', 'incarnation', 'run_id', 'too_old')
local knownGroup, knownReplica, incarnation = identity[1], identity[2], identity[3]
local knownRunId, isTooOld = identity[4], identity[5]
if knownGroup and (knownGroup ~= group or knownReplica ~= replica) then
    return { 'OTHERGROUP', knownGroup, knownReplica or '' }
end

-- Lets the script write although the memory is full, because a full replica still serves reads and deletes. See
-- `allowFullMemory`.
call('DEL', 'cap:none')

local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local nowText = string.format('%.0f', now)
local stored = call('MGET', 'cap:clock', 'cap:clock_epoch', 'cap:hlc')
local lastClock, clockEpoch, hlc = (stored[1] or 0) + 0, stored[2] or '0', stored[3] or '0'
if incarnation and knownRunId == runId then
    -- Instances compute deadline fences from this reading. It is stored so that a clock that is later set back below it
    -- is detected. If the clock is already below the stored one, the next script detects it.
    if now > lastClock then
        call('SET', 'cap:clock', nowText)
    end
    return { 'OK', incarnation, clockEpoch, now, 0 }
end

local hasHistory = incarnation or isTooOld or stored[1]
if hasHistory and not isAdmitted then
    local behind = math.max(now, latestElsewhere) - lastClock
    if isTooOld or behind > maxBehind then
        call('HSETNX', 'cap:identity', 'too_old', string.format('%.0f', behind))
        return { 'OLD', behind }
    end
end

if now < lastClock then
    clockEpoch = string.format('%.0f', clockEpoch + 1)
end
call('DEL', 'cap:replicated_up_to', 'cap:last_anti_entropy')
call('HSET', 'cap:identity', 'group', group, 'replica', replica, 'incarnation', newIncarnation, 'run_id', runId,
    'adopted', nowText)
call('HDEL', 'cap:identity', 'too_old')
call('MSET', 'cap:clock', nowText, 'cap:clock_epoch', clockEpoch, 'cap:hlc', hlc)
return { 'OK', newIncarnation, clockEpoch, now, 1 }

-- Prelude of the scripts that run for any number of registers in one call; it follows prelude_ballot.lua.
--
--   KEYS   the registers
--   ARGV   group, epoch, incarnation expected here; then, for each register, the arguments that the header of the
--          script lists
--   reply  one element per register, in the order of KEYS; {'NOTMEMBER'} or {'STALE'} for each of them if the
--          check below fails
--
-- Membership check (rule C8): a blank or rebuilding replica, and one of another group or incarnation, answers
-- NOTMEMBER. A replica that has seen a higher epoch answers STALE. Epoch 0 exists only while a group is being
-- initialised, and only for the configuration register.
local SHARED_ARGUMENTS = 3
local expectedGroup, epochText, expectedIncarnation = ARGV[1], ARGV[2], ARGV[3]
local group, incarnation, state, knownEpochText =
    unpack(redis.call('HMGET', 'cap:identity', 'group', 'incarnation', 'state', 'epoch'))
local epoch, knownEpoch = tonumber(epochText), tonumber(knownEpochText)

local takesPart = group == expectedGroup and incarnation == expectedIncarnation
if epoch == 0 then
    local isConfiguration = #KEYS == 1 and KEYS[1] == 'cap:config'
    takesPart = takesPart and state == 'rebuilding' and knownEpoch == 0 and isConfiguration
else
    takesPart = takesPart and state == 'member'
end
if not takesPart or epoch < knownEpoch then
    local replies = {}
    for i = 1, #KEYS do replies[i] = {takesPart and 'STALE' or 'NOTMEMBER'} end
    return replies
end

-- Stores the epoch of the command, if it is higher. Call this after all reads of a register and before its first write,
-- so that a failed read changes nothing.
local function raiseEpoch()
    if epoch > knownEpoch then
        redis.call('HSET', 'cap:identity', 'epoch', epochText)
        knownEpoch = epoch
    end
end

-- After this call the script can write even if the memory is full (`maxmemory`). Redis rejects only the first write of
-- a script, and only if that write may need memory, which DEL does not. Redis 7 has the flag `allow-oom` for this
-- purpose; DEL also works with Redis 6.2.
local function allowFullMemory() redis.call('DEL', 'cap:none') end

-- Calls step(key, arguments) for each register. An error in one register, for example a key of another type, becomes
-- the reply for that register only. The other registers are still executed, and report their own results.
local function forEachRegister(argumentCount, step)
    local replies = {}
    for i = 1, #KEYS do
        local first = SHARED_ARGUMENTS + (i - 1) * argumentCount + 1
        local succeeded, reply = pcall(step, KEYS[i], unpack(ARGV, first, first + argumentCount - 1))
        if not succeeded and type(reply) ~= 'table' then reply = {err = tostring(reply)} end
        replies[i] = reply
    end
    return replies
end


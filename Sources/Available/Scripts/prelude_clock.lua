-- Prelude of scripts that use the time: `now` in microseconds, `nowText` the same as text, `clockEpoch`, and the hybrid
-- logical clock `hlc` (rule A2).
--
-- A clock below the last one stored was set back. The clock epoch rises, and the replicated-up-to times are deleted:
-- the old clock measured them.
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
-- Microseconds have six digits. Joining them costs a tenth of `string.format`.
local nowText = time[1] .. string.sub('00000' .. time[2], -6)
local stored = call('MGET', 'cap:clock', 'cap:clock_epoch', 'cap:hlc')
local clockEpoch, hlc = stored[2] or '0', (stored[3] or 0) + 0
if now < (stored[1] or 0) + 0 then
    for _, field in ipairs(call('HKEYS', 'cap:replicated_up_to')) do
        if not string.find(field, '.incarnation', 1, true) then
            call('HDEL', 'cap:replicated_up_to', field)
        end
    end
    clockEpoch = string.format('%.0f', clockEpoch + 1)
    allowFullMemory()
    call('HSET', 'cap:identity', 'adopted', nowText)
    call('SET', 'cap:clock_epoch', clockEpoch)
end

-- Stores the time, and further keys and values that exist already: needs no more memory. Otherwise a clock that is set
-- back while the memory is full would not be noticed.
--
-- Returns the error where the memory is full.
local function storeClock(...)
    local failure = redis.pcall('MSET', 'cap:clock', nowText, ...).err
    if failure then
        allowFullMemory()
        call('MSET', 'cap:clock', nowText, ...)
    end
    return failure
end

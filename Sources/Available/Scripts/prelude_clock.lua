-- Prelude of scripts that use the time. Defines `now` in microseconds, `nowText` (the same as text), `clockEpoch`, and
-- the hybrid logical clock `hlc` (rule A2).
--
-- If the clock is below the stored one, it was set back. Then the clock epoch rises. The replicated-up-to times are
-- deleted, because the clock measured them before it was set back.
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
-- Pads the microseconds to six digits. This takes a tenth of the time of `string.format`.
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

-- Stores the time, and further values for keys that already exist. This needs no more memory, so it also runs if the
-- memory is full. Otherwise a clock that is set back then would not be detected.
--
-- Returns the error of Redis if the memory is full.
local function storeClock(...)
    local failure = redis.pcall('MSET', 'cap:clock', nowText, ...).err
    if failure then
        allowFullMemory()
        call('MSET', 'cap:clock', nowText, ...)
    end
    return failure
end

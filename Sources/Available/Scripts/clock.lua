-- Part of every script that uses the time (DESIGN A2).
--
-- A clock below the last one seen was set back: `cap:clock_epoch` rises, and what was known of the peers up to a moment of the
-- old clock is known no more.
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local state = call('MGET', 'cap:clock', 'cap:clock_epoch', 'cap:hlc')
local steps, hlc = state[2] or '0', (state[3] or 0) + 0
if now < (state[1] or 0) + 0 then
    for _, field in ipairs(call('HKEYS', 'cap:replicated_up_to')) do
        if not string.find(field, '.incarnation', 1, true) then
            call('HDEL', 'cap:replicated_up_to', field)
        end
    end
    steps = string.format('%.0f', steps + 1)
    call('HSET', 'cap:identity', 'adopted', string.format('%.0f', now))
    call('SET', 'cap:clock_epoch', steps)
end
local clock = string.format('%.0f', now)

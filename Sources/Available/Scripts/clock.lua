-- Part of every script that uses the time (DESIGN A2).
--
-- A clock below the last one seen was set back: `cap:steps` rises, and what was known of the peers up to a moment of the
-- old clock is known no more.
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local state = call('MGET', 'cap:clock', 'cap:steps', 'cap:hlc')
local steps, hlc = state[2] or '0', (state[3] or 0) + 0
if now < (state[1] or 0) + 0 then
    for _, field in ipairs(call('HKEYS', 'cap:heard')) do
        if not string.find(field, '.incarnation', 1, true) then
            call('HDEL', 'cap:heard', field)
        end
    end
    steps = string.format('%.0f', steps + 1)
    call('HSET', 'cap:identity', 'adopted', string.format('%.0f', now))
    call('SET', 'cap:steps', steps)
end
local clock = string.format('%.0f', now)

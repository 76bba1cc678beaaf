-- Opening of scripts that take one change a record, any number of them, from one instance's loop turn: who is meant?
-- (DESIGN A2)
--
-- ARGV begins with the incarnation the calls were meant for. A replica that was wiped, restored or restarted has another
-- one, and does nothing. Answers one element a record.
local call = redis.call

local function everyRecord(answer)
    local answers = {}
    for place = 1, #KEYS do
        answers[place] = answer
    end
    return answers
end

local incarnation = call('HGET', 'cap:identity', 'incarnation')
if incarnation ~= ARGV[1] then
    return everyRecord({ 'NOTMEMBER', incarnation or '' })
end

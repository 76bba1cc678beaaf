-- Prelude of scripts that answer each record of a call separately: the first argument is the incarnation that the
-- call was meant for. The records share the call because one instance changed them in one turn of its event loop.
local expectedIncarnation = ARGV[1]

local function refuse(reply)
    local replies = {}
    for place = 1, #KEYS do
        replies[place] = reply
    end
    return replies
end

-- The replies of `answer(key, place)`. An error in one record (a key of another type) is the reply for that record
-- alone.
local function answerEach(answer)
    local replies = {}
    for place, key in ipairs(KEYS) do
        local succeeded, reply = pcall(answer, key, place)
        if not succeeded and type(reply) ~= 'table' then
            reply = { err = tostring(reply) }
        end
        replies[place] = reply
    end
    return replies
end

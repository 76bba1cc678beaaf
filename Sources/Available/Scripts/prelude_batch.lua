-- Prelude of scripts that answer each record of a call separately: the first argument is the incarnation that the
-- call was meant for. The records share the call because one instance changed them in one turn of its event loop.
local expectedIncarnation = ARGV[1]

local function refuse(reply)
    local replies = {}
    for position = 1, #KEYS do
        replies[position] = reply
    end
    return replies
end

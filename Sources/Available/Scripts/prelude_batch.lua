-- Prelude of scripts with one reply per record. The first argument is the incarnation that the call is meant for. The
-- records share a call because one instance changed them in one turn of its event loop.
local expectedIncarnation = ARGV[1]

local function refuse(reply)
    local replies = {}
    for position = 1, #KEYS do
        replies[position] = reply
    end
    return replies
end

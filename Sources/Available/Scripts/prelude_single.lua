-- Prelude of scripts with one reply per call. The last argument is the incarnation that the call is meant for.
local expectedIncarnation = ARGV[#ARGV]

local function refuse(reply)
    return reply
end

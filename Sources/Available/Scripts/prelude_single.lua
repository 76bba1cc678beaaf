-- Prelude of scripts that answer once per call: the last argument is the incarnation that the call was meant for.
local expectedIncarnation = ARGV[#ARGV]

local function refuse(reply)
    return reply
end

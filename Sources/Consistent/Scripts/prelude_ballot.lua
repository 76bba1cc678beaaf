-- Prelude of every script that compares ballots.
--
-- A ballot is '<counter>:<16 hex digits>'. Its parts are compared as numbers: `<` on strings follows the server's
-- locale, and a Lua number cannot hold all 64 bits of the second part.
local function isBelow(left, right)
    if left == right then return false end
    local leftCounter, rightCounter = tonumber(string.sub(left, 1, -18)), tonumber(string.sub(right, 1, -18))
    if leftCounter ~= rightCounter then return leftCounter < rightCounter end
    local leftHigh, rightHigh = tonumber(string.sub(left, -16, -9), 16), tonumber(string.sub(right, -16, -9), 16)
    if leftHigh ~= rightHigh then return leftHigh < rightHigh end
    return tonumber(string.sub(left, -8), 16) < tonumber(string.sub(right, -8), 16)
end


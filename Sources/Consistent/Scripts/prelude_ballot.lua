-- Prelude of every script that compares ballots.
--
-- A ballot is '<counter>:<16 hex digits>'. Its parts are compared as numbers, because `<` on strings follows the
-- server's locale. The second part is compared in two halves, because a Lua number cannot hold all of its 64 bits.
local function isBelow(left, right)
    if left == right then return false end
    local leftCounter, rightCounter = tonumber(string.sub(left, 1, -18)), tonumber(string.sub(right, 1, -18))
    if leftCounter ~= rightCounter then return leftCounter < rightCounter end
    local leftHigh, rightHigh = tonumber(string.sub(left, -16, -9), 16), tonumber(string.sub(right, -16, -9), 16)
    if leftHigh ~= rightHigh then return leftHigh < rightHigh end
    return tonumber(string.sub(left, -8), 16) < tonumber(string.sub(right, -8), 16)
end


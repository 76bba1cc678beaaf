-- When a sibling expires, in milliseconds as text; nil for never.
local function expiryOf(sibling)
    return string.byte(sibling, expiryFirst) ~= colon and string.match(sibling, '^(%d+):', expiryFirst) or nil
end

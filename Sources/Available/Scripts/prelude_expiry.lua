-- When a sibling expires, in milliseconds as text; nil for never.
local function expiryOf(sibling)
    return string.sub(sibling, expiryFirst, expiryFirst) ~= ':' and string.match(sibling, '^(%d+):', expiryFirst) or nil
end

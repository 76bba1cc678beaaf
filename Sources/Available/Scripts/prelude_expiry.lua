-- The expiry of a sibling in milliseconds, as text; nil if it never expires.
local function expiryOf(sibling)
    return string.sub(sibling, expiryFirst, expiryFirst) ~= ':' and string.match(sibling, '^(%d+):', expiryFirst) or nil
end

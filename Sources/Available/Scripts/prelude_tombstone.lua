-- When the last value of a record ended (rule A10).

-- The record's vector, and since when nothing in it is alive, in microseconds of this replica's clock. That is the
-- latest of its last change here and of every expiry. No time where a value never expires; nothing where there is no
-- record.
local function collectableSince(key)
    local vector, siblings, _, changedAt = scanRecord(redis.pcall('HGETALL', key))
    local since = changedAt and changedAt + 0
    for _, sibling in pairs(siblings) do
        if string.sub(sibling, 1, 1) == 'V' then
            local expiry = expiryOf(sibling)
            since = math.max(since or 0, expiry and expiry * 1000 or math.huge)
        end
    end
    if not vector or not since or since == math.huge then
        return vector
    end
    return vector, since
end

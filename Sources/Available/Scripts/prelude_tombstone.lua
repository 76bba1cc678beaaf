-- Since when nothing in a record is alive (rule A10).

-- Returns the record's vector, and since when nothing in the record is alive, in microseconds of this replica's clock.
-- That is the latest of the record's last change here and of all its expiries. Returns only the vector if a value never
-- expires, and nothing if there is no record.
local function collectableSince(key)
    local vector, siblings, _, changedAt = scanRecord(redis.pcall('HGETALL', key))
    -- An `at` that is no number is of another program, whose records are never collected.
    local since = changedAt and (tonumber(changedAt) or math.huge)
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

-- From which time a record holds only tombstones and expired values (rule A10).

-- Returns two results: the record's vector, and the time from which the record holds only tombstones and expired
-- values, in microseconds of this replica's clock. The time is the latest expiry of a value, or the record's last
-- change here, whichever is later. It may be in the future. If a value never expires, only the vector is returned. If
-- there is no record, nothing is returned.
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

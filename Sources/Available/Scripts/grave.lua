-- Since when nothing in a record is alive (DESIGN A10): the latest of its last change here and of every expiry, in
-- microseconds of this replica's clock. Nothing where a value stays for ever, or there is no record.
local function deadSince(key)
    local fields = redis.pcall('HGETALL', key)
    local vector, since
    for index = 1, #fields, 2 do
        local field, value = fields[index], fields[index + 1]
        if field == 'vv' then
            vector = value
        elseif field == 'at' then
            since = math.max(since or 0, value + 0)
        elseif string.byte(value) == 86 then
            local expires = string.match(value, '^(%d+):', 19)
            since = math.max(since or 0, expires and expires * 1000 or math.huge)
        end
    end
    if not vector or not since or since == math.huge then
        return vector
    end
    return vector, since
end

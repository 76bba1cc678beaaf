-- Second part of `put`, its fast path: a first attempt to write a value without a context, where the record has at
-- most one sibling. It replaces the record as a whole.
local function replaceSingle(key, vector, sibling, ttl)
    local before, entry = '0'
    if string.sub(vector, 1, #entryName) == entryName then
        before = string.sub(vector, #entryName + 1)
    end
    local known = tonumber(before)
    if known and (known > 0 or vector == '') then
        entry = nextHlc(known)
        vector = entryName .. entry
    else
        -- Other actors have written this record too.
        before = '1'
        entry = nextHlc(highestEntry(vector))
        vector = withEntry(vector, entry)
    end
    local expiry = '0'
    if ttl ~= '0' then
        sibling, expiry = withExpiry(sibling, ttl)
    end
    storeHints(key, entry)
    if before ~= '0' then
        call('DEL', key)
    end
    call('HSET', key, 'vv', vector, 'at', nowText, dotPrefix .. entry, sibling)
    if ttl ~= '0' then
        listIfMortal(key, sibling)
    end
    return line('OK', entry, before, expiry, vector)
end

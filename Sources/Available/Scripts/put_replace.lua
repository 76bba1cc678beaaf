-- Third part of `put`: a write that replaces a whole record.

-- Stores the record with `sibling` as its only sibling. `replaced` is part of the reply; see `put_common.lua`.
local function replaceAndHint(key, replaced, entry, vector, sibling, expiry)
    storeHints(key, entry)
    if replaced ~= '0' then
        call('DEL', key)
    end
    call('HSET', key, 'vv', vector, 'at', nowText, dotPrefix .. entry, sibling)
    return line('OK', entry, replaced, expiry, vector)
end

-- The entry of this actor, as text, if the vector has no other entry. Returns 0 for the empty vector, and nil if
-- another actor has an entry.
local function soleEntry(vector)
    if vector == '' then
        return '0'
    end
    if string.sub(vector, 1, #entryName) == entryName then
        return string.match(vector, '^[1-9]%d*$', #entryName + 1)
    end
end

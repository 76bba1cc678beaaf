-- Two lists that change in the same step as the records: records with a conflict, and records for tombstone GC to
-- check.

-- `cap:conflicts` has a member per record with concurrent values that no write has reconciled. Siblings with the same
-- write id are one write that two coordinators stored, so they are not a conflict. Tombstones alone are not a conflict
-- either.
local function updateConflicts(key, siblings)
    local firstId, hasSeveral, hasValue
    for _, sibling in pairs(siblings) do
        local id = string.sub(sibling, writeIdFirst, writeIdLast)
        hasSeveral = hasSeveral or (firstId and firstId ~= id)
        firstId = firstId or id
        hasValue = hasValue or string.sub(sibling, 1, 1) == 'V'
    end
    if hasSeveral and hasValue then
        call('ZADD', 'cap:conflicts', 0, key)
    else
        call('ZREM', 'cap:conflicts', key)
    end
end

-- `cap:tombstones` has a member per record with a tombstone or with a value that expires. Its score is a lower bound of
-- when nothing in the record is alive (rule A10). `list_collectable` computes the exact time.
local function listIfCollectable(key, sibling)
    if string.sub(sibling, 1, 1) == 'T' or string.sub(sibling, expiryFirst, expiryFirst) ~= ':' then
        call('ZADD', 'cap:tombstones', nowText, key)
    end
end

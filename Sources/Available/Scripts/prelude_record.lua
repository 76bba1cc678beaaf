-- Records and siblings (rule A1).
--
-- A record is a hash: `vv`, its version vector; `at`, when it last changed here; one field per sibling, named by its
-- dot. A sibling is `V<write id>:<expires_ms>:<value>`, or `T<write id>::` for a tombstone. The write id is 16
-- hexadecimal digits.
local writeIdFirst, writeIdLast = 2, 17
local expiryFirst = writeIdLast + 2

-- Splits the fields that `HGETALL` returns into vector, siblings by dot, number of siblings and `at`. The last result
-- is false if the fields cannot be those of a record.
local function scanRecord(fields)
    local vector, siblings, count, changedAt, isRecord = nil, {}, 0, nil, true
    for index = 1, #fields, 2 do
        local name, value = fields[index], fields[index + 1]
        if name == 'vv' then
            vector = value
        elseif name == 'at' then
            changedAt = value
        else
            isRecord = isRecord and string.find(name, '.@%d+$') ~= nil
            siblings[name] = value
            count = count + 1
        end
    end
    return vector, siblings, count, changedAt, isRecord
end

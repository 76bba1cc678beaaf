-- Fourth part of `put`: all changes that the third part does not cover. Few calls need it, so Lua creates these
-- functions only when a call does. All other calls then take a tenth less time.

-- Returns `vector` with this actor's entry set to `entry`. Vector and entry are text.
local function withEntry(vector, entry)
    local _, from, to = entryOf(vector, entryName)
    if not from then
        if vector == '' then
            return entryName .. entry
        end
        local entries = parseVector(vector)
        entries[actor] = entry + 0
        return formatVector(entries)
    end
    local _, last = string.find(vector, '^%d+', to + 1)
    return string.sub(vector, 1, to) .. entry .. string.sub(vector, last + 1)
end

-- Returns the sibling with its expiry by this replica's clock, and that expiry as text.
local function withExpiry(sibling, ttl)
    local expiry = string.format('%.0f', math.floor(now / 1000) + ttl)
    return string.sub(sibling, 1, expiryFirst - 1) .. expiry .. string.sub(sibling, expiryFirst), expiry
end

-- Writes a value without a context, in a first attempt, to a record with at most one sibling.
local function overwriteRecord(key, vector, sibling, ttl)
    local replaced = soleEntry(vector)
    -- If `replaced` is nil, other actors have written this record too.
    local entry = nextHlc(replaced and replaced + 0 or highestEntry(vector))
    local expiry = '0'
    if ttl ~= '0' then
        sibling, expiry = withExpiry(sibling, ttl)
        listIfCollectable(key, sibling)
    end
    return replaceAndHint(key, replaced or '1', entry, withEntry(vector, entry), sibling, expiry)
end

-- The values that a write without a context replaced, newest first. The newest itself is left out: an overwrite is
-- meant to replace that one. Empty if there was only one value. A write that two coordinators stored counts once.
local function overwrittenUnseen(dropped, siblings)
    table.sort(dropped, function(left, right)
        local leftHlc, rightHlc = string.match(left, '@(%d+)$') + 0, string.match(right, '@(%d+)$') + 0
        if leftHlc ~= rightHlc then
            return leftHlc > rightHlc
        end
        return precedes(right, left)
    end)
    local overwritten, seen = {}, {}
    for index, dot in ipairs(dropped) do
        local id = string.sub(siblings[dot], writeIdFirst, writeIdLast)
        if index > 1 and not seen[id] then
            overwritten[#overwritten + 1] = siblings[dot]
        end
        seen[id] = true
    end
    return overwritten
end

-- A list of all siblings: { dot, sibling .. }.
local function alternating(siblings)
    local list = {}
    for dot, sibling in pairs(siblings) do
        list[#list + 1] = dot
        list[#list + 1] = sibling
    end
    return list
end

-- Runs any change, by dotted version vectors. With a context, it drops the siblings that the context covers. Without a
-- context, it drops all siblings of this replica.
local function change(key, vector, sibling, ttl, context, isFirstAttempt)
    local _, siblings, count = scanRecord(call('HGETALL', key))
    local isValue, id = string.sub(sibling, 1, 1) == 'V', string.sub(sibling, writeIdFirst, writeIdLast)
    -- Whether a value was alive, and whether this write is already stored.
    local existed, isKnown = false, false
    for _, other in pairs(siblings) do
        isKnown = isKnown or string.sub(other, writeIdFirst, writeIdLast) == id
        if string.sub(other, 1, 1) == 'V' then
            local expiry = expiryOf(other)
            existed = existed or not expiry or expiry * 1000 > now
        end
    end
    if isKnown then
        return { line('SAME', hlcText, '1', '0', vector), alternating(siblings) }
    end
    -- Answers that there was nothing to delete, but only in a first attempt. An earlier attempt may have deleted the
    -- value elsewhere, so a later attempt stores the tombstone here too.
    if not existed and context == noContext and not isValue and isFirstAttempt then
        return { 'ABSENT', vector }
    end

    local dropped, kept, keptCount, overwritten = {}, {}, 0, {}
    local joined, highest = vector, highestEntry(vector)
    if context == noContext then
        for dot in pairs(siblings) do
            dropped[#dropped + 1] = dot
        end
        if count > 1 then
            overwritten = overwrittenUnseen(dropped, siblings)
        end
    else
        local covered, bytes = parseVector(context), #sibling
        for dot, other in pairs(siblings) do
            if covers(covered, dot) then
                dropped[#dropped + 1] = dot
            else
                kept[dot] = other
                keptCount = keptCount + 1
                bytes = bytes + #other
            end
        end
        if keptCount + 1 > maxSiblings or (keptCount > 0 and bytes > maxSiblingBytes) then
            return { 'TOOMANY', keptCount }
        end
        local entries = parseVector(vector)
        for name, seen in pairs(covered) do
            entries[name] = math.max(entries[name] or 0, seen)
        end
        joined = formatVector(entries)
        highest = math.max(highest, highestEntry(context))
    end

    -- A tombstone needs about as much memory as the record that it replaces, and is collected later. So a delete is
    -- allowed although the memory is full.
    if not isValue and count > 0 then
        allowFullMemory()
    end
    local entry = nextHlc(highest)
    local expiry = '0'
    joined = withEntry(joined, entry)
    if ttl ~= '0' then
        sibling, expiry = withExpiry(sibling, ttl)
    end
    local dot, others = dotPrefix .. entry, alternating(kept)
    storeHints(key, entry)
    if count > 1 or keptCount > 0 then
        kept[dot] = sibling
        updateConflicts(key, kept)
    end
    for _, old in ipairs(dropped) do
        call('HDEL', key, old)
    end
    call('HSET', key, 'vv', joined, 'at', nowText, dot, sibling)
    listIfCollectable(key, sibling)
    return { line('OK', entry, existed and '1' or '0', expiry, joined), others, overwritten }
end

return overwriteRecord, change

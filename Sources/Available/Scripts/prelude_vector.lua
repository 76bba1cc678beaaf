-- Version vectors and dots as text.
--
-- A vector is the entries `actor=hlc`, joined by one space and sorted by the actor's bytes, so that equal vectors are
-- equal texts. A dot is `actor@hlc`. Strings are never compared with `<`, because its result depends on the server's
-- locale.

-- True if `left` sorts before `right` by bytes.
local function precedes(left, right)
    for index = 1, math.min(#left, #right) do
        local leftByte, rightByte = string.byte(left, index), string.byte(right, index)
        if leftByte ~= rightByte then
            return leftByte < rightByte
        end
    end
    return #left < #right
end

-- Converts a vector from text to a table from actor to hlc.
local function parseVector(text)
    local vector = {}
    for actor, entry in string.gmatch(text, '([^ =]+)=(%d+)') do
        vector[actor] = entry + 0
    end
    return vector
end

local function formatVector(vector)
    local entries = {}
    for actor in pairs(vector) do
        entries[#entries + 1] = actor
    end
    table.sort(entries, precedes)
    for index, actor in ipairs(entries) do
        entries[index] = actor .. '=' .. string.format('%.0f', vector[actor])
    end
    return table.concat(entries, ' ')
end

-- The entry of `name`, which is `actor=`, in a vector's text; 0 if there is none. Then where `name` begins and ends in
-- the text.
local function entryOf(text, name)
    local from, to = string.find(text, name, 1, true)
    -- Skip matches that are the end of a longer name.
    while from and from > 1 and string.sub(text, from - 1, from - 1) ~= ' ' do
        from, to = string.find(text, name, to + 1, true)
    end
    return from and string.match(text, '^%d+', to + 1) + 0 or 0, from, to
end

-- The highest hlc in a vector's text; 0 if it is empty.
local function highestEntry(text)
    local highest = 0
    for entry in string.gmatch(text, '=(%d+)') do
        highest = math.max(highest, entry + 0)
    end
    return highest
end

-- True if `vector`, which is a table, covers `dot`, which is text.
local function covers(vector, dot)
    local actor, entry = string.match(dot, '^(.+)@(%d+)$')
    return entry + 0 <= (vector[actor] or 0)
end

-- Version vectors and dots as text, for the scripts that join records.
--
-- A vector is `actor=hlc` joined by one space, sorted by the actor's bytes, so that equal vectors are equal texts. A dot is
-- `actor@hlc`. Never by `<` on strings: that follows the server's locale.
local function earlier(left, right)
    for index = 1, math.min(#left, #right) do
        local a, b = string.byte(left, index), string.byte(right, index)
        if a ~= b then
            return a < b
        end
    end
    return #left < #right
end

local function parsed(text)
    local vector = {}
    for actor, count in string.gmatch(text, '([^ =]+)=(%d+)') do
        vector[actor] = count + 0
    end
    return vector
end

local function spelled(vector)
    local actors = {}
    for actor in pairs(vector) do
        actors[#actors + 1] = actor
    end
    table.sort(actors, earlier)
    for index, actor in ipairs(actors) do
        actors[index] = actor .. '=' .. string.format('%.0f', vector[actor])
    end
    return table.concat(actors, ' ')
end

-- The entry of `name` (`actor=`) in a vector's text; 0 for none.
local function entryOf(vector, name)
    local from, to = string.find(vector, name, 1, true)
    -- The end of a longer name is not this name.
    while from and from > 1 and string.byte(vector, from - 1) ~= 32 do
        from, to = string.find(vector, name, to + 1, true)
    end
    return from and string.match(vector, '^%d+', to + 1) + 0 or 0, from, to
end

local function highest(vector)
    local high = 0
    for entry in string.gmatch(vector, '=(%d+)') do
        high = math.max(high, entry + 0)
    end
    return high
end

local function isCovered(dot, vector)
    local actor, count = string.match(dot, '^(.+)@(%d+)$')
    return count + 0 <= (vector[actor] or 0)
end

-- True where the vector `left` has seen everything that `right` has.
local function hasSeen(left, right)
    for name, count in string.gmatch(right, '([^ ]+=)(%d+)') do
        if count + 0 > entryOf(left, name) then
            return false
        end
    end
    return true
end

-- Keeps `cap:conflicts` in step: a member for each record with values that no write has reconciled. Siblings of one write
-- id are one write that two coordinators took; tombstones alone are no conflict.
local function noteConflict(key, siblings)
    local first, several, live
    for _, sibling in pairs(siblings) do
        local id = string.sub(sibling, 2, 17)
        several = several or (first and first ~= id)
        first = first or id
        live = live or string.byte(sibling) == 86
    end
    if several and live then
        call('ZADD', 'cap:conflicts', 0, key)
    else
        call('ZREM', 'cap:conflicts', key)
    end
end

-- Lists a record in `cap:tombstones` if this sibling is a tombstone or will expire: some day it may be collected (DESIGN A10).
-- The score is no later than that day; `due` looks closer.
local function noteGrave(key, sibling)
    if string.byte(sibling) == 84 or string.byte(sibling, 19) ~= 58 then
        call('ZADD', 'cap:tombstones', clock, key)
    end
end

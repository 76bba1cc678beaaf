-- Joins records of another replica into this replica's (rule A4). A sibling stays if both replicas have it, or if the
-- one without it has not seen it. The join is commutative, associative and idempotent. It ignores write ids.
--
-- KEYS   records `ap:<key>`
-- ARGV   per record its vector, the vector of the record that it replaced as a whole (or `-`), the number of its
--        siblings, and dot and sibling of each; then notAfter, clock epoch, incarnation
-- Reply  { OK, number of changed records, positions in KEYS of foreign keys .. };
--        { FULL, error, { positions that were left out }, { positions of foreign keys } } if the memory is full and
--        not all records were merged
local join
local argument, changed, foreign, leftOut = 1, 0, {}, {}
-- If the memory is full, a record is merged only if it is a single tombstone and this replica has a record of the key.
-- It then needs little or no further memory.
local failure = storeClock()
for position, key in ipairs(KEYS) do
    local theirs, replaced, number = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2] + 0
    local first = argument + 3
    argument = first + 2 * number
    local mine = redis.pcall('HGET', key, 'vv')
    if type(mine) == 'table' or (not mine and call('EXISTS', key) == 1) then
        foreign[#foreign + 1] = position
    elseif failure and not (mine and number == 1 and string.sub(ARGV[first + 1], 1, 1) == 'T') then
        leftOut[#leftOut + 1] = position
    elseif number == 1 and (not mine or mine == replaced) then
        -- The usual case: this replica has no record, or exactly the one that the coordinator replaced. Records with
        -- equal vectors are equal.
        replaceRecord(key, theirs, ARGV[first], ARGV[first + 1], mine)
        changed = changed + 1
    else
        join = join or loadJoin()
        local isChanged = join(key, mine, theirs, first, number)
        if isChanged == nil then
            foreign[#foreign + 1] = position
        elseif isChanged then
            changed = changed + 1
        end
    end
end
if #leftOut > 0 then
    return { 'FULL', failure, leftOut, foreign }
end
return { 'OK', changed, unpack(foreign) }

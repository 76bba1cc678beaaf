-- Acknowledges hints that were delivered (rule A4). A hint is removed if the record is still the one that was
-- delivered. Otherwise it is raised to just after what was delivered.
--
-- An empty delivered vector means that no record was found: the hint is removed if there is still none. `-` matches
-- nothing: the hint is raised.
--
-- KEYS   records
-- ARGV   1: number of peers that have the records; then their names; then per record the delivered vector, and
--        `cap:hlc` of the step that read it; then incarnation
-- Reply  { OK, removed, raised }
local peerCount = ARGV[1] + 0
local firstPeer = 2
local firstRecord = firstPeer + peerCount
local argumentsPerRecord = 2

local same, raised = {}, {}
for position, key in ipairs(KEYS) do
    local first = firstRecord + (position - 1) * argumentsPerRecord
    local vector = redis.pcall('HGET', key, 'vv') or ''
    if vector == ARGV[first] then
        same[#same + 1] = key
    else
        raised[#raised + 1] = { key = key, hlc = ARGV[first + 1] }
    end
end

-- `unpack` has a limit of a few thousand arguments.
local maxKeysPerCommand = 1000
for index = firstPeer, firstRecord - 1 do
    local hints = 'cap:hints:' .. ARGV[index]
    for from = 1, #same, maxKeysPerCommand do
        call('ZREM', hints, unpack(same, from, math.min(from + maxKeysPerCommand - 1, #same)))
    end
end
allowFullMemory()
for _, record in ipairs(raised) do
    for index = firstPeer, firstRecord - 1 do
        local hints = 'cap:hints:' .. ARGV[index]
        local score = call('ZSCORE', hints, record.key)
        if score and score + 0 <= record.hlc + 0 then
            call('ZADD', hints, string.format('%.0f', record.hlc + 1), record.key)
        end
    end
end
return { 'OK', #same, #raised }

-- Acknowledges hints that were delivered (rule A4). If the record is still the delivered one, its hint is removed.
-- Otherwise the hint is raised to one above `cap:hlc` of the step that read the delivered record, unless it is already
-- higher.
--
-- If no record was found to deliver, the delivered vector is empty: the hint is removed if there is still no record.
-- The vector `-` equals no record's vector, so it always raises the hint.
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

-- Redis's Lua cannot `unpack` more than a few thousand arguments.
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

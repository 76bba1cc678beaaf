-- First part of `put` and `delete`: their arguments, and the functions that all changes need, except for hints.
--
-- KEYS   records `ap:<key>`
-- ARGV   1: incarnation; 2: clock epoch; 3: actor, `<replica>.<incarnation>`;
--        4: most siblings, and 5: most bytes of them, that a change with a context may leave;
--        6: most hints per peer, or 0 if they need not be counted; 7: number of peers; then their names;
--        then per record: sibling as `V<write id>::<value>` or `T<write id>::`; time to live in milliseconds, or 0;
--        context: a vector, or `-` for none; `first` attempt or `again`; notAfter
-- Reply  per record one of
--        `OK <hlc> <replaced> <expires_ms> <now> <vector>`; <replaced> is 0: no live value was replaced; above 1: the
--        hlc of the record that was replaced as a whole, written by this actor alone; 1: otherwise;
--        { that line, { dot, sibling .. } that stay beside the new one, { siblings that were overwritten unseen } };
--        { `SAME <hlc> 1 0 <now> <vector>`, { dot, sibling .. } } if the write id is already stored;
--        { ABSENT, vector } for a first attempt to delete what is not there;
--        { TOOMANY, n }; { LATE, clock epoch, now }; { NOTMEMBER, incarnation }
local actor, maxSiblings, maxSiblingBytes = ARGV[3], ARGV[4] + 0, ARGV[5] + 0
local maxHints, peerCount = ARGV[6] + 0, ARGV[7] + 0
local firstPeer = 8
local firstChange = firstPeer + peerCount
local argumentsPerChange = 5

local noContext = '-'

if ARGV[2] ~= clockEpoch then
    storeClock()
    return refuse({ 'LATE', clockEpoch, now })
end

local hlcText = stored[3] or '0'
local entryName, dotPrefix = actor .. '=', actor .. '@'

-- Raises the hlc, and returns it as text. It is not below the clock's time, and it is above every earlier hlc of this
-- replica and above `known`.
local function nextHlc(known)
    local nextOne = hlc < now and now or hlc + 1
    if nextOne <= known then
        nextOne = known + 1
    end
    -- Larger integers are not exact in a Lua number, which is a double.
    if nextOne >= 2 ^ 53 then
        error({ err = 'CLOCK this replica has seen a time after the year 2255' })
    end
    hlc, hlcText = nextOne, string.format('%.0f', nextOne)
    return hlcText
end

local function line(result, entry, replaced, expiry, vector)
    return result .. ' ' .. entry .. ' ' .. replaced .. ' ' .. expiry .. ' ' .. nowText .. ' ' .. vector
end

-- Prelude of calls with a deadline fence (rule A5): past it, or where the clock was set back since, the call does
-- nothing.
--
-- The last arguments are notAfter (microseconds of this replica's clock, or empty), the clock epoch (or empty),
-- incarnation.
-- Reply otherwise: { LATE, clock epoch, now }
local notAfter, expectedEpoch = ARGV[#ARGV - 2], ARGV[#ARGV - 1]
if (expectedEpoch ~= '' and expectedEpoch ~= clockEpoch) or (notAfter ~= '' and now > notAfter + 0) then
    storeClock()
    return refuse({ 'LATE', clockEpoch, now })
end

-- Prelude of calls with a deadline fence (rule A5). The call does nothing if the fence has passed, or if the clock was
-- set back since the fence was computed.
--
-- The last arguments are notAfter (in microseconds of this replica's clock, or empty), the clock epoch (or empty), and
-- the incarnation.
-- Reply of a call that does nothing: { LATE, clock epoch, now }
local notAfter, expectedEpoch = ARGV[#ARGV - 2], ARGV[#ARGV - 1]
if (expectedEpoch ~= '' and expectedEpoch ~= clockEpoch) or (notAfter ~= '' and now > notAfter + 0) then
    storeClock()
    return refuse({ 'LATE', clockEpoch, now })
end

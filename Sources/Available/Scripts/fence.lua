-- The fence of a call (DESIGN A5): past it, or where the clock was set back since, the call does nothing.
--
-- The last words of ARGV are not_after (microseconds of this replica's clock, or empty), steps (or empty), incarnation.
local wanted, last = ARGV[#ARGV - 1], ARGV[#ARGV - 2]
if (wanted ~= '' and wanted ~= steps) or (last ~= '' and now > last + 0) then
    call('SET', 'cap:clock', clock)
    return { 'LATE', steps, now }
end

-- Up to which moment of its own clock this replica has everything of each peer (DESIGN A8). Void where it was adopted
-- anew or its clock was set back since the poll began (NOTMEMBER, LATE).
--
-- ARGV  1 time of `tick` here   2 `full` after a comparison of everything with every peer, else `poll`
--       then for each peer: name, its incarnation (empty: it did not answer), its hlc, the lowest hlc it owes (0: nothing)
--       then not_after (empty), steps, incarnation
-- Gives { OK, now, then for each peer: moment up to which it is heard (0: unknown), and 1 where only a comparison of
--       everything can make that rise again }
local moment, isFull = ARGV[1] + 0, ARGV[2] == 'full'
local reply = { 'OK', now }
for word = 3, #ARGV - 3, 4 do
    local peer, theirs, their, owed = ARGV[word], ARGV[word + 1], ARGV[word + 2] + 0, ARGV[word + 3] + 0
    local incarnationField, untilField = peer .. '.incarnation', peer .. '.until'
    local markField, markHlcField = peer .. '.mark_until', peer .. '.mark_hlc'
    local heard = call('HMGET', 'cap:replicated_up_to', incarnationField, untilField, markField, markHlcField)
    local known = heard[2] and heard[2] + 0
    local function keep(value)
        if not known or value > known then
            known = value
            call('HSET', 'cap:replicated_up_to', untilField, string.format('%.0f', value))
        end
    end
    if theirs ~= '' and isFull then
        if heard[1] ~= theirs then
            call('HSET', 'cap:replicated_up_to', incarnationField, theirs)
        end
        call('HDEL', 'cap:replicated_up_to', markField, markHlcField)
        keep(moment)
    elseif theirs ~= '' and heard[1] == theirs then
        if owed == 0 then
            if heard[3] then
                call('HDEL', 'cap:replicated_up_to', markField, markHlcField)
            end
            keep(moment)
        else
            local mark = heard[3]
            if mark and heard[4] + 0 < owed then
                keep(mark + 0)
                mark = nil
            end
            if not mark then
                call('HSET', 'cap:replicated_up_to', markField, string.format('%.0f', moment), markHlcField, string.format('%.0f', their))
            end
        end
    end
    reply[#reply + 1] = known or 0
    reply[#reply + 1] = theirs ~= '' and not isFull and heard[1] ~= theirs and 1 or 0
end
if isFull then
    call('SET', 'cap:last_anti_entropy', clock)
end
call('SET', 'cap:clock', clock)
return reply

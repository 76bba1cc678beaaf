-- Records, per peer, a time on this replica's own clock: this replica has everything that the peer had stored by then
-- (rule A8). Refused with NOTMEMBER if this replica got a new incarnation since the probe began, and with LATE if its
-- clock was set back.
--
-- ARGV   1: the time that `read_clock` gave here; 2: `full` after a comparison of all records with every peer, else
--        `probe`; then per peer: name, its incarnation (empty: it did not answer), its hlc, the lowest hlc of its
--        hints for this replica (0: none); then notAfter (empty), clock epoch, incarnation
-- Reply  { OK, now; per peer: the moment (0: unknown), and 1 if only a comparison of all records can make it rise
--        again }
local readAt, isFull = ARGV[1] + 0, ARGV[2] == 'full'
local firstPeer, argumentsPerPeer, fenceArguments = 3, 4, 3

-- Writes although the memory is full: these are only a few fields per peer.
allowFullMemory()
local reply = { 'OK', now }
for first = firstPeer, #ARGV - fenceArguments, argumentsPerPeer do
    local peer, peerIncarnation = ARGV[first], ARGV[first + 1]
    local peerHlc, lowestHint = ARGV[first + 2] + 0, ARGV[first + 3] + 0
    local incarnationField, momentField = peer .. '.incarnation', peer .. '.until'
    -- A mark belongs to an earlier probe: the time that `read_clock` gave then, and the peer's hlc at that probe.
    local markField, markHlcField = peer .. '.mark_until', peer .. '.mark_hlc'
    local known = call('HMGET', 'cap:replicated_up_to', incarnationField, momentField, markField, markHlcField)
    local knownIncarnation, mark, markHlc = known[1], known[3], known[4]
    local moment = known[2] and known[2] + 0

    local function raise(value)
        if not moment or value > moment then
            moment = value
            call('HSET', 'cap:replicated_up_to', momentField, string.format('%.0f', value))
        end
    end

    if peerIncarnation ~= '' and isFull then
        if knownIncarnation ~= peerIncarnation then
            call('HSET', 'cap:replicated_up_to', incarnationField, peerIncarnation)
        end
        call('HDEL', 'cap:replicated_up_to', markField, markHlcField)
        raise(readAt)
    elseif peerIncarnation ~= '' and knownIncarnation == peerIncarnation then
        if lowestHint == 0 then
            if mark then
                call('HDEL', 'cap:replicated_up_to', markField, markHlcField)
            end
            raise(readAt)
        else
            -- All hints belong to writes after the mark, so everything up to the mark has arrived.
            if mark and markHlc + 0 < lowestHint then
                raise(mark + 0)
                mark = nil
            end
            if not mark then
                call('HSET', 'cap:replicated_up_to', markField, string.format('%.0f', readAt), markHlcField,
                    string.format('%.0f', peerHlc))
            end
        end
    end
    reply[#reply + 1] = moment or 0
    reply[#reply + 1] = peerIncarnation ~= '' and not isFull and knownIncarnation ~= peerIncarnation and 1 or 0
end
if isFull then
    call('SET', 'cap:last_anti_entropy', nowText)
end
storeClock()
return reply

-- Phase 2 of CASPaxos: take the state, unless a higher ballot was promised; promise the proposer's next ballot with it, so
-- that its next change of this register needs no phase 1 (rule C2).
--   eight words a register: ballot, next ballot, version, value, deleted (0 or 1), expires_ms or empty, writers, since
-- Answers 1, or {'REJECTED', the highest ballot seen}.
return for_each_register(8, function(key, at)
  local ballot, next_ballot = ARGV[at + 1], ARGV[at + 2]
  local record = redis.call('HMGET', key, 'promise', 'ballot', 'deleted', 'expires_ms', 'since')
  local promise = record[1] or redis.call('GET', 'cap:gc_ballot')
  local accepted = record[2]
  if accepted == ballot then
    raise_epoch()
    -- Sent again: it is accepted. The promise is raised all the same, or a cached promise would be none.
    if below(promise, next_ballot) then redis.call('HSET', key, 'promise', next_ballot) end
    return 1
  end
  if promise and below(ballot, promise) then return {'REJECTED', promise} end
  if accepted and below(ballot, accepted) then return {'REJECTED', accepted} end
  raise_epoch()
  if record[3] == ARGV[at + 5] and record[4] == ARGV[at + 6] and record[5] == ARGV[at + 8] then
    redis.call('HSET', key, 'promise', next_ballot, 'ballot', ballot, 'version', ARGV[at + 3], 'value', ARGV[at + 4],
      'writers', ARGV[at + 7])
  else
    redis.call('HSET', key, 'promise', next_ballot, 'ballot', ballot, 'version', ARGV[at + 3], 'value', ARGV[at + 4],
      'deleted', ARGV[at + 5], 'expires_ms', ARGV[at + 6], 'writers', ARGV[at + 7], 'since', ARGV[at + 8])
  end
  return 1
end)

-- Phase 2 of CASPaxos: take the state, unless a higher ballot was promised; promise the proposer's next ballot with it, so
-- that its next change of this register needs no phase 1 (rule C2).
--   ARGV[3] ballot   ARGV[4] next ballot   ARGV[5] version   ARGV[6] value   ARGV[7] deleted (0 or 1)
--   ARGV[8] expires_ms or empty   ARGV[9] writers   ARGV[10] since
-- Answers 1, or {'REJECTED', the highest ballot seen}.
local ballot, next_ballot = ARGV[3], ARGV[4]
local record = redis.call('HMGET', KEYS[1], 'promise', 'ballot')
local promise = record[1] or redis.call('GET', 'cap:floor')
local accepted = record[2]
if accepted == ballot then
  -- Sent again: it is accepted. The promise is raised all the same, or a cached promise would be none.
  if below(promise, next_ballot) then redis.call('HSET', KEYS[1], 'promise', next_ballot) end
  return 1
end
if promise and below(ballot, promise) then return {'REJECTED', promise} end
if accepted and below(ballot, accepted) then return {'REJECTED', accepted} end
if epoch > known_epoch then redis.call('HSET', 'cap:identity', 'epoch', ARGV[2]) end
redis.call('HSET', KEYS[1], 'promise', next_ballot, 'ballot', ballot, 'version', ARGV[5], 'value', ARGV[6],
  'deleted', ARGV[7], 'expires_ms', ARGV[8], 'writers', ARGV[9], 'since', ARGV[10])
return 1

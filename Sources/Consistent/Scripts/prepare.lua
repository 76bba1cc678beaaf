-- Phase 1 of CASPaxos (Rystsov, arXiv 1802.07000): promise the ballot, tell what was accepted.
--   one word a register: ballot
-- Answers {ballot, version, value, deleted, expires_ms, writers, since}, with a null ballot where nothing was ever accepted
-- (version and since are then the floor below which versions may have been used and collected, rule C10); or
-- {'REJECTED', the highest ballot seen}.
return for_each_register(1, function(key, at)
  local ballot = ARGV[at + 1]
  local record = redis.call('HMGET', key,
    'promise', 'ballot', 'version', 'value', 'deleted', 'expires_ms', 'writers', 'since')
  local promise = record[1] or redis.call('GET', 'cap:gc_ballot')
  local accepted = record[2]
  local version_floor = not accepted and redis.call('GET', 'cap:gc_version') or '0'
  if promise and not below(promise, ballot) then return {'REJECTED', promise} end
  if accepted and not below(accepted, ballot) then return {'REJECTED', accepted} end
  raise_epoch()
  redis.call('HSET', key, 'promise', ballot)
  if not accepted then return {false, version_floor, '', '1', '', '', version_floor} end
  return {accepted, record[3], record[4], record[5], record[6], record[7], record[8]}
end)

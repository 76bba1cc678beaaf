-- Phase 1 of CASPaxos (Rystsov, arXiv 1802.07000): promise the ballot, tell what was accepted.
--   ARGV[3] ballot
-- Answers {ballot, version, value, deleted, expires_ms, writers, since}, with a null ballot where nothing was ever accepted
-- (version and since are then the floor below which versions may have been used and collected, rule C10); or
-- {'REJECTED', the highest ballot seen}.
local ballot = ARGV[3]
local record = redis.call('HMGET', KEYS[1],
  'promise', 'ballot', 'version', 'value', 'deleted', 'expires_ms', 'writers', 'since')
local promise = record[1] or redis.call('GET', 'cap:floor')
local accepted = record[2]
local version_floor = not accepted and redis.call('GET', 'cap:vfloor') or '0'
if promise and not below(promise, ballot) then return {'REJECTED', promise} end
if accepted and not below(accepted, ballot) then return {'REJECTED', accepted} end
if epoch > known_epoch then redis.call('HSET', 'cap:identity', 'epoch', ARGV[2]) end
redis.call('HSET', KEYS[1], 'promise', ballot)
if not accepted then return {false, version_floor, '', '1', '', '', version_floor} end
return {accepted, record[3], record[4], record[5], record[6], record[7], record[8]}

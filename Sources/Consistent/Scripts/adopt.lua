-- Gives a blank replica its identity, once; a second call returns the same (rule C8).
--   ARGV[1] group   ARGV[2] replica   ARGV[3] a fresh random incarnation
-- Answers {group, replica, incarnation, state, epoch} as they now are.
local fields = {'group', 'replica', 'incarnation', 'state', 'epoch'}
local identity = redis.call('HMGET', 'cap:identity', unpack(fields))
if not identity[3] then
  -- Data without an identity is not blank: it belongs to something else, and is not ours to vote with.
  if redis.call('DBSIZE') > 0 then return {'NOTBLANK'} end
  redis.call('HSET', 'cap:identity', 'group', ARGV[1], 'replica', ARGV[2], 'incarnation', ARGV[3],
    'state', 'rebuilding', 'epoch', '0', 'rollback_counter', '0')
  identity = redis.call('HMGET', 'cap:identity', unpack(fields))
end
return identity

-- What a replica says of itself, to whoever asks (rule C8). Changes nothing.
-- Answers {identity {group, replica, incarnation, state, epoch, beat}, number of keys, cap:floor, cap:vfloor,
-- {incarnation, beat, …} of the others as they were last copied here}.
return {
  redis.call('HMGET', 'cap:identity', 'group', 'replica', 'incarnation', 'state', 'epoch', 'beat'),
  redis.call('DBSIZE'),
  redis.call('GET', 'cap:floor'),
  redis.call('GET', 'cap:vfloor'),
  redis.call('HGETALL', 'cap:beats'),
}

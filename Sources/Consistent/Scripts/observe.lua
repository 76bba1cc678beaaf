-- What a replica says of itself, to whoever asks (rule C8). Changes nothing.
-- Answers {identity {group, replica, incarnation, state, epoch, beat}, number of keys, cap:gc_ballot, cap:gc_version,
-- {incarnation, beat, …} of the others as they were last copied here}.
return {
  redis.call('HMGET', 'cap:identity', 'group', 'replica', 'incarnation', 'state', 'epoch', 'rollback_counter'),
  redis.call('DBSIZE'),
  redis.call('GET', 'cap:gc_ballot'),
  redis.call('GET', 'cap:gc_version'),
  redis.call('HGETALL', 'cap:rollback_counters'),
}

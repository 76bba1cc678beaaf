-- Reports the identity and the counters of a replica, which may also be blank (rule C8). Changes nothing.
--
--   KEYS   cap:identity
--   reply  {identity {group, replica, incarnation, state, epoch, rollback_counter}, number of keys, {incarnation,
--          counter, …}: the rollback counters of other replicas, of which this one is a witness}
return {
    redis.call('HMGET', 'cap:identity', 'group', 'replica', 'incarnation', 'state', 'epoch', 'rollback_counter'),
    redis.call('DBSIZE'),
    redis.call('HGETALL', 'cap:rollback_counters'),
}

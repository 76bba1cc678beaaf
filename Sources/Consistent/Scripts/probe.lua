-- Reports the identity and the counters of any replica (rule C8). Changes nothing.
--
--   KEYS   cap:identity
--   reply  {identity {group, replica, incarnation, state, epoch, rollback_counter}, number of keys,
--          {incarnation, counter, …} of the rollback counters that this replica witnessed}
return {
    redis.call('HMGET', 'cap:identity', 'group', 'replica', 'incarnation', 'state', 'epoch', 'rollback_counter'),
    redis.call('DBSIZE'),
    redis.call('HGETALL', 'cap:rollback_counters'),
}

-- What a member holds of registers, without their values: for rebuild, catch-up and collection (rules C8, C10, C11).
--   no words a register
-- Answers {ballot, deleted, expires_ms}, all null where nothing is held.
return for_each_register(0, function(key)
  local record = redis.call('HMGET', key, 'ballot', 'deleted', 'expires_ms')
  raise_epoch()
  return record
end)

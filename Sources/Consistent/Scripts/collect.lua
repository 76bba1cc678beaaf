-- Forgets a tombstone that all counted replicas hold, but neither its promise nor its version (rule C10): without the floors
-- a late accept would revive the key, and its versions would begin again.
--   one word a register: ballot
-- Answers 1, or 0 where something else is held by now.
return for_each_register(1, function(key, at)
  local record = redis.call('HMGET', key, 'promise', 'ballot', 'version', 'deleted')
  local floor, version_floor = redis.call('GET', 'cap:gc_ballot'), redis.call('GET', 'cap:gc_version')
  if record[2] ~= ARGV[at + 1] or record[4] ~= '1' then return 0 end
  local promise, version = record[1], tonumber(record[3])
  local is_floor_lower = not floor or below(floor, promise)
  local is_version_lower = version > tonumber(version_floor or '0')
  raise_epoch()
  if is_floor_lower then redis.call('SET', 'cap:gc_ballot', promise) end
  if is_version_lower then redis.call('SET', 'cap:gc_version', record[3]) end
  redis.call('DEL', key)
  return 1
end)

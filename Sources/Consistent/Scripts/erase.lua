-- Makes a replica blank that came back with less than it had promised (rule C8): what it kept would bring deleted keys back.
--   ARGV[1] incarnation   ARGV[2] the beat at which it was found
-- Answers the number of keys erased, or -1 where it is no longer that replica.
local identity = redis.call('HMGET', 'cap:identity', 'incarnation', 'rollback_counter')
if identity[1] ~= ARGV[1] or identity[2] ~= ARGV[2] then return -1 end
local erased = 0
for _, pattern in ipairs({'cp:*', 'cap:*'}) do
  local cursor = '0'
  repeat
    local page = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do erased = erased + redis.call('DEL', key) end
  until cursor == '0'
end
return erased

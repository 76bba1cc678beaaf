-- Opening of every script: who is meant? (DESIGN A2)
--
-- The last word of ARGV is the incarnation this call was meant for. A replica that was wiped, restored or restarted has
-- another one, and does nothing.
local call = redis.call
local incarnation = call('HGET', 'cap:identity', 'incarnation')
if incarnation ~= ARGV[#ARGV] then
    return { 'NOTMEMBER', incarnation or '' }
end

-- Prepended, after ballot.lua, to the scripts that run for any number of registers in one call.
--   KEYS      the registers
--   ARGV[1]   group   ARGV[2] epoch   ARGV[3] the incarnation that the proposer expects here   ARGV[4…] see each script
-- Answers one element a register, in order.
--
-- May this replica take part at all (rule C8)? A blank, foreign or rebuilding replica answers NOTMEMBER, one that has seen a
-- higher epoch STALE, both with its identity and its configuration record. Epoch 0 exists only while a group is being
-- initialised, for the configuration alone.
local identity = redis.call('HMGET', 'cap:identity', 'group', 'incarnation', 'state', 'epoch')
local epoch, known_epoch = tonumber(ARGV[2]), tonumber(identity[4])
local takes_part = identity[1] == ARGV[1] and identity[2] == ARGV[3]
if epoch == 0 then
  takes_part = takes_part and identity[3] == 'rebuilding' and known_epoch == 0 and #KEYS == 1 and KEYS[1] == 'cap:config'
else
  takes_part = takes_part and identity[3] == 'member'
end
if not takes_part or epoch < known_epoch then
  local config = redis.call('HMGET', 'cap:config', 'ballot', 'value')
  local word = takes_part and 'STALE' or 'NOTMEMBER'
  local answers = {}
  for i = 1, #KEYS do
    answers[i] = {word, identity[1], identity[2], identity[3], identity[4], config[1], config[2]}
  end
  return answers
end

-- To be called before a register's first write, after all of its reads.
local function raise_epoch()
  if epoch > known_epoch then
    redis.call('HSET', 'cap:identity', 'epoch', ARGV[2])
    known_epoch = epoch
  end
end

-- An error in one register (a key of another type) is that register's answer alone: the others must not look refused.
local function for_each_register(words, step)
  local answers = {}
  for i = 1, #KEYS do
    local worked, answer = pcall(step, KEYS[i], 3 + (i - 1) * words)
    if not worked and type(answer) ~= 'table' then answer = {err = tostring(answer)} end
    answers[i] = answer
  end
  return answers
end

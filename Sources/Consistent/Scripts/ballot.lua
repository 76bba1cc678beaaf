-- Prepended to every script that compares ballots.
--
-- Ballots are '<counter>:<16 hex digits>'. Compared as numbers, part by part: '<' on strings follows the server's locale.
local function below(left, right)
  if left == right then return false end
  local left_counter, right_counter = tonumber(string.sub(left, 1, -18)), tonumber(string.sub(right, 1, -18))
  if left_counter ~= right_counter then return left_counter < right_counter end
  local left_high, right_high = tonumber(string.sub(left, -16, -9), 16), tonumber(string.sub(right, -16, -9), 16)
  if left_high ~= right_high then return left_high < right_high end
  return tonumber(string.sub(left, -8), 16) < tonumber(string.sub(right, -8), 16)
end


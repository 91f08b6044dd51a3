-- Presence: how many watch a show, over all processes.

local AGE_MS = 10000   -- A process that says nothing for so long counts no more.
local KEPT_MS = 60000

-- dc1_viewers run process count -> ok viewers. Say how many watch through this
-- process. KEYS[9] is the show's set of deleted lines, KEYS[10] its watch: hash,
-- process -> count:at.
dc.changing('dc1_viewers', function(work, keys, args)
  local count = dc.whole(args[2], 0, dc.UNITS_MAX)
  if not count then return {'invalid'} end
  local all, total, old = redis.call('HGETALL', keys[10]), count, {}
  for i = 1, #all, 2 do
    local others, at = string.match(all[i + 1], '^(%d+):(%d+)$')
    if all[i] == args[1] then
      at = at -- Our own last word, which this one replaces.
    elseif not at or tonumber(at) + AGE_MS < work.now then
      old[#old + 1] = all[i]
    else
      total = total + tonumber(others)
    end
  end
  local before = tonumber(redis.call('HGET', keys[8], 'viewers') or '0')
  if before ~= total then
    work.state.viewers = dc.int(total)
    dc.commit(work)
  end
  dc.many('HDEL', keys[10], old)
  redis.call('HSET', keys[10], args[1], dc.int(count) .. ':' .. dc.int(work.now))
  redis.call('PEXPIRE', keys[10], KEPT_MS)
  return {'ok', total}
end)

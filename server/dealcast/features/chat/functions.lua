-- Chat: who may say how much, decided where the log is.

local KEPT = 10000            -- Lines whose ids are remembered: as many as the log keeps.
local KEPT_MS = 86400000
local SLOW_MAX_MS = 120000

-- The answer to a line that was said before: the same, unless it says otherwise.
local function again(log, n, text)
  local entries = redis.call('XRANGE', log, dc.int(n) .. '-0', dc.int(n) .. '-0')
  if entries[1] then
    for i = 1, #entries[1][2], 2 do
      if entries[1][2][i] == 'd' and cjson.decode(entries[1][2][i + 1]).text ~= text then
        return {'conflict'}
      end
    end
  end
  return {'ok', n}
end

-- Why this person may not say a line now, or nothing.
local function refused(work, person, last, lines, lines_max)
  local told = redis.call('HMGET', work.keys[8], 'mute:' .. person, 'slow_ms')
  local muted, slow_ms = tonumber(told[1] or '0'), tonumber(told[2] or '0')
  if muted > work.now then return {'muted', dc.int(muted - work.now)} end
  if last and last + slow_ms > work.now then
    return {'slow_mode', dc.int(last + slow_ms - work.now)}
  end
  if lines >= lines_max then return {'chat_full'} end
end

-- dc1_chat run line person staff(0/1) json lines_max -> ok n. `json` is the line
-- without its instant and closing brace. KEYS[9] is the show's set of deleted
-- lines; KEYS[10]: this second's pace, [11]: line -> n, [12]: person -> last said.
dc.changing('dc1_chat', function(work, keys, args)
  local line, person, staff, json = args[1], args[2], args[3] == '1', args[4]
  local lines_max = dc.whole(args[5], 1, dc.UNITS_MAX)
  local text = cjson.decode(json .. '}').text
  local said = redis.call('ZSCORE', keys[11], line)
  if said then return again(keys[5], tonumber(said), text) end
  local show = redis.call('HGET', keys[8], 'show')
  if show and cjson.decode(show).status == 'ended' then return {'wrong_state'} end
  local pace = redis.call('HMGET', keys[10], 'second', 'lines')
  local second = dc.int(math.floor(work.now / 1000))
  local lines = pace[1] == second and tonumber(pace[2]) or 0
  local last = tonumber(redis.call('ZSCORE', keys[12], person) or nil)
  if not staff then
    local why = refused(work, person, last, lines, lines_max)
    if why then return why end
  end
  dc.log(work, 'chat', 'P2', json .. ',"at":' .. dc.int(work.now) .. '}', line)
  dc.commit(work)
  -- All keys were read above, so that nothing can fail here.
  local n = redis.call('HGET', keys[8], 'n')
  redis.call('HSET', keys[10], 'second', second, 'lines', dc.int(lines + 1))
  redis.call('ZADD', keys[11], n, line)
  redis.call('ZREMRANGEBYRANK', keys[11], 0, -KEPT - 1)
  redis.call('ZADD', keys[12], dc.int(work.now), person)
  redis.call('ZREMRANGEBYSCORE', keys[12], '-inf', dc.int(work.now - SLOW_MAX_MS))
  for i = 10, 12 do redis.call('PEXPIRE', keys[i], KEPT_MS) end
  return {'ok', tonumber(n)}
end)

-- The archive: what it has yet to copy of a show.

-- dc1_since count n n_own n_staff -> ok epoch likes {log} {own} {staff} {gone}.
-- The next entries after those numbers, `count` of all three logs at most, and
-- which of them are lines that were deleted, all read at one instant. The epoch
-- is 0 where there is none. KEYS: meta, the show's log, own, staff and state, and
-- its set of deleted lines.
redis.register_function{
  function_name = 'dc1_since',
  flags = {'no-writes'},
  callback = function(keys, args)
    local left = dc.whole(args[1], 1, 1000)
    if not left then return {'invalid'} end
    local answer = {
      'ok', redis.call('HGET', keys[1], 'epoch') or '0',
      redis.call('HGET', keys[5], 'likes') or '0',
    }
    for i = 2, 4 do
      local entries = {}
      if left > 0 then
        entries = redis.call('XRANGE', keys[i], '(' .. args[i] .. '-0', '+', 'COUNT', left)
      end
      left = left - #entries
      answer[#answer + 1] = entries
    end
    local gone = {}
    for _, entry in ipairs(answer[4]) do
      local fields = entry[2]
      for i = 1, #fields, 2 do
        if fields[i] == 'l' and redis.call('SISMEMBER', keys[6], fields[i + 1]) == 1 then
          gone[#gone + 1] = fields[i + 1]
        end
      end
    end
    answer[#answer + 1] = gone
    return answer
  end,
}

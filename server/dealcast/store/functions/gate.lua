-- The gate: which partitions take changes, and from which run of the server.
-- The clerk alone calls these; the others refuse until it has.

-- dc1_begin run epoch -> ok, or wrong_state. Begin a partition that was never
-- used. KEYS: meta, facts.
redis.register_function('dc1_begin', function(keys, args)
  local meta = redis.call('HMGET', keys[1], 'epoch', 'seq')
  if meta[1] == args[2] and meta[2] == '0' then return {'ok'} end
  if meta[1] or redis.call('EXISTS', keys[2]) == 1 then
    return {'wrong_state', 'used'}
  end
  redis.call('HSET', keys[1], 'epoch', args[2], 'seq', '0', 'chain', '')
  return {'ok'}
end)

-- dc1_admit run epoch seq chain -> ok, or wrong_state. Take changes from this
-- run on, if the partition is still as it was when it was compared with SQL.
redis.register_function('dc1_admit', function(keys, args)
  local meta = redis.call('HMGET', keys[1], 'epoch', 'seq', 'chain')
  if meta[1] ~= args[2] or meta[2] ~= args[3] or meta[3] ~= args[4] then
    return {'wrong_state', 'moved'}
  end
  redis.call('HSET', keys[1], 'run', args[1])
  return {'ok'}
end)

-- dc1_halt run -> ok. Take no more changes.
redis.register_function('dc1_halt', function(keys)
  redis.call('HDEL', keys[1], 'run')
  return {'ok'}
end)

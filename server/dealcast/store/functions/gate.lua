-- The gate: which partitions take changes, and from which run of the server.
-- The clerk alone calls these; the others refuse until it has. Each carries the
-- clerk's lease: whoever was succeeded, and wakes late, is answered "fenced".

-- Register a function of the gate. Its handler gets the arguments after the run
-- id and the lease; from here on an older lease does nothing in the partition.
local function leased(name, handler)
  redis.register_function(name, function(keys, args)
    local run, lease = table.remove(args, 1), tonumber(table.remove(args, 1))
    local held = tonumber(redis.call('HGET', keys[1], 'lease') or '0')
    if held > lease then return {'fenced', dc.int(held)} end
    return handler(keys, args, run, dc.int(lease))
  end)
end

-- dc1_begin run lease epoch -> ok, or wrong_state. Begin a partition that was
-- never used. KEYS: meta, facts.
leased('dc1_begin', function(keys, args, _, lease)
  local meta = redis.call('HMGET', keys[1], 'epoch', 'seq')
  if meta[1] == args[1] and meta[2] == '0' then return {'ok'} end
  if meta[1] or redis.call('EXISTS', keys[2]) == 1 then
    return {'wrong_state', 'used'}
  end
  redis.call('HSET', keys[1], 'epoch', args[1], 'seq', '0', 'chain', '', 'lease', lease)
  return {'ok'}
end)

-- dc1_admit run lease epoch seq chain home seen -> ok, or wrong_state. Take
-- changes from this run on, if the partition is still as it was when it was
-- compared with SQL, and on the server, `seen`, that was looked at. `home` is
-- where it answers.
leased('dc1_admit', function(keys, args, run, lease)
  local meta = redis.call('HMGET', keys[1], 'epoch', 'seq', 'chain')
  if meta[1] ~= args[1] or meta[2] ~= args[2] or meta[3] ~= args[3] or run ~= args[5]
  then
    return {'wrong_state', 'moved'}
  end
  redis.call('HSET', keys[1], 'run', run, 'home', args[4], 'lease', lease)
  return {'ok'}
end)

-- dc1_halt run lease -> ok. Take no more changes; `was` keeps the run that was
-- let in.
leased('dc1_halt', function(keys)
  local run = redis.call('HGET', keys[1], 'run')
  if run then
    redis.call('HSET', keys[1], 'was', run)
    redis.call('HDEL', keys[1], 'run')
  end
  return {'ok'}
end)

-- Rebuilding. `building` names one attempt, and the server that it is made on:
-- what a given up one still sends is refused, and so is what comes to a replica
-- that was promoted meanwhile, which may lack what came before. KEYS[1] is meta
-- in all of these.

-- dc1_clear run lease building -> ok. From now on nothing is known here.
leased('dc1_clear', function(keys, args, run, lease)
  redis.call('DEL', keys[1])
  redis.call('HSET', keys[1], 'lease', lease, 'building', args[1] .. ':' .. run)
  return {'ok'}
end)

local function building(name, handler)
  leased(name, function(keys, args, run)
    local attempt = table.remove(args, 1) .. ':' .. run
    if redis.call('HGET', keys[1], 'building') ~= attempt then
      return {'wrong_state', 'given up'}
    end
    handler(keys, args)
    return {'ok'}
  end)
end

-- dc1_drop run lease building -> ok. Delete KEYS[2] and those after it.
building('dc1_drop', function(keys)
  for i = 2, #keys do redis.call('UNLINK', keys[i]) end
end)

local WRITES = {
  hash = function(key, values) dc.many('HSET', key, values, 2) end,
  scores = function(key, values) dc.many('ZADD', key, values, 2) end,
  set = function(key, values) dc.many('SADD', key, values) end,
  stream = function(key, entries)
    for _, entry in ipairs(entries) do redis.call('XADD', key, unpack(entry)) end
  end,
  until_at = function(key, at) redis.call('PEXPIREAT', key, at) end,
}

-- dc1_put run lease building kind packed -> ok. Write to KEYS[2]; `packed` is
-- MessagePack: a flat list of texts, or of entries (id, field, text, ...).
building('dc1_put', function(keys, args)
  WRITES[args[1]](keys[2], cmsgpack.unpack(args[2]))
end)

-- dc1_built run lease building epoch seq chain -> ok. What was put is whole.
building('dc1_built', function(keys, args)
  redis.call('HDEL', keys[1], 'building')
  redis.call('HSET', keys[1], 'epoch', args[1], 'seq', args[2], 'chain', args[3])
end)

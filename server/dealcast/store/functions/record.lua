-- Shows: record what happened, and read a snapshot of what is.

-- A list of the document, or an empty one; nil if it is too long.
local function list(document, name)
  local values = dc.some(document[name]) or {}
  if #values > dc.ENTRIES_MAX then return nil end
  return values
end

-- A map of the document, or an empty one.
local function map(document, name)
  return dc.some(document[name]) or {}
end

-- Add the document's entries to the work. Returns false if there are too many.
local function read_entries(work, document)
  local log, own, staff = list(document, 'log'), list(document, 'own'),
    list(document, 'staff')
  local gone, unset = list(document, 'gone'), list(document, 'unset')
  if not (log and own and staff and gone and unset) then return false end
  for _, entry in ipairs(log) do
    dc.log(work, entry[1], entry[2], entry[3], dc.some(entry[4]))
  end
  for _, entry in ipairs(own) do dc.own(work, entry[1], entry[2], entry[3]) end
  for _, entry in ipairs(staff) do dc.staff(work, entry[1], entry[2]) end
  for _, names in ipairs({gone, unset}) do
    for _, name in ipairs(names) do assert(type(name) == 'string', 'NAME is not text') end
  end
  work.gone, work.unset = gone, unset
  return true
end

-- dc1_record run op document -> ok n. Append to the logs of a show and set its
-- state. The counters, and what deals write, are not for others to set.
-- KEYS[9] is the show's set of deleted lines.
dc.changing('dc1_record', function(work, keys, args)
  if dc.done(work, args[1]) then return {'ok', 0} end
  local document = cjson.decode(args[2])
  if not read_entries(work, document) then return {'too_large'} end
  local fields = 0
  for name, value in pairs(map(document, 'state')) do
    if type(value) ~= 'string' then return {'invalid', name} end
    work.state[name] = value
    fields = fields + 1
  end
  for name, by in pairs(map(document, 'incr')) do
    local now = redis.call('HGET', keys[8], name) or '0'
    if not dc.whole(by, -dc.UNITS_MAX, dc.UNITS_MAX) or not tonumber(now) then
      return {'invalid', name}
    end
    work.incr[name] = by
    fields = fields + 1
  end
  if fields > dc.ENTRIES_MAX then return {'too_large'} end
  for _, name in ipairs({'n', 'n_own', 'n_staff', 'v'}) do
    if work.state[name] or work.incr[name] then return {'invalid', name} end
  end
  dc.commit(work)
  return {'ok', #work.log}
end)

-- The newest lines of chat that were not deleted, newest first: n, data, ...
local function lines_of(log, gone, max)
  local found, before = {}, '+'
  for _ = 1, 5 do
    local entries = redis.call('XREVRANGE', log, before, '-', 'COUNT', 200)
    for _, entry in ipairs(entries) do
      if #found >= 2 * max then return found end
      local fields = {}
      for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
      local deleted = fields.l and redis.call('SISMEMBER', gone, fields.l) == 1
      if fields.e == 'chat' and not deleted then
        found[#found + 1] = string.match(entry[1], '^%d+')
        found[#found + 1] = fields.d
      end
      before = '(' .. entry[1]
    end
    if #entries < 200 then return found end
  end
  return found
end

-- dc1_snapshot lines_max -> ok epoch n now {field text ...} {n data ...}. All
-- that a viewer who joins now needs, read at one instant; the log goes on at n.
redis.register_function{
  function_name = 'dc1_snapshot',
  flags = {'no-writes'},
  callback = function(keys, args)
    local epoch = redis.call('HGET', keys[1], 'epoch')
    if not epoch then return {'recovering'} end
    local max = dc.whole(args[1], 0, 200)
    if not max then return {'invalid'} end
    local all, state, n = redis.call('HGETALL', keys[8]), {}, '0'
    for i = 1, #all, 2 do
      if all[i] == 'n' then n = all[i + 1] end
      if string.sub(all[i], 1, 5) ~= 'mute:' then
        state[#state + 1] = all[i]
        state[#state + 1] = all[i + 1]
      end
    end
    return {'ok', epoch, n, dc.int(dc.now()), state, lines_of(keys[5], keys[9], max)}
  end,
}

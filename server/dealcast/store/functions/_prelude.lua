-- One call = one unit of work. It reads first, decides against running locals,
-- and writes once, in dc.commit; nothing after the first write can fail, since
-- Lua has no rollback. Therefore: a handler never calls a writing command.
--
-- KEYS of every changing function: meta, facts, due, ops, then the show's log,
-- own, staff and state, then four keys for each deal. All are of one partition.
local dc = {}

dc.CHUNK = 500          -- Values per command; unpack breaks near 8,000.
dc.HOLDS_MAX = 20       -- Holds of one payment.
dc.BATCH_MAX = 256      -- Buys of one call.
dc.SWEEP_MAX = 500      -- Holds that one call lets expire.
dc.REAP_MAX = 32        -- Of these, before "sold out" is said.
dc.LINES_MAX = 100      -- Variants of one deal.
dc.ENTRIES_MAX = 300    -- Log entries, or state fields, of one record.
dc.UNITS_MAX = 1000000000
dc.OPS_KEPT_MS = 86400000
dc.KEPT_MS = 604800000    -- How long a deal stays that is over: a week.
-- Logs are trimmed behind the archive. Only where nobody has copied them for so
-- long (no clerk runs) do they end here: what goes then was in no archive, which
-- counts it as lost once it goes on. A line takes about 0.3 KB: 30 MB for a log.
dc.LOG_MAX = '100000'

-- Words ---------------------------------------------------------------------

-- Redis's clock in ms. Read once per call: before 7.2 it runs on inside one.
function dc.now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A whole number as text: tostring would write 1e+15.
function dc.int(number)
  return string.format('%.0f', number)
end

-- A JSON value for text, or null.
function dc.text(value)
  if value == nil or value == '' or value == cjson.null then return 'null' end
  return cjson.encode(tostring(value))
end

-- A whole number from text that lies in [low, high], or nil.
function dc.whole(value, low, high)
  local number = tonumber(value)
  if not number or number ~= math.floor(number) then return nil end
  if number < low or number > high then return nil end
  return number
end

-- The value, or nil where JSON had null and a hash had an empty text.
function dc.some(value)
  if value == nil or value == false or value == '' or value == cjson.null then
    return nil
  end
  return value
end

-- The deal that a hold names: h07_<deal>_<digest> is of d07_<deal>.
function dc.deal_of(hold)
  return 'd' .. string.sub(hold, 2, 14)
end

-- The unit of work -----------------------------------------------------------

-- Register a changing function. Its handler gets the unit of work, the KEYS and
-- the arguments after the run id; a partition that the gate has not passed for
-- this very run of the server answers "recovering".
function dc.changing(name, handler)
  redis.register_function(name, function(keys, args)
    local meta = redis.call('HMGET', keys[1], 'epoch', 'seq', 'chain', 'run')
    local run = table.remove(args, 1)
    if not meta[1] or not meta[4] or meta[4] ~= run then return {'recovering'} end
    local work = {
      keys = keys, now = dc.now(), epoch = meta[1],
      seq = tonumber(meta[2] or '0'), chain = meta[3] or '',
      facts = {}, log = {}, own = {}, staff = {}, deals = {},
      state = {}, unset = {}, incr = {}, gone = {}, changed = false,
    }
    return handler(work, keys, args)
  end)
end

-- Tell whether the operation was carried out before; if not, it is from now on.
function dc.done(work, op)
  if op == '' then return false end
  if redis.call('ZSCORE', work.keys[4], op) then return true end
  work.op = op
  return false
end

-- Add a fact for the ledger. `after` is the stock as it is at this very point.
function dc.fact(work, kind, body, deals)
  local after
  for _, deal in ipairs(deals or {}) do
    for variant in pairs(deal.touched) do
      local line = deal.lines[variant]
      after = after or {}
      after[deal.id] = after[deal.id] or {}
      after[deal.id][variant] = {line.allotted, line.free, line.held, line.sold}
    end
    deal.touched = {}
  end
  body.after = after
  local packed = cmsgpack.pack(body)
  work.seq = work.seq + 1
  local seq = dc.int(work.seq)
  work.chain = redis.sha1hex(work.chain .. seq .. kind .. packed)
  work.facts[#work.facts + 1] = {
    seq .. '-0', 'ep', work.epoch, 'k', kind, 'at', dc.int(work.now),
    'c', work.chain, 'b', packed,
  }
end

-- Every one of the values is text; anything else would fail while writing.
local function texts(...)
  for i = 1, select('#', ...) do
    assert(type(select(i, ...)) == 'string', 'ENTRY is not text')
  end
end

-- Add an entry to what everybody may see. `line` is the id of a line of chat.
function dc.log(work, event, class, data, line)
  texts(event, class, data, line or '')
  work.log[#work.log + 1] = {event, class, data, line and 'l', line}
end

-- Add an entry for one person.
function dc.own(work, person, event, data)
  texts(person, event, data)
  work.own[#work.own + 1] = {event, 'P0', data, 'u', person}
end

-- Add an entry for staff.
function dc.staff(work, event, data)
  texts(event, data)
  work.staff[#work.staff + 1] = {event, 'P0', data}
end

-- Check that a stream takes `first` as its next number, before anything is
-- written: an XADD that fails later would leave half of the work behind.
function dc.room(key, first)
  local info = redis.pcall('XINFO', 'STREAM', key)
  if info.err then
    if string.find(info.err, 'no such key', 1, true) then return end
    error(info.err)
  end
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local last = tonumber(string.match(info[i + 1], '^%d+'))
      if last >= first then error('LOGORDER ' .. key .. ' is ahead of its counter') end
    end
  end
end

-- Call `command key` with any number of values, `group` of which belong together.
function dc.many(command, key, values, group)
  local step = dc.CHUNK - dc.CHUNK % (group or 1)
  for from = 1, #values, step do
    local to = math.min(from + step - 1, #values)
    redis.call(command, key, unpack(values, from, to))
  end
end

-- Read many fields of a hash.
function dc.fields(key, names)
  local values = {}
  for from = 1, #names, dc.CHUNK do
    local to = math.min(from + dc.CHUNK - 1, #names)
    local part = redis.call('HMGET', key, unpack(names, from, to))
    for i = 1, #part do values[#values + 1] = part[i] end
  end
  return values
end

-- Writing ----------------------------------------------------------------------

local function append(work, key, entries, n)
  for _, entry in ipairs(entries) do
    n = n + 1
    local words = {
      dc.int(n) .. '-0', 'e', entry[1], 'c', entry[2], 'd', entry[3],
      'at', dc.int(work.now), 'ep', work.epoch, entry[4] or nil, entry[5],
    }
    redis.call('XADD', key, 'MAXLEN', '~', dc.LOG_MAX, unpack(words))
  end
end

-- The state hash after this work, as flat pairs; the rest of the checks too.
local function prepare(work)
  local keys, pairs_ = work.keys, {}
  local counts = redis.call('HMGET', keys[8], 'n', 'n_own', 'n_staff', 'v')
  local plan = {
    log = tonumber(counts[1] or '0'), own = tonumber(counts[2] or '0'),
    staff = tonumber(counts[3] or '0'), state = pairs_,
  }
  local function put(name, value)
    pairs_[#pairs_ + 1] = name
    pairs_[#pairs_ + 1] = value
  end
  for i, name in ipairs({'log', 'own', 'staff'}) do
    local entries = work[name]
    if #entries > 0 then
      dc.room(keys[4 + i], plan[name] + 1)
      put(i == 1 and 'n' or 'n_' .. name, dc.int(plan[name] + #entries))
    end
  end
  local seen = next(work.state) or next(work.incr) or #work.unset > 0
  for name, by in pairs(work.incr) do
    local number = tonumber(redis.call('HGET', keys[8], name) or '0')
    put(name, dc.int(math.max(0, number + by)))
  end
  for name, value in pairs(work.state) do put(name, value) end
  if seen then put('v', dc.int(tonumber(counts[4] or '0') + 1)) end
  if #work.facts > 0 then dc.room(keys[2], tonumber((string.match(work.facts[1][1], '^%d+')))) end
  redis.call('ZCARD', keys[3])
  redis.call('ZCARD', keys[4])
  if #work.gone > 0 then redis.call('SCARD', keys[9]) end
  return plan
end

-- Write the whole work. Reads and checks come first, and may fail.
function dc.commit(work)
  local keys = work.keys
  for _, deal in ipairs(work.deals) do dc.settle(work, deal) end
  local plan = prepare(work)
  -- From here on nothing can fail.
  for _, fact in ipairs(work.facts) do redis.call('XADD', keys[2], unpack(fact)) end
  if #work.facts > 0 then
    redis.call('HSET', keys[1], 'seq', dc.int(work.seq), 'chain', work.chain)
  end
  for _, deal in ipairs(work.deals) do dc.write(work, deal) end
  append(work, keys[5], work.log, plan.log)
  append(work, keys[6], work.own, plan.own)
  append(work, keys[7], work.staff, plan.staff)
  dc.many('HSET', keys[8], plan.state, 2)
  dc.many('HDEL', keys[8], work.unset)
  if #work.gone > 0 then dc.many('SADD', keys[9], work.gone) end
  if work.op then
    redis.call('ZADD', keys[4], dc.int(work.now), work.op)
    local old = redis.call('ZRANGEBYSCORE', keys[4], '-inf',
      dc.int(work.now - dc.OPS_KEPT_MS), 'LIMIT', 0, 64)
    dc.many('ZREM', keys[4], old)
  end
end

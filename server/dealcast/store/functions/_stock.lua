-- A deal while one call works on it: its terms and lines, read once, and what
-- this call has changed. allotted = free + held + sold holds at every step.

-- Read the deal whose four keys begin at `at`. Returns nil when there is none.
function dc.deal(work, at)
  local keys = work.keys
  local head = redis.call('HMGET', keys[at], 'status', 'per_buyer_max', 'hold_ms',
    'opens_at', 'closes_at', 'variants', 'reason')
  if not head[1] then return nil end
  local deal = {
    at = at, id = string.match(keys[at], ':deal:(.*)$'),
    status = head[1], per_buyer_max = tonumber(head[2]), hold_ms = tonumber(head[3]),
    opens_at = tonumber(dc.some(head[4])), closes_at = tonumber(dc.some(head[5])),
    reason = dc.some(head[7]), order = {}, lines = {}, touched = {},
    holds = {}, changed_holds = {}, buyers = {}, changed_buyers = {},
    deadlines = {}, changed = {}, events = {},
  }
  local names = {}
  for variant in string.gmatch(head[6], '%S+') do
    deal.order[#deal.order + 1] = variant
    for _, prefix in ipairs({'a:', 'f:', 'h:', 's:'}) do
      names[#names + 1] = prefix .. variant
    end
  end
  local units = dc.fields(keys[at], names)
  for i, variant in ipairs(deal.order) do
    deal.lines[variant] = {
      allotted = tonumber(units[4 * i - 3]), free = tonumber(units[4 * i - 2]),
      held = tonumber(units[4 * i - 1]), sold = tonumber(units[4 * i]),
    }
  end
  deal.free_before = dc.free(deal)
  redis.call('ZCARD', keys[at + 3])  -- Of the right type, or no work is begun.
  work.deals[#work.deals + 1] = deal
  return deal
end

-- Read every deal that the call was given keys of, by id; nil if one is missing.
function dc.all_deals(work)
  local found = {}
  for at = 9, #work.keys, 4 do
    local deal = dc.deal(work, at)
    if not deal then return nil end
    found[deal.id] = deal
  end
  return found
end

-- The free units over all lines.
function dc.free(deal)
  local free = 0
  for _, line in pairs(deal.lines) do free = free + line.free end
  return free
end

-- Move units of a line: by[field] is added to each field that it names.
function dc.move(deal, variant, by)
  local line = deal.lines[variant]
  for field, units in pairs(by) do line[field] = line[field] + units end
  assert(line.free >= 0 and line.held >= 0 and line.sold >= 0
    and line.allotted == line.free + line.held + line.sold, 'STOCK ' .. deal.id)
  deal.touched[variant] = true
  deal.changed[variant] = true
  if by.allotted then deal.resized = deal.resized or {}; deal.resized[variant] = true end
end

-- Holds ------------------------------------------------------------------------

-- Read holds that the call will ask for, in one command.
function dc.fetch(work, deal, ids)
  local values = dc.fields(work.keys[deal.at + 1], ids)
  for i, id in ipairs(ids) do
    if deal.holds[id] == nil then
      deal.holds[id] = false
      if values[i] then
        local state, buyer, variant, quantity, expires_at, fingerprint, payment =
          string.match(values[i], '^(.-)|(.-)|(.-)|(.-)|(.-)|(.-)|(.*)$')
        deal.holds[id] = {
          id = id, state = state, buyer = buyer, variant = variant,
          quantity = tonumber(quantity), expires_at = tonumber(expires_at),
          fingerprint = fingerprint, payment = payment,
        }
      end
    end
  end
end

-- A hold by id, or nil.
function dc.hold(work, deal, id)
  if deal.holds[id] == nil then dc.fetch(work, deal, {id}) end
  return deal.holds[id] or nil
end

-- Keep a hold as it is now, with its deadline (nil: it has none any more).
function dc.keep(deal, hold, deadline)
  deal.holds[hold.id] = hold
  deal.changed_holds[hold.id] = hold
  deal.deadlines[hold.id] = deadline or false
end

-- Read the units that buyers have, in one command.
function dc.fetch_buyers(work, deal, buyers)
  local values = dc.fields(work.keys[deal.at + 2], buyers)
  for i, buyer in ipairs(buyers) do
    deal.buyers[buyer] = deal.buyers[buyer] or tonumber(values[i] or '0')
  end
end

-- Add to the units that a buyer holds, is paying or has bought.
function dc.count(work, deal, buyer, units)
  if not deal.buyers[buyer] then dc.fetch_buyers(work, deal, {buyer}) end
  deal.buyers[buyer] = deal.buyers[buyer] + units
  deal.changed_buyers[buyer] = true
end

-- Tell whether a buyer may have so many more.
function dc.within_limit(work, deal, buyer, units)
  if not deal.buyers[buyer] then dc.fetch_buyers(work, deal, {buyer}) end
  return deal.per_buyer_max == 0
    or deal.buyers[buyer] + units <= deal.per_buyer_max
end

-- Give back what a hold holds. Of a closed deal the units leave it: they are
-- added to `returned`, by deal and variant, and the ledger frees them.
function dc.free_hold(work, deal, hold, state, reason, returned)
  local units, from = hold.quantity, hold.state == 'confirmed' and 'sold' or 'held'
  if deal.status == 'closed' then
    dc.move(deal, hold.variant, {[from] = -units, allotted = -units})
    local lines = returned[deal.id] or {}
    returned[deal.id] = lines
    lines[hold.variant] = (lines[hold.variant] or 0) + units
  else
    dc.move(deal, hold.variant, {[from] = -units, free = units})
  end
  dc.count(work, deal, hold.buyer, -units)
  hold.state = state
  dc.keep(deal, hold, nil)
  dc.own(work, hold.buyer, 'hold', '{"hold":' .. dc.text(hold.id)
    .. ',"deal":' .. dc.text(deal.id) .. ',"state":"' .. state
    .. '","at":' .. dc.int(work.now) .. ',"reason":' .. dc.text(reason) .. '}')
  return {hold.id, deal.id, hold.variant, units}
end

-- Let up to `max` holds expire whose time is over. Returns how many did.
function dc.reap(work, deal, max)
  local ids = redis.call('ZRANGEBYSCORE', work.keys[deal.at + 3], '-inf',
    dc.int(work.now), 'LIMIT', 0, max)
  if #ids == 0 then return 0 end
  dc.fetch(work, deal, ids)
  local buyers = {}
  for _, id in ipairs(ids) do
    if deal.holds[id] then buyers[#buyers + 1] = deal.holds[id].buyer end
  end
  if #buyers > 0 then dc.fetch_buyers(work, deal, buyers) end
  local freed, returned = {}, {}
  for _, id in ipairs(ids) do
    local hold = deal.holds[id]
    if hold and hold.state == 'held' then
      freed[#freed + 1] = dc.free_hold(work, deal, hold, 'expired', 'time', returned)
    else
      deal.deadlines[id] = false  -- A leftover: it only goes from the sweep's list.
    end
  end
  if #freed > 0 then
    dc.fact(work, 'expire', {
      reason = 'time', holds = freed, returned = next(returned) and returned or nil,
    }, {deal})
  end
  return #freed
end

-- Status -----------------------------------------------------------------------

-- Add a `deal` event; `view` is ready JSON.
function dc.tell(work, deal, change, view)
  dc.log(work, 'deal', 'P0', '{"deal":' .. dc.text(deal.id) .. ',"change":"' .. change
    .. '","status":"' .. deal.status .. '","at":' .. dc.int(work.now)
    .. ',"reason":' .. dc.text(deal.reason) .. ',"view":' .. (view or 'null') .. '}')
end

-- Carry out a change of status. At close the free units leave the deal.
function dc.turn(work, deal, change, status, reason, by)
  local returned
  if status == 'closed' then
    for variant, line in pairs(deal.lines) do
      if line.free > 0 then
        returned = returned or {}
        returned[variant] = line.free
        dc.move(deal, variant, {free = -line.free, allotted = -line.free})
      end
    end
  end
  deal.status, deal.reason, deal.turned = status, dc.some(reason), true
  dc.fact(work, 'status', {
    deal = deal.id, change = change, status = status,
    reason = deal.reason, by = by, returned = returned,
  }, {deal})
  dc.tell(work, deal, change)
end

-- Do what the clock has made due: Redis's clock opens and closes a deal.
function dc.clock(work, deal)
  if deal.status == 'closed' then return end
  if deal.closes_at and deal.closes_at <= work.now then
    dc.turn(work, deal, 'closed', 'closed')
  elseif deal.status == 'planned' and deal.opens_at and deal.opens_at <= work.now then
    dc.turn(work, deal, 'opened', 'open')
  end
end

-- Writing ----------------------------------------------------------------------

-- The stock of a deal as the `state` event shows it.
function dc.stock_json(deal)
  local lines = {}
  for i, variant in ipairs(deal.order) do
    local line = deal.lines[variant]
    lines[i] = dc.text(variant) .. ':[' .. dc.int(line.free) .. ','
      .. dc.int(line.held) .. ',' .. dc.int(line.sold) .. ']'
  end
  return '{' .. table.concat(lines, ',') .. '}'
end

-- The deal's view with the units that its lines are allotted now. They are
-- written into the text: a cjson that decodes [] and encodes it again makes it {}.
-- Of a text value these keys cannot be part: its quotes are escaped.
local function resize(deal, view)
  for variant in pairs(deal.resized) do
    local _, line = string.find(view, '"variant":' .. dc.text(variant) .. ',', 1, true)
    local from, to = string.find(view, '"quantity":%d+', line or #view)
    if from then
      view = string.sub(view, 1, from + 10) .. dc.int(deal.lines[variant].allotted)
        .. string.sub(view, to + 1)
    end
  end
  return view
end

-- Add what follows from the deal's changes: transitions of its stock, and state.
function dc.settle(work, deal)
  local selling = deal.status == 'open' or deal.status == 'paused'
  if selling and not deal.loaded then
    local free = dc.free(deal)
    if deal.free_before > 0 and free == 0 then dc.tell(work, deal, 'sold_out') end
    if deal.free_before == 0 and free > 0 then dc.tell(work, deal, 'back') end
  end
  if deal.resized then
    local name = 'deal:' .. deal.id
    local view = redis.call('HGET', work.keys[8], name)
    if view then work.state[name] = resize(deal, view) end
  end
  if next(deal.changed) then work.state['stock:' .. deal.id] = dc.stock_json(deal) end
  if deal.turned then
    work.state['status:' .. deal.id] = '{"status":"' .. deal.status
      .. '","reason":' .. dc.text(deal.reason) .. '}'
  end
end

-- When the clerk has to look at the deal next: at its opening, its closing or
-- the first of its holds to expire.
local function next_due(work, deal)
  local due
  if deal.status == 'planned' then due = deal.opens_at end
  if deal.status ~= 'closed' and deal.closes_at then
    due = math.min(due or deal.closes_at, deal.closes_at)
  end
  local first = redis.call('ZRANGE', work.keys[deal.at + 3], 0, 0, 'WITHSCORES')
  if first[2] then due = math.min(due or tonumber(first[2]), tonumber(first[2])) end
  return due
end

-- Tell whether a deal is closed with nothing held: SQL knows all that is left of
-- it, and a payment that still comes is refunded with or without its keys.
local function over(deal)
  if deal.status ~= 'closed' then return false end
  for _, line in pairs(deal.lines) do
    if line.held > 0 then return false end
  end
  return true
end

-- Write a deal. Called by dc.commit alone.
function dc.write(work, deal)
  local keys, at = work.keys, deal.at
  local fields, holds, set, unset, timed, untimed = {}, {}, {}, {}, {}, {}
  for variant in pairs(deal.changed) do
    local line, n = deal.lines[variant], #fields
    fields[n + 1], fields[n + 2] = 'a:' .. variant, dc.int(line.allotted)
    fields[n + 3], fields[n + 4] = 'f:' .. variant, dc.int(line.free)
    fields[n + 5], fields[n + 6] = 'h:' .. variant, dc.int(line.held)
    fields[n + 7], fields[n + 8] = 's:' .. variant, dc.int(line.sold)
  end
  if deal.turned then
    local n = #fields
    fields[n + 1], fields[n + 2] = 'status', deal.status
    fields[n + 3], fields[n + 4] = 'reason', deal.reason or ''
    fields[n + 5], fields[n + 6] = 'changed_at', dc.int(work.now)
  end
  for id, hold in pairs(deal.changed_holds) do
    holds[#holds + 1] = id
    holds[#holds + 1] = hold.state .. '|' .. hold.buyer .. '|' .. hold.variant .. '|'
      .. dc.int(hold.quantity) .. '|' .. dc.int(hold.expires_at) .. '|'
      .. hold.fingerprint .. '|' .. hold.payment
  end
  for buyer in pairs(deal.changed_buyers) do
    if deal.buyers[buyer] > 0 then
      set[#set + 1], set[#set + 2] = buyer, dc.int(deal.buyers[buyer])
    else
      unset[#unset + 1] = buyer
    end
  end
  for id, deadline in pairs(deal.deadlines) do
    if deadline then
      timed[#timed + 1], timed[#timed + 2] = dc.int(deadline), id
    else
      untimed[#untimed + 1] = id
    end
  end
  dc.many('HSET', keys[at], deal.terms or {}, 2)
  dc.many('HSET', keys[at], fields, 2)
  dc.many('HSET', keys[at + 1], holds, 2)
  dc.many('HSET', keys[at + 2], set, 2)
  dc.many('HDEL', keys[at + 2], unset)
  dc.many('ZADD', keys[at + 3], timed, 2)
  dc.many('ZREM', keys[at + 3], untimed)
  local due = next_due(work, deal)
  if due then
    redis.call('ZADD', keys[3], dc.int(due), deal.id)
  else
    redis.call('ZREM', keys[3], deal.id)
  end
  if over(deal) then
    for key = at, at + 3 do redis.call('PEXPIREAT', keys[key], dc.int(work.now + dc.KEPT_MS)) end
  end
end

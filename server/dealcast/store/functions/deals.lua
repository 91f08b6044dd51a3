-- Deals: load, open, pause, resume, close, adjust.

-- dc1_load run op deal -> ok. Create a deal with its allotted stock.
dc.changing('dc1_load', function(work, keys, args)
  if dc.done(work, args[1]) then return {'ok'} end
  if redis.call('EXISTS', keys[9]) == 1 then return {'ok'} end  -- Long ago, then.
  local terms = cjson.decode(args[2])
  local lines = terms.lines
  if #lines < 1 or #lines > dc.LINES_MAX then return {'invalid', 'lines'} end
  if type(terms.show) ~= 'string' or type(terms.view) ~= 'string' then
    return {'invalid', 'terms'}
  end
  local deal = {
    at = 9, id = terms.deal, status = terms.status, loaded = true, turned = true,
    opens_at = dc.some(terms.opens_at), closes_at = dc.some(terms.closes_at),
    order = {}, lines = {}, touched = {}, changed = {}, free_before = 0,
    changed_holds = {}, changed_buyers = {}, deadlines = {},
  }
  if keys[9] ~= string.match(keys[1], '^(.*)meta$') .. 'deal:' .. deal.id then
    return {'invalid', 'deal'}
  end
  if deal.status ~= 'planned' and deal.status ~= 'open' then
    return {'invalid', 'status'}
  end
  local units = {}
  for i, line in ipairs(lines) do
    local variant, count = line[1], dc.whole(line[2], 0, dc.UNITS_MAX)
    if not count or type(variant) ~= 'string' or deal.lines[variant] then return {'invalid', 'lines'} end
    deal.order[i] = variant
    deal.lines[variant] = {allotted = count, free = count, held = 0, sold = 0}
    deal.touched[variant], deal.changed[variant] = true, true
    units[variant] = count
  end
  local terms_max, hold_ms = dc.whole(terms.per_buyer_max, 0, dc.UNITS_MAX),
    dc.whole(terms.hold_ms, 1, 31536000000)
  if not terms_max or not hold_ms then return {'invalid', 'terms'} end
  deal.terms = {
    'show', terms.show, 'per_buyer_max', dc.int(terms_max), 'hold_ms', dc.int(hold_ms),
    'opens_at', deal.opens_at and dc.int(deal.opens_at) or '',
    'closes_at', deal.closes_at and dc.int(deal.closes_at) or '',
    'view', terms.view, 'variants', table.concat(deal.order, ' '),
  }
  redis.call('ZCARD', keys[12])
  work.deals[1] = deal
  dc.fact(work, 'load', {
    op = args[1], deal = deal.id, status = deal.status, variants = units,
  }, {deal})
  local status = deal.status
  deal.status = 'planned'
  dc.tell(work, deal, 'planned', terms.view)
  deal.status = status
  if status == 'open' then dc.tell(work, deal, 'opened') end
  work.state['deal:' .. deal.id] = terms.view
  dc.commit(work)
  return {'ok'}
end)

-- Who did it, from JSON {id, name, role}; and the entry for staff.
local function audit(work, deal, act, by, reason)
  if by == '' then return nil end
  dc.staff(work, 'audit', '{"act":"' .. act .. '","by":' .. by .. ',"subject":'
    .. dc.text(deal.id) .. ',"reason":' .. dc.text(reason) .. ',"at":'
    .. dc.int(work.now) .. '}')
  return cjson.decode(by).id
end

-- name run op mode reason by -> ok changed(0|1), or wrong_state status.
-- Mode "due" does it only if its instant has come, and is content with less.
local function turning(name, act, change, status, from, instant)
  dc.changing(name, function(work, _, args)
    local op, mode, reason, by = args[1], args[2], args[3], args[4]
    if dc.done(work, op) then return {'ok', 0} end
    local deal = dc.deal(work, 9)
    if not deal then return {'not_found'} end
    if mode == 'due' then
      local at = instant and deal[instant]
      if not at or at > work.now or not from[deal.status] then return {'ok', 0} end
    elseif not from[deal.status] then
      return {'wrong_state', deal.status}
    end
    local who = audit(work, deal, act, by, reason)
    dc.turn(work, deal, change, status, reason, who)
    dc.commit(work)
    return {'ok', 1}
  end)
end

turning('dc1_open', 'deal_open', 'opened', 'open', {planned = true}, 'opens_at')
turning('dc1_pause', 'deal_pause', 'paused', 'paused', {open = true})
turning('dc1_resume', 'deal_resume', 'resumed', 'open', {paused = true})
turning('dc1_close', 'deal_close', 'closed', 'closed',
  {planned = true, open = true, paused = true}, 'closes_at')

-- dc1_adjust run op variant units -> ok. Restock, or take free units back.
--
-- Restocked units left free stock in SQL before this call. If the deal was
-- closed in between they come and leave again in one call, so none is lost.
dc.changing('dc1_adjust', function(work, _, args)
  local op, variant = args[1], args[2]
  local units = dc.whole(args[3], -dc.UNITS_MAX, dc.UNITS_MAX)
  if dc.done(work, op) then return {'ok'} end
  local deal = dc.deal(work, 9)
  if not deal then return {'not_found'} end
  local line = deal.lines[variant]
  if not line then return {'not_found'} end
  if not units or line.allotted + units > dc.UNITS_MAX then return {'invalid'} end
  if units < 0 and deal.status == 'closed' then return {'closed'} end
  if line.free + units < 0 then return {'stock_short'} end
  dc.move(deal, variant, {allotted = units, free = units})
  dc.fact(work, 'adjust', {
    op = op, deal = deal.id, variant = variant, units = units,
  }, {deal})
  if deal.status == 'closed' then
    dc.move(deal, variant, {allotted = -units, free = -units})
    dc.fact(work, 'release', {
      reason = 'closed', holds = {}, returned = {[deal.id] = {[variant] = units}},
    }, {deal})
  elseif units > 0 then
    dc.tell(work, deal, 'restocked')
  end
  dc.commit(work)
  return {'ok'}
end)

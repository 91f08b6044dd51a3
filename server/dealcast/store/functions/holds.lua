-- Holds: hold, release, expire.

-- The units that new buys of the batch ask for, by variant.
local function demand(work, deal, items)
  local wanted = {}
  for _, item in ipairs(items) do
    if not dc.hold(work, deal, item.id) then
      wanted[item.variant] = (wanted[item.variant] or 0) + item.quantity
    end
  end
  return wanted
end

-- Decide one buy against the running state. Returns its code.
local function decide(work, deal, item)
  local line = deal.lines[item.variant]
  if deal.status == 'planned' then return 'not_open' end
  if deal.status ~= 'open' then return deal.status end
  if not line then return 'not_found' end
  if not dc.within_limit(work, deal, item.buyer, item.quantity) then
    return 'buyer_limit'
  end
  if line.free < item.quantity then return 'sold_out' end
  dc.move(deal, item.variant, {free = -item.quantity, held = item.quantity})
  dc.count(work, deal, item.buyer, item.quantity)
  item.state, item.payment = 'held', ''
  item.expires_at = work.now + deal.hold_ms
  dc.keep(deal, item, item.expires_at)
  return 'ok'
end

-- Read the arguments: five for each buy. Returns nil if one is malformed.
local function read_items(args)
  local items = {}
  for i = 1, #args, 5 do
    local quantity = dc.whole(args[i + 3], 1, dc.UNITS_MAX)
    if not quantity or not args[i + 4] then return nil end
    items[#items + 1] = {
      id = args[i], buyer = args[i + 1], variant = args[i + 2],
      quantity = quantity, fingerprint = args[i + 4],
    }
  end
  return items
end

-- dc1_hold run (hold buyer variant quantity fingerprint)* -> ok (code state
-- expires_at)*. Decide buys of one deal in their order: seen before, status,
-- the buyer's limit, stock. Overdue holds give way before "sold out" is said.
dc.changing('dc1_hold', function(work, _, args)
  if #args == 0 or #args > 5 * dc.BATCH_MAX then return {'invalid'} end
  local items = read_items(args)
  if not items then return {'invalid'} end
  local deal = dc.deal(work, 9)
  if not deal then return {'not_found'} end
  dc.clock(work, deal)
  local ids, buyers = {}, {}
  for i, item in ipairs(items) do ids[i], buyers[i] = item.id, item.buyer end
  dc.fetch(work, deal, ids)
  dc.fetch_buyers(work, deal, buyers)
  if deal.status == 'open' then
    for variant, units in pairs(demand(work, deal, items)) do
      local line = deal.lines[variant]
      if line and line.free < units then
        dc.reap(work, deal, dc.REAP_MAX)
        break
      end
    end
  end
  local reply, granted = {'ok'}, {}
  for _, item in ipairs(items) do
    local code, seen = 'ok', dc.hold(work, deal, item.id)
    if not seen then
      code = decide(work, deal, item)
      if code == 'ok' then
        granted[#granted + 1] = {
          item.id, item.buyer, item.variant, item.quantity, item.expires_at,
        }
        seen = item
      end
    elseif seen.fingerprint ~= item.fingerprint or seen.buyer ~= item.buyer then
      code, seen = 'conflict', nil
    end
    local n = #reply
    reply[n + 1], reply[n + 2] = code, seen and seen.state or ''
    reply[n + 3] = seen and seen.expires_at or 0
  end
  if #granted > 0 then
    dc.fact(work, 'hold', {deal = deal.id, holds = granted}, {deal})
  end
  if #work.facts > 0 then dc.commit(work) end
  return reply
end)

-- Decide whether a hold may be released: ok, done (it is no more), or a code.
-- A confirmed one only by its payment, when the provider refused to capture it.
local function releasable(hold, reason, payment, buyer)
  if not hold then return 'not_found' end
  if buyer ~= '' and hold.buyer ~= buyer then return 'forbidden' end
  if hold.state == 'released' or hold.state == 'expired' then return 'done' end
  if hold.state == 'confirmed'
      and not (reason == 'capture_refused' and hold.payment == payment) then
    return 'hold_confirmed'
  end
  if hold.state == 'paying' and hold.payment ~= payment then return 'hold_paying' end
  return 'ok'
end

-- dc1_release run reason payment buyer hold* -> ok released, or code hold.
-- All or none. A hold that is being paid is released only by its payment.
dc.changing('dc1_release', function(work, _, args)
  local reason, payment, buyer = args[1], args[2], args[3]
  if #args < 4 or #args > 3 + dc.HOLDS_MAX then return {'invalid'} end
  local deals = dc.all_deals(work)
  if not deals then return {'not_found'} end
  local going = {}
  for i = 4, #args do
    local deal = deals[dc.deal_of(args[i])]
    local hold = deal and dc.hold(work, deal, args[i])
    local code = releasable(hold, reason, payment, buyer)
    if code == 'ok' then
      going[#going + 1] = hold
    elseif code ~= 'done' then
      return {code, args[i]}
    end
  end
  local freed, returned = {}, {}
  for _, hold in ipairs(going) do
    if hold.state ~= 'released' then  -- Not twice in one call.
      freed[#freed + 1] = dc.free_hold(work, deals[dc.deal_of(hold.id)], hold,
        'released', reason, returned)
    end
  end
  if #freed > 0 then
    dc.fact(work, 'release', {
      reason = reason, holds = freed, returned = next(returned) and returned or nil,
    }, work.deals)
    dc.commit(work)
  end
  return {'ok', #freed}
end)

-- dc1_expire run max -> ok expired. Sweep a deal, and say when it is due next.
dc.changing('dc1_expire', function(work, _, args)
  local max = dc.whole(args[1], 1, dc.SWEEP_MAX)
  if not max then return {'invalid'} end
  local deal = dc.deal(work, 9)
  if not deal then return {'not_found'} end
  local expired = dc.reap(work, deal, max)
  dc.commit(work)
  return {'ok', expired}
end)

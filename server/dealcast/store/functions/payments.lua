-- Payments: pay, confirm.

-- Decide whether a hold may be paid by `payment`: ok, done, or a code.
local function payable(hold, payment, buyer)
  if not hold then return 'not_found' end
  if hold.buyer ~= buyer then return 'forbidden' end
  if hold.state == 'held' then return 'ok' end
  local mine = hold.payment == payment
  if hold.state == 'paying' then return mine and 'done' or 'hold_paying' end
  if hold.state == 'confirmed' then return mine and 'done' or 'hold_confirmed' end
  return 'hold_' .. hold.state
end

-- dc1_pay run payment buyer deadline_at hold* -> ok marked, or code hold.
-- Mark the holds of a checkout as being paid, all or none. From here on no
-- sweep touches them: the payment decides. One that is overdue but was not
-- swept can still be paid; its state counts, not the clock. Past its own deadline
-- a payment marks nothing any more.
dc.changing('dc1_pay', function(work, _, args)
  local payment, buyer = args[1], args[2]
  local deadline = dc.whole(args[3], 0, 1e14)
  if #args < 4 or #args > 3 + dc.HOLDS_MAX or not deadline or payment == '' then
    return {'invalid'}
  end
  local deals = dc.all_deals(work)
  if not deals then return {'not_found'} end
  local marked = {}
  for i = 4, #args do
    local deal = deals[dc.deal_of(args[i])]
    local hold = deal and dc.hold(work, deal, args[i])
    local code = payable(hold, payment, buyer)
    if code == 'ok' then  -- At once, so that none is marked twice in one call.
      hold.state, hold.payment, hold.expires_at = 'paying', payment, deadline
      dc.keep(deal, hold, nil)
      marked[#marked + 1] = hold.id
    elseif code ~= 'done' then
      return {code, args[i]}
    end
  end
  if #marked > 0 then
    -- Its payment may have been given up meanwhile: nobody would free them then.
    if deadline <= work.now then return {'hold_expired', marked[1]} end
    dc.fact(work, 'pay', {payment = payment, deadline_at = deadline, holds = marked})
    dc.commit(work)
  end
  return {'ok', #marked}
end)

-- Read the arguments of confirm: five for each hold. nil if one is malformed.
local function read_lines(args)
  local lines = {}
  for i = 2, #args, 5 do
    local quantity = dc.whole(args[i + 4], 1, dc.UNITS_MAX)
    if not quantity then return nil end
    lines[#lines + 1] = {
      id = args[i], deal = args[i + 1], buyer = args[i + 2],
      variant = args[i + 3], quantity = quantity,
    }
  end
  return lines
end

-- Confirm one line against the running state. Returns its code and whether it
-- was late: its hold had gone back, and it takes free units anew if there are.
local function confirm(work, deal, line, payment)
  local hold = dc.hold(work, deal, line.id)
  if hold and hold.state == 'confirmed' then
    return hold.payment == payment and 'done' or 'refund_due'
  end
  if hold and (hold.buyer ~= line.buyer or hold.variant ~= line.variant
      or hold.quantity ~= line.quantity) then
    return 'conflict'
  end
  if hold and hold.state == 'paying' and hold.payment ~= payment then
    return 'refund_due'
  end
  local late = not hold or hold.state == 'released' or hold.state == 'expired'
  local units, stock = line.quantity, deal.lines[line.variant]
  if late then
    if deal.status == 'closed' or not stock or stock.free < units
        or not dc.within_limit(work, deal, line.buyer, units) then
      return 'refund_due'
    end
    dc.move(deal, line.variant, {free = -units, sold = units})
    dc.count(work, deal, line.buyer, units)
  else
    dc.move(deal, line.variant, {held = -units, sold = units})
  end
  dc.keep(deal, {
    id = line.id, state = 'confirmed', buyer = line.buyer, variant = line.variant,
    quantity = units, expires_at = hold and hold.expires_at or 0,
    fingerprint = hold and hold.fingerprint or '', payment = payment,
  }, nil)
  return 'ok', late
end

-- dc1_confirm run payment (hold deal buyer variant quantity)* -> ok late*, or
-- code hold. Sell what was paid, all or none.
dc.changing('dc1_confirm', function(work, _, args)
  local payment = args[1]
  if payment == '' or #args < 6 or #args > 1 + 5 * dc.HOLDS_MAX then
    return {'invalid'}
  end
  local lines = read_lines(args)
  if not lines then return {'invalid'} end
  local deals = dc.all_deals(work)
  if not deals then return {'refund_due', args[2]} end  -- One was over long ago.
  local reply, sold = {'ok'}, {}
  for _, line in ipairs(lines) do
    local deal = deals[line.deal]
    if not deal then return {'not_found', line.id} end
    local code, late = confirm(work, deal, line, payment)
    if code ~= 'ok' and code ~= 'done' then return {code, line.id} end
    reply[#reply + 1] = late and 1 or 0
    if code == 'ok' then
      sold[#sold + 1] = {
        line.id, line.deal, line.buyer, line.variant, line.quantity, late and 1 or 0,
      }
    end
  end
  if #sold > 0 then
    dc.fact(work, 'confirm', {payment = payment, holds = sold}, work.deals)
    dc.commit(work)
  end
  return reply
end)

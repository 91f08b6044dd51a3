"""Every number that verify recounts in SQL, and a way to make it wrong."""

# (what is changed in SQL, the number that must be named, and whose)
DEAL, RED = "deal {deal}", "deal {deal} variant red"
CORRUPTIONS = {
    "fact missing": (
        "DELETE FROM fact WHERE seq = 3", "fact.seq", "partition 07 fact 4"
    ),
    "fact chain": (
        "UPDATE fact SET chain = 'x' WHERE seq = 3",
        "fact.chain", "partition 07 fact 3",
    ),
    "fact body": (
        "UPDATE fact SET body = x'80' WHERE seq = 3",
        "fact.chain", "partition 07 fact 3",
    ),
    "fact kind": (
        "UPDATE fact SET kind = 'expire' WHERE seq = 2",
        "fact.chain", "partition 07 fact 2",
    ),
    "partition seq": (
        "UPDATE partition SET seq = seq + 1 WHERE id = 7",
        "partition.seq", "partition 07",
    ),
    "partition chain": (
        "UPDATE partition SET chain = 'x' WHERE id = 7",
        "partition.chain", "partition 07",
    ),
    "partition row": (
        "DELETE FROM partition WHERE id = 9", "partition", "partition 09"
    ),
    "partition epoch": (
        "UPDATE partition SET epoch = 0 WHERE id = 7",
        "partition.epoch", "partition 07",
    ),
    "fact epoch": (
        "UPDATE fact SET epoch = 0 WHERE seq = 3",
        "fact.epoch", "partition 07 fact 3",
    ),
    "allotted": (
        "UPDATE deal_line SET allotted = allotted + 1 WHERE deal = :deal AND"
        " variant = 'red'",
        "deal_line.allotted", RED,
    ),
    "free": (
        "UPDATE deal_line SET free = free - 1 WHERE deal = :deal AND"
        " variant = 'red'",
        "deal_line.free", RED,
    ),
    "held": (
        "UPDATE deal_line SET held = held + 1 WHERE deal = :deal AND"
        " variant = 'red'",
        "deal_line.held", RED,
    ),
    "held by holds": (
        "UPDATE deal_line SET held = held + 1 WHERE deal = :deal AND"
        " variant = 'red'",
        "deal_line.held", RED + ", by holds",
    ),
    "sold": (
        "UPDATE deal_line SET sold = sold + 1 WHERE deal = :deal AND"
        " variant = 'red'",
        "deal_line.sold", RED,
    ),
    "sold by holds": (
        "UPDATE hold SET state = 'confirmed' WHERE id = :held",
        "deal_line.sold", "deal {deal} variant blue, by holds",
    ),
    "sold by order lines": (
        "UPDATE order_line SET quantity = 2 WHERE deal = :deal",
        "deal_line.sold", RED + ", by order lines",
    ),
    "deal status": (
        "UPDATE deal SET status = 'open' WHERE id = :closed",
        "deal.status", "deal {closed}",
    ),
    "hold state": (
        "UPDATE hold SET state = 'expired' WHERE id = :held",
        "hold.state", "hold {held}",
    ),
    "hold quantity": (
        "UPDATE hold SET quantity = 2 WHERE id = :held", "hold.quantity", "hold {held}"
    ),
    "hold buyer": (
        "UPDATE hold SET buyer = 'u_eve' WHERE id = :held",
        "hold.buyer", "hold {held}",
    ),
    "hold variant": (
        "UPDATE hold SET variant = 'red' WHERE id = :held",
        "hold.variant", "hold {held}",
    ),
    "hold payment": (
        "UPDATE hold SET payment = 'p07_other' WHERE id = :held",
        "hold.payment", "hold {held}",
    ),
    "hold that no fact tells of": (
        "INSERT INTO hold SELECT 'h07_more', deal, show, variant, buyer, quantity,"
        " state, expires_at, payment, held_at, changed_at FROM hold WHERE id = :held",
        "hold", "h07_more",
    ),
    "deal line that no fact tells of": (
        "INSERT INTO deal_line SELECT deal, 'green', 9, sku, title, currency, price,"
        " reference_price, 1, 1, 0, 0 FROM deal_line WHERE deal = :deal AND"
        " variant = 'red'",
        "deal_line.allotted", "deal {deal} variant green",
    ),
    "sold by a voided payment": (
        "UPDATE payment SET state = 'voided' WHERE id = :payment",
        "hold.state", "hold h07_*, by its payment",
    ),
    "hold lost": ("DELETE FROM hold WHERE id = :held", "hold", "{held}"),
    "order line lost": (
        "DELETE FROM order_line WHERE deal = :deal",
        "order_line", "confirmed hold h07_*",
    ),
    "order line of a hold that did not sell": (
        "UPDATE hold SET state = 'released' WHERE state = 'confirmed' AND deal = :deal",
        "order_line", "hold h07_* (released hold)",
    ),
    "order line quantity": (
        "UPDATE order_line SET quantity = 2 WHERE deal = :deal",
        "order_line.quantity", "hold h07_*",
    ),
    "order line variant": (
        "UPDATE order_line SET variant = 'blue' WHERE deal = :deal",
        "order_line.variant", "hold h07_*",
    ),
    "order line deal": (
        "UPDATE order_line SET deal = :closed WHERE deal = :deal",
        "order_line.deal", "hold h07_*",
    ),
    "order line of no hold": (
        "UPDATE order_line SET hold = 'h07_nobody' WHERE deal = :deal",
        "order_line", "hold h07_nobody (no hold)",
    ),
    "cancelled order still sold": (
        "UPDATE orders SET state = 'cancelled' WHERE payment = :payment",
        "orders.state", "captured payment {payment}",
    ),
    "order total by lines": (
        "UPDATE orders SET total = total + 1 WHERE payment = :payment",
        "orders.total", "order o07_*, by lines",
    ),
    "order total by payment": (
        "UPDATE payment SET amount = amount + 1 WHERE id = :payment",
        "orders.total", "order o07_*, by payment",
    ),
    "variant received": (
        "UPDATE variant SET received = received + 1 WHERE id = 'red'",
        "variant.received", "variant red, by *",
    ),
    "variant free": (
        "UPDATE variant SET free = free - 1 WHERE id = 'blue'",
        "variant.received", "variant blue, by *",
    ),
    "units in transit": (
        "UPDATE allotment SET units = 4 WHERE applied_at IS NULL",
        "variant.received", "variant red, by *",
    ),
    "order lost": (
        "DELETE FROM orders WHERE payment = :payment",
        "orders.state", "captured payment {payment}",
    ),
    "order not paid": (
        "UPDATE orders SET state = 'confirmed' WHERE payment = :payment",
        "orders.state", "captured payment {payment}",
    ),
    "order of a payment that did not sell": (
        "UPDATE payment SET state = 'failed' WHERE id = :payment",
        "orders.state", "failed payment {payment}",
    ),
    "order without payment": (
        "DELETE FROM payment WHERE id = :payment", "orders", "order o07_*"
    ),
    "entries of one source": (
        "UPDATE entry SET amount = amount - 1 WHERE account = 'seller:seller'",
        "entry.amount", "capture:{payment} in CNY",
    ),
    "captured too little": (
        "UPDATE entry SET amount = amount - (amount / abs(amount)) WHERE source ="
        " 'capture:' || :payment",
        "captured", "order o07_*",
    ),
    "captured for nothing": (
        "UPDATE entry SET source = 'capture:nobody' WHERE source ="
        " 'capture:' || :payment",
        "captured", "capture:nobody, which no order has",
    ),
}  # fmt: skip

"""
The SQL tables.

The clerk's ledger writer alone changes ``partition``, ``fact``, ``hold``,
``deal.status``, ``deal_line`` and ``orders``; everything else is written by
the act that makes it true, in one short transaction, with its outbox row.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

NAMES = {
    "pk": "pk_%(table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}
metadata = MetaData(naming_convention=NAMES)

Id = String(64)
Instant = BigInteger  # ms UTC
Amount = BigInteger  # minor units
# SQLite numbers rows by itself only in a column declared INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")

# What the data folder is: `partitions`, `redis_server`, ...
installation = Table(
    "installation",
    metadata,
    Column("key", Id, primary_key=True),
    Column("value", String(500), nullable=False),
)

# How far the ledger has followed the facts of each partition.
partition = Table(
    "partition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("chain", String(40), nullable=False),
    Column("lease", Integer, nullable=False, server_default="0"),
)

# Who writes the books: one row. Who does not renew it in time may be succeeded;
# that the old one writes nothing more is up to `partition.lease`.
clerk = Table(
    "clerk",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("lease", Integer, nullable=False),
    Column("until_at", Instant, nullable=False),
)

# Every fact, as Redis told it: folding them anew must give the tables below.
fact = Table(
    "fact",
    metadata,
    Column("partition", Integer, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("chain", String(40), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

person = Table(
    "person",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subject", String(255), nullable=False, unique=True),
    Column("name", String(80), nullable=False),
    Column("seen_at", Instant, nullable=False),
)

seller = Table(
    "seller",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", JSON, nullable=False),
)

product = Table(
    "product",
    metadata,
    Column("id", Id, primary_key=True),  # The shop's own id of it.
    Column("seller", Id, ForeignKey("seller.id"), nullable=False),
    Column("title", JSON, nullable=False),
    Column("image", String(500)),
    Column("tags", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

# received = free + what deals were allotted, less what they gave back.
variant = Table(
    "variant",
    metadata,
    Column("id", Id, primary_key=True),
    Column("product", Id, ForeignKey("product.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("sku", String(80), nullable=False, unique=True),
    Column("title", JSON, nullable=False),
    Column("prices", JSON, nullable=False),  # {"CNY": 12900, ...}
    Column("received", BigInteger, nullable=False),
    Column("free", BigInteger, nullable=False),
    CheckConstraint("free >= 0", name="free"),
    CheckConstraint("received >= free", name="received"),
)

show = Table(
    "show",
    metadata,
    Column("id", Id, primary_key=True),
    Column("slug", Id, unique=True),
    Column("title", JSON, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(16), nullable=False),
    Column("host", String(80), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("starts_at", Instant),
    Column("ended_at", Instant),
)

pin = Table(
    "pin",
    metadata,
    Column("show", Id, ForeignKey("show.id"), primary_key=True),
    Column("product", Id, ForeignKey("product.id"), primary_key=True),
    Column("pinned_at", Instant, nullable=False),
)

mute = Table(
    "mute",
    metadata,
    Column("show", Id, ForeignKey("show.id"), primary_key=True),
    Column("person", Id, primary_key=True),
    Column("until_at", Instant, nullable=False),
    Column("reason", String(200)),
    Column("by", Id, nullable=False),
)

# How long everybody but staff waits between two lines of chat.
slow_mode = Table(
    "slow_mode",
    metadata,
    Column("show", Id, ForeignKey("show.id"), primary_key=True),
    Column("slow_ms", Integer, nullable=False),
)

# Lines of chat that were deleted: nobody is sent them again.
deleted_line = Table(
    "deleted_line",
    metadata,
    Column("show", Id, ForeignKey("show.id"), primary_key=True),
    Column("line", Id, primary_key=True),
)

# The logs of shows, copied before Redis forgets them; `n` goes on through epochs.
archive = Table(
    "archive",
    metadata,
    Column("show", Id, ForeignKey("show.id"), primary_key=True),
    Column("kind", String(8), primary_key=True),  # log, own or staff
    Column("n", BigInteger, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("event", String(40), nullable=False),
    Column("class", String(2), nullable=False),
    Column("data", LargeBinary, nullable=False),  # JSON; empty: it was deleted
    Column("at", Instant, nullable=False),
    Column("person", Id),
    Column("line", Id),
    Index("ix_archive_line", "show", "line"),
)

# What Redis alone counts of a show, as it was when the archive last looked.
show_count = Table(
    "show_count",
    metadata,
    Column("show", Id, ForeignKey("show.id"), primary_key=True),
    Column("likes", BigInteger, nullable=False),
)

deal = Table(
    "deal",
    metadata,
    Column("id", Id, primary_key=True),
    Column("show", Id, ForeignKey("show.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("product", Id, ForeignKey("product.id"), nullable=False),
    Column("per_buyer_max", Integer, nullable=False),
    Column("hold_s", Integer, nullable=False),
    Column("opens_at", Instant),
    Column("closes_at", Instant),
    Column("reason", String(200)),
    Column("created_at", Instant, nullable=False),
    Column("closed_at", Instant),
)

# The last word on stock: the store refuses what would oversell.
deal_line = Table(
    "deal_line",
    metadata,
    Column("deal", Id, ForeignKey("deal.id"), primary_key=True),
    Column("variant", Id, ForeignKey("variant.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("sku", String(80), nullable=False),
    Column("title", JSON, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("price", Amount, nullable=False),
    Column("reference_price", Amount, nullable=False),
    Column("allotted", BigInteger, nullable=False),
    Column("free", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False, server_default="0"),
    Column("sold", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("free >= 0 AND held >= 0 AND sold >= 0", name="never_oversold"),
    CheckConstraint("allotted = free + held + sold", name="conserved"),
    CheckConstraint("price >= 0", name="price"),
)

# Units on their way from free stock to a deal, until the fact arrives and fills
# `deal_line`. `op` is the outbox row's; that of a load is `<op>:<position>`.
allotment = Table(
    "allotment",
    metadata,
    Column("op", Id, primary_key=True),
    Column("deal", Id, ForeignKey("deal.id"), nullable=False, index=True),
    Column("variant", Id, ForeignKey("variant.id"), nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("applied_at", Instant),
)

hold = Table(
    "hold",
    metadata,
    Column("id", Id, primary_key=True),
    Column("deal", Id, ForeignKey("deal.id"), nullable=False),
    Column("show", Id, ForeignKey("show.id"), nullable=False),
    Column("variant", Id, nullable=False),
    Column("buyer", Id, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("payment", Id),
    Column("held_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("quantity > 0", name="quantity"),
    Index("ix_hold_bag", "show", "buyer", "state"),
    Index("ix_hold_deal", "deal", "state"),
)

payment = Table(
    "payment",
    metadata,
    Column("id", Id, primary_key=True),  # Our reference at the provider.
    Column("show", Id, ForeignKey("show.id"), nullable=False),
    Column("order", Id, nullable=False, unique=True),
    Column("buyer", Id, nullable=False),
    Column("name", String(80), nullable=False),
    Column("provider", String(32), nullable=False),
    Column("provider_ref", String(255)),
    Column("url", String(500)),
    Column("state", String(16), nullable=False),
    Column("amount", Amount, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("address", JSON),
    Column("key", String(128), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("check_at", Instant, nullable=False),  # When the scanner looks next.
    Column("reason", String(200)),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    UniqueConstraint("buyer", "key"),
    CheckConstraint("amount >= 0", name="amount"),
    Index("ix_payment_open", "state", "check_at"),
)

payment_line = Table(
    "payment_line",
    metadata,
    Column("payment", Id, ForeignKey("payment.id"), primary_key=True),
    Column("hold", Id, primary_key=True),
    Column("deal", Id, ForeignKey("deal.id"), nullable=False),
    Column("variant", Id, nullable=False),
    Column("sku", String(80), nullable=False),
    Column("title", JSON, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", Amount, nullable=False),
)

# What providers told us, stored before it is answered.
inbox = Table(
    "inbox",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("event", String(255), primary_key=True),
    Column("body", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("applied_at", Instant, index=True),
    Column("outcome", String(200)),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Id, primary_key=True),
    Column("show", Id, ForeignKey("show.id"), nullable=False),
    Column("buyer", Id, nullable=False, index=True),
    Column("name", String(80), nullable=False),
    Column("payment", Id, ForeignKey("payment.id"), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("total", Amount, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("address", JSON),
    Column("confirmed_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Index("ix_orders_show", "show", "confirmed_at"),
)

order_line = Table(
    "order_line",
    metadata,
    Column("hold", Id, primary_key=True),  # A hold becomes at most one line.
    Column("order", Id, ForeignKey("orders.id"), nullable=False, index=True),
    Column("deal", Id, ForeignKey("deal.id"), nullable=False, index=True),
    Column("variant", Id, nullable=False),
    Column("sku", String(80), nullable=False),
    Column("title", JSON, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", Amount, nullable=False),
)

# Double entry: the amounts of one `source` add up to zero in each currency.
entry = Table(
    "entry",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("source", String(80), nullable=False),  # "capture:<payment>", ...
    Column("account", String(80), nullable=False),  # "provider:sandbox", "seller:..."
    Column("amount", Amount, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("order", Id, ForeignKey("orders.id"), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    UniqueConstraint("source", "account", "currency"),
)

# What SQL tells Redis, written in the transaction that made it true.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("op", Id, nullable=False, unique=True),
    Column("partition", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant, index=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("show", Id, index=True),
    Column("act", String(40), nullable=False),
    Column("by", Id, nullable=False),
    Column("name", String(80), nullable=False),
    Column("role", String(16), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("reason", String(200)),
    Column("at", Instant, nullable=False),
)

# One-time codes of staff links; only their digests are kept.
code = Table(
    "code",
    metadata,
    Column("digest", Id, primary_key=True),
    Column("role", String(16), nullable=False),
    Column("show", Id, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
)

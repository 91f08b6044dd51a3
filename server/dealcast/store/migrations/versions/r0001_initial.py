"""
The first schema: catalog, shows, deals, holds, payments, orders and the ledger.

Revises: nothing
"""

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = String(64)
Serial = BigInteger().with_variant(Integer(), "sqlite")

# In the order of their foreign keys.
TABLES = (
    "installation", "partition", "fact", "outbox", "code", "audit", "person",
    "seller", "product", "variant", "show", "pin", "mute", "deal", "deal_line",
    "allotment", "hold", "payment", "payment_line", "inbox", "orders", "order_line",
    "entry",
)  # fmt: skip


def upgrade() -> None:
    """Make all tables."""
    _clerk()
    _catalog()
    _shows()
    _deals()
    _holds()
    _payments()
    _orders()


def downgrade() -> None:
    """Drop all tables."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _clerk() -> None:
    # Where the ledger stands, what Redis is to be told, who did what.
    op.create_table(
        "installation",
        Column("key", Id, primary_key=True),
        Column("value", String(500), nullable=False),
    )
    op.create_table(
        "partition",
        Column("id", Integer, primary_key=True),
        Column("epoch", Integer, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("chain", String(40), nullable=False),
        Column("lease", Integer, server_default="0", nullable=False),
    )
    op.create_table(
        "fact",
        Column("partition", Integer, primary_key=True),
        Column("seq", BigInteger, primary_key=True),
        Column("epoch", Integer, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("chain", String(40), nullable=False),
        Column("body", LargeBinary, nullable=False),
    )
    op.create_table(
        "outbox",
        Column("id", Serial, autoincrement=True, primary_key=True),
        Column("op", Id, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("payload", JSON, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("sent_at", BigInteger),
        UniqueConstraint("op", name=op.f("uq_outbox_op")),
    )
    op.create_index(op.f("ix_outbox_sent_at"), "outbox", ["sent_at"])
    op.create_table(
        "code",
        Column("digest", Id, primary_key=True),
        Column("role", String(16), nullable=False),
        Column("show", Id, nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("used_at", BigInteger),
    )
    op.create_table(
        "audit",
        Column("id", Serial, autoincrement=True, primary_key=True),
        Column("show", Id),
        Column("act", String(40), nullable=False),
        Column("by", Id, nullable=False),
        Column("name", String(80), nullable=False),
        Column("role", String(16), nullable=False),
        Column("subject", String(255), nullable=False),
        Column("reason", String(200)),
        Column("at", BigInteger, nullable=False),
    )
    op.create_index(op.f("ix_audit_show"), "audit", ["show"])
    op.create_table(
        "person",
        Column("id", Id, primary_key=True),
        Column("subject", String(255), nullable=False),
        Column("name", String(80), nullable=False),
        Column("seen_at", BigInteger, nullable=False),
        UniqueConstraint("subject", name=op.f("uq_person_subject")),
    )


def _catalog() -> None:
    # What is sold, and how much of it is free.
    op.create_table(
        "seller",
        Column("id", Id, primary_key=True),
        Column("name", JSON, nullable=False),
    )
    op.create_table(
        "product",
        Column("id", Id, primary_key=True),
        Column("seller", Id, nullable=False),
        Column("title", JSON, nullable=False),
        Column("image", String(500)),
        Column("tags", JSON, nullable=False),
        Column("version", Integer, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        ForeignKeyConstraint(["seller"], ["seller.id"], name=op.f("fk_product_seller")),
    )
    op.create_table(
        "variant",
        Column("id", Id, primary_key=True),
        Column("product", Id, nullable=False),
        Column("position", Integer, nullable=False),
        Column("sku", String(80), nullable=False),
        Column("title", JSON, nullable=False),
        Column("prices", JSON, nullable=False),
        Column("received", BigInteger, nullable=False),
        Column("free", BigInteger, nullable=False),
        CheckConstraint("free >= 0", name=op.f("ck_variant_free")),
        CheckConstraint("received >= free", name=op.f("ck_variant_received")),
        ForeignKeyConstraint(
            ["product"], ["product.id"], name=op.f("fk_variant_product")
        ),
        UniqueConstraint("sku", name=op.f("uq_variant_sku")),
    )
    op.create_index(op.f("ix_variant_product"), "variant", ["product"])


def _shows() -> None:
    # The shows, what they pin, whom they mute.
    op.create_table(
        "show",
        Column("id", Id, primary_key=True),
        Column("slug", Id),
        Column("title", JSON, nullable=False),
        Column("currency", String(3), nullable=False),
        Column("status", String(16), nullable=False),
        Column("host", String(80), nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("starts_at", BigInteger),
        Column("ended_at", BigInteger),
        UniqueConstraint("slug", name=op.f("uq_show_slug")),
    )
    op.create_table(
        "pin",
        Column("show", Id, primary_key=True),
        Column("product", Id, primary_key=True),
        Column("pinned_at", BigInteger, nullable=False),
        ForeignKeyConstraint(["product"], ["product.id"], name=op.f("fk_pin_product")),
        ForeignKeyConstraint(["show"], ["show.id"], name=op.f("fk_pin_show")),
    )
    op.create_table(
        "mute",
        Column("show", Id, primary_key=True),
        Column("person", Id, primary_key=True),
        Column("until_at", BigInteger, nullable=False),
        Column("reason", String(200)),
        Column("by", Id, nullable=False),
        ForeignKeyConstraint(["show"], ["show.id"], name=op.f("fk_mute_show")),
    )


def _deals() -> None:
    # Stock given to deals.
    op.create_table(
        "deal",
        Column("id", Id, primary_key=True),
        Column("show", Id, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("status", String(16), nullable=False),
        Column("product", Id, nullable=False),
        Column("per_buyer_max", Integer, nullable=False),
        Column("hold_s", Integer, nullable=False),
        Column("opens_at", BigInteger),
        Column("closes_at", BigInteger),
        Column("reason", String(200)),
        Column("created_at", BigInteger, nullable=False),
        Column("closed_at", BigInteger),
        ForeignKeyConstraint(["product"], ["product.id"], name=op.f("fk_deal_product")),
        ForeignKeyConstraint(["show"], ["show.id"], name=op.f("fk_deal_show")),
    )
    op.create_index(op.f("ix_deal_show"), "deal", ["show"])
    op.create_table(
        "deal_line",
        Column("deal", Id, primary_key=True),
        Column("variant", Id, primary_key=True),
        Column("position", Integer, nullable=False),
        Column("sku", String(80), nullable=False),
        Column("title", JSON, nullable=False),
        Column("currency", String(3), nullable=False),
        Column("price", BigInteger, nullable=False),
        Column("reference_price", BigInteger, nullable=False),
        Column("allotted", BigInteger, nullable=False),
        Column("free", BigInteger, nullable=False),
        Column("held", BigInteger, server_default="0", nullable=False),
        Column("sold", BigInteger, server_default="0", nullable=False),
        CheckConstraint(
            "allotted = free + held + sold", name=op.f("ck_deal_line_conserved")
        ),
        CheckConstraint(
            "free >= 0 AND held >= 0 AND sold >= 0",
            name=op.f("ck_deal_line_never_oversold"),
        ),
        CheckConstraint("price >= 0", name=op.f("ck_deal_line_price")),
        ForeignKeyConstraint(["deal"], ["deal.id"], name=op.f("fk_deal_line_deal")),
        ForeignKeyConstraint(
            ["variant"], ["variant.id"], name=op.f("fk_deal_line_variant")
        ),
    )


def _holds() -> None:
    # Units on their way to deals, and what buyers hold of them.
    op.create_table(
        "allotment",
        Column("op", Id, primary_key=True),
        Column("deal", Id, nullable=False),
        Column("variant", Id, nullable=False),
        Column("units", BigInteger, nullable=False),
        Column("applied_at", BigInteger),
        ForeignKeyConstraint(["deal"], ["deal.id"], name=op.f("fk_allotment_deal")),
        ForeignKeyConstraint(
            ["variant"], ["variant.id"], name=op.f("fk_allotment_variant")
        ),
    )
    op.create_index(op.f("ix_allotment_deal"), "allotment", ["deal"])
    op.create_table(
        "hold",
        Column("id", Id, primary_key=True),
        Column("deal", Id, nullable=False),
        Column("show", Id, nullable=False),
        Column("variant", Id, nullable=False),
        Column("buyer", Id, nullable=False),
        Column("quantity", Integer, nullable=False),
        Column("state", String(16), nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("payment", Id),
        Column("held_at", BigInteger, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
        CheckConstraint("quantity > 0", name=op.f("ck_hold_quantity")),
        ForeignKeyConstraint(["deal"], ["deal.id"], name=op.f("fk_hold_deal")),
        ForeignKeyConstraint(["show"], ["show.id"], name=op.f("fk_hold_show")),
    )
    op.create_index("ix_hold_bag", "hold", ["show", "buyer", "state"])
    op.create_index("ix_hold_deal", "hold", ["deal", "state"])


def _payments() -> None:
    # What buyers pay, and what providers tell of it.
    op.create_table(
        "payment",
        Column("id", Id, primary_key=True),
        Column("show", Id, nullable=False),
        Column("order", Id, nullable=False),
        Column("buyer", Id, nullable=False),
        Column("name", String(80), nullable=False),
        Column("provider", String(32), nullable=False),
        Column("provider_ref", String(255)),
        Column("url", String(500)),
        Column("state", String(16), nullable=False),
        Column("amount", BigInteger, nullable=False),
        Column("currency", String(3), nullable=False),
        Column("address", JSON),
        Column("key", String(128), nullable=False),
        Column("fingerprint", String(64), nullable=False),
        Column("expires_at", BigInteger, nullable=False),
        Column("check_at", BigInteger, nullable=False),
        Column("reason", String(200)),
        Column("created_at", BigInteger, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
        CheckConstraint("amount >= 0", name=op.f("ck_payment_amount")),
        ForeignKeyConstraint(["show"], ["show.id"], name=op.f("fk_payment_show")),
        UniqueConstraint("buyer", "key", name=op.f("uq_payment_buyer")),
        UniqueConstraint("order", name=op.f("uq_payment_order")),
    )
    op.create_index("ix_payment_open", "payment", ["state", "check_at"])
    op.create_table(
        "payment_line",
        Column("payment", Id, primary_key=True),
        Column("hold", Id, primary_key=True),
        Column("deal", Id, nullable=False),
        Column("variant", Id, nullable=False),
        Column("sku", String(80), nullable=False),
        Column("title", JSON, nullable=False),
        Column("quantity", Integer, nullable=False),
        Column("price", BigInteger, nullable=False),
        ForeignKeyConstraint(["deal"], ["deal.id"], name=op.f("fk_payment_line_deal")),
        ForeignKeyConstraint(
            ["payment"], ["payment.id"], name=op.f("fk_payment_line_payment")
        ),
    )
    op.create_table(
        "inbox",
        Column("provider", String(32), primary_key=True),
        Column("event", String(255), primary_key=True),
        Column("body", JSON, nullable=False),
        Column("received_at", BigInteger, nullable=False),
        Column("applied_at", BigInteger),
        Column("outcome", String(200)),
    )
    op.create_index(op.f("ix_inbox_applied_at"), "inbox", ["applied_at"])


def _orders() -> None:
    # What was sold, and the books.
    op.create_table(
        "orders",
        Column("id", Id, primary_key=True),
        Column("show", Id, nullable=False),
        Column("buyer", Id, nullable=False),
        Column("name", String(80), nullable=False),
        Column("payment", Id, nullable=False),
        Column("state", String(16), nullable=False),
        Column("total", BigInteger, nullable=False),
        Column("currency", String(3), nullable=False),
        Column("address", JSON),
        Column("confirmed_at", BigInteger, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
        ForeignKeyConstraint(
            ["payment"], ["payment.id"], name=op.f("fk_orders_payment")
        ),
        ForeignKeyConstraint(["show"], ["show.id"], name=op.f("fk_orders_show")),
        UniqueConstraint("payment", name=op.f("uq_orders_payment")),
    )
    op.create_index(op.f("ix_orders_buyer"), "orders", ["buyer"])
    op.create_index("ix_orders_show", "orders", ["show", "confirmed_at"])
    op.create_table(
        "order_line",
        Column("hold", Id, primary_key=True),
        Column("order", Id, nullable=False),
        Column("deal", Id, nullable=False),
        Column("variant", Id, nullable=False),
        Column("sku", String(80), nullable=False),
        Column("title", JSON, nullable=False),
        Column("quantity", Integer, nullable=False),
        Column("price", BigInteger, nullable=False),
        ForeignKeyConstraint(["deal"], ["deal.id"], name=op.f("fk_order_line_deal")),
        ForeignKeyConstraint(
            ["order"], ["orders.id"], name=op.f("fk_order_line_order")
        ),
    )
    op.create_index(op.f("ix_order_line_deal"), "order_line", ["deal"])
    op.create_index(op.f("ix_order_line_order"), "order_line", ["order"])
    op.create_table(
        "entry",
        Column("id", Serial, autoincrement=True, primary_key=True),
        Column("source", String(80), nullable=False),
        Column("account", String(80), nullable=False),
        Column("amount", BigInteger, nullable=False),
        Column("currency", String(3), nullable=False),
        Column("order", Id, nullable=False),
        Column("at", BigInteger, nullable=False),
        ForeignKeyConstraint(["order"], ["orders.id"], name=op.f("fk_entry_order")),
        UniqueConstraint("source", "account", "currency", name=op.f("uq_entry_source")),
    )
    op.create_index(op.f("ix_entry_order"), "entry", ["order"])

"""The order journal: orders with their transitions, owners, the kill switch."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables; those of unreleased versions, which held simulated orders only, go."""
    for leftover in ("task_starts", "order_attempts"):
        op.execute(f"DROP TABLE IF EXISTS {leftover}")
    op.create_table(
        "accounts",
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False, comment="raised by every new owner"),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("heartbeat", sa.Integer(), nullable=False, comment="of its lease, in seconds"),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "released", sa.Boolean(), nullable=False, comment="the owner gave the lease back by itself"
        ),
        sa.PrimaryKeyConstraint("environment", "vendor", "account"),
    )
    op.create_table(
        "foreign_orders",
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("market", sa.String(length=16), nullable=False),
        sa.Column("trading_day", sa.String(length=10), nullable=False),
        sa.Column("order_no", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("environment", "vendor", "account", "market", "trading_day", "order_no"),
    )
    op.create_table(
        "halts",
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("halted", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("environment"),
    )
    op.create_table(
        "journal_identity",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("journal_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "order_transitions",
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("task_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column(
            "by", sa.String(length=255), nullable=False, comment="the worker, or who settled it by hand"
        ),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=True),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("environment", "task_id", "version"),
    )
    op.create_table(
        "orders",
        sa.Column("environment", sa.String(length=16), nullable=False, comment="simulated, paper or real"),
        sa.Column("task_id", sa.String(length=255), nullable=False),
        sa.Column("method", sa.String(length=255), nullable=False),
        sa.Column(
            "payload_hash", sa.String(length=64), nullable=False, comment="SHA-256 of method and parameters"
        ),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False, comment="the alias, never the number"),
        sa.Column("action", sa.String(length=8), nullable=False),
        sa.Column("market", sa.String(length=16), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=True),
        sa.Column("side", sa.String(length=4), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("price", sa.String(length=32), nullable=True, comment="exact decimal text"),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("order_type", sa.String(length=32), nullable=True),
        sa.Column("venue", sa.String(length=16), nullable=True),
        sa.Column(
            "original",
            sa.String(length=32),
            nullable=True,
            comment="the order number that a modify or cancel is about",
        ),
        sa.Column("fingerprint", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column(
            "status",
            sa.String(length=24),
            nullable=True,
            comment="what the market did with an accepted order",
        ),
        sa.Column("order_no", sa.String(length=32), nullable=True),
        sa.Column("vendor_code", sa.String(length=64), nullable=True),
        sa.Column("vendor_message", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "floor",
            sa.BigInteger(),
            nullable=True,
            comment="the highest order number known before it was sent",
        ),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("stuck", sa.Boolean(), nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.Column(
            "cancelled",
            sa.BigInteger(),
            nullable=False,
            comment="taken back, or moved to the order that changed it",
        ),
        sa.Column("remaining", sa.BigInteger(), nullable=True),
        sa.Column("average_price", sa.String(length=32), nullable=True, comment="exact decimal text"),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trading_day", sa.String(length=10), nullable=False, comment="KST, of received_at"),
        sa.Column(
            "user", sa.String(length=255), nullable=True, comment="the AMQP user that RabbitMQ verified"
        ),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reply_to", sa.String(length=255), nullable=True),
        sa.Column("correlation_id", sa.String(length=255), nullable=True),
        sa.Column("outcome", sa.LargeBinary(), nullable=True, comment="the JSON of the reply"),
        sa.Column("replied", sa.Boolean(), nullable=False, comment="RabbitMQ confirmed the outcome's reply"),
        sa.PrimaryKeyConstraint("environment", "task_id"),
    )
    op.create_index(
        "orders_by_day", "orders", ["environment", "vendor", "account", "trading_day"], unique=False
    )
    op.create_index(
        "orders_by_number", "orders", ["environment", "vendor", "account", "order_no"], unique=False
    )
    op.create_index("orders_by_state", "orders", ["environment", "vendor", "account", "state"], unique=False)
    op.create_table(
        "task_starts",
        sa.Column("key", sa.String(length=64), nullable=False, comment="SHA-256 of task_id and body"),
        sa.Column("task_id", sa.String(length=255), nullable=False),
        sa.Column("method", sa.String(length=255), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("last_started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )

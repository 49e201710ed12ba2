"""Live data: subscriptions, and which fills have been published."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "subscriptions",
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False, comment="the alias, never the number"),
        sa.Column("task_id", sa.String(length=255), nullable=False),
        sa.Column(
            "code", sa.String(length=32), nullable=False, comment="what the vendor sends, in its own words"
        ),
        sa.Column(
            "symbol", sa.String(length=64), nullable=False, comment="of what; empty where it is personal"
        ),
        sa.Column(
            "family", sa.String(length=255), nullable=False, comment="the method's name without its verb"
        ),
        sa.Column("ticker", sa.String(length=64), nullable=True),
        sa.Column("reply_to", sa.String(length=255), nullable=False),
        sa.Column("correlation_id", sa.String(length=255), nullable=True),
        sa.Column("raw", sa.Boolean(), nullable=False),
        sa.Column("vendor_form", sa.Boolean(), nullable=False),
        sa.Column("copies", sa.Boolean(), nullable=False),
        sa.Column("polling", sa.Boolean(), nullable=False),
        sa.Column("snapshot", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("environment", "vendor", "account", "task_id", "code", "symbol"),
    )
    op.create_table(
        "published_fills",
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("market", sa.String(length=16), nullable=False),
        sa.Column("trading_day", sa.String(length=10), nullable=False),
        sa.Column("order_no", sa.String(length=32), nullable=False, comment="without leading zeros"),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.String(length=64), nullable=True, comment="exact decimal text"),
        sa.Column(
            "recovered",
            sa.BigInteger(),
            nullable=False,
            comment="of the quantity, taken from the vendor's list",
        ),
        sa.PrimaryKeyConstraint("environment", "vendor", "account", "market", "trading_day", "order_no"),
    )
    op.create_table(
        "fill_baselines",
        sa.Column("environment", sa.String(length=16), nullable=False),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("market", sa.String(length=16), nullable=False),
        sa.Column("trading_day", sa.String(length=10), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("environment", "vendor", "account", "market", "trading_day"),
    )

"""Daily candles and what is to be collected."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "daily_candles",
        sa.Column("venue", sa.String(length=16), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("open", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("close", sa.BigInteger(), nullable=False),
        sa.Column("volume", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("vendor", sa.String(length=32), nullable=False),
        sa.Column("halted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "ticker", "day"),
    )
    op.create_table(
        "collected_tickers",
        sa.Column("venue", sa.String(length=16), nullable=False),
        sa.Column("ticker", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=True),
        sa.Column("since", sa.Date(), nullable=False, comment="the first day that is wanted"),
        sa.Column(
            "covered_from",
            sa.Date(),
            nullable=True,
            comment="with covered_until: the days that a vendor has been asked for",
        ),
        sa.Column("covered_until", sa.Date(), nullable=True),
        sa.Column(
            "refusal",
            sa.String(length=255),
            nullable=True,
            comment="why it is not asked for any more: no vendor knows it",
        ),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("venue", "ticker"),
    )

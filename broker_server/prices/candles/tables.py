"""The tables of the store of prices. A change here needs a migration in ``versions`` and another ``head``."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Boolean, Column, Date, MetaData, String, Table

from broker_server.journal.database import DatabaseError, Schema
from broker_server.journal.tables import Quotation, UtcDateTime

metadata = MetaData()

daily_candles = Table(
    "daily_candles",
    metadata,
    Column("venue", String(16), primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("open", BigInteger, nullable=False),
    Column("high", BigInteger, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("close", BigInteger, nullable=False),
    Column("volume", BigInteger, nullable=False),
    Column("value", BigInteger),
    Column("vendor", String(32), nullable=False),
    Column("halted", Boolean, nullable=False),
)
"""One row for every day of an instrument; prices in won, adjusted for splits."""

collected_tickers = Table(
    "collected_tickers",
    metadata,
    Column("venue", String(16), primary_key=True),
    Column("ticker", String(32), primary_key=True),
    Column("name", Quotation(64)),
    Column("since", Date, nullable=False, comment="the first day that is wanted"),
    Column("covered_from", Date, comment="with covered_until: the days that a vendor has been asked for"),
    Column("covered_until", Date),
    Column("refusal", Quotation(255), comment="why it is not asked for any more: no vendor knows it"),
    Column("refused_at", UtcDateTime),
)
"""What is to be collected, and how far that has come."""


class PricesError(DatabaseError):
    """The store of prices cannot be opened; the message says where it is and what to do."""


PRICES = Schema(
    setting="PRICES_URL",
    name="store of prices",
    versions=Path(__file__).parent / "versions",
    head="0001",
    version_table="prices_version",
    metadata=metadata,
    error=PricesError,
)

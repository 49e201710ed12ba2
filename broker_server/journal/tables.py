"""The journal's tables. A change here needs a migration in ``migrations/versions`` and another ``head``."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()


class UtcDateTime(TypeDecorator[datetime]):
    """A moment with an offset, kept and given back in UTC.

    SQLite itself would drop the offset, and PostgreSQL give it back in the time zone of its session.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a moment without an offset cannot be recorded: {value}")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Quotation(TypeDecorator[str]):
    """Text in somebody else's words, which is recorded whatever it holds: an order's outcome hangs on it.

    PostgreSQL refuses a zero byte and a text that is too long, and no database takes half a surrogate pair.

    Args:
        length: Where it is cut; ``None``: nowhere.
    """

    impl = Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__()
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """The column's type in the database."""
        return Text() if self.length is None else String(self.length)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        if value is None:
            return None
        return (
            value.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")[: self.length]
        )


task_starts = Table(
    "task_starts",
    metadata,
    Column("key", String(64), primary_key=True, comment="SHA-256 of task_id and body"),
    Column("task_id", String(255), nullable=False),
    Column("method", String(255), nullable=False),
    Column("starts", Integer, nullable=False),
    Column("last_started_at", UtcDateTime, nullable=False),
)
"""Starts without an end of redelivered tasks, so that one that kills its worker is found."""

orders = Table(
    "orders",
    metadata,
    Column("environment", String(16), primary_key=True, comment="simulated, paper or real"),
    Column("task_id", String(255), primary_key=True),
    Column("method", String(255), nullable=False),
    Column("payload_hash", String(64), nullable=False, comment="SHA-256 of method and parameters"),
    Column("vendor", String(32), nullable=False),
    Column("account", String(64), nullable=False, comment="the alias, never the number"),
    Column("action", String(8), nullable=False),
    Column("market", String(16), nullable=False),
    Column("ticker", String(32)),
    Column("side", String(4)),
    Column("quantity", BigInteger),
    Column("price", String(32), comment="exact decimal text"),
    Column("currency", String(3)),
    Column("order_type", String(32)),
    Column("venue", String(16)),
    Column("original", String(32), comment="the order number that a modify or cancel is about"),
    Column("fingerprint", String(255), nullable=False),
    Column("state", String(16), nullable=False),
    Column("status", String(24), comment="what the market did with an accepted order"),
    Column("order_no", String(32)),
    Column("vendor_code", Quotation(64)),
    Column("vendor_message", Quotation),
    Column("reason", Quotation),
    Column("floor", BigInteger, comment="the highest order number known before it was sent"),
    Column("missed", Integer, nullable=False),
    Column("stuck", Boolean, nullable=False),
    Column("filled", BigInteger, nullable=False),
    Column(
        "cancelled", BigInteger, nullable=False, comment="taken back, or moved to the order that changed it"
    ),
    Column("remaining", BigInteger),
    Column("average_price", String(32), comment="exact decimal text"),
    Column("received_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("settled_at", UtcDateTime),
    Column("trading_day", String(10), nullable=False, comment="KST, of received_at"),
    Column("user", String(255), comment="the AMQP user that RabbitMQ verified"),
    Column("owner", String(255), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("reply_to", String(255)),
    Column("correlation_id", String(255)),
    Column("outcome", LargeBinary, comment="the JSON of the reply"),
    Column("replied", Boolean, nullable=False, comment="RabbitMQ confirmed the outcome's reply"),
    Index("orders_by_state", "environment", "vendor", "account", "state"),
    Index("orders_by_number", "environment", "vendor", "account", "order_no"),
    Index("orders_by_day", "environment", "vendor", "account", "trading_day"),
)
"""One row for every order attempt, on disk before any byte of it leaves."""

order_transitions = Table(
    "order_transitions",
    metadata,
    Column("environment", String(16), primary_key=True),
    Column("task_id", String(255), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("event", String(16), nullable=False),
    Column("by", String(255), nullable=False, comment="the worker, or who settled it by hand"),
    Column("state", String(16), nullable=False),
    Column("status", String(24)),
    Column("filled", BigInteger, nullable=False),
    Column("reason", Quotation),
)
"""Every change of an order's row, in order."""

foreign_orders = Table(
    "foreign_orders",
    metadata,
    Column("environment", String(16), primary_key=True),
    Column("vendor", String(32), primary_key=True),
    Column("account", String(64), primary_key=True),
    Column("market", String(16), primary_key=True),
    Column("trading_day", String(10), primary_key=True),
    Column("order_no", String(32), primary_key=True),
    Column("status", String(24), nullable=False),
    Column("filled", BigInteger, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)
"""Orders of the account that were entered elsewhere, as last announced."""

accounts = Table(
    "accounts",
    metadata,
    Column("environment", String(16), primary_key=True),
    Column("vendor", String(32), primary_key=True),
    Column("account", String(64), primary_key=True),
    Column("epoch", Integer, nullable=False, comment="raised by every new owner"),
    Column("owner", String(255), nullable=False),
    Column("host", String(255), nullable=False),
    Column("process", Integer, nullable=False),
    Column("heartbeat", Integer, nullable=False, comment="of its lease, in seconds"),
    Column("taken_at", UtcDateTime, nullable=False),
    Column("released", Boolean, nullable=False, comment="the owner gave the lease back by itself"),
)
"""Who owns an account; rows of an older epoch cannot be sent any more."""

halts = Table(
    "halts",
    metadata,
    Column("environment", String(16), primary_key=True),
    Column("halted", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by", String(255), nullable=False),
    Column("reason", Quotation),
)
"""The kill switch."""

journal_identity = Table(
    "journal_identity",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("journal_id", String(36), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
"""One row: the name of this journal, pinned at the broker for each account."""

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("environment", String(16), primary_key=True),
    Column("vendor", String(32), primary_key=True),
    Column("account", String(64), primary_key=True, comment="the alias, never the number"),
    Column("task_id", String(255), primary_key=True),
    Column("code", String(32), primary_key=True, comment="what the vendor sends, in its own words"),
    Column("symbol", String(64), primary_key=True, comment="of what; empty where it is personal"),
    Column("family", String(255), nullable=False, comment="the method's name without its verb"),
    Column("ticker", String(64)),
    Column("reply_to", String(255), nullable=False),
    Column("correlation_id", String(255)),
    Column("raw", Boolean, nullable=False),
    Column("vendor_form", Boolean, nullable=False),
    Column("copies", Boolean, nullable=False),
    Column("polling", Boolean, nullable=False),
    Column("snapshot", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
"""What tasks have subscribed to, so that a restart or another owner goes on with it."""

published_fills = Table(
    "published_fills",
    metadata,
    Column("environment", String(16), primary_key=True),
    Column("vendor", String(32), primary_key=True),
    Column("account", String(64), primary_key=True),
    Column("market", String(16), primary_key=True),
    Column("trading_day", String(10), primary_key=True),
    Column("order_no", String(32), primary_key=True, comment="without leading zeros"),
    Column("quantity", BigInteger, nullable=False),
    Column("amount", String(64), comment="exact decimal text"),
    Column("recovered", BigInteger, nullable=False, comment="of the quantity, taken from the vendor's list"),
)
"""Fills of orders, as far as they have been published."""

fill_baselines = Table(
    "fill_baselines",
    metadata,
    Column("environment", String(16), primary_key=True),
    Column("vendor", String(32), primary_key=True),
    Column("account", String(64), primary_key=True),
    Column("market", String(16), primary_key=True),
    Column("trading_day", String(10), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)
"""The days whose fills are on record from some moment on."""

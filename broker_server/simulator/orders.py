"""What an order is in the simulated market, whichever vendor took it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from broker_server.simulator.instruments import Instrument


class Side(StrEnum):
    """Buy or sell."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """How the price of an order is found."""

    LIMIT = "limit"
    MARKET = "market"
    BEST = "best"
    """A limit at the best price of the other side, taken when the order arrives."""
    TOP = "top"
    """A limit at the best price of the own side, taken when the order arrives."""
    MID = "mid"
    """A limit at the middle of the best bid and ask, rounded to a tick in the market's favour."""
    CONDITIONAL = "conditional"
    """A limit that becomes a market order at the close."""
    STOP_LIMIT = "stop_limit"
    """A limit that waits until the price touches its trigger."""
    AT_OPEN = "at_open"
    AT_CLOSE = "at_close"


class TimeInForce(StrEnum):
    """How long an order waits."""

    DAY = "day"
    IOC = "ioc"
    FOK = "fok"


class OrderState(StrEnum):
    """Where an order stands."""

    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Refusal(StrEnum):
    """Why the market or the account did not take an instruction."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    MARKET_CLOSED = "market_closed"
    SUSPENDED = "suspended"
    WRONG_QUANTITY = "wrong_quantity"
    WRONG_LOT = "wrong_lot"
    WRONG_PRICE = "wrong_price"
    WRONG_TICK = "wrong_tick"
    OUTSIDE_LIMITS = "outside_limits"
    ORDER_TYPE = "order_type"
    ONLY_AFTER_MARKET_TYPES = "only_after_market_types"
    INSUFFICIENT_CASH = "insufficient_cash"
    INSUFFICIENT_HOLDING = "insufficient_holding"
    UNKNOWN_ORDER = "unknown_order"
    NOTHING_LEFT = "nothing_left"
    QUANTITY_EXCEEDS_REMAINING = "quantity_exceeds_remaining"
    WRONG_VENUE = "wrong_venue"


class OrderRefused(Exception):
    """An instruction that was not taken; nothing changed."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution; price in minor units."""

    time: datetime
    price: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a client asks for.

    Attributes:
        vendor: Whose client.
        account: ``12345678-01``.
        price: In minor units; None where the type finds the price itself.
        trigger: Of a stop-limit order.
        venue: ``KRX``, ``NXT``, ``SOR``, or the foreign exchange.
        code: The vendor's own order type code, kept for its answers.
    """

    vendor: str
    account: str
    instrument: Instrument
    side: Side
    quantity: int
    price: int | None = None
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.DAY
    trigger: int | None = None
    venue: str = "KRX"
    code: str = ""


class OrderKey(NamedTuple):
    """What names an order: its number begins anew each day, for domestic and overseas orders apart.

    Attributes:
        market: ``domestic`` or ``overseas``.
        day: At the order's exchange.
    """

    vendor: str
    market: str
    day: date
    number: int


@dataclass(slots=True)
class Order:
    """An order that was taken.

    Attributes:
        number: The vendor's order number; see `OrderKey`.
        time: When it was taken.
        day: The date at its exchange when it was taken.
        price: The limit it works at; None for a market order.
        original: The number of the order, of the same market and day, that a modification replaced or
            that a cancellation named.
        kind: ``new``, ``modify`` or ``cancel``; a cancellation is an instruction with a number of its own.
        removed: Shares taken back by cancellations, modifications, IOC, FOK or the end of the day.
        cancelled: Those of them taken back by cancellations, IOC and FOK.
        rejected: Those of them that the exchange did not take after the vendor had.
    """

    number: int
    request: OrderRequest
    time: datetime
    day: date
    price: int | None
    original: int = 0
    kind: str = "new"
    filled: int = 0
    amount: int = 0
    removed: int = 0
    cancelled: int = 0
    rejected: int = 0
    state: OrderState = OrderState.WORKING
    triggered: bool = True
    fills: list[Fill] = field(default_factory=list)

    @property
    def key(self) -> OrderKey:
        """What tells it from every other order."""
        return OrderKey(self.request.vendor, self.request.instrument.market, self.day, self.number)

    @property
    def remaining(self) -> int:
        """Shares that may still be filled."""
        return self.request.quantity - self.filled - self.removed

    @property
    def is_open(self) -> bool:
        """Whether the order waits in the market."""
        return self.kind != "cancel" and self.state in (OrderState.WORKING, OrderState.PARTIALLY_FILLED)


class OrderEventKind(StrEnum):
    """What happened to an order that a vendor tells its customer of."""

    RECEIVED = "received"
    """A new order, a modification or a cancellation was taken."""
    FILLED = "filled"
    KILLED = "killed"
    """What IOC or FOK left over was taken back."""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One thing that happened to an order.

    Attributes:
        quantity: Shares that it is about.
        price: Of an execution, in minor units.
    """

    kind: OrderEventKind
    order: Order
    time: datetime
    quantity: int
    price: int = 0

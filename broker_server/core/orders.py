"""What an order is and how its state changes: pure, every event is a value and every time is passed in.

::

    RECEIVED ──> REFUSED
        └──────> SENDING ──> ACCEPTED | REJECTED | NOT_SENT | UNKNOWN
                                                     │           └──> ACCEPTED | REJECTED | NOT_SENT
                                                     └─(late evidence)─> ACCEPTED

After ``ACCEPTED`` the `Status` tells what the market does with it. Accepted is not filled. Reports of fills
may come late, twice and in any order: they are folded so that every order of arrival ends in the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from broker_server.core.accounts import AccountKey

Action = Literal["buy", "sell", "modify", "cancel"]
Side = Literal["buy", "sell"]


class State(StrEnum):
    """What became of the attempt to send."""

    RECEIVED = "RECEIVED"
    """Recorded; no byte has left."""
    REFUSED = "REFUSED"
    """Refused by us, for good."""
    SENDING = "SENDING"
    """A byte may have left."""
    ACCEPTED = "ACCEPTED"
    """The vendor took it and gave it a number."""
    REJECTED = "REJECTED"
    """The vendor understood it and refused."""
    UNKNOWN = "UNKNOWN"
    """It left, and its fate is not known yet."""
    NOT_SENT = "NOT_SENT"
    """It did not reach the vendor."""


class Status(StrEnum):
    """What the market did with an accepted order."""

    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED_BY_EXCHANGE = "rejected_by_exchange"


UNSETTLED = frozenset({State.SENDING, State.UNKNOWN})
"""The vendor may or may not have it."""
LEFT = frozenset({State.SENDING, State.UNKNOWN, State.ACCEPTED, State.REJECTED})
"""States of an order of which a byte left."""
OPEN = frozenset({Status.WORKING, Status.PARTIALLY_FILLED})


class IllegalTransition(Exception):
    """An event that cannot follow what is recorded; the record stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDetails:
    """What an order asks for, in every vendor's terms.

    Attributes:
        action: ``modify`` and ``cancel`` name an ``original``.
        market: Which of the vendor's order lists shows it: ``domestic`` or ``overseas``.
        ticker: ``None`` while a modify or cancel has not been looked up.
        quantity: Shares; ``None`` for all that are open.
        price: The limit; ``None`` without one.
        currency: ISO 4217.
        order_type: The vendor adapter's own name of it.
        venue: Where it goes.
        original: The order number that a modify or cancel is about.
        original_task_id: The task that placed that order, when it was named so.
    """

    action: Action
    market: str
    ticker: str | None = None
    side: Side | None = None
    quantity: int | None = None
    price: Decimal | None = None
    currency: str | None = None
    order_type: str | None = None
    venue: str | None = None
    original: str | None = None
    original_task_id: str | None = None

    @property
    def is_cancel(self) -> bool:
        """Whether it takes something back."""
        return self.action == "cancel"

    @property
    def fingerprint(self) -> str:
        """Equal for two orders that the vendor's list could not tell apart."""
        price = "" if self.price is None else f"{self.price.normalize():f}"
        parts = (self.action, self.market, self.ticker, self.side, self.quantity, price, self.order_type)
        return "|".join("" if part is None else str(part) for part in (*parts, self.venue, self.original))


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order attempt as it is recorded.

    Attributes:
        task_id: The client's name of it, and its idempotency key for ever.
        account: The account's alias.
        owner: The worker that may send it, with the ``epoch`` of its lease.
        order_no: The vendor's number, once accepted.
        reason: Why it is in this state, in words.
        floor: The highest order number of that market known before it was sent.
        missed: Complete lists of the vendor, asked after the send, that did not show it.
        stuck: Reconciliation cannot settle it by itself.
        filled: Shares.
        cancelled: Shares taken back, or moved to the order that changed this one.
        remaining: Shares still open.
        average_price: Of the fills.
        version: Counts the changes of the record.
    """

    task_id: str
    method: str
    payload_hash: str
    vendor: str
    account: str
    details: OrderDetails
    received_at: datetime
    owner: str
    epoch: int
    state: State = State.RECEIVED
    status: Status | None = None
    order_no: str | None = None
    vendor_code: str | None = None
    vendor_message: str | None = None
    reason: str | None = None
    floor: int | None = None
    missed: int = 0
    stuck: bool = False
    filled: int = 0
    cancelled: int = 0
    remaining: int | None = None
    average_price: Decimal | None = None
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    user: str | None = None
    version: int = 0

    @property
    def key(self) -> AccountKey:
        """Whose order it is."""
        return AccountKey(self.vendor, self.account)

    @property
    def is_open(self) -> bool:
        """Whether the market may still fill it. Cancels and modifies are no orders of their own."""
        return self.state is State.ACCEPTED and self.status in OPEN


@dataclass(frozen=True, slots=True)
class Refused:
    """A check of ours said no; nothing was sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class Sending:
    """The next step is to send it, for the first time or once more after a refusal from before it was taken.

    Attributes:
        details: What will be sent, with what was looked up.
        floor: As in `Order`.
    """

    details: OrderDetails
    floor: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor took it.

    Attributes:
        order_no: Its number; ``None`` for a cancel that had nothing left to do.
        by: ``answer``, ``reconciliation`` or ``hand``.
        reason: How it is known, if not from the answer.
    """

    order_no: str | None
    by: str = "answer"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The vendor refused it."""

    reason: str
    vendor_code: str | None = None
    vendor_message: str | None = None
    by: str = "answer"


@dataclass(frozen=True, slots=True)
class NotSent:
    """It did not reach the vendor."""

    reason: str
    vendor_code: str | None = None
    vendor_message: str | None = None
    by: str = "answer"


@dataclass(frozen=True, slots=True)
class Lost:
    """It left, and there is no verdict."""

    reason: str
    vendor_code: str | None = None
    vendor_message: str | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """A complete list of the vendor, asked after the send, does not show it."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Reconciliation cannot tell; it says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A report of what the market did: totals, not steps.

    Attributes:
        filled: Shares filled so far.
        status: As the report has it.
        average_price: Of the fills so far.
        cancelled: Shares taken back so far, or moved to another order by a change.
        reason: Why nothing of it is open any more, if nobody asked for that.
    """

    filled: int
    status: Status
    average_price: Decimal | None = None
    cancelled: int = 0
    reason: str | None = None


Event = Refused | Sending | Accepted | Rejected | NotSent | Lost | Missed | Stuck | Progress


def apply(order: Order, event: Event, now: datetime) -> Order:
    """The order after an event; the same order if the event says nothing new.

    Args:
        order: As recorded.
        event: What happened.
        now: When it became known, with an offset.

    Raises:
        IllegalTransition: The event cannot follow.
    """
    match event:
        case Refused():
            _require(order, event, State.RECEIVED)
            return replace(order, state=State.REFUSED, reason=event.reason, settled_at=now)
        case Sending():
            _require(order, event, State.RECEIVED, State.SENDING)
            return replace(
                order, state=State.SENDING, details=event.details, floor=event.floor, sent_at=now, reason=None
            )
        case Accepted():
            return _accepted(order, event, now)
        case Rejected() | NotSent():
            state = State.REJECTED if isinstance(event, Rejected) else State.NOT_SENT
            if order.state is state:
                return order
            _require(order, event, State.SENDING, State.UNKNOWN)
            return replace(_explained(order, event), state=state, stuck=False, settled_at=now)
        case Lost():
            if order.state is State.UNKNOWN:
                return order
            _require(order, event, State.SENDING)
            return replace(_explained(order, event), state=State.UNKNOWN)
        case Missed():
            _require(order, event, State.UNKNOWN)
            return replace(order, missed=order.missed + 1)
        case Stuck():
            _require(order, event, State.UNKNOWN)
            return replace(order, stuck=True, reason=event.reason)
        case Progress():
            return _progressed(order, event)


def _require(order: Order, event: Event, *states: State) -> None:
    if order.state not in states:
        raise IllegalTransition(f"{type(event).__name__} cannot follow {order.state} ({order.task_id})")


def _explained(order: Order, event: Rejected | NotSent | Lost) -> Order:
    return replace(
        order,
        reason=event.reason,
        vendor_code=event.vendor_code,
        vendor_message=event.vendor_message,
    )


def _accepted(order: Order, event: Accepted, now: datetime) -> Order:
    if order.state is State.ACCEPTED:
        if event.order_no not in (None, order.order_no):
            raise IllegalTransition(f"{order.task_id} has the number {order.order_no}, not {event.order_no}")
        return order
    _require(order, event, State.SENDING, State.UNKNOWN, State.NOT_SENT, State.RECEIVED)
    if order.state is State.RECEIVED and event.order_no is not None:
        raise IllegalTransition(f"{order.task_id} was accepted before it was sent")
    stands = order.details.action in ("buy", "sell", "modify")
    return replace(
        order,
        state=State.ACCEPTED,
        status=(order.status or Status.WORKING) if stands else None,
        remaining=order.remaining if order.remaining is not None or not stands else order.details.quantity,
        order_no=event.order_no,
        reason=event.reason,
        vendor_code=None,
        vendor_message=None,
        stuck=False,
        settled_at=now,
    )


def _progressed(order: Order, event: Progress) -> Order:
    """Fold a report of totals; of two reports, either order of arrival gives the same result."""
    _require(order, event, State.ACCEPTED)
    if order.status is None:
        return order
    filled = max(order.filled, event.filled)
    cancelled = max(order.cancelled, event.cancelled)
    quantity = order.details.quantity
    left = None if quantity is None else max(0, quantity - filled - cancelled)
    status = _status(order, event, filled=filled, left=left)
    changed = replace(
        order,
        filled=filled,
        cancelled=cancelled,
        status=status,
        remaining=0 if status not in OPEN else left,
        average_price=_average(order, event),
        reason=event.reason or order.reason,
    )
    return order if changed == order else changed


def _status(order: Order, event: Progress, *, filled: int, left: int | None) -> Status:
    quantity = order.details.quantity
    if Status.FILLED in (order.status, event.status) or (quantity is not None and filled >= quantity):
        return Status.FILLED  # a change may have been of fewer shares than were open when it was asked for
    ended = {each for each in (order.status, event.status) if each is not None} - OPEN
    if ended:
        return max(ended, key=list(Status).index)
    if left == 0:
        return Status.CANCELLED
    return Status.PARTIALLY_FILLED if filled else Status.WORKING


def _average(order: Order, event: Progress) -> Decimal | None:
    if event.filled != order.filled:
        return event.average_price if event.filled > order.filled else order.average_price
    return max(
        (each for each in (order.average_price, event.average_price) if each is not None), default=None
    )

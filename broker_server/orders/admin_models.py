"""Arguments and results of the methods that show, settle and take back orders."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from broker_server.core.accounts import AccountAlias
from broker_server.core.methods import Parameters
from broker_server.core.orders import State
from broker_server.journal.order_rows import Record
from broker_server.journal.orders import Transition


def _is_day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        is_day = date.fromisoformat(value).isoformat() == value
    except ValueError:
        is_day = False
    if not is_day:
        raise ValueError('must be a date such as "2026-11-20"')
    return value


class OrderChange(BaseModel):
    """One line of an order's history.

    Attributes:
        event: What happened.
        by: The worker, or who settled it by hand.
    """

    at: datetime
    event: str
    by: str
    state: str
    status: str | None
    filled_quantity: int
    reason: str | None


class OrderView(BaseModel):
    """An order as the journal has it.

    Attributes:
        market: Whose list of orders it is in, such as ``domestic``.
        state: What became of the attempt to send: ``RECEIVED``, ``REFUSED``, ``SENDING``, ``ACCEPTED``,
            ``REJECTED``, ``UNKNOWN`` or ``NOT_SENT``.
        status: What the market did with an accepted order: ``working``, ``partially_filled``, ``filled``,
            ``cancelled``, ``rejected_by_exchange``.
        order_no: The brokerage's number.
        original_order_no: Of the order that this one changes or cancels.
        reason: Why it is in this state.
        stuck: It cannot be settled without help: ``broker.resolve-order``.
        user: The AMQP user that RabbitMQ verified.
        replied: RabbitMQ confirmed the reply with this outcome.
        history: Every change; ``broker.get-order`` only.
    """

    task_id: str
    method: str
    vendor: str
    account: str
    market: str
    action: str
    ticker: str | None
    side: str | None
    quantity: int | None
    price: str | None
    currency: str | None
    order_type: str | None
    venue: str | None
    state: str
    status: str | None
    order_no: str | None
    original_order_no: str | None
    filled_quantity: int
    remaining_quantity: int | None
    average_price: str | None
    reason: str | None
    vendor_code: str | None
    vendor_message: str | None
    stuck: bool
    user: str | None
    received_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    replied: bool
    history: list[OrderChange] | None = None


class GetOrder(Parameters):
    """Which order.

    Attributes:
        task_id: The task that asked for it.
        order_no: The brokerage's number; the newest order of that number. Each market of each vendor numbers
            its own orders: where several have that number, name the vendor, the account and the market.
        vendor: Whose order it is.
        market: Only of that market, such as ``domestic`` or ``overseas``.
        account: Only of that account, by its alias.
    """

    task_id: str | None = Field(default=None, min_length=1, max_length=255)
    order_no: str | None = Field(default=None, min_length=1, max_length=32)
    vendor: str | None = None
    market: str | None = None
    account: AccountAlias | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> GetOrder:
        if (self.task_id is None) == (self.order_no is None):
            raise ValueError("give task_id or order_no, and not both")
        return self


class ListOrders(Parameters):
    """Which orders; all that fit, newest first.

    Attributes:
        vendor: Only of that vendor.
        account: Only of that account, by its alias.
        ticker: Only of that instrument.
        state: Only in that state.
        open: Only those that may still change: not settled, or not filled to the end.
        day: Only of that day in Korea, ISO 8601.
        limit: At most so many, 1 to 1,000.
    """

    vendor: str | None = None
    account: AccountAlias | None = None
    ticker: str | None = None
    state: State | None = None
    open: bool = False
    day: Annotated[str | None, BeforeValidator(_is_day)] = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    limit: int = Field(default=100, ge=1, le=1000)


class ResolveOrder(Parameters):
    """How an order of unknown outcome is settled by hand.

    Attributes:
        task_id: The task that asked for it.
        state: What the brokerage says became of it.
        order_no: The brokerage's number; needed for ``ACCEPTED``.
        vendor: Whose order it is; needed only where several workers were given that task_id.
        reason: How you know; kept in the journal.
    """

    task_id: str = Field(min_length=1, max_length=255)
    state: Literal["ACCEPTED", "REJECTED", "NOT_SENT"]
    order_no: str | None = Field(default=None, min_length=1, max_length=32)
    vendor: str | None = None
    reason: str = Field(min_length=3, max_length=1000)

    @model_validator(mode="after")
    def _number_fits(self) -> ResolveOrder:
        if (self.state == "ACCEPTED") != (self.order_no is not None):
            raise ValueError("order_no belongs to ACCEPTED, and only to it")
        return self


class CancelAllOrders(Parameters):
    """Which orders are taken back.

    Attributes:
        vendor: Whose.
        account: The alias of the account; every account of the vendor, whichever worker owns it, when left
            out.
        ticker: Only of that instrument.
    """

    vendor: str = "kis"
    account: AccountAlias | None = None
    ticker: str | None = None


class CancelledOrder(BaseModel):
    """What became of the cancel of one open order.

    Attributes:
        task_id: The cancel's own, in the journal.
        account: The alias of the account.
        error: Why it failed; null when it was accepted.
    """

    task_id: str
    account: str
    order_no: str
    ticker: str
    quantity: int
    cancelled: bool
    error: str | None


def view(record: Record, transitions: list[Transition] | None = None) -> OrderView:
    """An order as a client sees it."""
    order, details = record.order, record.order.details
    return OrderView(
        task_id=order.task_id,
        method=order.method,
        vendor=order.vendor,
        account=order.account,
        market=details.market,
        action=details.action,
        ticker=details.ticker,
        side=details.side,
        quantity=details.quantity,
        price=None if details.price is None else f"{details.price:f}",
        currency=details.currency,
        order_type=details.order_type,
        venue=details.venue,
        state=order.state,
        status=order.status,
        order_no=order.order_no,
        original_order_no=details.original,
        filled_quantity=order.filled,
        remaining_quantity=order.remaining,
        average_price=None if order.average_price is None else f"{order.average_price:f}",
        reason=order.reason,
        vendor_code=order.vendor_code,
        vendor_message=order.vendor_message,
        stuck=order.stuck,
        user=order.user,
        received_at=order.received_at,
        sent_at=order.sent_at,
        settled_at=order.settled_at,
        replied=record.replied,
        history=None
        if transitions is None
        else [
            OrderChange(
                at=each.at,
                event=each.event,
                by=each.by,
                state=each.state,
                status=each.status,
                filled_quantity=each.filled,
                reason=each.reason,
            )
            for each in transitions
        ],
    )

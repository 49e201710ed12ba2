"""Limits that stop a strategy gone wild: pure, every number is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from broker_server.core.orders import OrderDetails


@dataclass(frozen=True, slots=True)
class Limits:
    """What an order may be. ``None`` means that the limit was lifted.

    Attributes:
        quantity: The most shares of one order.
        notional: The most that one order may cost, by currency (ISO 4217); ``None`` for no such limit at all.
        per_day: The most orders of an account on a day in Korea; cancels do not count.
        tickers: The only instruments that may be traded.
    """

    quantity: int | None = 10_000
    notional: Mapping[str, Decimal] | None = field(default_factory=lambda: dict(DEFAULT_NOTIONAL))
    per_day: int | None = 2_000
    tickers: frozenset[str] | None = None


DEFAULT_NOTIONAL: Mapping[str, Decimal] = {
    "KRW": Decimal(100_000_000),
    "USD": Decimal(100_000),
    "HKD": Decimal(800_000),
    "CNY": Decimal(700_000),
    "JPY": Decimal(15_000_000),
    "VND": Decimal(2_500_000_000),
}
"""About the same amount in every currency."""


def needs_price(details: OrderDetails, limits: Limits) -> bool:
    """Whether the notional limit needs to know what an order without a limit price may cost."""
    return limits.notional is not None and details.price is None and not details.is_cancel


def broken_limit(
    details: OrderDetails,
    limits: Limits,
    *,
    unit_price: Decimal | None,
    sent_today: int,
    complete: bool = False,
) -> str | None:
    """The first limit that an order breaks, in words that name the setting; ``None`` when it breaks none.

    Args:
        details: What it asks for; a cancel breaks nothing.
        limits: In force.
        unit_price: What one share may cost at most.
        sent_today: Orders of the account that left on this day in Korea.
        complete: Nothing more will be known of it: what a limit is about and the order does not say breaks
            the limit.
    """
    if details.is_cancel:
        return None
    unheld = _unheld(details, limits) if complete else None
    if unheld is not None:
        return f"{unheld} holds every order, and nobody can tell how this one meets it; lift it by none"
    if limits.tickers is not None and details.ticker is not None and details.ticker not in limits.tickers:
        return f"ORDER_TICKERS does not name {details.ticker}"
    if limits.quantity is not None and (details.quantity or 0) > limits.quantity:
        return f"ORDER_MAX_QUANTITY is {limits.quantity:,} shares; this order is for {details.quantity:,}"
    if limits.per_day is not None and sent_today >= limits.per_day:
        return f"ORDER_MAX_PER_DAY is {limits.per_day:,}, and that many orders left today (Korea)"
    if limits.notional is None or details.quantity is None or unit_price is None:
        return None
    currency = details.currency
    if currency is None:
        return None  # a change before its order was looked up
    most = limits.notional.get(currency)
    if most is None:
        return f"ORDER_MAX_NOTIONAL has no limit for {currency}; add {currency}=<amount>, or say none"
    cost = unit_price * details.quantity
    if cost > most:
        return f"ORDER_MAX_NOTIONAL is {most:,f} {currency}; this order may cost {cost:,f}"
    return None


def _unheld(details: OrderDetails, limits: Limits) -> str | None:
    """The first limit in force that is about something that a complete order does not say."""
    if limits.tickers is not None and details.ticker is None:
        return "ORDER_TICKERS"
    if limits.quantity is not None and details.quantity is None:
        return "ORDER_MAX_QUANTITY"
    if limits.notional is not None and (details.currency is None or details.quantity is None):
        return "ORDER_MAX_NOTIONAL"
    return None

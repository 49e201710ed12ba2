"""KIS's order type codes by the names of our contract (``data/order_types.json``)."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, get_args

from broker_client.errors import InvalidParameters, Unsupported
from broker_server.vendors.kis.catalogue import load_data
from broker_server.vendors.kis.config import KisEnvironment
from broker_server.vendors.parameters import OrderVenue, OverseasExchange

OrderType = Literal[
    "limit",
    "market",
    "conditional_limit",
    "best",
    "priority",
    "limit_ioc",
    "limit_fok",
    "market_ioc",
    "market_fok",
    "best_ioc",
    "best_fok",
    "after_market_limit",
    "after_market_limit_ioc",
    "after_market_limit_fok",
    "after_market_best",
    "after_market_best_ioc",
    "after_market_best_fok",
    "after_market_priority",
]
"""Domestic order types. ``best`` takes the best price of the other side, ``priority`` that of its own."""

OverseasOrderType = Literal[
    "limit", "limit_on_open", "limit_on_close", "market_on_open", "market_on_close", "odd_lot"
]
"""Overseas order types; there is no plain market order."""

Side = Literal["buy", "sell"]

SIDES: dict[str, Side] = {"01": "sell", "02": "buy"}
"""By KIS's code, domestic and overseas alike."""


@cache
def _table() -> dict[str, Any]:
    return load_data("order_types.json")


@cache
def overseas_exchanges() -> dict[str, dict[str, str]]:
    """Per exchange: its code in quotes, country, currency and time zone."""
    return load_data("overseas_exchanges.json")


def needs_price(order_type: str) -> bool:
    """Whether an order of this type carries a limit price."""
    return order_type in _table()["with_price"]


def takes_no_price(order_type: str | None) -> bool:
    """Whether it is a type of ours without a limit; of a code that we do not send, nothing is known."""
    known = (*get_args(OrderType), *get_args(OverseasOrderType))
    return order_type is not None and order_type in known and not needs_price(order_type)


def domestic_code(order_type: OrderType, venue: OrderVenue) -> str:
    """KIS's code.

    Raises:
        InvalidParameters: The venue has no such order type.
    """
    codes: dict[str, str] = _table()["domestic"][venue]
    if order_type not in codes:
        raise InvalidParameters(f"order_type: {venue} takes {', '.join(codes)}, not {order_type}")
    return codes[order_type]


def domestic_name(code: str) -> str | None:
    """Our name of KIS's code; the code itself if it is one we do not send; ``None`` if empty."""
    names = {value: name for name, value in _table()["domestic"]["KRX"].items()}
    return names.get(code, code) or None


def overseas_code(
    order_type: OverseasOrderType, side: Side, exchange: OverseasExchange, environment: KisEnvironment
) -> str:
    """KIS's code.

    Raises:
        Unsupported: Paper trading takes limit orders only.
        InvalidParameters: The exchange takes no such order.
    """
    table = _table()
    if environment == "paper" and order_type not in table["overseas_on_paper"]:
        raise Unsupported(
            f"KIS paper trading takes no overseas {order_type} orders; send a limit order", vendor="kis"
        )
    codes: dict[str, str] = table["overseas"][overseas_exchanges()[exchange]["country"]][side]
    if order_type not in codes:
        raise InvalidParameters(
            f"order_type: a {side} order at {exchange} is {' or '.join(codes)}, not {order_type}"
        )
    return codes[order_type]


def overseas_name(code: str, side: Side, exchange: str) -> str:
    """Our name of KIS's code at an exchange; the code itself if it is one we do not send."""
    country = overseas_exchanges().get(exchange, {}).get("country", "")
    codes: dict[str, str] = _table()["overseas"].get(country, {}).get(side, {})
    return next((name for name, value in codes.items() if value == code), code)

"""Kiwoom's kinds of orders by the names of our contract (``data/order_types.json``)."""

from __future__ import annotations

from typing import Any, Literal

from broker_client.errors import InvalidParameters, Unsupported
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.reading import VENDOR
from broker_server.vendors.kiwoom.tables import load_data
from broker_server.vendors.parameters import OrderVenue

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
]
"""``best`` takes the best price of the other side, ``priority`` that of its own."""

_ON_PAPER = ("limit", "market")
_NOT_ON_NXT = ("market", "conditional_limit")


def needs_price(order_type: str) -> bool:
    """Whether an order of this type carries a limit price."""
    return bool(_table()[order_type]["priced"])


def takes_no_price(order_type: str | None) -> bool:
    """Whether it is a type of ours without a limit; of a name that we do not know, nothing is known."""
    return order_type in _table() and not needs_price(order_type)


def is_known(order_type: str | None) -> bool:
    """Whether it is a type of ours, not a text of Kiwoom's."""
    return order_type in _table()


def code_of(order_type: OrderType) -> str:
    """Kiwoom's code, without padding."""
    code: str = _table()[order_type]["code"]
    return code


def name_of(text: str) -> str | None:
    """Our name of a kind in Kiwoom's lists; the text itself if we send none such, ``None`` if empty."""
    text = text.strip()
    for name, entry in _table().items():
        if text.replace(" ", "") in entry["names"] or text.lstrip("0") == entry["code"].lstrip("0") != "":
            return name
    return "limit" if text in ("0", "00") else text or None


def ensure_offered(backend: Backend, order_type: OrderType, venue: OrderVenue, *, paper: bool) -> None:
    """Refuse what Kiwoom does not take.

    Raises:
        Unsupported: Not on paper, or not by this way.
        InvalidParameters: The venue has no such kind of order.
    """
    if venue != "KRX" and (paper or backend.name == "openapi-plus"):
        where = "on paper" if paper else "by OpenAPI+"
        raise Unsupported(f"Kiwoom takes orders for KRX only {where}, not {venue}", vendor=VENDOR)
    if paper and order_type not in _ON_PAPER:
        raise Unsupported(
            f"Kiwoom's paper trading takes {' and '.join(_ON_PAPER)} orders only, not {order_type}",
            vendor=VENDOR,
        )
    if venue == "NXT" and order_type in _NOT_ON_NXT:
        raise InvalidParameters(f"order_type: NXT takes no {order_type} orders")


def _table() -> dict[str, Any]:
    table: dict[str, Any] = load_data("order_types.json")
    return table

"""The words by which what a registration brings is published: pure, from the tables alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis import normalised_domestic as domestic
from broker_server.vendors.kis import normalised_executions as executions
from broker_server.vendors.kis import normalised_overseas as overseas
from broker_server.vendors.kis.normalised import NORMALISERS
from broker_server.vendors.kis.realtime_table import realtime_trs

_CHANNELS: Mapping[Callable[..., Any], str] = {
    domestic.trade: "trade",
    overseas.trade: "trade",
    domestic.expected_trade: "expected_trade",
    domestic.order_book: "order_book",
    overseas.order_book: "order_book",
    domestic.index: "index",
    domestic.market_status: "market_status",
    executions.domestic: "execution",
    executions.overseas: "execution",
}
_VENUES = {"ST": "", "NX": ".NXT", "UN": ".UNIFIED"}
"""Behind the ticker, by the third and fourth letter of the TR id; KRX is left out."""
_ONLY_NEWEST_COUNTS = frozenset({"expected_trade", "order_book", "index"})
_MARKET_AND_EXCHANGE = 4
"""Letters in front of an overseas symbol: ``DNAS``."""


class Address(NamedTuple):
    """Where a record is published.

    Attributes:
        channel: Of `broker_server.core.feeds.Incoming`.
        subject: Likewise.
        conflatable: Likewise.
    """

    channel: str
    subject: str
    conflatable: bool


def is_notice(code: str) -> bool:
    """Whether a TR sends notices, whose key is an HTS ID: personal, so never shown."""
    tr = realtime_trs().get(code)
    return tr is not None and tr.encrypted


def address_of(registration: Registration, alias: str) -> Address:
    """Where the records of a registration are published.

    Args:
        registration: Any TR, also one without a common model.
        alias: Of the account, for notices.
    """
    code = registration.code
    turn = NORMALISERS.get(code)
    channel = code if turn is None else _CHANNELS[turn]
    return Address(channel, _subject(registration, channel, alias), channel in _ONLY_NEWEST_COUNTS)


def shown(registration: Registration) -> str:
    """A registration for logs: nothing personal."""
    return f"{registration.code} {'(notices)' if is_notice(registration.code) else registration.symbol}"


def _subject(registration: Registration, channel: str, alias: str) -> str:
    code, symbol = registration
    if is_notice(code):
        return alias
    if channel == code or channel == "index":
        return symbol
    if NORMALISERS[code] in (overseas.trade, overseas.order_book):
        exchange = overseas.exchanges_by_code().get(symbol[1:_MARKET_AND_EXCHANGE])
        return symbol if exchange is None else f"{symbol[_MARKET_AND_EXCHANGE:]}.{exchange.venue}"
    return symbol + _VENUES[code[2:4]]

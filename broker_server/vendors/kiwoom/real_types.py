"""Kiwoom's real types: what a registration means, whichever way it goes.

A registration's code is REST's name of the type, such as ``0B``; its symbol is the instrument as REST writes
it: ``005930``, ``005930_NX`` on NXT, ``005930_AL`` on both together, and empty for news of the account. One
code more is the original's: `EVERYTHING`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import NamedTuple

from broker_server.core.accounts import DEFAULT
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.tables import load_data
from broker_server.vendors.parameters import QuoteVenue

TRADE, ORDER_BOOK, EXPECTED_TRADE = "0B", "0D", "0H"
EXECUTIONS, HOLDINGS = "00", "04"
INDEX, PHASES = "0J", "0s"
EVERYTHING = "10"
"""FID 10: every real type of a stock that has a price, as the original registered it at the control."""
TYPES_OF_EVERYTHING = ("0B", "0A", "0H")
"""The same by REST: 주식체결, 주식시세 and 주식예상체결."""
MARKET = "market"
"""The subject of what is about no instrument."""

BOTH: QuoteVenue = "UNIFIED"
SUFFIXES: Mapping[QuoteVenue, str] = MappingProxyType({"KRX": "", "NXT": "_NX", "UNIFIED": "_AL"})
_VENUES: Mapping[str, QuoteVenue] = {"NX": "NXT", "AL": "UNIFIED"}
_CHANNELS = {
    TRADE: "trade",
    EXPECTED_TRADE: "expected_trade",
    ORDER_BOOK: "order_book",
    EXECUTIONS: "execution",
    INDEX: "index",
    PHASES: "market_status",
}
_OF_THE_ACCOUNT = frozenset({EXECUTIONS, HOLDINGS})
_WITHOUT_SYMBOL = frozenset({EXECUTIONS, HOLDINGS, PHASES})
_NEWEST_ONLY = frozenset({ORDER_BOOK, EXPECTED_TRADE, "0A", "0C", "0E", "0G", INDEX, "0U", "0w"})


@dataclass(frozen=True, slots=True)
class RealType:
    """A real type of the control.

    Attributes:
        name: In Korean, as the control's events have it.
        fids: In the order in which the control sends their values.
    """

    name: str
    fids: tuple[str, ...]


class StreamName(NamedTuple):
    """A name on ``broker.realtime``, without the vendor: see `broker_server.core.feeds.Incoming`."""

    channel: str
    subject: str


@cache
def real_types() -> Mapping[str, RealType]:
    """The control's real types by REST's code of them."""
    table = load_data("realtime_fids.json")
    codes = {entry["ocx_gidc"]: entry["rest_type"] for entry in table["code_differences"].values()}
    rest = table["rest_real_types"]
    found = {}
    for name, entry in table["ocx_real_types"].items():
        code = codes.get(entry["gidc"], entry["gidc"])
        if code in rest:
            found[code] = RealType(name, tuple(str(fid) for fid, _ in entry["fids"]))
    return MappingProxyType(found)


@cache
def known_fids(code: str) -> frozenset[str]:
    """The FIDs of a type that either way's document names.

    Args:
        code: REST's.
    """
    rest = load_data("realtime_fids.json")["rest_real_types"].get(code, {"fids": ()})
    control = real_types().get(code)
    return frozenset(fid for fid, _ in rest["fids"]) | frozenset(control.fids if control else ())


@lru_cache(maxsize=10_000)
def stream_name(registration: Registration, alias: str = DEFAULT) -> StreamName:
    """The name that records of a registration are published under.

    What the original's registration brings has a name of its own: the same trade may come in for another
    registration too, and must not be published twice under one name.

    Args:
        alias: Of the account, whose news are named by it.
    """
    code, symbol = registration
    channel = _CHANNELS.get(code, code)
    if code in _OF_THE_ACCOUNT:
        return StreamName(channel, alias)
    ticker, venue = ticker_and_venue(symbol)
    if code in _WITHOUT_SYMBOL:
        return StreamName(channel, MARKET)
    return StreamName(channel, ticker if venue == "KRX" else f"{ticker}.{venue}")


def ticker_and_venue(symbol: str) -> tuple[str, QuoteVenue]:
    """``005930_NX`` is 005930 on NXT."""
    ticker, _, suffix = symbol.partition("_")
    return ticker, _VENUES.get(suffix, "KRX")


def is_of_the_account(code: str) -> bool:
    """Whether it is news of the account itself."""
    return code in _OF_THE_ACCOUNT


def has_symbol(code: str) -> bool:
    """Whether it is about an instrument."""
    return code not in _WITHOUT_SYMBOL


def newest_only(code: str) -> bool:
    """Whether an overload may skip older records: never of trades and of news of the account."""
    return code in _NEWEST_ONLY

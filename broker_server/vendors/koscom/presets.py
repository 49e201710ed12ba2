"""What can be subscribed to at KOSCOM, in the words of a `Registration`.

::

    tick, quote, tick10, quote10, index    of a short code
    change:trdPrc,trdTm                    likewise, with the names of its fields in their order
    market                                 of kospi or kosdaq: the trades of every issue there
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from broker_server.core.stream_requests import Registration

TICK, QUOTE, TICK10, QUOTE10, INDEX, CHANGE = "tick", "quote", "tick10", "quote10", "index", "change"
PRESETS = (TICK, QUOTE, TICK10, QUOTE10, INDEX, CHANGE)
MARKET = "market"

TRADES = (TICK, TICK10)
BOOKS = (QUOTE, QUOTE10)
_NEWEST_ONLY = frozenset({QUOTE, QUOTE10, INDEX})

MARKET_PATHS: Mapping[str, str] = {"kospi": "/ws_ksp", "kosdaq": "/ws_kdq"}
"""KOSCOM's streaming page; of futures and options it has none."""
ISSUES_PATH = "/ws/"
"""As the streaming page prints it; a list of addresses has it without the slash at the end."""

CHANNELS: Mapping[str, str] = {
    TICK: "trade",
    TICK10: "trade",
    QUOTE: "order_book",
    QUOTE10: "order_book",
    INDEX: "index",
    CHANGE: CHANGE,
    MARKET: "trade",
}

_QUANTITY = "trdvol"
_INDEX_CODE = re.compile(r"[A-Z][0-9]{1,3}", re.ASCII)
_LONGEST_STOCK_CODE = 7
_CONTINUOUS = frozenset(
    {"K2FA001", "M2FA001", "KSFA001", "VIFA001", "KUFA001", "KYFA001", "KEFA001", "KBFA001", "K5FA001"}
    | {"KXFA001", "KLFA001", "CKFA020", "GIXFSSX5E"}
)


class StreamName(NamedTuple):
    """Where a registration's events are published.

    Attributes:
        channel: Of `broker_server.core.feeds.Incoming`.
        subject: Likewise.
    """

    channel: str
    subject: str


def stream_name(registration: Registration) -> StreamName:
    """Where its events are published, by default; of a whole market each goes to its own issue's."""
    return StreamName(CHANNELS[preset_of(registration)], registration.symbol)


def preset_of(registration: Registration) -> str:
    """Its preset, without the items; ``market`` for a whole market."""
    return registration.code.partition(":")[0]


def items_of(registration: Registration) -> tuple[str, ...]:
    """The fields that a ``change`` is about; nothing for the others."""
    items = registration.code.partition(":")[2]
    return tuple(items.split(",")) if items else ()


def change_of(symbol: str, items: Iterable[str]) -> Registration:
    """A ``change``, whatever the order of its items."""
    return Registration(f"{CHANGE}:{','.join(sorted(set(items)))}", symbol)


def mark_of_items(registration: Registration) -> str:
    """Tells one ``change`` of an issue from others: their items may be too many for a routing key."""
    return f"{zlib.crc32(registration.code.encode()):08x}"


def newest_only(registration: Registration) -> bool:
    """Whether only the newest record counts: not where there is a quantity to be added up."""
    preset = preset_of(registration)
    return preset in _NEWEST_ONLY or (preset == CHANGE and _QUANTITY not in items_of(registration))


def is_index(symbol: str) -> bool:
    """Whether a code is that of an index: K1, K51, Q1, S501 and so on."""
    return _INDEX_CODE.fullmatch(symbol) is not None


def is_derivative(symbol: str) -> bool:
    """Whether a code is that of a future or an option: it is longer than those of stocks, or a series'."""
    return len(symbol) > _LONGEST_STOCK_CODE or symbol in _CONTINUOUS


def is_continuous(symbol: str) -> bool:
    """Whether it is a series of futures: its records come with the code of the contract of now."""
    return symbol in _CONTINUOUS

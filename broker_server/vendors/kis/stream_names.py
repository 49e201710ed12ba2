"""Under which name a registration is published: ``broker_server/vendors/kis/stream_names.py``.

Whatever comes in for a registration, from the WebSocket or by REST, is named here and nowhere else::

    Registration("H0NXCNT0", "005930") ──> StreamName("trade", "005930.NXT")

The names are those of `broker_server.core.feeds.Incoming`. No HTS ID is in them: notices are named by the
alias of the account. Late data of Asia have a ``.delayed`` behind them, so that nobody mixes them with live
ones by accident. The American day market has the names of its exchange: there is nothing else in its hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from broker_server.core.accounts import DEFAULT
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.catalogue import load_data
from broker_server.vendors.kis.overseas_keys import parse_overseas_key

KeyKind = Literal["stock", "index", "elw", "overseas", "bond", "notice", "other"]
_VENUES = {"NX": "NXT", "UN": "UNIFIED"}
"""By the third and fourth letter of a stock's TR id; KRX is not written."""


class StreamName(NamedTuple):
    """A name on ``broker.realtime``, without the vendor.

    Attributes:
        channel: ``trade``; a TR id where there is no common model.
        subject: ``005930``, ``005930.NXT``, ``AAPL.NASD``, ``00003.SEHK.delayed``.
    """

    channel: str
    subject: str


@dataclass(frozen=True, slots=True)
class StreamTr:
    """What is published of one TR; ``data/realtime_streams.json`` has the table.

    Attributes:
        channel: See `StreamName`.
        key: What its key names.
        hours: The venue in whose hours it should flow; ``exchange`` where the key says which; ``None``
            where silence says nothing.
        newest_only: An overload may skip older records.
    """

    channel: str
    key: KeyKind
    hours: str | None
    newest_only: bool


@cache
def stream_trs() -> Mapping[str, StreamTr]:
    """All 63, by TR id."""
    rows = load_data("realtime_streams.json")["trs"]
    return MappingProxyType({tr_id: StreamTr(**row) for tr_id, row in rows.items()})


@lru_cache(maxsize=10_000)
def stream_name(registration: Registration, alias: str = DEFAULT) -> StreamName:
    """The name that records of a registration are published under.

    Args:
        registration: Its TR id is one of `stream_trs`.
        alias: Whose notices they are, instead of the HTS ID.
    """
    code, symbol = registration
    tr = stream_trs()[code]
    if tr.key == "notice":
        return StreamName(tr.channel, alias)
    if tr.key == "overseas":
        key = parse_overseas_key(symbol)
        if key is not None:
            late = ".delayed" if key.delayed else ""
            return StreamName(tr.channel, f"{key.symbol}.{key.exchange}{late}")
    if tr.key == "stock" and tr.channel != code:
        venue = _VENUES.get(code[2:4])
        return StreamName(tr.channel, f"{symbol}.{venue}" if venue else symbol)
    return StreamName(tr.channel, symbol)


def newest_only(code: str) -> bool:
    """Whether an overload may skip older records of this TR: never of trades and notices."""
    return stream_trs()[code].newest_only


def is_notice(code: str) -> bool:
    """Whether its key is an HTS ID, which must not be shown."""
    return stream_trs()[code].key == "notice"

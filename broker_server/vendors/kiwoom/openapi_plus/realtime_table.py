"""Kiwoom's types of live data, as the control sends them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.real_types import EVERYTHING, is_of_the_account
from broker_server.vendors.kiwoom.real_types import real_types as types_of_both_ways
from broker_server.vendors.kiwoom.tables import load_data

PRICE_FID = 10

_NOT_SERVED = frozenset(
    {"임의연장정보", "시간외종목정보", "주식거래원", "순간체결량", "선물옵션합계", "투자자별매매"}
)
_REGISTERED_BY = {"0D": 41}
"""The first price of a book, as everybody does it."""

_BY_CHEJAN = frozenset({"주문체결", "잔고", "현물잔고", "파생잔고"})


@dataclass(frozen=True, slots=True)
class RealType:
    """One type of live data.

    Attributes:
        name: As the control's event has it.
        code: Kiwoom's two letters, such as ``0B``.
        fids: In the order of the values.
        registered_by: The FID to register it by. All types that have the price share that one, so that no
            instrument is registered twice for the same data; others have one that few types share.
    """

    name: str
    code: str
    fids: tuple[int, ...]
    registered_by: int


@cache
def real_types() -> Mapping[str, RealType]:
    """By the control's name; only what can be registered."""
    rows: dict[str, dict[str, Any]] = load_data("realtime_fids.json")["ocx_real_types"]
    uses: dict[int, int] = {}
    for row in rows.values():
        for fid in {fid for fid, _ in row["fids"]}:
            uses[fid] = uses.get(fid, 0) + 1
    found = {}
    for name, row in rows.items():
        fids = tuple(fid for fid, _ in row["fids"])
        if name not in _NOT_SERVED | _BY_CHEJAN and fids:
            by = PRICE_FID if PRICE_FID in fids else min(fids, key=lambda fid: uses[fid])
            found[name] = RealType(name, row["gidc"], fids, _REGISTERED_BY.get(row["gidc"], by))
    return MappingProxyType(found)


@cache
def types_by_code() -> Mapping[str, RealType]:
    """By the two letters."""
    return MappingProxyType({each.code: each for each in real_types().values()})


def fid_of(code: str) -> int | None:
    """The FID that a registration is made by; ``None`` for what the control sends unasked.

    Args:
        code: Of a registration.

    Raises:
        KeyError: The control has no such live data.
    """
    if is_of_the_account(code):
        return None
    return PRICE_FID if code == EVERYTHING else types_by_code()[code].registered_by


def brings(registration: Registration, real_type: RealType) -> bool:
    """Whether records of a type are what a registration is for."""
    if registration.code == EVERYTHING:
        return PRICE_FID in real_type.fids and real_type.code in types_of_both_ways()
    return registration.code == real_type.code

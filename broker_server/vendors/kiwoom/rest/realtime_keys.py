"""Where what a registration brings is published, and what is registered without an item."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.normalised import CHANNELS, MARKET, NEWEST_ONLY, ticker_and_venue
from broker_server.vendors.kiwoom.tables import load_data
from broker_server.vendors.lazy_incoming import Address

NOTICES = frozenset({"00", "04"})
"""News of the account's orders and holdings."""
WITHOUT_ITEM = NOTICES | {"0s"}
"""They are registered for the account or the market, not for an instrument."""


def address_of(registration: Registration, alias: str) -> Address:
    """Where the records of a registration are published.

    Args:
        registration: Of any type, also one without a common model.
        alias: Of the account, for notices.
    """
    code, symbol = registration
    if code in NOTICES:
        subject = alias
    elif code in WITHOUT_ITEM:
        subject = MARKET
    else:
        ticker, venue = ticker_and_venue(symbol)
        subject = ticker if venue == "KRX" else f"{ticker}.{venue}"
    return Address(CHANNELS.get(code, code), subject, code in NEWEST_ONLY)


def item_of(registration: Registration) -> str:
    """What is sent as its item."""
    return "" if registration.code in WITHOUT_ITEM else registration.symbol


def shown(registration: Registration) -> str:
    """A registration for logs."""
    return " ".join((registration.code, item_of(registration))).strip()


@cache
def known_fids() -> Mapping[str, frozenset[str]]:
    """By type: the FIDs that the document names."""
    types = load_data("realtime_fids.json")["rest_real_types"]
    return MappingProxyType(
        {code: frozenset(fid for fid, _ in entry["fids"]) for code, entry in types.items()}
    )

"""Kiwoom's codes of instruments: six characters, with the venue behind them."""

from __future__ import annotations

from typing import NamedTuple

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.kiwoom.errors import KiwoomError, unknown_code
from broker_server.simulator.market import Market

_SUFFIXES = {"": "KRX", "NX": "NXT", "AL": "SOR"}


class Listed(NamedTuple):
    """An instrument at a venue.

    Attributes:
        code: As it was asked for, with its suffix.
        venue: ``KRX``, ``NXT`` or ``SOR``.
    """

    code: str
    instrument: Instrument
    venue: str

    @property
    def plain(self) -> bool:
        """Whether it was asked for without a suffix."""
        return "_" not in self.code


def code_of(instrument: Instrument) -> str:
    """Kiwoom's code; an ETN's has no Q before it."""
    return instrument.symbol[1:] if instrument.kind == "etn" else instrument.symbol


def find(market: Market, text: str) -> Listed:
    """What a code names.

    Raises:
        KiwoomError: Nothing, or nothing at that venue.
    """
    code = text.strip()
    plain, _, suffix = code.partition("_")
    venue = _SUFFIXES.get(suffix)
    instrument = market.instruments.find(plain)
    if instrument is None or instrument.kind == "etn":
        etn = market.instruments.find(f"Q{plain}")
        instrument = etn if etn is not None and etn.kind == "etn" else None
    if instrument is None or venue is None or (venue == "NXT" and not instrument.nxt):
        raise unknown_code(code)
    return Listed(code, instrument, venue)


def look_up(market: Market, text: str) -> Listed | None:
    """What a code names, or None."""
    try:
        return find(market, text)
    except KiwoomError:
        return None


def account_code(instrument: Instrument) -> str:
    """The code as account TRs write it: a letter before it says what kind it is of."""
    return f"{'Q' if instrument.kind == 'etn' else 'A'}{code_of(instrument)}"

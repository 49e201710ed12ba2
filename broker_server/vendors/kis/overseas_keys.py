"""The keys of overseas streams, such as ``DNASAAPL``: a letter, an exchange's code in quotes, and a symbol.

==========  ==========================================================  ===============================
key         what it brings                                              TRs
==========  ==========================================================  ===============================
DNASAAPL    American pre-market, regular and after-market, live         HDFSCNT0, HDFSASP0
RBAQAAPL    the American day market, 10:00 to 16:00 in Korea, live      HDFSCNT0, HDFSASP0
DHKS00003   Asia, some 15 minutes late                                  HDFSCNT0, HDFSASP1
RHKS00003   Asia, live, for keys that pay for it                        HDFSCNT0, HDFSASP0
==========  ==========================================================  ===============================

American keys without ``R`` bring nothing while the day market is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from broker_server.vendors.kis.catalogue import load_data
from broker_server.vendors.kis.order_types import overseas_exchanges

_LETTERS = ("D", "R")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverseasKey:
    """A key, by what it means.

    Attributes:
        exchange: By KIS's order code: ``NASD``.
        symbol: Of the instrument.
        day_market: Of the American day market.
        paid: Live data of an Asian exchange; without it they are late.
    """

    exchange: str
    symbol: str
    day_market: bool = False
    paid: bool = False

    @property
    def american(self) -> bool:
        """Whether the exchange is one of the United States."""
        return overseas_exchanges()[self.exchange]["country"] == "US"

    @property
    def delayed(self) -> bool:
        """Whether the data are late."""
        return not (self.american or self.paid)

    @property
    def quote_code(self) -> str:
        """The exchange as quotes spell it: ``NAS``, or ``BAQ`` in the day market."""
        if self.day_market:
            return next(code for code, exchange in _day_market().items() if exchange == self.exchange)
        return overseas_exchanges()[self.exchange]["quote_code"]

    @property
    def text(self) -> str:
        """As KIS writes it."""
        return f"{'R' if self.day_market or self.paid else 'D'}{self.quote_code}{self.symbol}"


def parse_overseas_key(text: str) -> OverseasKey | None:
    """Read a key, or ``None`` if it is none that KIS has."""
    letter, code, symbol = text[:1], text[1:4], text[4:]
    if letter not in _LETTERS or not symbol:
        return None
    if code in _day_market():
        exchange = _day_market()[code]
        return OverseasKey(exchange=exchange, symbol=symbol, day_market=True) if letter == "R" else None
    name = _by_quote_code().get(code)
    if name is None:
        return None
    key = OverseasKey(exchange=name, symbol=symbol, paid=letter == "R")
    return None if key.american and key.paid else key


@cache
def exchange_names() -> Mapping[str, str]:
    """Every way to write an exchange, to its order code; those of the day market included."""
    table = overseas_exchanges()
    return {name: name for name in table} | dict(_by_quote_code()) | dict(_day_market())


def names_the_day_market(exchange: str) -> bool:
    """Whether this way to write an exchange means the American day market."""
    return exchange in _day_market()


@cache
def _by_quote_code() -> Mapping[str, str]:
    return {entry["quote_code"]: name for name, entry in overseas_exchanges().items()}


@cache
def _day_market() -> Mapping[str, str]:
    codes: Mapping[str, str] = load_data("realtime_markets.json")["us_day_market"]
    return codes

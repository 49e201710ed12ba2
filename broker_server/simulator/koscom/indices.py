"""The indices that KOSCOM tells of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from broker_server.simulator.indices import DECIMALS, Index, IndexQuote
from broker_server.simulator.koscom.products import Kind, Trade, Values, sign_code
from broker_server.simulator.koscom.times import last_trade_time
from broker_server.simulator.market import Market

UNIT = 10**DECIMALS
_THOUSAND, _MILLION = 1_000, 1_000_000


class Listed(NamedTuple):
    """Where an index is listed, and what it follows."""

    market: str
    segment: str
    level: float
    name: str


INDICES: Mapping[str, Listed] = {
    "K1": Listed("kospi", "KOSPI", 2600.0, "코스피"),
    "K51": Listed("kospi", "KOSPI", 350.0, "코스피 200"),
    "Q1": Listed("kosdaq", "KOSDAQ", 850.0, "코스닥"),
    "S501": Listed("sector", "KOSPI", 5500.0, "KRX 100"),
    "E1": Listed("etc", "KOSPI", 1000.0, "기타 지수"),
}
"""Those of ``sector`` and ``etc`` are invented, levels and names included."""


def find_index(market: Market, code: str) -> IndexProduct | None:
    """The index of a code; None for an unknown one."""
    listed = INDICES.get(code)
    return None if listed is None else IndexProduct(market, code, listed)


class IndexProduct:
    """An index.

    Args:
        market: Where prices come from.
        code: ``K1`` and its like.
        listed: What it follows.
    """

    kind: Kind = "index"
    suffix = ""

    def __init__(self, market: Market, code: str, listed: Listed) -> None:
        self.code = self.isin = code
        self.listed = listed
        self._market = market
        self._index = Index(market, listed.segment, listed.level)

    def at(self, moment: datetime) -> IndexMoment:
        """How it stands."""
        return IndexMoment(self._market, self._index, moment)


class IndexMoment:
    """An index at a moment. Its record has volume in thousands of shares and value in millions of won."""

    has_book = False

    def __init__(self, market: Market, index: Index, at: datetime) -> None:
        self.quote: IndexQuote = index.quote(at)
        self.is_open = market.is_open(index.members[0], at)
        self._market = market
        self._index = index
        self._at = at

    @property
    def price(self) -> int:
        """In hundredths of a point."""
        return self.quote.price

    @property
    def volume(self) -> int:
        """In shares."""
        return self.quote.volume

    def last_trade(self) -> Trade:
        """What is in memory."""
        before = self._index.quote(self._at - timedelta(seconds=1))
        time = last_trade_time(self._market, self._at, self.quote.volume)
        return Trade(0, self.quote.price >= before.price, time)

    def record(self, preset: str, trade: Trade) -> Values:
        """The values of ``index``, the code excepted."""
        return {
            "trdTm": trade.time,
            "trdPrc": self.quote.price / UNIT,
            "cmpprevddTpCd": sign_code(self.quote.price, self.quote.base),
            "cmpprevddPrc": (self.quote.price - self.quote.base) / UNIT,
            "accTrdvol": self.quote.volume // _THOUSAND,
            "accTrdval": self.quote.value // _MILLION,
        }

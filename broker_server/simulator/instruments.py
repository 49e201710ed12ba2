"""What can be traded: real codes and names, invented prices. The rows are ``data/instruments_*.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from typing import Any

KRX = "KRX"
DOMESTIC, OVERSEAS = "domestic", "overseas"

COUNTRY_OF_EXCHANGE = {
    KRX: "KR",
    "NASD": "US",
    "NYSE": "US",
    "AMEX": "US",
    "SEHK": "HK",
    "SHAA": "CN",
    "SZAA": "CN",
    "TKSE": "JP",
    "HASE": "VN",
    "VNSE": "VN",
}

KRW_PER_UNIT = {"KRW": "1", "USD": "1385.5", "HKD": "178.2", "CNY": "191.4", "JPY": "9.12", "VND": "0.0548"}
"""Exchange rates of the simulated world: won for one unit, as decimal text."""


@dataclass(frozen=True, slots=True)
class Split:
    """From ``date`` on, one old share is ``ratio`` new ones."""

    date: date
    ratio: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """One listed product.

    Attributes:
        exchange: ``KRX`` or the four-letter code of a foreign exchange.
        symbol: The short code; KRX codes may hold letters, an ETN's begins with Q.
        base_price: Around which the simulated price moves, in minor units.
        decimals: How many digits of a price are minor units (0 for KRW, 2 for USD).
        shares: Listed shares.
        volatility: Standard deviation of a day's return.
        lot: The smallest quantity and step of an order.
        limit_percent: Daily price limit in percent, or None.
        kind: ``stock``, ``preferred``, ``etf``, ``etn``.
        segment: ``KOSPI``, ``KOSDAQ`` or the exchange.
        eps: Earnings per share, in minor units.
        bps: Book value per share, in minor units.
        nxt: Tradable on the alternative exchange NXT.
        suspended: Trading is halted from the start.
    """

    exchange: str
    symbol: str
    name: str
    english_name: str
    base_price: int
    shares: int
    currency: str = "KRW"
    decimals: int = 0
    volatility: float = 0.017
    lot: int = 1
    tick_table: str = "krx"
    limit_percent: int | None = 30
    kind: str = "stock"
    segment: str = ""
    sector: str = ""
    par_value: int = 0
    eps: int = 0
    bps: int = 0
    isin: str = ""
    nxt: bool = False
    suspended: bool = False
    administrative: bool = False
    splits: tuple[Split, ...] = ()

    @property
    def country(self) -> str:
        """ISO 3166 code of the exchange's country."""
        return COUNTRY_OF_EXCHANGE[self.exchange]

    @property
    def listed_on(self) -> date:
        """When it was listed: every vendor's server tells the same day (one invented day per segment)."""
        return date(1975, 6, 11) if self.segment == "KOSPI" else date(2000, 8, 11)

    @property
    def market(self) -> str:
        """``domestic`` or ``overseas``: vendors number and list orders of the two apart."""
        return DOMESTIC if self.country == "KR" else OVERSEAS

    @property
    def key(self) -> tuple[str, str]:
        """Exchange and symbol."""
        return self.exchange, self.symbol

    def adjustment(self, day: date) -> int:
        """By how much prices of ``day`` were higher than today's because of later splits."""
        factor = 1
        for split in self.splits:
            if day < split.date:
                factor *= split.ratio
        return factor


class InstrumentList:
    """Every instrument, found by exchange and symbol."""

    def __init__(self, instruments: list[Instrument]) -> None:
        self._by_key = {instrument.key: instrument for instrument in instruments}

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, symbol: str, exchange: str = KRX) -> Instrument | None:
        """The instrument, or None where the exchange lists no such symbol."""
        return self._by_key.get((exchange, symbol))

    def search(self, symbol: str) -> list[Instrument]:
        """Every instrument of that symbol, on any exchange."""
        return [instrument for instrument in self if instrument.symbol == symbol]


def _read(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(
        files("broker_server.simulator").joinpath(f"data/{name}.json").read_text("utf-8")
    )
    return rows


def _splits(row: dict[str, Any]) -> tuple[Split, ...]:
    return tuple(Split(date.fromisoformat(item["date"]), item["ratio"]) for item in row.get("splits", ()))


def load_instruments() -> InstrumentList:
    """The simulated world's instruments."""
    instruments = []
    for row in _read("instruments_krx"):
        row["splits"] = _splits(row)
        table = "krx_etp" if row["kind"] in ("etf", "etn") else "krx"
        instruments.append(Instrument(exchange=KRX, base_price=row.pop("price"), tick_table=table, **row))
    for row in _read("instruments_overseas"):
        row["splits"] = _splits(row)
        instrument = Instrument(base_price=row.pop("price"), **row)
        instruments.append(replace(instrument, segment=instrument.exchange))
    return InstrumentList(instruments)

"""Futures and options. No market stands behind them: they follow KOSPI 200 from invented levels."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

from broker_server.simulator.indices import Index, IndexQuote
from broker_server.simulator.koscom.indices import INDICES
from broker_server.simulator.koscom.products import Kind, Trade, Value, Values
from broker_server.simulator.koscom.times import last_trade_time, time_number
from broker_server.simulator.market import Market

LEVELS = 5
_SHARES_PER_CONTRACT = 20_000
_STRIKES = range(330, 375, 5)
_LIMIT_PERCENT = 8


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract.

    Attributes:
        product: Of the path: ``kospi200`` and its like.
        code: The short code that it comes back under.
        continuous: The code that always means the nearest contract; empty for none.
        price: Where it stands when KOSPI 200 has not moved, in hundredths.
        tick: The smallest step, in hundredths.
        leverage: By how much more than the index it moves.
    """

    kind: Literal["futures", "options"]
    product: str
    code: str
    name: str
    price: int
    tick: int
    continuous: str = ""
    leverage: float = 1.0
    suffix: str = "*005"

    @property
    def isin(self) -> str:
        """An invented standard code."""
        return f"KR4{self.code}0"


_FUTURES = (
    ("kospi200", "101S6000", "KOSPI 200 선물", 35_000, 5, "K2FA001"),
    ("mini_kospi200", "105S6000", "미니 KOSPI 200 선물", 35_000, 2, "M2FA001"),
    ("kosdaq150", "106S6000", "KOSDAQ 150 선물", 130_000, 10, "KSFA001"),
    ("vix", "104S6000", "변동성지수 선물", 1_800, 5, "VIFA001"),
    ("usd", "175S6000", "미국달러 선물", 138_550, 10, "KUFA001"),
    ("yen", "176S6000", "엔 선물", 91_200, 10, "KYFA001"),
    ("euro", "177S6000", "유로 선물", 150_100, 10, "KEFA001"),
    ("ktb3", "165S6000", "3년국채 선물", 10_450, 1, "KBFA001"),
    ("ktb5", "166S6000", "5년국채 선물", 10_600, 1, "K5FA001"),
    ("ktb10", "167S6000", "10년국채 선물", 11_200, 1, "KXFA001"),
    ("lean_hogs", "188S6000", "돈육 선물", 450_000, 500, "KLFA001"),
    ("cme_kospi200", "101S6CME", "CME 연계 KOSPI 200 선물", 35_000, 5, "CKFA020"),
    ("eurostoxx", "108S6000", "유로스톡스50 선물", 500_000, 100, "GIXFSSX5E"),
    ("sector", "1A3S6000", "섹터지수 선물", 150_000, 20, ""),
    ("stock", "111S6000", "삼성전자 선물", 7_150_000, 10_000, ""),
)


@cache
def contracts() -> Mapping[str, Contract]:
    """Every contract, by its code and by its continuous one."""
    found: dict[str, Contract] = {}
    for contract in _made():
        found[contract.code] = contract
        if contract.continuous:
            found[contract.continuous] = contract
    return found


def contracts_of(kind: str, product: str) -> list[Contract]:
    """The contracts of a path."""
    return [each for each in _made() if (each.kind, each.product) == (kind, product)]


def _made() -> Iterator[Contract]:
    for product, code, name, price, tick, continuous in _FUTURES:
        suffix = "*103" if product == "mini_kospi200" else "*005"
        yield Contract("futures", product, code, name, price, tick, continuous, suffix=suffix)
    for strike in _STRIKES:
        for first, side in (("2", 1), ("3", -1)):
            price = max(0, side * (35_000 - 100 * strike)) + max(50, 500 - abs(35_000 - 100 * strike) // 4)
            name = f"KOSPI 200 {'콜' if side > 0 else '풋'} {strike}"
            yield Contract(
                "options",
                "kospi200",
                f"{first}01S6{strike}",
                name,
                price,
                1,
                leverage=side * 8.0,
                suffix="*006",
            )


def find_derivative(market: Market, code: str) -> Derivative | None:
    """The contract of a code; None for an unknown one."""
    contract = contracts().get(code)
    return None if contract is None else Derivative(market, contract)


class Derivative:
    """A contract.

    Args:
        market: Where the index comes from.
        contract: Which.
    """

    def __init__(self, market: Market, contract: Contract) -> None:
        self.contract = contract
        self.kind: Kind = contract.kind
        self.code = contract.code
        self.isin = contract.isin
        self.suffix = contract.suffix
        self._market = market
        listed = INDICES["K51"]
        self._index = Index(market, listed.segment, listed.level)

    def at(self, moment: datetime) -> DerivativeMoment:
        """How it stands."""
        return DerivativeMoment(self._market, self._index, self.contract, moment)


class DerivativeMoment:
    """A contract at a moment. Prices are in hundredths, and in points in records."""

    def __init__(self, market: Market, index: Index, contract: Contract, at: datetime) -> None:
        self.index: IndexQuote = index.quote(at)
        self.contract = contract
        self.base = contract.price
        self.price = self._moved(self.index.price)
        self.open = self._moved(self.index.open)
        self.high = max(self.price, self.open)
        self.low = min(self.price, self.open)
        self.volume = self.index.volume // _SHARES_PER_CONTRACT
        self.is_open = self.has_book = market.is_open(index.members[0], at)
        self._market = market
        self._source = index
        self._at = at

    @property
    def value(self) -> int:
        """Won of the day, at 250,000 for a point."""
        return self.volume * self.price * 2_500

    def last_trade(self) -> Trade:
        """The trade in memory."""
        before = DerivativeMoment(self._market, self._source, self.contract, self._at - timedelta(seconds=1))
        quantity = max(1, self.volume - before.volume) if self.volume else 0
        time = last_trade_time(self._market, self._at, self.volume)
        return Trade(quantity, self.price >= before.price, time)

    def record(self, preset: str, trade: Trade) -> Values:
        """What a preset tells, the code excepted."""
        if preset == "tick":
            names = ("trdPrc", "trdvol", "accTrdvol", "accTrdval", "trdTm")
            return {name: value for name, value in self.trade(trade).items() if name in names}
        if preset == "quote":
            best = ("askStep1BstordPrc", "bidStep1BstordPrc", "askStep1BstordRqty", "bidStep1BstordRqty")
            levels = self.levels()
            return {"accTrdvol": self.volume, **{name: levels[name] for name in best}}
        if preset == "tick10":
            return self.trade(trade)
        return self.levels() if preset == "quote10" else {**self.levels(), **self.trade(trade)}

    def trade(self, trade: Trade) -> dict[str, Value]:
        """The values of a trade query."""
        found: dict[str, Value] = {
            "trdPrc": self.price / 100,
            "trdvol": trade.quantity,
            "trdTm": trade.time,
            "opnprc": self.open / 100,
            "hgprc": self.high / 100,
            "lwprc": self.low / 100,
            "accTrdvol": self.volume,
            "accTrdval": self.value,
            "negoBlkAccTrdvol": 0,
            "lstTrdTpCd": (2 if trade.rising else 1) if self.volume else 0,
            "realtmUplmtprc": self._rounded(self.base * (100 + _LIMIT_PERCENT) / 100) / 100,
            "realtmLwlmtprc": self._rounded(self.base * (100 - _LIMIT_PERCENT) / 100) / 100,
        }
        if self.contract.kind == "futures":
            found["fstmmAgndaContrtPrc"] = found["futrmmAgndaContrtPrc"] = 0
        return found

    def levels(self) -> dict[str, Value]:
        """The values of an order book: five levels, with counts of orders."""
        tick, code = self.contract.tick, self.contract.code
        second = int(self._at.timestamp()) if self.has_book else 0
        chance = zlib.crc32(f"{self._market.seed}/{code}/{second}".encode())
        found: dict[str, Value] = {}
        for side in ("bid", "ask"):
            total = orders = 0
            for number in range(1, LEVELS + 1):
                steps = 1 - number if side == "bid" else number
                price = max(0, self.price + tick * steps)
                quantity = 1 + (chance >> (number + (8 if side == "bid" else 0))) % 97 if price else 0
                count = min(quantity, 1 + quantity // 4)
                total, orders = total + quantity, orders + count
                found[f"{side}Step{number}BstordPrc"] = price / 100
                found[f"{side}Step{number}BstordRqty"] = quantity
                found[f"{side}Step{number}BstordCnt"] = count
            found[f"{side}TotOrdRqty"], found[f"{side}ValidOrdCnt"] = total, orders
        found["ordAcptTm"] = time_number(self._at)
        found["deemTrdPrc"] = 0
        return found

    def _moved(self, points: int) -> int:
        moved = self.base * (1 + self.contract.leverage * (points - self.index.base) / self.index.base)
        return self._rounded(moved)

    def _rounded(self, price: float) -> int:
        tick = self.contract.tick
        return max(tick, round(price / tick) * tick)

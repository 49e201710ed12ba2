"""The REST tables of one issue."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.koscom.calls import Body, Call, Row, newest_first
from broker_server.simulator.koscom.errors import wrong_input
from broker_server.simulator.koscom.histories import (
    bars_of,
    close_values,
    day_number,
    history_rows,
    intraday_rows,
)
from broker_server.simulator.koscom.investors import investor_rows
from broker_server.simulator.koscom.products import Value
from broker_server.simulator.koscom.stocks import Stock, find_stock
from broker_server.simulator.koscom.tables import SEGMENTS, names_of
from broker_server.simulator.market import Market
from broker_server.simulator.price_path import DayBar
from broker_server.simulator.trading_calendar import FIRST_DAY

UNKNOWN = [" -"]
"""What stands for the code of an unknown or expired issue."""

_MOST_ITEMS = 10
_GROUPS = {"stock": "ST", "preferred": "ST", "etf": "EF", "etn": "EN"}
_BROKERS = ("미래에셋증권", "키움증권", "한국투자증권", "NH투자증권", "KB증권")


def unknown(call: Call, rows: str = "") -> Body:
    """The answer for an unknown issue: the code is a list, everything else null."""
    names = names_of(call.table.response) if call.table.response else (rows,)
    return {"isuSrtCd": UNKNOWN, **{name: None for name in names if name and name != "isuSrtCd"}}


class StockTables:
    """Answers about one issue.

    Args:
        market: Where prices come from.
        suffix: Whether codes come back with their market.
    """

    def __init__(self, market: Market, suffix: Callable[[], bool]) -> None:
        self._market = market
        self._suffix = suffix

    def find(self, call: Call, code: str | None = None) -> Stock | None:
        """The issue of a path; None where the path's market does not list it."""
        found = find_stock(self._market, call.code if code is None else code.partition("*")[0])
        if found is None or found.segment != SEGMENTS[call.arguments["market"]]:
            return None
        return Stock(self._market, found)

    def code(self, stock: Stock) -> str:
        """Its code as it comes back."""
        return stock.code + (stock.suffix if self._suffix() else "")

    def price(self, call: Call) -> Body:
        """The last trade."""
        stock = self.find(call)
        return unknown(call) if stock is None else self.price_row(stock, call.now)

    def price_row(self, stock: Stock, now: datetime) -> Body:
        """The fourteen values of a trade query."""
        moment = stock.at(now)
        return {"isuSrtCd": self.code(stock), **moment.trade(moment.last_trade())}

    def book(self, call: Call) -> Body:
        """The order book."""
        stock = self.find(call)
        return unknown(call) if stock is None else self.book_row(stock, call.now)

    def book_row(self, stock: Stock, now: datetime) -> Body:
        """The forty-nine values of an order book."""
        return {"isuSrtCd": self.code(stock), **stock.at(now).levels()}

    def several(self, row: Callable[[Stock, datetime], Body], call: Call) -> Body:
        """Up to twenty issues."""
        found: list[Any] = []
        for code in call.query["isuCd"].split(","):
            stock = self.find(call, code.strip())
            found.append(unknown(call) if stock is None else row(stock, call.now))
        return {"isulist": found}

    def master(self, call: Call) -> Body:
        """What an issue is."""
        stock = self.find(call)
        if stock is None:
            return unknown(call)
        values = self._everything(stock, call)
        return {name: values[name] for name in names_of("stock_master_v3_43")}

    def chosen(self, call: Call) -> Body:
        """Up to ten items of the master, named by bare keys; a value after them is not looked at.

        Raises:
            RestError: An unknown item, none, or too many.
        """
        stock, wanted = self.find(call), list(call.query)
        if not 0 < len(wanted) <= _MOST_ITEMS or not set(wanted) <= set(names_of("stock_selectivemaster_87")):
            raise wrong_input()
        if stock is None:
            return {"isuSrtCd": UNKNOWN, **dict.fromkeys(wanted)}
        values = self._everything(stock, call)
        return {name: values[name] for name in wanted}

    def close(self, call: Call) -> Body:
        """The close of the last trading day."""
        stock = self.find(call)
        if stock is None:
            return unknown(call)
        bar = self._market.daily_bars(stock.instrument, FIRST_DAY, call.now.date())[-1]
        return {"isuSrtCd": self.code(stock), **close_values(call, bar)}

    def intraday(self, call: Call) -> Body:
        """Bars of 10, 60 or 600 seconds."""
        stock = self.find(call)
        if stock is None:
            return unknown(call)
        rows = intraday_rows(self._market, stock.instrument, call)
        return {"isuSrtCd": self.code(stock), "isuKorNm": stock.instrument.name, "hisLists": rows}

    def history(self, call: Call) -> Body:
        """Days, weeks or months."""
        stock = self.find(call)
        if stock is None:
            return unknown(call)
        rows = history_rows(self._market, stock.instrument, call)
        return {"isuSrtCd": self.code(stock), "hisLists": rows}

    def foreigners(self, call: Call) -> Body:
        """What foreigners held, by day."""
        return self._by_day(call, self._foreign_row)

    def short_sales(self, call: Call) -> Body:
        """Short sales, by day."""
        return self._by_day(call, self._short_row)

    def investors(self, call: Call) -> Body:
        """Who bought and sold."""
        stock = self.find(call)
        if stock is None:
            return unknown(call, "invstLists")
        quote = self._market.quote(stock.instrument, call.now)
        seed = f"{self._market.seed}/{stock.code}/{call.now.date()}"
        rows = investor_rows(seed, quote.volume, quote.value // 1_000)
        return {"isuSrtCd": self.code(stock), "invstLists": rows}

    def ranking(self, call: Call) -> Body:
        """The brokers that bought and sold most."""
        stock = self.find(call)
        if stock is None:
            return unknown(call)
        volume = self._market.quote(stock.instrument, call.now).volume
        body: Body = {"isuSrtCd": self.code(stock)}
        for number, broker in enumerate(_BROKERS, 1):
            for side in ("ask", "bid"):
                part = 12.5 - 2 * number + zlib.crc32(f"{stock.code}/{side}/{number}".encode()) % 100 / 100
                body[f"{side}MbrNm_{number}"] = broker
                body[f"{side}MbrTrdvol_{number}"] = int(volume * part / 100)
                body[f"{side}MbrWt_{number}"] = round(part, 2)
        return body

    def _by_day(self, call: Call, row: Callable[[Instrument, DayBar], Row]) -> Body:
        stock = self.find(call)
        if stock is None:
            return unknown(call, "hisLists")
        bars = bars_of(self._market, stock.instrument, call)
        rows = newest_first([row(stock.instrument, bar) for bar in bars], call.count)
        return {"isuSrtCd": self.code(stock), "hisLists": rows}

    def _foreign_row(self, instrument: Instrument, bar: DayBar) -> Row:
        held = instrument.shares * (20 + zlib.crc32(f"{instrument.symbol}/{bar.day}".encode()) % 30) // 100
        return {
            "trdDd": day_number(bar.day),
            "trdPrc": bar.close,
            "frgnHoldQty": held,
            "frgnHoldRt": round(100 * held / instrument.shares, 2),
        }

    def _short_row(self, instrument: Instrument, bar: DayBar) -> Row:
        sold = bar.volume * (zlib.crc32(f"{instrument.symbol}/{bar.day}/short".encode()) % 80) // 1_000
        return {
            "trdDd": day_number(bar.day),
            "srtsellTrdvol": sold,
            "srtsellTrdAmt": sold * bar.close,
            "lendBalQty": sold * 40,
            "lendBalAmt": sold * 40 * bar.close // 1_000,
        }

    def _everything(self, stock: Stock, call: Call) -> dict[str, Value]:
        """Every item of the master; null where the simulated market has none."""
        item, market = stock.instrument, self._market
        quote = market.quote(item, call.now)
        before = market.daily_bars(item, FIRST_DAY, call.now.date())[-251:-1]
        last = before[-1]
        values: dict[str, Value] = dict.fromkeys(names_of("stock_selectivemaster_87"))
        values.update(dict.fromkeys(names_of("stock_master_v3_43")))
        values.update(
            {
                "trdDd": f"{call.now:%Y%m%d}",
                "isuCd": item.isin,
                "isuSrtCd": self.code(stock),
                "isuKorAbbrv": item.name,
                "IsuEngNm": item.english_name,
                "secugrpId": _GROUPS[item.kind],
                "mktWarnTpCd": "00",
                "admisuYn": "Y" if item.administrative else "N",
                "haltYn": "Y" if market.is_suspended(item) else "N",
                "idxIndMidclssCd": 1,
                "mktcapScaleCd": 1,
                "mfindYn": "Y",
                "basPrc": quote.base,
                "prevddClsprc": quote.base,
                "prevddAccTrdvol": last.volume,
                "prevddAccTrdval": last.volume * last.close,
                "uplmtprc": quote.upper,
                "lwlmtprc": quote.lower,
                "sbPrc": quote.base * 8 // 10,
                "parval": item.par_value,
                "listDd": 19_900_101,
                "listShrs": item.shares,
                "regulssQtyUnit": str(item.lot),
                "eps": item.eps,
                "bps": item.bps,
                "per": round(quote.base / item.eps, 2) if item.eps > 0 else 0,
                "pbr": round(quote.base / item.bps, 2) if item.bps > 0 else 0,
                "dps": 0,
                "divYd": 0,
                "prevddNav": quote.base / 1 if item.kind == "etf" else 0,
                "BzDd": day_number(last.day),
                "wk52HgstPrc": str(max(bar.high for bar in before)),
                "wk52LwstPrc": str(min(bar.low for bar in before)),
                "Cap": item.shares * item.par_value,
            }
        )
        for name in ("krx100IsuYn", "kospiYn", "kospi100Yn", "kospi50Yn", "smeYn", "arrantrdYn"):
            values[name] = "N"
        for name in ("creditOrdPosblYn", "invstcautnRemndIsuYn", "adjStkprcCalcYn"):
            values[name] = "N"
        for days in (3, 5, 10, 20, 40, 60, 120, 250):
            part = before[-days:]
            values[f"dd{days}AvgPrc"] = sum(bar.close for bar in part) // len(part)
            values[f"dd{days}AvgTrdVol"] = sum(bar.volume for bar in part) // len(part)
        return values

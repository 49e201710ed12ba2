"""The REST tables of a whole market, of its ETFs, and of holidays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from broker_server.simulator.instruments import Instrument
from broker_server.simulator.koscom.calls import Body, Call, Row, newest_first
from broker_server.simulator.koscom.histories import bars_of, day_number
from broker_server.simulator.koscom.indices import INDICES, IndexProduct
from broker_server.simulator.koscom.investors import investor_rows
from broker_server.simulator.koscom.stock_tables import StockTables, unknown
from broker_server.simulator.koscom.stocks import Stock, StockMoment
from broker_server.simulator.koscom.tables import SEGMENTS
from broker_server.simulator.koscom.times import time_number
from broker_server.simulator.market import Market
from broker_server.simulator.sessions import make_sessions

_INDEX_OF = {"kospi": "K1", "kosdaq": "Q1"}
_BASKET = 5
_HOLIDAYS = 30


class MarketTables:
    """Answers about whole markets.

    Args:
        market: Where prices come from.
        stocks: How issues are written.
    """

    def __init__(self, market: Market, stocks: StockTables) -> None:
        self._market = market
        self._stocks = stocks

    def issues(self, call: Call) -> Body:
        """All issues."""
        return self._whole(
            call,
            lambda item, moment: {
                "isuCd": item.isin,
                "isuKorAbbr": item.name,
                "mktcap": item.shares * moment.quote.base,
                "listShrs": item.shares,
            },
            with_time=False,
        )

    def prices(self, call: Call) -> Body:
        """The last trade of all issues."""
        return self._whole(
            call,
            lambda item, moment: {
                name: value
                for name, value in moment.trade(moment.last_trade()).items()
                if name not in ("askordPrc_1", "bidordPrc_1", "lstAskbidTpCd")
            },
        )

    def ohlc(self, call: Call) -> Body:
        """Open, high and low of all issues."""
        return self._whole(
            call,
            lambda item, moment: {
                "opnprc": moment.quote.open,
                "hgprc": moment.quote.high,
                "lwprc": moment.quote.low,
                "trdPrc": moment.quote.price,
                "accTrdvol": moment.quote.volume,
            },
        )

    def after_hours(self, call: Call) -> Body:
        """The same after hours, where nothing is traded in the simulated market."""
        names = ("opnprc", "hgprc", "lwprc", "trdPrc", "accTrdvol")
        return self._whole(call, lambda item, moment: dict.fromkeys(names, 0))

    def best_quotes(self, call: Call) -> Body:
        """Best bid and ask of all issues."""
        names = ("askStep1BstordPrc", "askStep1BstordRqty", "bidStep1BstordPrc", "bidStep1BstordRqty")
        return self._whole(call, lambda item, moment: {name: moment.levels()[name] for name in names})

    def index(self, call: Call) -> Body:
        """The market's own index."""
        code = _INDEX_OF[call.arguments["market"]]
        moment = IndexProduct(self._market, code, INDICES[code]).at(call.now)
        return {"isuSrtCd": code, **moment.record("index", moment.last_trade())}

    def investors(self, call: Call) -> Body:
        """Who bought and sold in a market."""
        name = call.arguments["market"]
        quotes = [self._market.quote(item, call.now) for item in self._listed(name)]
        seed = f"{self._market.seed}/{name}/{call.now.date()}"
        value = sum(quote.value for quote in quotes) // 1_000
        return {"invstLists": investor_rows(seed, sum(quote.volume for quote in quotes), value)}

    def nav(self, call: Call) -> Body:
        """An ETF's net asset value: its price."""
        stock = self._etf(call)
        if stock is None:
            return unknown(call)
        quote = self._market.quote(stock.instrument, call.now)
        values = {"trdTm": time_number(call.now), "nav": quote.price / 1, "trdPrc": quote.price}
        return {"isuSrtCd": self._stocks.code(stock), **values}

    def closing_nav(self, call: Call) -> Body:
        """That of the close."""
        return {name: value for name, value in self.nav(call).items() if name != "trdTm"}

    def nav_history(self, call: Call) -> Body:
        """Those of earlier days."""
        stock = self._etf(call)
        if stock is None:
            return unknown(call, "hisLists")
        rows: list[Row] = [
            {"trdDd": day_number(bar.day), "nav": bar.close / 1, "trdPrc": bar.close}
            for bar in bars_of(self._market, stock.instrument, call)
        ]
        return {"isuSrtCd": self._stocks.code(stock), "hisLists": newest_first(rows, call.count)}

    def basket(self, call: Call) -> Body:
        """What an ETF holds: invented amounts of the largest issues."""
        stock = self._etf(call)
        members = [] if stock is None else [item for item in self._listed("kospi") if item.kind == "stock"]
        rows = [
            {"isuCd": item.isin, "isuKorNm": item.name, "Qty": 10 * (number + 1)}
            for number, item in enumerate(members[:_BASKET])
        ]
        return {"Cnt": len(rows), "InqDd": f"{call.now:%Y%m%d}", "Lists": rows}

    def holidays(self, call: Call) -> Body:
        """The next weekdays on which a nation's exchanges are closed."""
        nation = call.arguments["nation"]
        session = make_sessions().get(nation)
        day = call.now.date()
        found: list[Row] = []
        while session is not None and len(found) < _HOLIDAYS and day < call.now.date() + timedelta(days=366):
            if day.weekday() < 5 and not session.calendar.is_business_day(day):
                found.append({"holidayDd": f"{day:%Y%m%d}"})
            day += timedelta(days=1)
        return {"marketCd": nation, "lists": found}

    def _etf(self, call: Call) -> Stock | None:
        stock = self._stocks.find(call)
        return stock if stock is not None and stock.instrument.kind in ("etf", "etn") else None

    def _listed(self, name: str) -> list[Instrument]:
        return [item for item in self._market.instruments if item.segment == SEGMENTS[name]]

    def _whole(
        self, call: Call, row: Callable[[Instrument, StockMoment], Row], *, with_time: bool = True
    ) -> Body:
        rows = []
        for item in self._listed(call.arguments["market"]):
            stock = Stock(self._market, item)
            rows.append({"isuSrtCd": self._stocks.code(stock), **row(item, stock.at(call.now))})
        head: Body = {"trdDd": f"{call.now:%Y%m%d}"}
        if with_time:
            head["trdTm"] = f"{call.now:%H%M%S}"
        return {**head, "isuLists": rows}

"""Current price, order book and stock info."""

from __future__ import annotations

from datetime import date
from typing import Any

from broker_client.errors import Unsupported
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import Backend, Listing
from broker_server.vendors.kiwoom.normalised import last_moment
from broker_server.vendors.kiwoom.reading import (
    VENDOR,
    Row,
    readable,
    symbol_of,
    unknown_ticker,
)
from broker_server.vendors.kiwoom.real_types import BOTH
from broker_server.vendors.kiwoom.trs import ORDER_BOOK, STOCK, trs
from broker_server.vendors.kiwoom.values import decimal_of, integer_of, price_of
from broker_server.vendors.parameters import ReadParameters, Ticker, TickerParameters
from broker_server.vendors.quote_models import CurrentPrice, Level, OrderBook, StockInfo
from broker_server.vendors.values import decimal_text, with_sign

_LEVELS = 10
_SHARES = 1_000
"""Kiwoom counts listed shares in thousands."""
_MARKET_CAP = 100_000_000
_MARKETS = {"0": "KOSPI", "10": "KOSDAQ", "50": "KONEX"}
_HALTED, _ADMINISTRATIVE = "거래정지", "관리종목"


class StockInfoParameters(ReadParameters):
    """A domestic instrument.

    Attributes:
        ticker: Its KRX short code.
    """

    ticker: Ticker


class Quotes:
    """The handlers.

    Args:
        backend: The way to Kiwoom.
        clock: The date of a time that Kiwoom gives without one.
        paper: It is the server of paper trading.
    """

    def __init__(self, backend: Backend, clock: Clock, *, paper: bool) -> None:
        self._backend = backend
        self._clock = clock
        self._paper = paper

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="kiwoom.get-current-price",
                vendor=VENDOR,
                kind="read",
                lane=Lane.QUOTE,
                summary="The last price of a stock, with today's open, high, low and volume.",
                parameters=TickerParameters,
                result=CurrentPrice,
                handler=self.get_current_price,
                reference="opt10001 / ka10001",
                example={"ticker": "005930"},
            ),
            Method(
                name="kiwoom.get-order-book",
                vendor=VENDOR,
                kind="read",
                lane=Lane.QUOTE,
                summary="Ten levels of bids and asks of a stock.",
                parameters=TickerParameters,
                result=OrderBook,
                handler=self.get_order_book,
                reference="opt10004 / ka10004",
                example={"ticker": "005930"},
            ),
            Method(
                name="kiwoom.get-stock-info",
                vendor=VENDOR,
                kind="read",
                lane=Lane.QUOTE,
                summary="Name and state of a stock.",
                parameters=StockInfoParameters,
                result=StockInfo,
                handler=self.get_stock_info,
                reference="opt10001 / ka10001, GetMasterStockState / ka10100",
                example={"ticker": "005930"},
            ),
        ]

    def get_current_price(self, parameters: TickerParameters, context: TaskContext) -> Outcome:
        """The last price. Kiwoom answers an unknown code with blanks, which is an error here."""
        symbol = symbol_of(self._backend, parameters.ticker, parameters.exchange, paper=self._paper)
        row = self.stock(symbol, context, Lane.QUOTE)
        with readable(parameters.ticker):
            price = price_of(row["price"])
            if price is None:
                raise unknown_ticker(parameters.ticker)
            rate = with_sign(row["sign"].strip(), decimal_of(row["change_rate"]))
            cap = integer_of(row["market_cap"])
            result = CurrentPrice(
                ticker=parameters.ticker,
                venue=parameters.exchange,
                price=price,
                change=with_sign(row["sign"].strip(), integer_of(row["change"])),
                change_rate=None if rate is None else float(rate),
                open=price_of(row["open"]),
                high=price_of(row["high"]),
                low=price_of(row["low"]),
                volume=integer_of(row["volume"]),
                value=None,
                upper_limit=price_of(row["upper_limit"]),
                lower_limit=price_of(row["lower_limit"]),
                base_price=price_of(row["base_price"]),
                tick_size=None,
                listed_shares=_listed_shares(row),
                market_cap=None if cap is None else cap * _MARKET_CAP,
                per=decimal_text(decimal_of(row["per"])),
                pbr=decimal_text(decimal_of(row["pbr"])),
                eps=decimal_text(decimal_of(row["eps"])),
                bps=decimal_text(decimal_of(row["bps"])),
                halted=None,
                status_code=None,
                raw=dict(row) if parameters.raw else None,
            )
        return Outcome([result])

    def get_order_book(self, parameters: TickerParameters, context: TaskContext) -> Outcome:
        """The order book of one venue."""
        if parameters.exchange == BOTH:
            raise Unsupported(
                "Kiwoom gives the order book of one venue: asked for both together it shows that of KRX; "
                "kiwoom.subscribe-order-book has both",
                vendor=VENDOR,
            )
        symbol = symbol_of(self._backend, parameters.ticker, parameters.exchange, paper=self._paper)
        row = self.order_book(symbol, context, Lane.QUOTE)
        with readable(parameters.ticker):
            asks, bids = levels(row, "sell"), levels(row, "buy")
            result = OrderBook(
                ticker=parameters.ticker,
                venue=parameters.exchange,
                time=last_moment(row["timestamp"].strip(), self._clock.now()),
                asks=[Level(price=price, quantity=quantity) for price, quantity in asks],
                bids=[Level(price=price, quantity=quantity) for price, quantity in bids],
                total_ask_quantity=integer_of(row["total_sell_remaining_volume"]),
                total_bid_quantity=integer_of(row["total_buy_remaining_volume"]),
                expected_price=None,
                expected_volume=None,
                raw=dict(row) if parameters.raw else None,
            )
        return Outcome([result])

    def get_stock_info(self, parameters: StockInfoParameters, context: TaskContext) -> Outcome:
        """What the instrument is. Kiwoom tells a halt among its states."""
        row = self.stock(parameters.ticker, context, Lane.QUOTE)
        name = row["name"].strip()
        if not name:
            raise unknown_ticker(parameters.ticker)
        listing = self._backend.listing(parameters.ticker, context) or Listing(state="")
        state, number = listing.state.strip(), listing.market
        with readable(parameters.ticker):
            info = StockInfo(
                ticker=parameters.ticker,
                name=name,
                english_name=None,
                market=_MARKETS.get(number, number) or None,
                listed_shares=_listed_shares(row),
                face_value=decimal_text(decimal_of(row["face_value"])),
                listed_on=_day(listing.listed_on),
                delisted_on=None,
                halted=_HALTED in state if state else None,
                administrative=_ADMINISTRATIVE in state if state else None,
                nxt_tradable={"Y": True, "N": False}.get(listing.on_nxt),
                raw=dict(row) if parameters.raw else None,
            )
        return Outcome([info])

    def stock(self, symbol: str, context: TaskContext, lane: Lane) -> Row:
        """The row of a stock.

        Raises:
            InvalidParameters: Kiwoom knows no such stock.
        """
        return self._row(STOCK, symbol, context, lane)

    def order_book(self, symbol: str, context: TaskContext, lane: Lane) -> Row:
        """The row of an order book.

        Raises:
            InvalidParameters: Kiwoom knows no such stock.
        """
        row = self._row(ORDER_BOOK, symbol, context, lane)
        if not any(value.strip() for value in row.values()):
            raise unknown_ticker(symbol)
        return row

    def _row(self, tr: str, symbol: str, context: TaskContext, lane: Lane) -> Row:
        page = self._backend.request(trs()[tr], {"stock_code": symbol}, context, lane)
        if not page.rows:
            raise unknown_ticker(symbol)
        return page.rows[0]


def levels(row: Row, side: str) -> list[tuple[int, int]]:
    """The levels of one side that have a price, the best first.

    Args:
        side: ``sell`` or ``buy``, as the contract's columns begin.
    """
    found = []
    for place in range(1, _LEVELS + 1):
        names = (f"{side}_price_{place}", f"{side}_remaining_volume_{place}")
        if place == 1:  # under that name is how its quantity changed
            names = (f"{side}_top_priority_price", f"{side}_top_priority_remaining_volume")
        price = price_of(row[names[0]])
        if price is not None:
            found.append((price, abs(integer_of(row[names[1]]) or 0)))
    return found


def _day(text: str) -> date | None:
    """A date that Kiwoom does not tell, or writes as zeros, must not hide the rest."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _listed_shares(row: Row) -> int | None:
    thousands = integer_of(row["listed_shares"])
    return None if thousands is None else thousands * _SHARES

"""Overseas quotes: price, order book, candles."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.client import CANDLE_PAGES, KisClient
from broker_server.vendors.kis.order_types import overseas_exchanges
from broker_server.vendors.kis.overseas_models import (
    OverseasCandle,
    OverseasLevel,
    OverseasOrderBook,
    OverseasPrice,
)
from broker_server.vendors.kis.values import (
    KST,
    Row,
    date_of,
    decimal_of,
    decimal_text,
    exact_of,
    integer_of,
    required_exact,
    required_integer,
    text_of,
    time_of,
    with_sign,
)
from broker_server.vendors.long_histories import read_back
from broker_server.vendors.parameters import Day, InOrder, SymbolParameters
from broker_server.vendors.periods import Interval, candle_period

OverseasInterval = Literal["day", "week", "month"]

_INTERVAL_CODES: dict[Interval, str] = {"day": "0", "week": "1", "month": "2"}
_ADJUSTED, _UNADJUSTED = "1", "0"
"""The opposite of the domestic chart, where 0 is adjusted."""


class OverseasCandlesParameters(SymbolParameters, InOrder):
    """Which candles; dates are the exchange's.

    Attributes:
        interval: What one candle covers.
        start: The first day; left out, about a hundred candles before ``end``.
        end: The last day; today at the exchange when left out.
        adjusted: Prices adjusted for splits and rights.
    """

    interval: OverseasInterval = "day"
    start: Day | None = None
    end: Day | None = None
    adjusted: bool = True


class OverseasQuotes:
    """The handlers.

    Args:
        client: The calls.
        clock: What today is.
    """

    def __init__(self, client: KisClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        example = {"ticker": "AAPL", "exchange": "NASD"}
        return [
            Method(
                name="kis.get-overseas-price",
                vendor="kis",
                kind="read",
                lane=Lane.QUOTE,
                summary="The last price of an overseas stock.",
                parameters=SymbolParameters,
                result=OverseasPrice,
                handler=self.get_price,
                reference="overseas_stock.price",
                example=example,
            ),
            Method(
                name="kis.get-overseas-order-book",
                vendor="kis",
                kind="read",
                lane=Lane.QUOTE,
                summary="Bids and asks of an overseas stock.",
                parameters=SymbolParameters,
                result=OverseasOrderBook,
                handler=self.get_order_book,
                reference="overseas_stock.inquire_asking_price",
                example=example,
            ),
            Method(
                name="kis.get-overseas-daily-candles",
                vendor="kis",
                kind="read",
                lane=Lane.BULK,
                summary="Daily, weekly or monthly candles of an overseas stock, oldest first.",
                parameters=OverseasCandlesParameters,
                result=OverseasCandle,
                handler=self.get_daily_candles,
                reference="overseas_stock.dailyprice",
                example=example,
            ),
        ]

    def get_price(self, parameters: SymbolParameters, context: TaskContext) -> Outcome:
        """The last price. KIS answers an unknown symbol with a blank one, which is an error here."""
        row = self._client.read(
            "overseas_stock.price", _arguments(parameters), context=context, lane=Lane.QUOTE
        ).required_row("output")
        change, rate = _change(row)
        result = OverseasPrice(
            ticker=parameters.ticker,
            venue=parameters.exchange,
            currency=overseas_exchanges()[parameters.exchange]["currency"],
            price=last_price(row, parameters.ticker, parameters.exchange),
            previous_close=exact_of(row, "base"),
            change=change,
            change_rate=rate,
            volume=integer_of(row, "tvol"),
            previous_volume=integer_of(row, "pvol"),
            value=exact_of(row, "tamt"),
            decimals=integer_of(row, "zdiv"),
            orderable=_is_orderable(text_of(row, "ordy")),
            raw=row if parameters.raw else None,
        )
        return Outcome([result])

    def get_order_book(self, parameters: SymbolParameters, context: TaskContext) -> Outcome:
        """The order book."""
        answer = self._client.read(
            "overseas_stock.inquire_asking_price",
            _arguments(parameters),
            context=context,
            lane=Lane.QUOTE,
        )
        summary = answer.required_row("output1")
        price = last_price(summary, parameters.ticker, parameters.exchange)
        book = answer.required_row("output2")
        exchange = overseas_exchanges()[parameters.exchange]
        result = OverseasOrderBook(
            ticker=parameters.ticker,
            venue=parameters.exchange,
            currency=text_of(summary, "curr") or exchange["currency"],
            time=exchange_time(summary, ZoneInfo(exchange["time_zone"])),
            price=price,
            asks=_levels(book, "pask", "vask"),
            bids=_levels(book, "pbid", "vbid"),
            total_ask_quantity=integer_of(summary, "avol"),
            total_bid_quantity=integer_of(summary, "bvol"),
            raw={"output1": summary, "output2": book} if parameters.raw else None,
        )
        return Outcome([result])

    def get_daily_candles(self, parameters: OverseasCandlesParameters, context: TaskContext) -> Outcome:
        """Candles; KIS gives 100 up to a date, which moves back page by page."""
        zone = ZoneInfo(overseas_exchanges()[parameters.exchange]["time_zone"])
        today = self._clock.now().astimezone(zone).date()
        start, end = candle_period(parameters.start, parameters.end, parameters.interval, today)

        def fetch(page_end: date) -> dict[date, Row]:
            answer = self._client.read(
                "overseas_stock.dailyprice",
                {
                    **_arguments(parameters),
                    "gubn": _INTERVAL_CODES[parameters.interval],
                    "bymd": f"{page_end:%Y%m%d}",
                    "modp": _ADJUSTED if parameters.adjusted else _UNADJUSTED,
                },
                context=context,
                lane=Lane.BULK,
            )
            answer.required_row("output1")
            rows = {day: row for row in answer.rows("output2") if (day := date_of(row, "xymd")) is not None}
            if not rows and page_end == end:
                raise InvalidParameters(
                    f"ticker: KIS has no candles of {parameters.ticker} at {parameters.exchange} "
                    f"up to {end:%Y-%m-%d}; check the symbol and the exchange",
                    vendor="kis",
                )
            return rows

        found, truncated = read_back(
            fetch,
            start=start,
            end=end,
            interval=parameters.interval,
            pages=CANDLE_PAGES,
            report_progress=context.report_progress,
        )
        candles = [_candle(row, day, parameters) for day, row in found.items()]
        return Outcome(candles, truncated)


def _arguments(parameters: SymbolParameters) -> dict[str, str]:
    return {
        "auth": "",
        "excd": overseas_exchanges()[parameters.exchange]["quote_code"],
        "symb": parameters.ticker,
    }


def last_price(row: Row, ticker: str, exchange: str) -> str:
    """The last price.

    Raises:
        InvalidParameters: KIS knows no such symbol: it says so by a blank price, not by an error.
    """
    price = decimal_text(decimal_of(row, "last"))
    if price is None or price == "0":
        raise InvalidParameters(
            f"ticker: KIS knows no {ticker} at {exchange}; check the symbol and the exchange",
            vendor="kis",
        )
    return price


def _is_orderable(word: str) -> bool | None:
    """KIS writes it in words, such as 매수가능 and 매도불가."""
    if word.endswith("불가"):
        return False
    return True if word.endswith("가능") else None


def _change(row: Row) -> tuple[str | None, float | None]:
    sign = text_of(row, "sign")
    rate = with_sign(sign, decimal_of(row, "rate"))
    return decimal_text(with_sign(sign, decimal_of(row, "diff"))), None if rate is None else float(rate)


def exchange_time(row: Row, zone: ZoneInfo) -> datetime | None:
    """When the exchange made a book, in Korean time; ``None`` if it does not say."""
    day, clock_time = date_of(row, "dymd"), time_of(row, "dhms")
    if day is None or clock_time is None:
        return None
    return datetime.combine(day, clock_time, zone).astimezone(KST)


def _levels(book: Row, price_name: str, quantity_name: str) -> list[OverseasLevel]:
    """The levels that have a price; an empty one is written as zero."""
    levels = []
    for number in range(1, 11):
        price = decimal_of(book, f"{price_name}{number}")
        if price:
            text = required_exact(book, f"{price_name}{number}")
            levels.append(
                OverseasLevel(price=text, quantity=required_integer(book, f"{quantity_name}{number}"))
            )
    return levels


def _candle(row: Row, day: date, parameters: OverseasCandlesParameters) -> OverseasCandle:
    change, rate = _change(row)
    return OverseasCandle(
        ticker=parameters.ticker,
        venue=parameters.exchange,
        interval=parameters.interval,
        date=day,
        open=required_exact(row, "open"),
        high=required_exact(row, "high"),
        low=required_exact(row, "low"),
        close=required_exact(row, "clos"),
        volume=integer_of(row, "tvol"),
        value=exact_of(row, "tamt"),
        change=change,
        change_rate=rate,
        adjusted=parameters.adjusted,
        raw=row if parameters.raw else None,
    )

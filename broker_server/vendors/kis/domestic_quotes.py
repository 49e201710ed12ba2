"""Domestic quotes: current price, order book, stock info."""

from __future__ import annotations

from datetime import date
from typing import Any

from broker_client.errors import InvalidParameters
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.client import KisClient
from broker_server.vendors.kis.errors import unknown_ticker_as_parameter
from broker_server.vendors.kis.values import (
    KST,
    Row,
    date_of,
    decimal_of,
    exact_of,
    integer_of,
    moment,
    required_integer,
    text_of,
    time_of,
    with_sign,
)
from broker_server.vendors.parameters import QuoteVenue, ReadParameters, Ticker, TickerParameters
from broker_server.vendors.quote_models import CurrentPrice, Level, OrderBook, StockInfo

MARKET_CODES: dict[QuoteVenue, str] = {"KRX": "J", "NXT": "NX", "UNIFIED": "UN"}
_MARKETS = {"STK": "KOSPI", "KSQ": "KOSDAQ", "KNX": "KONEX"}
_LEVELS = range(1, 11)
_HALTED = "58"
_MARKET_CAP_UNIT = 100_000_000
"""Won: KIS gives the market capitalisation in 억원."""


class StockInfoParameters(ReadParameters):
    """A domestic instrument, wherever it trades.

    Attributes:
        ticker: Its KRX short code.
    """

    ticker: Ticker


class StockNameParameters(Parameters):
    """The argument of the original server's look-up.

    Attributes:
        stock_code: Its KRX short code, as the original server calls it.
    """

    stock_code: Ticker


class DomesticQuotes:
    """The handlers.

    Args:
        client: The calls.
        clock: The date of a time that KIS gives without one.
    """

    def __init__(self, client: KisClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="kis.get-current-price",
                vendor="kis",
                kind="read",
                lane=Lane.QUOTE,
                summary="The last price of a domestic stock, with today's open, high, low and volume.",
                parameters=TickerParameters,
                result=CurrentPrice,
                handler=self.get_current_price,
                reference="domestic_stock.inquire_price",
                example={"ticker": "005930"},
            ),
            Method(
                name="kis.get-order-book",
                vendor="kis",
                kind="read",
                lane=Lane.QUOTE,
                summary="Ten levels of bids and asks of a domestic stock.",
                parameters=TickerParameters,
                result=OrderBook,
                handler=self.get_order_book,
                reference="domestic_stock.inquire_asking_price_exp_ccn",
                example={"ticker": "005930"},
            ),
            Method(
                name="kis.get-stock-info",
                vendor="kis",
                kind="read",
                lane=Lane.QUOTE,
                summary="Name, market and state of a domestic stock.",
                parameters=StockInfoParameters,
                result=StockInfo,
                handler=self.get_stock_info,
                reference="domestic_stock.search_stock_info",
                example={"ticker": "005930"},
            ),
        ]

    def legacy_methods(self) -> list[Method[Any]]:
        """The bare methods of the original server that KIS can answer."""
        return [
            Method(
                name="get-stock-name",
                vendor="kis",
                kind="read",
                lane=Lane.QUOTE,
                summary="The Korean name of a domestic stock.",
                parameters=StockNameParameters,
                handler=self.get_stock_name,
                reference="domestic_stock.search_stock_info",
                example={"stock_code": "015760"},
            ),
        ]

    def get_current_price(self, parameters: TickerParameters, context: TaskContext) -> Outcome:
        """The last price. KIS answers an unknown code with a price of zero, which is an error here."""
        row = self._client.read(
            "domestic_stock.inquire_price", _quote_arguments(parameters), context=context, lane=Lane.QUOTE
        ).required_row("output")
        price = integer_of(row, "stck_prpr")
        if not price:
            raise unknown_ticker(parameters.ticker)
        change = with_sign(text_of(row, "prdy_vrss_sign"), decimal_of(row, "prdy_vrss"))
        rate = with_sign(text_of(row, "prdy_vrss_sign"), decimal_of(row, "prdy_ctrt"))
        status = text_of(row, "iscd_stat_cls_code") or None
        market_cap = integer_of(row, "hts_avls")
        result = CurrentPrice(
            ticker=parameters.ticker,
            venue=parameters.exchange,
            price=price,
            change=None if change is None else int(change),
            change_rate=None if rate is None else float(rate),
            open=integer_of(row, "stck_oprc"),
            high=integer_of(row, "stck_hgpr"),
            low=integer_of(row, "stck_lwpr"),
            volume=integer_of(row, "acml_vol"),
            value=integer_of(row, "acml_tr_pbmn"),
            upper_limit=integer_of(row, "stck_mxpr"),
            lower_limit=integer_of(row, "stck_llam"),
            base_price=integer_of(row, "stck_sdpr"),
            tick_size=integer_of(row, "aspr_unit"),
            listed_shares=integer_of(row, "lstn_stcn"),
            market_cap=None if market_cap is None else market_cap * _MARKET_CAP_UNIT,
            per=exact_of(row, "per"),
            pbr=exact_of(row, "pbr"),
            eps=exact_of(row, "eps"),
            bps=exact_of(row, "bps"),
            halted=text_of(row, "temp_stop_yn") == "Y" or status == _HALTED,
            status_code=status,
            raw=row if parameters.raw else None,
        )
        return Outcome([result])

    def get_order_book(self, parameters: TickerParameters, context: TaskContext) -> Outcome:
        """The order book."""
        answer = self._client.read(
            "domestic_stock.inquire_asking_price_exp_ccn",
            _quote_arguments(parameters),
            context=context,
            lane=Lane.QUOTE,
        )
        book, expected = answer.required_row("output1"), answer.row("output2")
        if not (integer_of(expected, "stck_prpr", "stck_sdpr") or _levels(book, "askp", "bidp")):
            raise unknown_ticker(parameters.ticker)
        today = self._clock.now().astimezone(KST).date()
        result = OrderBook(
            ticker=parameters.ticker,
            venue=parameters.exchange,
            time=moment(today, time_of(book, "aspr_acpt_hour")),
            asks=_levels(book, "askp"),
            bids=_levels(book, "bidp"),
            total_ask_quantity=integer_of(book, "total_askp_rsqn"),
            total_bid_quantity=integer_of(book, "total_bidp_rsqn"),
            expected_price=integer_of(expected, "antc_cnpr") or None,
            expected_volume=integer_of(expected, "antc_vol"),
            raw={"output1": book, "output2": expected} if parameters.raw else None,
        )
        return Outcome([result])

    def get_stock_info(self, parameters: StockInfoParameters, context: TaskContext) -> Outcome:
        """What the instrument is; on paper from the chart, since the stock master is real only."""
        if self._client.catalogue.why_unsupported("domestic_stock.search_stock_info"):
            info = self._info_from_chart(parameters, context)
        else:
            info = self._info_from_master(parameters, context)
        return Outcome([info])

    def get_stock_name(self, parameters: StockNameParameters, context: TaskContext) -> Outcome:
        """The name alone, as the original server answered."""
        info = self.get_stock_info(StockInfoParameters(ticker=parameters.stock_code), context).rows[0]
        return Outcome([info.name])

    def _info_from_master(self, parameters: StockInfoParameters, context: TaskContext) -> StockInfo:
        with unknown_ticker_as_parameter(parameters.ticker):
            row = self._client.read(
                "domestic_stock.search_stock_info",
                {"prdt_type_cd": "300", "pdno": parameters.ticker},
                context=context,
                lane=Lane.QUOTE,
            ).required_row("output")
        name = text_of(row, "prdt_abrv_name", "prdt_name", "prdt_name120")
        if not name:
            raise unknown_ticker(parameters.ticker)
        market = text_of(row, "mket_id_cd")
        return StockInfo(
            ticker=parameters.ticker,
            name=name,
            english_name=text_of(row, "prdt_eng_abrv_name", "prdt_eng_name") or None,
            market=_MARKETS.get(market, market) or None,
            listed_shares=integer_of(row, "lstg_stqt"),
            face_value=exact_of(row, "papr"),
            listed_on=_listing_date(row, "scts_mket_lstg_dt", "kosdaq_mket_lstg_dt"),
            delisted_on=date_of(row, "lstg_abol_dt"),
            halted=_flag(row, "tr_stop_yn"),
            administrative=_flag(row, "admn_item_yn"),
            nxt_tradable=_flag(row, "cptt_trad_tr_psbl_yn"),
            raw=row if parameters.raw else None,
        )

    def _info_from_chart(self, parameters: StockInfoParameters, context: TaskContext) -> StockInfo:
        today = f"{self._clock.now().astimezone(KST):%Y%m%d}"
        row = self._client.read(
            "domestic_stock.inquire_daily_itemchartprice",
            {
                "fid_cond_mrkt_div_code": MARKET_CODES["KRX"],
                "fid_input_iscd": parameters.ticker,
                "fid_input_date_1": today,
                "fid_input_date_2": today,
                "fid_period_div_code": "D",
                "fid_org_adj_prc": "0",
            },
            context=context,
            lane=Lane.QUOTE,
        ).required_row("output1")
        name = text_of(row, "hts_kor_isnm")
        if not name:
            raise unknown_ticker(parameters.ticker)
        return StockInfo(
            ticker=parameters.ticker,
            name=name,
            english_name=None,
            market=None,
            listed_shares=integer_of(row, "lstn_stcn"),
            face_value=exact_of(row, "stck_fcam"),
            listed_on=None,
            delisted_on=None,
            halted=None,
            administrative=None,
            nxt_tradable=None,
            raw=row if parameters.raw else None,
        )


def unknown_ticker(ticker: str) -> InvalidParameters:
    """KIS knows no such code: it says so by zeros and blanks, not by an error."""
    return InvalidParameters(f"ticker: KIS knows no domestic stock {ticker}", vendor="kis")


def _quote_arguments(parameters: TickerParameters) -> dict[str, str]:
    return {
        "fid_cond_mrkt_div_code": MARKET_CODES[parameters.exchange],
        "fid_input_iscd": parameters.ticker,
    }


def _levels(book: Row, *names: str) -> list[Level]:
    """The levels that have a price; an empty one is written as zero."""
    return [
        Level(price=price, quantity=required_integer(book, f"{name}_rsqn{number}"))
        for name in names
        for number in _LEVELS
        if (price := integer_of(book, f"{name}{number}"))
    ]


def _flag(row: Row, name: str) -> bool | None:
    text = text_of(row, name)
    return text == "Y" if text else None


def _listing_date(row: Row, *names: str) -> date | None:
    return next((day for name in names if (day := date_of(row, name))), None)

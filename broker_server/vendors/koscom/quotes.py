"""Current price and order book of a stock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from broker_server.core.methods import Lane, Method, Outcome, TaskContext
from broker_server.vendors.koscom.endpoints import tables
from broker_server.vendors.koscom.envelopes import Answer
from broker_server.vendors.koscom.errors import VENDOR, NoData, unreadable
from broker_server.vendors.koscom.fields import Record, split
from broker_server.vendors.koscom.markets import Markets, ensure_same_issue
from broker_server.vendors.koscom.normalised import rate_of
from broker_server.vendors.koscom.values import NotReadable, text_of, whole_of
from broker_server.vendors.parameters import ReadParameters, Ticker
from broker_server.vendors.quote_models import CurrentPrice, Level, OrderBook
from broker_server.vendors.values import with_sign

_LEVELS = 10
_SIGN_OF = {"6": "1", "7": "2", "8": "4", "9": "5"}
"""A change of quotes alone (no trade yet) is marked with codes of its own."""


class StockParameters(ReadParameters):
    """A stock, on KRX.

    Attributes:
        ticker: Its short code.
        market: Where it is listed; found out when left out.
    """

    ticker: Ticker
    market: Literal["kospi", "kosdaq"] | None = None


class Quotes:
    """The handlers.

    Args:
        markets: The reads.
    """

    def __init__(self, markets: Markets) -> None:
        self._markets = markets

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            Method(
                name="koscom.get-current-price",
                vendor=VENDOR,
                kind="read",
                lane=Lane.QUOTE,
                summary="The last price of a stock on KRX, with today's open, high, low and volume.",
                parameters=StockParameters,
                result=CurrentPrice,
                handler=self.get_current_price,
                reference="table price",
                example={"ticker": "005930"},
            ),
            Method(
                name="koscom.get-order-book",
                vendor=VENDOR,
                kind="read",
                lane=Lane.QUOTE,
                summary="Ten levels of bids and asks of a stock on KRX.",
                parameters=StockParameters,
                result=OrderBook,
                handler=self.get_order_book,
                reference="table order-book",
                example={"ticker": "005930"},
            ),
        ]

    def get_current_price(self, parameters: StockParameters, context: TaskContext) -> Outcome:
        """The last price. What KOSCOM has in its master only is null here."""
        answer = self.stock("price", parameters.ticker, parameters.market, context, Lane.QUOTE)
        row = split(answer.body).fields
        with readable(parameters.ticker):
            price = whole_of(row.get("trdPrc"))
            if not price:
                raise NoData(
                    f"{parameters.ticker} has not traded yet today; koscom.query with table master has "
                    "the close before",
                    vendor=VENDOR,
                    retryable=True,
                )
            change = change_of(row)
            result = CurrentPrice(
                ticker=parameters.ticker,
                venue="KRX",
                price=price,
                change=change,
                change_rate=rate_of(price, change),
                open=whole_of(row.get("opnprc")) or None,
                high=whole_of(row.get("hgprc")) or None,
                low=whole_of(row.get("lwprc")) or None,
                volume=whole_of(row.get("accTrdvol")),
                value=whole_of(row.get("accTrdval")),
                upper_limit=None,
                lower_limit=None,
                base_price=None,
                tick_size=None,
                listed_shares=None,
                market_cap=None,
                per=None,
                pbr=None,
                eps=None,
                bps=None,
                halted=None,
                status_code=None,
                raw=dict(answer.body) if parameters.raw else None,
            )
        return Outcome([result])

    def get_order_book(self, parameters: StockParameters, context: TaskContext) -> Outcome:
        """The order book, which KOSCOM gives without a time."""
        answer = self.stock("order-book", parameters.ticker, parameters.market, context, Lane.QUOTE)
        row = split(answer.body).fields
        with readable(parameters.ticker):
            result = OrderBook(
                ticker=parameters.ticker,
                venue="KRX",
                time=None,
                asks=_levels(row, "ask"),
                bids=_levels(row, "bid"),
                total_ask_quantity=whole_of(row.get("askordTotRqty")),
                total_bid_quantity=whole_of(row.get("bidordTotRqty")),
                expected_price=whole_of(row.get("deemTrdPrc")) or None,
                expected_volume=whole_of(row.get("deemTrdvol")) or None,
                raw=dict(answer.body) if parameters.raw else None,
            )
        return Outcome([result])

    def stock(self, table: str, ticker: str, market: str | None, context: TaskContext, lane: Lane) -> Answer:
        """The record of a stock.

        Raises:
            InvalidParameters: KOSCOM knows no such stock.
        """
        arguments = {"code": ticker} if market is None else {"code": ticker, "market": market}
        answer = self._markets.read(tables()[table], arguments, context=context, lane=lane).answer
        ensure_same_issue(answer, ticker)
        return answer


def change_of(row: Mapping[str, Any]) -> int | None:
    """The change against the close before, signed by its code where its own sign does not agree.

    Raises:
        NotReadable: It is no whole number.
    """
    code = text_of(row.get("cmpprevddTpCd")) or ""
    return with_sign(_SIGN_OF.get(code, code), whole_of(row.get("cmpprevddPrc")))


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Turn a value that is not what its field holds into the error of an answer that cannot be read.

    Args:
        what: Was asked for, for the message.

    Raises:
        UnreadableAnswer: Inside, something was not what it should be.
    """
    try:
        yield
    except NotReadable as error:
        raise unreadable(f"about {what}: {error}") from None


def _levels(row: Record, side: str) -> list[Level]:
    """The levels of one side that have a price, the best first."""
    found = []
    for step in range(1, _LEVELS + 1):
        price = whole_of(row.get(f"{side}Step{step}BstordPrc"))
        if price:
            found.append(Level(price=price, quantity=whole_of(row.get(f"{side}Step{step}BstordRqty")) or 0))
    return found

"""The state of what is streamed, by a TR: the first event of a subscription, and polls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker_server.core.market_data import Level, OrderBook, Trade, event_of
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.normalised import last_moment
from broker_server.vendors.kiwoom.quotes import Quotes, levels
from broker_server.vendors.kiwoom.reading import VENDOR, Row, readable, unknown_ticker
from broker_server.vendors.kiwoom.real_types import (
    BOTH,
    ORDER_BOOK,
    TRADE,
    newest_only,
    stream_name,
    ticker_and_venue,
)
from broker_server.vendors.kiwoom.values import decimal_of, integer_of, price_of
from broker_server.vendors.order_receipts import WON
from broker_server.vendors.values import KST, with_sign


@dataclass(slots=True, kw_only=True)
class SnapshotIncoming:
    """One answer of a TR, as if it had come live.

    Attributes:
        channel: See `broker_server.core.feeds.Incoming`; likewise ``subject`` and ``conflatable``.
        registration: What it stands in for.
        data: What it says.
        row: Kiwoom's texts by our names of the columns.
    """

    channel: str
    subject: str
    conflatable: bool
    registration: Registration
    data: Trade | OrderBook
    row: Mapping[str, Any] = field(repr=False)

    def event(self) -> dict[str, Any]:
        """In the common model."""
        return event_of(self.data)

    def raw_event(self) -> dict[str, Any]:
        """By the names of the TR, which has no FIDs."""
        return {
            "type": self.registration.code,
            "vendor": VENDOR,
            "key": self.registration.symbol,
            "fields": dict(self.row),
            "extra": [],
        }


class Snapshots:
    """Asks for them. Safe to use from many threads.

    Args:
        quotes: The TRs.
        clock: The time of an answer that has none.
    """

    def __init__(self, quotes: Quotes, clock: Clock) -> None:
        self._quotes = quotes
        self._clock = clock
        self._readers: Mapping[str, Callable[[Registration, TaskContext, Lane], SnapshotIncoming]] = {
            TRADE: self._price,
            ORDER_BOOK: self._book,
        }

    def can_read(self, registration: Registration) -> bool:
        """Whether a TR has the same information: the order book of both venues together is not to be had."""
        code, symbol = registration
        return code in self._readers and not (code == ORDER_BOOK and ticker_and_venue(symbol)[1] == BOTH)

    def read(self, registration: Registration, context: TaskContext, *, bulk: bool) -> SnapshotIncoming:
        """The state now; see `broker_server.core.feeds.Streams.snapshot`.

        Raises:
            TaskFailed: It cannot be had.
        """
        return self._readers[registration.code](registration, context, Lane.BULK if bulk else Lane.QUOTE)

    def _price(self, registration: Registration, context: TaskContext, lane: Lane) -> SnapshotIncoming:
        ticker, venue = ticker_and_venue(registration.symbol)
        row = self._quotes.stock(registration.symbol, context, lane)
        with readable(ticker):
            price = price_of(row["price"])
            if price is None:
                raise unknown_ticker(ticker)
            sign = row["sign"].strip()
            rate = with_sign(sign, decimal_of(row["change_rate"]))
            trade = Trade(
                vendor=VENDOR,
                ticker=ticker,
                venue=venue,
                currency=WON,
                time=self._clock.now().astimezone(KST).replace(microsecond=0),
                price=price,
                quantity=None,
                change=with_sign(sign, integer_of(row["change"])),
                change_rate=None if rate is None else float(rate),
                open=price_of(row["open"]),
                high=price_of(row["high"]),
                low=price_of(row["low"]),
                volume=integer_of(row["volume"]),
            )
        return _incoming(registration, trade, row)

    def _book(self, registration: Registration, context: TaskContext, lane: Lane) -> SnapshotIncoming:
        ticker, venue = ticker_and_venue(registration.symbol)
        row = self._quotes.order_book(registration.symbol, context, lane)
        with readable(ticker):
            book = OrderBook(
                vendor=VENDOR,
                ticker=ticker,
                venue=venue,
                currency=WON,
                time=last_moment(row["timestamp"].strip(), self._clock.now()),
                asks=tuple(Level(*each) for each in levels(row, "sell")),
                bids=tuple(Level(*each) for each in levels(row, "buy")),
                total_ask_quantity=integer_of(row["total_sell_remaining_volume"]),
                total_bid_quantity=integer_of(row["total_buy_remaining_volume"]),
            )
        return _incoming(registration, book, row)


def _incoming(registration: Registration, data: Trade | OrderBook, row: Row) -> SnapshotIncoming:
    name = stream_name(registration)
    return SnapshotIncoming(
        channel=name.channel,
        subject=name.subject,
        conflatable=newest_only(registration.code),
        registration=registration,
        data=data,
        row=row,
    )

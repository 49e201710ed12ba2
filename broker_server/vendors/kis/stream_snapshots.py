"""The state of what is streamed, by REST: the first event of a subscription, and polls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from broker_server.core.market_data import Level, Money, OrderBook, Trade, event_of
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.kis.client import KisClient
from broker_server.vendors.kis.domestic_quotes import MARKET_CODES, unknown_ticker
from broker_server.vendors.kis.order_types import overseas_exchanges
from broker_server.vendors.kis.overseas_keys import OverseasKey, parse_overseas_key
from broker_server.vendors.kis.overseas_quotes import exchange_time, last_price
from broker_server.vendors.kis.stream_codes import BOOKS, TRADES
from broker_server.vendors.kis.stream_names import newest_only, stream_name
from broker_server.vendors.kis.values import (
    KST,
    Row,
    decimal_of,
    integer_of,
    required_integer,
    text_of,
    time_of,
    with_sign,
)
from broker_server.vendors.parameters import QuoteVenue

_DEPTH = 10
_AHEAD = timedelta(minutes=5)
"""How far the vendor's clock may be ahead of ours."""
_VENUES: Mapping[str, QuoteVenue] = {
    code: venue for codes in (TRADES, BOOKS) for venue, code in codes.items()
}


@dataclass(slots=True, kw_only=True)
class SnapshotIncoming:
    """One answer of REST, as if it had come live.

    Attributes:
        channel: See `broker_server.core.feeds.Incoming`; likewise ``subject`` and ``conflatable``.
        registration: What it stands in for.
        data: What it says.
        row: The vendor's own fields.
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
        """By the names of REST, which are other ones than the WebSocket's."""
        return {
            "type": self.registration.code,
            "vendor": "kis",
            "key": self.registration.symbol,
            "fields": dict(self.row),
            "extra": [],
        }


class Snapshots:
    """Asks for them. Safe to use from many threads.

    Args:
        client: The calls.
        clock: The time of an answer that has none, and the date of one that has no date.
    """

    def __init__(self, client: KisClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._readers: dict[str, Callable[[Registration, TaskContext, Lane], SnapshotIncoming]] = {
            **dict.fromkeys(TRADES.values(), self._domestic_price),
            **dict.fromkeys(BOOKS.values(), self._domestic_book),
            "HDFSCNT0": self._overseas_price,
            **dict.fromkeys(("HDFSASP0", "HDFSASP1"), self._overseas_book),
        }

    def can_read(self, registration: Registration) -> bool:
        """Whether REST has the same information."""
        return registration.code in self._readers

    def read(self, registration: Registration, context: TaskContext, *, bulk: bool) -> SnapshotIncoming:
        """The state now; see `broker_server.core.feeds.Streams.snapshot`.

        Raises:
            TaskFailed: It cannot be had.
        """
        return self._readers[registration.code](registration, context, Lane.BULK if bulk else Lane.QUOTE)

    def _domestic_price(
        self, registration: Registration, context: TaskContext, lane: Lane
    ) -> SnapshotIncoming:
        code, ticker = registration
        row = self._client.read(
            "domestic_stock.inquire_price", _domestic_arguments(registration), context=context, lane=lane
        ).required_row("output")
        price = integer_of(row, "stck_prpr")
        if not price:
            raise unknown_ticker(ticker)
        sign = text_of(row, "prdy_vrss_sign")
        rate = with_sign(sign, decimal_of(row, "prdy_ctrt"))
        trade = Trade(
            vendor="kis",
            ticker=ticker,
            venue=_VENUES[code],
            currency="KRW",
            time=self._clock.now().astimezone(KST).replace(microsecond=0),
            price=price,
            quantity=None,
            change=with_sign(sign, integer_of(row, "prdy_vrss")),
            change_rate=None if rate is None else float(rate),
            open=integer_of(row, "stck_oprc") or None,
            high=integer_of(row, "stck_hgpr") or None,
            low=integer_of(row, "stck_lwpr") or None,
            volume=integer_of(row, "acml_vol"),
            value=integer_of(row, "acml_tr_pbmn"),
        )
        return _incoming(registration, trade, row)

    def _domestic_book(
        self, registration: Registration, context: TaskContext, lane: Lane
    ) -> SnapshotIncoming:
        code, ticker = registration
        answer = self._client.read(
            "domestic_stock.inquire_asking_price_exp_ccn",
            _domestic_arguments(registration),
            context=context,
            lane=lane,
        )
        row, expected = answer.required_row("output1"), answer.row("output2")
        asks = _levels(row, "askp{}", "askp_rsqn{}", integer_of)
        bids = _levels(row, "bidp{}", "bidp_rsqn{}", integer_of)
        if not (asks or bids or integer_of(expected, "stck_prpr", "stck_sdpr")):
            raise unknown_ticker(ticker)
        auction = integer_of(expected, "antc_cnpr") or None
        book = OrderBook(
            vendor="kis",
            ticker=ticker,
            venue=_VENUES[code],
            currency="KRW",
            time=_last(time_of(row, "aspr_acpt_hour"), self._clock.now()),
            asks=asks,
            bids=bids,
            total_ask_quantity=integer_of(row, "total_askp_rsqn"),
            total_bid_quantity=integer_of(row, "total_bidp_rsqn"),
            expected_price=auction,
            expected_quantity=integer_of(expected, "antc_vol") if auction else None,
        )
        return _incoming(registration, book, {**expected, **row})

    def _overseas_price(
        self, registration: Registration, context: TaskContext, lane: Lane
    ) -> SnapshotIncoming:
        key = _overseas_key(registration)
        row = self._client.read(
            "overseas_stock.price", _overseas_arguments(key), context=context, lane=lane
        ).required_row("output")
        last_price(row, key.symbol, key.exchange)
        sign = text_of(row, "sign")
        rate = with_sign(sign, decimal_of(row, "rate"))
        trade = Trade(
            vendor="kis",
            ticker=key.symbol,
            venue=key.exchange,
            currency=overseas_exchanges()[key.exchange]["currency"],
            time=self._clock.now().astimezone(KST).replace(microsecond=0),
            price=decimal_of(row, "last"),
            quantity=None,
            change=with_sign(sign, decimal_of(row, "diff")),
            change_rate=None if rate is None else float(rate),
            volume=integer_of(row, "tvol"),
            value=decimal_of(row, "tamt") or None,
            delayed=key.delayed,
        )
        return _incoming(registration, trade, row)

    def _overseas_book(
        self, registration: Registration, context: TaskContext, lane: Lane
    ) -> SnapshotIncoming:
        key = _overseas_key(registration)
        answer = self._client.read(
            "overseas_stock.inquire_asking_price", _overseas_arguments(key), context=context, lane=lane
        )
        summary, row = answer.required_row("output1"), answer.required_row("output2")
        last_price(summary, key.symbol, key.exchange)
        exchange = overseas_exchanges()[key.exchange]
        now = self._clock.now().astimezone(KST)
        book = OrderBook(
            vendor="kis",
            ticker=key.symbol,
            venue=key.exchange,
            currency=text_of(summary, "curr") or exchange["currency"],
            time=exchange_time(summary, ZoneInfo(exchange["time_zone"])) or now,
            asks=_levels(row, "pask{}", "vask{}", decimal_of),
            bids=_levels(row, "pbid{}", "vbid{}", decimal_of),
            total_ask_quantity=integer_of(summary, "avol"),
            total_bid_quantity=integer_of(summary, "bvol"),
            delayed=key.delayed,
        )
        return _incoming(registration, book, {**summary, **row})


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


def _domestic_arguments(registration: Registration) -> dict[str, str]:
    market = MARKET_CODES[_VENUES[registration.code]]
    return {"fid_cond_mrkt_div_code": market, "fid_input_iscd": registration.symbol}


def _overseas_key(registration: Registration) -> OverseasKey:
    key = parse_overseas_key(registration.symbol)
    if key is None:
        raise ValueError(f"{registration.symbol} is no key of an overseas stream")
    return key


def _overseas_arguments(key: OverseasKey) -> dict[str, str]:
    return {"auth": "", "excd": key.quote_code, "symb": key.symbol}


def _levels(
    row: Row, price_name: str, quantity_name: str, read: Callable[[Row, str], Money | None]
) -> tuple[Level, ...]:
    """The levels that have a price; an empty one is written as zero."""
    found = []
    for place in range(1, _DEPTH + 1):
        price = read(row, price_name.format(place))
        if price:
            found.append(Level(price, required_integer(row, quantity_name.format(place))))
    return tuple(found)


def _last(clock_time: time | None, now: datetime) -> datetime:
    """The last moment with this time of day; now if there is none."""
    here = now.astimezone(KST)
    if clock_time is None:
        return here
    moment = datetime.combine(here.date(), clock_time, KST)
    return moment if moment <= here + _AHEAD else moment - timedelta(days=1)

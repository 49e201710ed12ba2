"""One subscription at one vendor's workers, kept for as long as it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from broker_client.aio import AsyncClient
from broker_client.aio_stream import AsyncStream
from broker_client.errors import (
    BrokerError,
    InvalidParameters,
    SubscriptionLimit,
    TaskFailed,
    UnknownMethod,
    Unsupported,
    VendorNotConfigured,
)
from broker_client.results import TaskResult
from broker_client.streams import StreamEvent, StreamStatus
from broker_server.prices.board import PriceBoard
from broker_server.prices.demand import Interest
from broker_server.prices.model import PriceKey, Source, Standing, State
from broker_server.prices.tickers import spelled_for
from broker_server.prices.translation import (
    book_of_event,
    price_of_event,
    refusal_of,
    trade_of_event,
)

log = structlog.get_logger(__name__)

METHODS: dict[Interest, str] = {
    "price": "subscribe-realtime-price",
    "orderbook": "subscribe-order-book",
}
_STATES = {
    "live": State.LIVE,
    "connected": State.WAITING,
    "answered": State.LIVE,
    "resumed": State.LIVE,
    "polling": State.POLLING,
    "stale": State.STALE,
    "gap": None,
    "reconnecting": State.RECONNECTING,
    "disconnected": State.RECONNECTING,
    "unanswered": State.RECONNECTING,
    "suspended": State.RECONNECTING,
}
_ABSENT_SECONDS = 60.0
_UNKNOWN_SECONDS = 300.0
_FULL_SECONDS = 30.0
_FAILED_SECONDS = 5.0
_LOOK_SECONDS = 0.2
NOT_SUBSCRIBED = "nobody has subscribed to it now"
_POLLED = Standing(State.POLLING, "the vendor has no free slot; REST is asked instead")


class VendorStream:
    """Subscribes, and subscribes again after whatever ended it.

    Args:
        client: Its connection.
        board: Is told what comes.
        vendor: Whose workers are asked.
        key: What is subscribed.
        interest: Trades or order books.
        changed: Called when ``standing`` has changed.
        clock: UTC.
        subscribe_timeout: Seconds that a worker has to acknowledge.

    Attributes:
        standing: How it is.
    """

    def __init__(
        self,
        client: AsyncClient,
        board: PriceBoard,
        vendor: str,
        key: PriceKey,
        interest: Interest,
        *,
        changed: Callable[[], None],
        clock: Callable[[], datetime],
        subscribe_timeout: float = 8.0,
    ) -> None:
        self.standing = Standing(State.WAITING)
        self.vendor = vendor
        self._client = client
        self._board = board
        self._key = key
        self._interest: Interest = interest
        self._changed = changed
        self._clock = clock
        self._subscribe_timeout = subscribe_timeout
        self._before_doubt: Standing | None = None

    @property
    def is_live(self) -> bool:
        """Whether it is served now, live or by REST in its place."""
        return self.standing.state in (State.LIVE, State.POLLING)

    def doubt(self, reason: str) -> None:
        """It cannot be live, although nobody has said so: call it silent until something comes."""
        if self.is_live:
            before = self.standing
            self._set(Standing(State.RECONNECTING, reason))
            self._before_doubt = before

    def trust(self) -> None:
        """It can be again. What came meanwhile counts more."""
        if self._before_doubt is not None:
            self._set(self._before_doubt)

    async def run(self) -> None:
        """Keep it until cancelled; then it is unsubscribed."""
        while True:
            try:
                await self._subscribe_once()
                pause, standing = 0.0, Standing(State.RECONNECTING, "the stream was closed")
            except BrokerError as error:
                pause, standing = _verdict(error)
            except Exception as error:
                log.exception("a stream of prices failed", vendor=self.vendor, key=self._key.subject)
                pause, standing = _FAILED_SECONDS, Standing(State.UNAVAILABLE, type(error).__name__)
            self._set(standing)
            await asyncio.sleep(pause)

    async def _subscribe_once(self) -> None:
        ticker, venue = self._key
        stream = self._client.stream(
            f"{self.vendor}.{METHODS[self._interest]}",
            timeout=self._subscribe_timeout,
            ticker=spelled_for(self.vendor, ticker),
            venue=venue,
        )
        async with stream:
            watching = asyncio.ensure_future(self._watch_acknowledgements(stream))
            try:
                async for item in stream.messages():
                    if isinstance(item, StreamEvent):
                        self._take(item)
                    else:
                        self._hear(item)
            except asyncio.CancelledError:
                # Said now: when it is unsubscribed, another one may have taken its place.
                self._board.silence(self._key, self.vendor, NOT_SUBSCRIBED, self._interest)
                raise
            finally:
                watching.cancel()

    async def _watch_acknowledgements(self, stream: AsyncStream) -> None:
        """After a reconnect it is subscribed again, and a quiet market says nothing of that."""
        known: TaskResult | None = None
        while True:
            if stream.ack is not None and stream.ack is not known:
                known = stream.ack
                self._set(_standing_of({part.get("mode") for part in known.result}))
            await asyncio.sleep(_LOOK_SECONDS)

    def _take(self, item: StreamEvent) -> None:
        event, received = item.data, item.received_at
        live = item.mode == "realtime" and not item.snapshot
        source = Source.REALTIME if live else Source.REST
        try:
            if self._interest == "orderbook":
                book = book_of_event(event, source, received)
                if book is not None:
                    self._board.put_book(replace(book, key=self._asked(book.key)))
            else:
                price = price_of_event(event, source, received)
                if price is not None:
                    self._board.put(replace(price, key=self._asked(price.key)))
                trade = trade_of_event(event, received, item.missed) if live else None
                if trade is not None:
                    self._board.put_trade(replace(trade, key=self._asked(trade.key)))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            log.warning("an event cannot be used", vendor=self.vendor, reason=str(error))
            return
        if live:
            self._set(Standing(State.LIVE))
        elif item.mode == "polling":
            self._set(_POLLED)

    def _asked(self, key: PriceKey) -> PriceKey:
        """What was asked for under the vendor's spelling of it."""
        same = key.venue == self._key.venue and key.ticker == spelled_for(self.vendor, self._key.ticker)
        return self._key if same else key

    def _hear(self, status: StreamStatus) -> None:
        state = _STATES.get(status.state)
        if state is not None:
            self._set(Standing(state, None if state is State.LIVE else status.reason or status.state))

    def _set(self, standing: Standing) -> None:
        self._before_doubt = None
        if standing == self.standing:
            return
        self.standing = standing
        silent = None if standing.state is State.LIVE else standing.reason or standing.state.value
        self._board.silence(self._key, self.vendor, silent, self._interest)
        self._changed()


def _standing_of(modes: set[str | None]) -> Standing:
    """How an acknowledgement says that it is served."""
    if modes <= {"realtime"}:
        return Standing(State.LIVE)
    if "polling" in modes:
        return _POLLED
    return Standing(State.WAITING, "the vendor has not confirmed it yet")


def _verdict(error: BrokerError) -> tuple[float, Standing]:
    """How long to wait, and what to say meanwhile."""
    if not isinstance(error, TaskFailed):
        log.warning("a subscription failed", reason=str(error))
        return _FAILED_SECONDS, Standing(State.RECONNECTING, "no worker answers")
    said = error.message
    if isinstance(error, InvalidParameters):
        return _UNKNOWN_SECONDS, Standing(refusal_of(error), said)
    if isinstance(error, (UnknownMethod, VendorNotConfigured, Unsupported)):
        return _ABSENT_SECONDS, Standing(State.UNAVAILABLE, said)
    if isinstance(error, SubscriptionLimit):
        return _FULL_SECONDS, Standing(State.UNAVAILABLE, said)
    return _FAILED_SECONDS, Standing(State.RECONNECTING, said)

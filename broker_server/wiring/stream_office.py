"""Wires live data together: the thread, the publisher, and the board of each vendor while it is owned."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine

from broker_client.protocol import Environment
from broker_server.amqp.ticks import TickPublisher
from broker_server.core.feeds import Streams
from broker_server.core.freshness import Freshness
from broker_server.core.methods import Method
from broker_server.core.reply_styles import EventStyle
from broker_server.core.sessions import SessionTable
from broker_server.core.stream_requests import Registration
from broker_server.core.vendor import Vendor
from broker_server.journal.published_fills import PublishedFills
from broker_server.journal.subscriptions import KeptSubscriptions
from broker_server.market_sessions import load_market_sessions
from broker_server.orders.checks import ACCOUNT
from broker_server.settings import Settings
from broker_server.streams.admin import subscription_methods
from broker_server.streams.board import BoardOptions, EventBus, StreamBoard
from broker_server.streams.delivery import Delivery
from broker_server.streams.desk import StreamDesk
from broker_server.streams.executions import Executions, FillRecord
from broker_server.streams.fill_record import AccountFills
from broker_server.streams.host import StreamThread
from broker_server.streams.lookups import Lookups
from broker_server.streams.outlets import epochs
from broker_server.streams.polling import Poller
from broker_server.streams.reply_queues import ReplyQueueKeeper
from broker_server.streams.store import SubscriptionStore
from broker_server.streams.watch import FreshnessWatch

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 5.0
STATUS_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """Settings of live data.

    Attributes:
        grace: ``SUBSCRIPTION_GRACE``.
        lifetime: ``TICK_TTL``.
        polling_interval: ``POLLING_INTERVAL``.
        stale_after: ``STALE_AFTER``.
    """

    grace: float
    lifetime: float
    polling_interval: float
    stale_after: float


class StreamOffice:
    """Everything about live data that one worker has.

    Args:
        url: The broker's.
        worker: The name of this worker.
        environment: The worker's.
        vendors: Those of this worker.
        store: Keeps the subscriptions.
        sessions: When markets trade.
        hours: Whether the markets keep those hours; the simulated ones trade around the clock.
        bus: ``broker.events``.
        fills: Keeps what was published of a vendor's executions.
        noticed: Told of each notice of an execution, with the vendor.
        clock: UTC.
        options: Settings.
        styles: Of events that are not written as the contract says, by family.
    """

    def __init__(
        self,
        *,
        url: str,
        worker: str,
        environment: Environment,
        vendors: Sequence[Vendor],
        store: SubscriptionStore,
        sessions: SessionTable,
        hours: bool,
        bus: EventBus,
        fills: Callable[[str], FillRecord],
        noticed: Callable[[str], None],
        clock: Callable[[], datetime],
        options: StreamOptions,
        styles: Mapping[str, EventStyle] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._worker = worker
        self._environment: Environment = environment
        self._vendors = [vendor for vendor in vendors if vendor.streams is not None]
        self._store = store
        self._sessions = sessions
        self._hours = hours
        self._bus = bus
        self._fills = fills
        self._noticed = noticed
        self._clock = clock
        self._monotonic = monotonic
        self._options = options
        self._styles = styles
        started_at = int(clock().timestamp() * 1000)
        self._run_id = str(started_at)
        self._new_epoch = epochs(started_at)
        self._boards: dict[str, StreamBoard] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._watches: dict[str, FreshnessWatch] = {}
        self._publisher: TickPublisher | None = None
        self._held: asyncio.Event | None = None
        self._lost: asyncio.Event | None = None
        self._thread = StreamThread(self._main)
        self.desk = StreamDesk(self._thread, self._boards, store, clock=clock, monotonic=monotonic)

    def methods(self) -> list[Method[Any]]:
        """The ``broker.*`` methods about subscriptions."""
        return subscription_methods(self.desk)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Close the feeds and the connection for ticks."""
        self._thread.stop()
        self._store.close()

    def on_lease(self, held: bool) -> None:
        """The leases were taken, or lost. For any thread."""
        self._thread.post(self._set_held, held)

    def status(self) -> dict[str, Any]:
        """For ``broker.get-status``. For any other thread."""
        publisher = self._publisher
        ticks = publisher.counts() if publisher is not None else {}
        try:
            return {"ticks": ticks, **self._thread.call(self._boards_status, STATUS_SECONDS)}
        except TimeoutError:
            return {"ticks": ticks, "error": "live data does not answer"}

    def _boards_status(self) -> dict[str, Any]:
        return {
            vendor: {
                "subscriptions": len(board.book.all()),
                "wanted": len(board.book.wanted),
                "confirmed": len(board.book.wanted) - len(board.book.unconfirmed),
                "polled": len(board.book.polled),
                "stale": sum(self._watches[vendor].is_stale(each) for each in board.book.wanted),
                "feed": board.feed.status(),
            }
            for vendor, board in self._boards.items()
        }

    async def _main(self) -> None:
        self._held, self._lost = asyncio.Event(), asyncio.Event()
        publisher = self._publisher = TickPublisher(
            self._url, self._worker, run_id=self._run_id, on_gap=self._on_gap
        )
        publishing = asyncio.ensure_future(publisher.run())
        try:
            while True:
                await self._held.wait()
                await self._serve_while_held(publisher, self._lost)
        finally:
            publishing.cancel()
            await asyncio.wait({publishing})

    def _set_held(self, held: bool) -> None:
        if self._held is None or self._lost is None:
            return
        (self._held.set if held else self._held.clear)()
        (self._lost.clear if held else self._lost.set)()

    async def _serve_while_held(self, publisher: TickPublisher, lost: asyncio.Event) -> None:
        serving = [asyncio.ensure_future(self._serve(vendor, publisher)) for vendor in self._vendors]
        try:
            await lost.wait()
        finally:
            for each in serving:
                each.cancel()
            if serving:
                await asyncio.wait(serving)

    async def _serve(self, vendor: Vendor, publisher: TickPublisher) -> None:
        while True:
            try:
                await self._serve_once(vendor, publisher)
            except Exception:
                log.exception("live data ended by a defect; it begins again", vendor=vendor.name)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _serve_once(self, vendor: Vendor, publisher: TickPublisher) -> None:
        streams, name = vendor.streams, vendor.name
        assert streams is not None  # noqa: S101 - only such vendors are served
        kept = await asyncio.to_thread(self._store.load, name)
        lookups = Lookups(streams, self._clock)
        board, delivery = self._board(name, streams, lookups, publisher)
        watch = self._watch(board)
        executions = Executions(
            board,
            vendor.orders,
            self._fills(name),
            noticed=lambda: self._noticed(name),
            clock=self._clock,
            monotonic=self._monotonic,
        )
        board.watchers += [watch, executions]
        board.executions = executions
        board.restore(kept)
        self._boards[name], self._deliveries[name], self._watches[name] = board, delivery, watch
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(board.run())
                group.create_task(watch.run())
                group.create_task(executions.run())
                group.create_task(Poller(board, self._options.polling_interval).run())
                group.create_task(ReplyQueueKeeper(board, publisher).run())
        finally:
            del self._boards[name], self._deliveries[name], self._watches[name]
            lookups.stop()

    def _board(
        self, vendor: str, streams: Streams, lookups: Lookups, publisher: TickPublisher
    ) -> tuple[StreamBoard, Delivery]:
        delivery = Delivery(
            vendor,
            self._environment,
            publisher,
            new_epoch=self._new_epoch,
            clock=self._clock,
            lifetime=self._options.lifetime,
            on_returned=lambda queue: board.returned(queue),
            styles=self._styles,
        )
        board = StreamBoard(
            vendor,
            streams,
            delivery=delivery,
            lookups=lookups,
            bus=self._bus,
            forgotten=lambda ended: self._store.delete_later(vendor, ended),
            clock=self._clock,
            monotonic=self._monotonic,
            options=BoardOptions(grace=self._options.grace),
        )
        return board, delivery

    def _watch(self, board: StreamBoard) -> FreshnessWatch:
        freshness = Freshness(
            lambda registration, at: self._may_trade(board.streams, registration, at),
            stale_after=self._options.stale_after,
        )
        return FreshnessWatch(
            board,
            freshness,
            clock=self._clock,
            stale_after=self._options.stale_after,
            monotonic=self._monotonic,
        )

    def _may_trade(self, streams: Streams, registration: Registration, at: datetime) -> bool:
        venue = streams.venue(registration)
        if venue is None:
            return False
        return not self._hours or self._sessions.phase(venue, at).is_continuous

    def _on_gap(self, slot: str, missing: int) -> None:
        for delivery in self._deliveries.values():
            if delivery.on_gap(slot, missing):
                return


def make_stream_office(
    settings: Settings,
    *,
    url: str,
    worker: str,
    environment: Environment,
    vendors: Sequence[Vendor],
    engine: Engine,
    bus: EventBus,
    noticed: Callable[[str], None],
    clock: Callable[[], datetime],
    styles: Mapping[str, EventStyle] | None = None,
) -> StreamOffice:
    """Live data as the settings say.

    Raises:
        SettingsError: The file of market sessions is wrong.
    """
    return StreamOffice(
        url=url,
        worker=worker,
        environment=environment,
        vendors=vendors,
        store=SubscriptionStore(
            lambda is_personal: KeptSubscriptions(engine, environment, is_personal=is_personal),
            {each.name: each.streams for each in vendors if each.streams is not None},
            ACCOUNT,
        ),
        sessions=load_market_sessions(settings.market_sessions_file),
        hours=environment != "simulated",
        bus=bus,
        fills=lambda vendor: AccountFills(PublishedFills(engine, environment), vendor, ACCOUNT, clock),
        noticed=noticed,
        clock=clock,
        options=StreamOptions(
            grace=settings.subscription_grace,
            lifetime=settings.tick_ttl,
            polling_interval=settings.polling_interval,
            stale_after=settings.stale_after,
        ),
        styles=styles,
    )

"""Serves the live data of one account while this worker owns it; a defect makes it begin again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from broker_client.protocol import Environment
from broker_server.core.accounts import AccountKey
from broker_server.core.feeds import Streams
from broker_server.core.freshness import Freshness
from broker_server.core.measuring import Meter
from broker_server.core.reply_styles import EventStyle
from broker_server.core.sessions import SessionTable
from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription
from broker_server.core.vendor import OrderAccess
from broker_server.streams.board import StreamBoard
from broker_server.streams.catching_up import CatchingUp
from broker_server.streams.delivery import Delivery, Publisher
from broker_server.streams.executions import Executions
from broker_server.streams.fill_writer import FillRecord
from broker_server.streams.herald import EventBus
from broker_server.streams.lookups import Lookups
from broker_server.streams.polling import Poller
from broker_server.streams.reply_queues import QueueLooks, ReplyQueueKeeper
from broker_server.streams.store import SubscriptionStore
from broker_server.streams.watch import FreshnessWatch

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 5.0


class TickSender(Publisher, QueueLooks, Protocol):
    """`broker_server.amqp.ticks.TickPublisher`, as far as live data needs it."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamParts:
    """What every vendor's live data share.

    Attributes:
        environment: The worker's.
        store: Keeps the subscriptions.
        sessions: When markets trade.
        hours: Whether the markets keep those hours; the simulated ones trade around the clock.
        bus: ``broker.events``.
        new_epoch: Makes the names of epochs.
        clock: UTC.
        monotonic: Seconds.
        options: Settings.
        styles: Of events that are not written as the contract says, by family.
        meter: Measures.
    """

    environment: Environment
    store: SubscriptionStore
    sessions: SessionTable
    hours: bool
    bus: EventBus
    new_epoch: Callable[[], bytes]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]
    options: StreamOptions
    styles: Mapping[str, EventStyle] | None = None
    meter: Meter = field(default_factory=Meter)


class VendorStreams:
    """The live data of one account of a vendor.

    Args:
        key: The account.
        streams: The live part of its adapter.
        orders: Its lists of orders.
        fills: Keeps what was published of its executions.
        noticed: Told of each notice of an execution.
        parts: What it shares with others.
        boards: Where its board is shown while it is served, by `AccountKey.place`.
        pause: Waits before it begins again.

    Attributes:
        place: How it is called in listings.
        delivery: Publishes, while it is served.
    """

    def __init__(
        self,
        key: AccountKey,
        streams: Streams,
        orders: OrderAccess,
        *,
        fills: FillRecord,
        noticed: Callable[[], None],
        parts: StreamParts,
        boards: dict[str, StreamBoard],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.key, self.place = key, key.place
        self.delivery: Delivery | None = None
        self._streams = streams
        self._orders = orders
        self._fills = fills
        self._noticed = noticed
        self._parts = parts
        self._boards = boards
        self._pause = pause
        self._board: StreamBoard | None = None
        self._watch: FreshnessWatch | None = None

    async def serve(self, sender: TickSender) -> None:
        """Serve it until cancelled.

        Begun again after a defect it goes on with what it served then, also with what could not be written
        down.
        """
        left: Sequence[Subscription] | None = None
        while True:
            try:
                kept = await asyncio.to_thread(self._parts.store.load, self.place) if left is None else left
                left = await self._serve_once(kept, sender)
            except SQLAlchemyError as error:
                reason = str(error).splitlines()[0]
                log.error("subscriptions cannot be read; once more", account=self.key.label, reason=reason)
            except Exception:
                log.exception("live data cannot begin; once more", account=self.key.label)
            await self._pause(AGAIN_SECONDS)

    def status(self) -> dict[str, Any] | None:
        """For ``broker.get-status``; ``None`` while it is not served."""
        board, watch = self._board, self._watch
        if board is None or watch is None:
            return None
        wanted = board.book.wanted
        return {
            "subscriptions": len(board.book.all()),
            "wanted": len(wanted),
            "confirmed": len(wanted) - len(board.book.unconfirmed),
            "polled": len(board.book.polled),
            "stale": sum(watch.is_stale(each) for each in wanted),
            "feed": board.feed.status(),
        }

    async def _serve_once(self, kept: Sequence[Subscription], sender: TickSender) -> Sequence[Subscription]:
        """Serve it until a defect; what was subscribed then."""
        parts = self._parts
        lookups = Lookups(self._streams, parts.clock)
        try:
            board = self._board = self._make_board(lookups, sender)
            watch = self._watch = self._make_watch(board)
            executions = Executions(
                board,
                self._orders,
                self._fills,
                noticed=self._noticed,
                clock=parts.clock,
                monotonic=parts.monotonic,
            )
            catching_up = CatchingUp(board)
            board.watchers += [watch, executions, catching_up]
            board.executions = executions
            board.restore(kept)
            catching_up.restored(each.registration for each in kept)
            self._boards[self.place] = board
            writing = asyncio.ensure_future(executions.run())
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(board.feed.run())
                    group.create_task(watch.run())
                    group.create_task(catching_up.run())
                    poller = Poller(board, parts.options.polling_interval, monotonic=parts.monotonic)
                    group.create_task(poller.run())
                    keeper = ReplyQueueKeeper(board, sender, monotonic=parts.monotonic)
                    group.create_task(keeper.run())
            except Exception:
                log.exception("live data ended by a defect; it begins again", account=self.key.label)
            finally:
                writing.cancel()  # when nothing is published any more, so that everything is on record
                await asyncio.wait({writing})
                promised = board.promised()
                board.close()
            # The others' tasks hear that they have failed.
            parts.store.delete_later(self.place, [each for each in board.book.all() if each not in promised])
        finally:
            self._boards.pop(self.place, None)
            self._board = self._watch = self.delivery = None
            lookups.stop()
        return promised

    def _make_board(self, lookups: Lookups, sender: TickSender) -> StreamBoard:
        parts = self._parts
        self.delivery = Delivery(
            self.key.vendor,
            parts.environment,
            sender,
            new_epoch=parts.new_epoch,
            clock=parts.clock,
            lifetime=parts.options.lifetime,
            on_returned=lambda queue: board.returned(queue),
            styles=parts.styles,
            timer=parts.meter.tick_timer(self.key.vendor, parts.monotonic),
        )
        board = StreamBoard(
            self.key.vendor,
            self._streams,
            delivery=self.delivery,
            lookups=lookups,
            bus=parts.bus,
            forgotten=lambda ended: parts.store.delete_later(self.place, ended),
            account=self.key.account,
            clock=parts.clock,
            monotonic=parts.monotonic,
            grace=parts.options.grace,
        )
        return board

    def _make_watch(self, board: StreamBoard) -> FreshnessWatch:
        stale_after = self._parts.options.stale_after
        return FreshnessWatch(
            board,
            Freshness(self._may_trade, stale_after=stale_after),
            clock=self._parts.clock,
            stale_after=stale_after,
            monotonic=self._parts.monotonic,
        )

    def _may_trade(self, registration: Registration, at: datetime) -> bool:
        venue = self._streams.venue(registration)
        if venue is None:
            return False
        return not self._parts.hours or self._parts.sessions.phase(venue, at).is_continuous

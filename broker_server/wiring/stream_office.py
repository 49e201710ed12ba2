"""Wires live data together: the thread, the publisher, and each account while it is owned."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Engine

from broker_client.protocol import Environment
from broker_server.amqp.ticks import TickPublisher
from broker_server.core.accounts import AccountKey
from broker_server.core.measuring import Meter
from broker_server.core.methods import Method
from broker_server.core.others import Others
from broker_server.core.reply_styles import EventStyle
from broker_server.core.vendor import Vendor, key_of
from broker_server.journal.published_fills import PublishedFills
from broker_server.journal.subscriptions import KeptSubscriptions
from broker_server.market_sessions import load_market_sessions
from broker_server.settings import Settings
from broker_server.streams.admin import subscription_methods
from broker_server.streams.board import StreamBoard
from broker_server.streams.desk import StreamDesk
from broker_server.streams.fill_record import AccountFills
from broker_server.streams.fill_writer import FillRecord
from broker_server.streams.herald import EventBus
from broker_server.streams.host import StreamThread
from broker_server.streams.outlets import epochs
from broker_server.streams.store import SubscriptionStore
from broker_server.wiring.vendor_streams import StreamOptions, StreamParts, VendorStreams

STATUS_SECONDS = 0.5


class StreamOffice:
    """Everything about live data that one worker has.

    Args:
        url: The broker's.
        worker: The name of this worker.
        run_id: Tells this process from others of the same name.
        vendors: Those of this worker.
        parts: What their live data share.
        fills: Keeps what was published of an account's executions.
        noticed: Told of each notice of an execution, with the account.
    """

    def __init__(
        self,
        *,
        url: str,
        worker: str,
        run_id: str,
        vendors: Sequence[Vendor],
        parts: StreamParts,
        fills: Callable[[AccountKey], FillRecord],
        noticed: Callable[[AccountKey], None],
    ) -> None:
        self._url = url
        self._worker = worker
        self._run_id = run_id
        self._store = parts.store
        boards: dict[str, StreamBoard] = {}
        self._served = [
            VendorStreams(
                key_of(vendor),
                vendor.streams,
                vendor.orders,
                fills=fills(key_of(vendor)),
                noticed=partial(noticed, key_of(vendor)),
                parts=parts,
                boards=boards,
            )
            for vendor in vendors
            if vendor.streams is not None
        ]
        self._publisher: TickPublisher | None = None
        self._held = {each.key: asyncio.Event() for each in self._served}
        self._lost = {each.key: asyncio.Event() for each in self._served}
        self._thread = StreamThread(self._main)
        self.desk = StreamDesk(
            self._thread,
            boards,
            parts.store,
            settle=self._settle,
            clock=parts.clock,
            monotonic=parts.monotonic,
        )

    def methods(self, others: Others) -> list[Method[Any]]:
        """The ``broker.*`` methods about subscriptions."""
        return subscription_methods(self.desk, others)

    def start(self) -> None:
        """Begin; without a vendor that has live data there is nothing to begin, and no connection."""
        if self._served:
            self._thread.start()

    def stop(self) -> None:
        """Close the feeds and the connection for ticks."""
        self._thread.stop()
        self._store.close()

    def on_lease(self, key: AccountKey, held: bool) -> None:
        """The lease of an account was taken, or lost. For any thread."""
        self._thread.post(self._set_held, key, held)

    def status(self) -> dict[str, Any]:
        """For ``broker.get-status``. For any other thread."""
        publisher = self._publisher
        ticks = publisher.counts() if publisher is not None else {}
        try:
            return {"ticks": ticks, **self._thread.call(self._vendor_status, STATUS_SECONDS)}
        except TimeoutError:
            return {"ticks": ticks, "error": "live data does not answer"}

    def _vendor_status(self) -> dict[str, Any]:
        found = {each.place: each.status() for each in self._served}
        return {place: status for place, status in found.items() if status is not None}

    async def _main(self) -> None:
        publisher = self._publisher = TickPublisher(
            self._url, self._worker, run_id=self._run_id, on_gap=self._on_gap
        )
        publishing = asyncio.ensure_future(publisher.run())
        try:
            async with asyncio.TaskGroup() as group:
                for each in self._served:
                    group.create_task(self._serve(each, publisher))
        finally:
            publishing.cancel()
            await asyncio.wait({publishing})

    async def _settle(self) -> None:
        if self._publisher is not None:
            await self._publisher.settle()

    def _set_held(self, key: AccountKey, held: bool) -> None:
        if key not in self._held:
            return
        now, no_more = (self._held, self._lost) if held else (self._lost, self._held)
        now[key].set()
        no_more[key].clear()

    async def _serve(self, streams: VendorStreams, publisher: TickPublisher) -> None:
        """Serve an account whenever it is owned."""
        while True:
            await self._held[streams.key].wait()
            serving = asyncio.ensure_future(streams.serve(publisher))
            try:
                await self._lost[streams.key].wait()
            finally:
                serving.cancel()
                await asyncio.wait({serving})

    def _on_gap(self, slot: str, missing: int) -> None:
        for each in self._served:
            if each.delivery is not None and each.delivery.on_gap(slot, missing):
                return


def make_stream_office(
    settings: Settings,
    *,
    url: str,
    worker: str,
    environment: Environment,
    hours: bool,
    vendors: Sequence[Vendor],
    engine: Engine,
    bus: EventBus,
    noticed: Callable[[AccountKey], None],
    clock: Callable[[], datetime],
    styles: Mapping[str, EventStyle] | None = None,
    meter: Meter | None = None,
) -> StreamOffice:
    """Live data as the settings say.

    Args:
        hours: Whether the markets keep their hours: a simulated one may trade around the clock.
        meter: Measures.

    Raises:
        SettingsError: The file of market sessions is wrong.
    """
    started_at = int(clock().timestamp() * 1000)
    return StreamOffice(
        url=url,
        worker=worker,
        run_id=str(started_at),
        vendors=vendors,
        parts=StreamParts(
            environment=environment,
            store=SubscriptionStore(
                lambda is_personal: KeptSubscriptions(engine, environment, is_personal=is_personal),
                {key_of(each).place: each.streams for each in vendors if each.streams is not None},
            ),
            sessions=load_market_sessions(settings.market_sessions_file),
            hours=hours,
            bus=bus,
            new_epoch=epochs(started_at),
            clock=clock,
            monotonic=time.monotonic,
            options=StreamOptions(
                grace=settings.subscription_grace,
                lifetime=settings.tick_ttl,
                polling_interval=settings.polling_interval,
                stale_after=settings.stale_after,
            ),
            styles=styles,
            meter=meter or Meter(),
        ),
        fills=lambda key: AccountFills(PublishedFills(engine, environment), *key, clock),
        noticed=noticed,
    )

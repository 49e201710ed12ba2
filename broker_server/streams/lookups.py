"""Looks by REST for live data: first states, polls, and whether a silent feed is mute. In threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from broker_client.errors import InternalError, TaskTimeout
from broker_server.core.feeds import Incoming, Streams
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.execution import LanePool

THREADS = 4
LONGEST_SECONDS = 30.0


class Lookups:
    """Asks a vendor by REST; one look at a time for each registration, whoever asks. For one event loop.

    Args:
        streams: The vendor's.
        clock: UTC.
    """

    def __init__(self, streams: Streams, clock: Callable[[], datetime]) -> None:
        self._streams = streams
        self._clock = clock
        self._pool = LanePool("lookups", THREADS)
        self._running: dict[tuple[Registration, bool], asyncio.Future[Incoming]] = {}
        self._stopped = threading.Event()

    async def look(self, registration: Registration, *, bulk: bool) -> Incoming:
        """The state by REST.

        Args:
            bulk: It may wait behind everything else that is asked of the vendor.

        Raises:
            TaskFailed: It cannot be had.
        """
        key = (registration, bulk)
        running = self._running.get(key)
        if running is None:
            running = asyncio.get_running_loop().create_future()
            running.add_done_callback(lambda done: self._over(key, done))
            self._running[key] = running
            self._submit(registration, running, bulk=bulk)
        return await asyncio.shield(running)

    def _over(self, key: tuple[Registration, bool], done: asyncio.Future[Incoming]) -> None:
        self._running.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever asked may have gone meanwhile

    def stop(self) -> None:
        """Ask nothing more."""
        self._stopped.set()
        self._pool.stop()

    def _submit(self, registration: Registration, answer: asyncio.Future[Incoming], *, bulk: bool) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = self._clock() + timedelta(seconds=LONGEST_SECONDS)

        def ensure_in_time() -> None:
            if self._stopped.is_set() or self._clock() > give_up_at:
                raise TaskTimeout("the state by REST did not come in time")

        context = TaskContext(
            task_id="live data",
            received_at=self._clock(),
            ensure_in_time=ensure_in_time,
            report_progress=lambda done, total: None,
            deadline=give_up_at,
        )

        def work() -> None:
            try:
                incoming = self._streams.snapshot(registration, context, bulk=bulk)
            except Exception as error:
                _settle(loop, answer.set_exception, answer, error)
            except BaseException as error:  # an exit that a library asks for must end nothing of ours
                failure = InternalError(f"the state by REST cannot be read: {error!r}")
                _settle(loop, answer.set_exception, answer, failure)
            else:
                _settle(loop, answer.set_result, answer, incoming)

        self._pool.submit(work)


def _settle(
    loop: asyncio.AbstractEventLoop,
    settle: Callable[[Any], None],
    answer: asyncio.Future[Incoming],
    outcome: object,
) -> None:
    def on_loop() -> None:
        if not answer.done():
            settle(outcome)

    try:
        loop.call_soon_threadsafe(on_loop)
    except RuntimeError:
        return  # the event loop has ended: nobody waits any more

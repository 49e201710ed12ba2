"""One owner per account: the leases of a worker, as the rest of the worker sees them.

The lease of an account is an exclusive queue, a lock that goes with its connection. All leases of a worker
are on one connection that carries nothing else, looked after by a thread with an event loop of its own: what
happens on the worker's event loop and on its other connections can neither lose nor delay them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import structlog

from broker_server.amqp.lease_keeper import LeaseEvents, LeaseKeeper
from broker_server.orders.ownership import Grant

log = structlog.get_logger(__name__)

STOP_SECONDS = 15.0
"""Longer than a locked SQLite journal is waited for."""


class Leases:
    """The leases of a worker: taken together, held until one of them is lost. Implements ``Ownership``.

    Args:
        keeper: Takes and holds them, on the leases' thread; ``None`` for a worker that serves no vendor.

    Attributes:
        listeners: Called on the worker's event loop with ``True`` when the leases are taken and ``False``
            when they are lost.
    """

    def __init__(self, keeper: LeaseKeeper | None) -> None:
        self._keeper = keeper
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._end: Callable[[bool], None] | None = None
        self._taken = asyncio.Event()
        self._ending: asyncio.Future[str] | None = None
        self.listeners: list[Callable[[bool], None]] = []

    def grant(self, vendor: str, account: str) -> Grant | None:
        """The lease of an account, or ``None`` when this worker does not hold it. Safe from any thread."""
        return self._keeper.grant(vendor, account) if self._keeper is not None else None

    def adopted(self, vendor: str, account: str) -> bool:
        """Whether this journal took the place of another within the last day, so that it does not know all of
        the account's orders: the vendor's whole day has to be reconciled. Safe from any thread.
        """
        return self._keeper is not None and self._keeper.adopted(vendor, account)

    def start(self, on_waiting: Callable[[str], None]) -> None:
        """Begin to take the leases, for as long as the worker lives; a second call does nothing.

        Args:
            on_waiting: Called on this event loop with ``vendor/account`` when somebody else holds that lease,
                once for each time of waiting.
        """
        if self._loop is not None:
            return
        self._loop = asyncio.get_running_loop()
        if self._keeper is None:
            self._on_taken()
            return
        started = threading.Event()
        events = LeaseEvents(
            taken=lambda: self._call(self._on_taken),
            lost=lambda reason: self._call(self._on_lost, reason),
            waiting=lambda label: self._call(on_waiting, label),
        )
        self._thread = threading.Thread(
            target=self._run, args=(self._keeper, events, started), name="lease", daemon=True
        )
        self._thread.start()
        started.wait()

    async def held(self) -> asyncio.Future[str]:
        """Wait until the leases are held.

        Returns:
            A future that ends, with the reason, when they are lost.
        """
        while self._ending is None:
            await self._taken.wait()
        return self._ending

    async def stop(self, *, clean: bool) -> None:
        """Give the leases back.

        Args:
            clean: No order of this worker is on its way any more: the next owner need not wait.
        """
        if self._thread is None or self._end is None:
            return
        self._end(clean)
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)
        if self._thread.is_alive():
            log.warning("the leases could not be given back in time; they go with the process")

    def _run(self, keeper: LeaseKeeper, events: LeaseEvents, started: threading.Event) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            loop = runner.get_loop()
            stopping: asyncio.Future[bool] = loop.create_future()

            def end(clean: bool) -> None:
                if not stopping.done():
                    stopping.set_result(clean)

            self._end = lambda clean: _call_on(loop, end, clean)
            started.set()
            runner.run(keeper.run(events, stopping))

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is not None:
            _call_on(self._loop, function, *arguments)

    def _on_taken(self) -> None:
        self._ending = asyncio.get_running_loop().create_future()
        self._taken.set()
        for listener in self.listeners:
            listener(True)

    def _on_lost(self, reason: str) -> None:
        self._taken.clear()
        ending, self._ending = self._ending, None
        if ending is not None:
            ending.set_result(reason)
        for listener in self.listeners:
            listener(False)


def _call_on(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        log.debug("the event loop has ended already")

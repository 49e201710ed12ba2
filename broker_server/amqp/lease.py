"""One owner per account: the leases of a worker, as the rest of the worker sees them.

The lease of an account is an exclusive queue, a lock that goes with its connection. Each has a connection
that carries nothing else, and all of them are looked after by a thread with an event loop of its own: what
happens on the worker's event loop and on its other connections can neither lose nor delay them. They are
taken and lost one by one: a worker may own one account and stand by for another.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import structlog

from broker_server.amqp.lease_keeper import LeaseEvents, LeaseKeeper
from broker_server.core.accounts import AccountKey
from broker_server.orders.ownership import Grant

log = structlog.get_logger(__name__)

STOP_SECONDS = 15.0
"""Longer than a locked SQLite journal is waited for."""
TOGETHER_SECONDS = 2.0
"""A worker that begins waits so long for its other leases, to begin with all that it can have."""


class Leases:
    """The leases of a worker. Implements ``Ownership``.

    Args:
        keepers: Each takes and holds one, on the leases' thread; none for a worker that serves no vendor.

    Attributes:
        listeners: Called on the worker's event loop with the account, and with ``True`` when its lease is
            taken and ``False`` when it is lost.
    """

    def __init__(self, keepers: Sequence[LeaseKeeper]) -> None:
        self._keepers = {AccountKey(*keeper.key): keeper for keeper in keepers}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._end: Callable[[bool], None] | None = None
        self._held: set[AccountKey] = set()
        self._undecided = set(self._keepers)
        self._changed = asyncio.Event()
        self._ending: asyncio.Future[str] | None = None
        self.listeners: list[Callable[[AccountKey, bool], None]] = []

    @property
    def accounts(self) -> frozenset[AccountKey]:
        """Those that are held. For the worker's event loop."""
        return frozenset(self._held)

    def grant(self, vendor: str, account: str) -> Grant | None:
        """The lease of an account, or ``None`` when this worker does not hold it. Safe from any thread."""
        keeper = self._keepers.get(AccountKey(vendor, account))
        return keeper.grant() if keeper is not None else None

    def adopted(self, vendor: str, account: str) -> bool:
        """Whether this journal took the place of another within the last day, so that it does not know all of
        the account's orders: the vendor's whole day has to be reconciled. Safe from any thread.
        """
        keeper = self._keepers.get(AccountKey(vendor, account))
        return keeper is not None and keeper.adopted()

    def start(self, on_waiting: Callable[[str], None]) -> None:
        """Begin to take the leases, for as long as the worker lives; a second call does nothing.

        Args:
            on_waiting: Called on this event loop with ``vendor/account`` when somebody else holds that lease,
                once for each time of waiting.
        """
        if self._loop is not None:
            return
        self._loop = asyncio.get_running_loop()
        if not self._keepers:
            return
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(on_waiting, started), name="lease", daemon=True
        )
        self._thread.start()
        started.wait()

    async def held(self) -> asyncio.Future[str]:
        """Wait until a lease is held; a worker without any account need not wait.

        Returns:
            A future that ends, with the reason, when one of those that are held is lost.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + TOGETHER_SECONDS
        while self._keepers and (not self._held or self._undecided):
            left = until - loop.time() if self._held else None
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                break
        if self._ending is None:
            self._ending = loop.create_future()
        return self._ending

    async def beyond(self, accounts: frozenset[AccountKey]) -> frozenset[AccountKey]:
        """Wait until more leases are held than those; which."""
        while not self._held - accounts:
            self._changed.clear()
            await self._changed.wait()
        return frozenset(self._held - accounts)

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

    def _run(self, on_waiting: Callable[[str], None], started: threading.Event) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            loop = runner.get_loop()
            stopping: asyncio.Future[bool] = loop.create_future()

            def end(clean: bool) -> None:
                if not stopping.done():
                    stopping.set_result(clean)

            self._end = lambda clean: _call_on(loop, end, clean)
            started.set()
            runner.run(self._keep_all(on_waiting, stopping))

    async def _keep_all(self, on_waiting: Callable[[str], None], stopping: asyncio.Future[bool]) -> None:
        keeping = [
            keeper.run(self._events_of(key, on_waiting), stopping) for key, keeper in self._keepers.items()
        ]
        await asyncio.gather(*keeping)

    def _events_of(self, key: AccountKey, on_waiting: Callable[[str], None]) -> LeaseEvents:
        return LeaseEvents(
            taken=lambda: self._call(self._on_taken, key),
            lost=lambda reason: self._call(self._on_lost, key, reason),
            waiting=lambda label: self._call(self._on_waiting, key, on_waiting, label),
        )

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop is not None:
            _call_on(self._loop, function, *arguments)

    def _on_waiting(self, key: AccountKey, on_waiting: Callable[[str], None], label: str) -> None:
        self._undecided.discard(key)
        self._changed.set()
        on_waiting(label)

    def _on_taken(self, key: AccountKey) -> None:
        self._undecided.discard(key)
        self._held.add(key)
        self._changed.set()
        for listener in self.listeners:
            listener(key, True)

    def _on_lost(self, key: AccountKey, reason: str) -> None:
        self._held.discard(key)
        ending, self._ending = self._ending, None
        if ending is not None:
            ending.set_result(f"{key.label}: {reason}")
        for listener in self.listeners:
            listener(key, False)


def _call_on(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        log.debug("the event loop has ended already")

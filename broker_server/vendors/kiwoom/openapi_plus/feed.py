"""The control's live data for the worker: from the control's thread to the event loop that wants them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any

from broker_client.errors import TaskFailed
from broker_server.core.feeds import FeedListener, FeedObserver
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.incoming import KiwoomIncoming
from broker_server.vendors.kiwoom.openapi_plus.realtime_table import brings, real_types
from broker_server.vendors.kiwoom.openapi_plus.registrar import CODES_PER_SCREEN, Registrar
from broker_server.vendors.kiwoom.openapi_plus.screens import make_pools
from broker_server.vendors.kiwoom.real_types import EXECUTIONS, HOLDINGS

_NEWS = {"0": EXECUTIONS, "1": HOLDINGS}
_ACCOUNT = 9201


class ControlFeed:
    """See `broker_server.core.feeds.Feed`; to be made on the event loop that it lives on.

    Args:
        listener: Whom to tell; always from the event loop.
        on_registrar: Lets something be done with the registrar, on the control's thread; nothing while there
            is no control, which tells the registrar what is wanted when it comes.
        now: The time, with an offset.
        is_own: Whether an account is the one that is served.
        observer: Is told each step, once the control's thread has taken it.
    """

    capacity = make_pools()[2].size * CODES_PER_SCREEN

    def __init__(
        self,
        listener: FeedListener,
        *,
        on_registrar: Callable[[Callable[[Registrar], None]], None],
        now: Callable[[], datetime],
        is_own: Callable[[str], bool],
        observer: FeedObserver | None = None,
    ) -> None:
        self._listener = listener
        self._observer = observer or FeedObserver()
        self._on_registrar = on_registrar
        self._now = now
        self._is_own = is_own
        self._loop = asyncio.get_running_loop()
        self._came: deque[Callable[[], None]] = deque()
        self._called = False
        self._failures = 0
        self._wanted: tuple[Registration, ...] = ()
        self._registered: set[Registration] = set()
        self._by_symbol: dict[str, list[Registration]] = {}
        self._running = False
        self.unwanted = 0

    def want(self, registrations: Sequence[Registration]) -> None:
        self._wanted = tuple(dict.fromkeys(registrations))[: self.capacity]
        self._registered.intersection_update(self._wanted)
        self._by_symbol = {}
        for registration in self._wanted:
            self._by_symbol.setdefault(registration.symbol, []).append(registration)
        self._pass_on()

    def renew(self, registration: Registration) -> None:
        self._on_registrar(lambda registrar: registrar.renew(registration))

    def reconnect(self, registration: Registration, reason: str) -> None:
        """There is one connection, and only a new process makes another: the registration is made anew."""
        self.renew(registration)

    def connection_of(self, registration: Registration) -> Hashable:
        return "openapi-plus" if registration in self._registered else None

    async def run(self) -> None:
        self._running = True
        self._pass_on()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._running = False
            self._on_registrar(lambda registrar: registrar.want(()))

    def status(self) -> dict[str, Any]:
        return {
            "capacity": self.capacity,
            "wanted": len(self._wanted),
            "registered": len(self._registered),
            "unwanted_records": self.unwanted,
        }

    def wanted_now(self) -> tuple[Registration, ...]:
        """What a registrar is to hold; from any thread."""
        return self._wanted if self._running else ()

    # What follows is told on the control's thread; see `RealSink`.

    def registered(self, registration: Registration) -> None:
        self._later(lambda: self._now_registered(registration))

    def refused(self, registration: Registration, error: TaskFailed, *, for_good: bool) -> None:
        self._later(lambda: self._now_refused(registration, error, for_good=for_good))

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        self._later(lambda: self._now_interrupted(registrations, reason))

    def connected(self) -> None:
        self._later(self._now_connected)

    def failing(self, reason: str) -> None:
        self._later(lambda: self._now_failing(reason))

    def received(self, key: str, name: str, data: str) -> None:
        at = self._now()
        self._later(lambda: self._now_received(key, name, data, at))

    def chejan(self, kind: str, fields: Mapping[int, str]) -> None:
        at = self._now()
        self._later(lambda: self._now_chejan(kind, fields, at))

    def _pass_on(self) -> None:
        wanted = self.wanted_now()
        self._on_registrar(lambda registrar: registrar.want(wanted))

    def _later(self, call: Callable[[], None]) -> None:
        """One wake-up of the event loop for all that has come meanwhile."""
        self._came.append(call)
        if not self._called:
            self._called = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:  # the event loop has ended
                self._came.clear()

    def _drain(self) -> None:
        self._called = False
        while self._came:
            self._came.popleft()()

    def _now_registered(self, registration: Registration) -> None:
        if registration in self._wanted:
            self._registered.add(registration)
            self._observer.asked(registration, register=True)
            self._observer.answered(registration, "0", "registered")
            self._listener.registered(registration)

    def _now_refused(self, registration: Registration, error: TaskFailed, *, for_good: bool) -> None:
        self._observer.asked(registration, register=True)
        self._observer.answered(registration, error.vendor_code or "", error.message)
        self._listener.refused(registration, error, for_good=for_good)

    def _now_interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        self._registered.difference_update(registrations)
        wanted = [each for each in registrations if each in self._wanted]
        if wanted:
            self._listener.interrupted(wanted, reason)

    def _now_connected(self) -> None:
        self._failures = 0
        self._observer.opened()
        self._listener.connected()

    def _now_failing(self, reason: str) -> None:
        self._failures += 1
        self._observer.ended(reason, 0)
        self._listener.failing(self._failures, reason)

    def _now_received(self, key: str, name: str, data: str, at: datetime) -> None:
        real_type = real_types().get(name)
        found = () if real_type is None else self._by_symbol.get(key, ())
        wanted = [each for each in found if real_type is not None and brings(each, real_type)]
        if real_type is None or not wanted:
            self.unwanted += 1  # a query registered it by itself, or it shares its FID with what is wanted
            return
        # A newer control may send more values at the end, an older one fewer.
        values = data.split("\t")
        fields = dict(zip(map(str, real_type.fids), values, strict=False))
        extra = values[len(real_type.fids) :]
        for registration in wanted:
            record = KiwoomIncoming(registration, real_type.code, fields, at, extra)
            self._listener.received(registration, record)

    def _now_chejan(self, kind: str, fields: Mapping[int, str], at: datetime) -> None:
        code = _NEWS.get(kind)
        wanted = [each for each in self._wanted if each.code == code]
        if code is None or not wanted or not self._is_own(fields.get(_ACCOUNT, "").strip()):
            self.unwanted += 1
            return
        texts = {str(fid): value for fid, value in fields.items()}
        for registration in wanted:
            self._listener.received(registration, KiwoomIncoming(registration, code, texts, at))


class FeedSink:
    """Passes live data on to the feed, if there is one."""

    def __init__(self, feed: Callable[[], ControlFeed | None]) -> None:
        self._feed = feed

    def registered(self, registration: Registration) -> None:
        if (feed := self._feed()) is not None:
            feed.registered(registration)

    def refused(self, registration: Registration, error: TaskFailed, *, for_good: bool) -> None:
        if (feed := self._feed()) is not None:
            feed.refused(registration, error, for_good=for_good)

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        if (feed := self._feed()) is not None:
            feed.interrupted(registrations, reason)

    def connected(self) -> None:
        if (feed := self._feed()) is not None:
            feed.connected()

    def failing(self, reason: str) -> None:
        if (feed := self._feed()) is not None:
            feed.failing(reason)

    def received(self, key: str, name: str, data: str) -> None:
        if (feed := self._feed()) is not None:
            feed.received(key, name, data)

    def chejan(self, kind: str, fields: Mapping[int, str]) -> None:
        if (feed := self._feed()) is not None:
            feed.chejan(kind, fields)

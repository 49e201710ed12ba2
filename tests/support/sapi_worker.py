"""A worker with Kiwoom in memory, run as a process: ``python -m tests.support.sapi_worker``."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from typing import Any

from broker_server.core.feeds import Feed, FeedListener
from broker_server.core.stream_requests import Registration
from broker_server.run import run_worker
from broker_server.settings import load_settings
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.kiwoom.incoming import KiwoomIncoming
from broker_server.vendors.kiwoom.real_types import EVERYTHING
from tests.support.kiwoom_backend import FakeBackend
from tests.support.sapi_server import make_vendor

TRADE = {"20": "100000", "10": "-24500", "15": "+3"}
EVERY_SECONDS = 0.1


class RepeatingFeed:
    """Confirms what is wanted, and sends the same trade of it again and again."""

    capacity = 100

    def __init__(self, listener: FeedListener) -> None:
        self._listener = listener
        self._wanted: list[Registration] = []

    def want(self, registrations: Sequence[Registration]) -> None:
        fresh = [each for each in registrations if each not in self._wanted]
        self._wanted = list(registrations)
        for each in fresh:
            asyncio.get_running_loop().call_soon(self._listener.registered, each)

    def renew(self, registration: Registration) -> None:
        return None

    def reconnect(self, registration: Registration, reason: str) -> None:
        return None

    def connection_of(self, registration: Registration) -> Hashable:
        return 0

    async def run(self) -> None:
        self._listener.connected()
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            for each in self._wanted:
                if each.code == EVERYTHING:
                    self._listener.received(each, KiwoomIncoming(each, "0B", TRADE, datetime.now(UTC)))

    def status(self) -> dict[str, Any]:
        return {}


class LiveBackend(FakeBackend):
    """With live data."""

    def open_feed(self, listener: FeedListener) -> Feed:
        return RepeatingFeed(listener)


def main() -> int:
    """Run the worker against BROKER_URL."""
    settings = load_settings(vendors=())
    vendor = make_vendor(LiveBackend(), compat=settings.sapi_compat, clock=SystemClock())
    return run_worker(settings, simulate=False, extra_vendors=[vendor])


if __name__ == "__main__":
    raise SystemExit(main())

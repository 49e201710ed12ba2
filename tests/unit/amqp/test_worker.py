"""In which order a worker that stops lets go of what it has."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

from broker_server.amqp.counters import Counters
from broker_server.amqp.direct_addresses import DirectAddresses
from broker_server.amqp.worker import Worker

NOWHERE = "amqp://guest:guest@127.0.0.1:1/%2F"


class Stopping:
    """The runner and the leases of a worker, and the end of its live connections: all in one list."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.orders_in_work = self.in_work = self.running = 0

    def begin_nothing_more(self) -> None:
        self.steps.append("begins nothing")

    def close(self) -> None:
        pass

    def let_go(self) -> None:
        assert threading.current_thread() is not threading.main_thread(), "it may block"
        self.steps.append("live connections ended")

    async def stop(self, *, clean: bool) -> None:
        self.steps.append(f"leases given back, clean={clean}")


async def test_live_connections_end_before_the_leases_are_given_back() -> None:
    parts = Stopping()
    worker = Worker(
        url=NOWHERE,
        name="w",
        make_session=cast("Any", None),
        runner=cast("Any", parts),
        leases=cast("Any", parts),
        let_go=parts.let_go,
        direct=DirectAddresses(),
        counters=Counters(),
    )
    stop = asyncio.Event()
    stop.set()
    await worker.run(stop, lambda: None, lambda waits_for: None)
    assert parts.steps == ["begins nothing", "live connections ended", "leases given back, clean=True"]

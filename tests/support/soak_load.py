"""The clients of a soak, in a process of their own: ``python -m tests.support.soak_load BROKER GATEWAY``.

Each line that it prints is the sum of what it did so far, as JSON; SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import aiohttp
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from broker_client import AsyncClient
from broker_client.aio import AsyncPendingTask
from broker_client.errors import BrokerError
from broker_server.heap import give_back

TASKS_PER_SECOND = 200
ORDER_EVERY = int(os.environ.get("SOAK_ORDER_EVERY", "70"))
"""One task in so many is an order: about three a second. A worker needs some memory for each one
of the day, so at several a second that is what grows (docs/topics/capacity.md)."""
MOST_IN_FLIGHT = 1_000
STEP_SECONDS = 0.05
REPORT_SECONDS = 2.0
TICKERS = ("005930", "000660", "035420", "005380", "051910")
PASSING_TICKERS = ("035720", "068270", "105560", "055550", "012330")
"""Subscribed for a moment, again and again."""

Task = tuple[str, dict[str, object]]


def mix() -> Iterator[Task]:
    """The tasks, without an end: pings, reads of every lane, and orders that leave no position behind."""
    tickers = itertools.cycle(TICKERS)
    reads: Iterator[Callable[[str], Task]] = itertools.cycle(
        (
            lambda ticker: ("kis.get-current-price", {"ticker": ticker}),
            lambda ticker: ("kis.get-order-book", {"ticker": ticker}),
            lambda ticker: ("kis.get-current-price", {"ticker": ticker}),
            lambda ticker: ("kis.get-daily-candles", {"ticker": ticker, "start": "2026-10-01"}),
            lambda ticker: ("kis.get-balance", {}),
        )
    )
    yield "kis.buy-order", {"ticker": TICKERS[0], "quantity": 100, "order_type": "market"}
    for number in itertools.count(1):
        if number % ORDER_EVERY == 0:
            side = "buy" if number // ORDER_EVERY % 2 else "sell"
            order = {"ticker": TICKERS[0], "quantity": 1, "order_type": "market"}
            yield f"kis.{side}-order", order
        elif number % 3:
            yield "broker.ping", {}
        else:
            yield next(reads)(next(tickers))


class SoakLoad:
    """All the clients.

    Args:
        broker: Its URL.
        gateway: Its address.

    Attributes:
        counts: What was done so far.
    """

    def __init__(self, broker: str, gateway: str) -> None:
        self._broker = broker
        self._gateway = gateway
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self._in_flight = 0

    async def run(self) -> None:
        """Go on until cancelled."""
        async with AsyncClient(self._broker, timeout=60) as client, asyncio.TaskGroup() as group:
            group.create_task(self._tasks(client))
            for ticker in TICKERS:
                group.create_task(self._ticks(client, ticker))
            group.create_task(self._again(0.5, lambda: self._passing_stream(client)))
            group.create_task(self._again(1.0, self._passing_client))
            group.create_task(self._again(5.0, lambda: self._look_around(client)))
            group.create_task(self._watch_prices())
            group.create_task(self._again(0.5, self._passing_watcher))
            group.create_task(self._http())
            group.create_task(self._again(30.0, self._tidy))

    async def _tasks(self, client: AsyncClient) -> None:
        """Send at an even pace, whatever has been answered; what would be too much is left out, counted."""
        loop, tasks = asyncio.get_running_loop(), mix()
        due = loop.time()
        while True:
            due += STEP_SECONDS
            for _ in range(int(TASKS_PER_SECOND * STEP_SECONDS)):
                method, parameters = next(tasks)
                if self._in_flight >= MOST_IN_FLIGHT:
                    self.counts["left out"] += 1
                    continue
                self._in_flight += 1
                self.counts["sent"] += 1
                self.counts["orders"] += "order" in method.rpartition("-")[2]
                client.send(method, **parameters).add_done_callback(self._answered)
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _answered(self, task: asyncio.Future[object]) -> None:
        self._in_flight -= 1
        error = task.exception()
        self.counts["answered"] += 1
        if error is not None:
            assert isinstance(task, AsyncPendingTask)
            self.errors[f"{task.method}: {_kind(error)}"] += 1

    async def _ticks(self, client: AsyncClient, ticker: str) -> None:
        async with client.stream("kis.subscribe-realtime-price", ticker=ticker) as stream:
            async for event in stream:
                self.counts["ticks"] += 1
                self.counts["missed"] += event.missed or 0

    async def _again(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await act()
            await asyncio.sleep(seconds)

    async def _passing_stream(self, client: AsyncClient) -> None:
        number = self.counts["passing streams"]
        ticker = PASSING_TICKERS[number % len(PASSING_TICKERS)]
        try:
            # No trades, so that those of the load all go to the others.
            async with client.stream("kis.subscribe-order-book", ticker=ticker) as stream:
                await anext(stream)
        except BrokerError as error:
            self.errors[f"a passing stream: {_kind(error)}"] += 1
        self.counts["passing streams"] += 1

    async def _passing_client(self) -> None:
        try:
            async with AsyncClient(self._broker, timeout=60) as client:
                await client.call("broker.ping")
        except BrokerError as error:
            self.errors[f"a passing client: {_kind(error)}"] += 1
        self.counts["passing clients"] += 1

    async def _look_around(self, client: AsyncClient) -> None:
        """What a page of workers and orders asks now and then."""
        for method in ("broker.get-status", "broker.list-subscriptions", "broker.list-orders"):
            try:
                await client.call(method)
            except BrokerError as error:
                self.errors[f"{method}: {_kind(error)}"] += 1
            self.counts["looks"] += 1

    async def _watch_prices(self) -> None:
        """One client of the gateway's WebSocket that hears every price."""
        async with connect(self._web_socket, ping_interval=None, proxy=None) as socket:
            for ticker in TICKERS:
                await socket.send(json.dumps({"type": "subscribe", "topic": f"price:{ticker}"}))
            async for text in socket:
                message = orjson.loads(text)
                self.counts["price updates"] += message["type"] == "price_update"
                if message["type"] == "ping":
                    await socket.send('{"type":"pong"}')

    async def _passing_watcher(self) -> None:
        with suppress(ConnectionClosed):
            async with connect(self._web_socket, ping_interval=None, proxy=None) as socket:
                await socket.send(json.dumps({"type": "subscribe", "topic": f"price:{TICKERS[0]}"}))
                async for text in socket:
                    if orjson.loads(text)["type"] == "price_update":
                        break
        self.counts["passing watchers"] += 1

    async def _tidy(self) -> None:
        """Leave what is held, not what waits to be collected or given back: that would pass for a leak."""
        gc.collect()
        give_back()

    async def _http(self) -> None:
        async with aiohttp.ClientSession() as session:
            for number in itertools.count():
                path = f"/api/kr/stocks/{TICKERS[number % len(TICKERS)]}/realtime-price"
                async with session.get(self._gateway + path) as answer:
                    await answer.read()
                    self.counts["HTTP answers"] += 1
                    if answer.status != 200:
                        self.errors[f"HTTP {answer.status}"] += 1
                await asyncio.sleep(0.1)

    @property
    def _web_socket(self) -> str:
        return self._gateway.replace("http:", "ws:") + "/ws"


def _kind(error: BaseException) -> str:
    """What it is, without the ids in its message."""
    return f"{type(error).__name__} {getattr(error, 'vendor_code', None) or ''}".strip()


async def serve(load: SoakLoad) -> None:
    """Run it until SIGTERM; what comes before the end of a client counts as no error."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    running = asyncio.ensure_future(load.run())
    stopping = asyncio.ensure_future(stop.wait())
    sys.stdout.write("ready\n")
    while not running.done() and not stopping.done():
        await asyncio.wait({running, stopping}, timeout=REPORT_SECONDS)
        sys.stdout.write(json.dumps({"counts": load.counts, "errors": load.errors}) + "\n")
    stopping.cancel()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def main() -> int:
    """Be the clients."""
    broker, gateway = sys.argv[1:3]
    asyncio.run(serve(SoakLoad(broker, gateway)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

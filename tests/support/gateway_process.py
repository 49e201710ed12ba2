"""The gateway as a process beside real workers, and clients that write down what both faces say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.processes import CommandProcess, start_server
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

HTTP_SECONDS = 60.0


class Gateway:
    """A gateway whose connection to RabbitMQ can be cut.

    Args:
        broker_url: Of the workers.
        folder: For its store.
        settings: More environment variables.

    Attributes:
        address: Where it is.
        proxy: Between it and RabbitMQ.
        process: It.
    """

    def __init__(self, broker_url: str, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(broker_url)
        assert parts.hostname
        self.proxy = TcpProxy(parts.hostname, parts.port or 5672)
        login, _, _ = parts.netloc.rpartition("@")
        self._environment = {
            "BROKER_URL": urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{self.proxy.port}")),
            "PRICES_URL": f"sqlite:///{folder / 'prices.sqlite3'}",
            "XDG_DATA_HOME": str(folder),
            "GATEWAY_PORT": "0",
            "GATEWAY_VENDORS": "kis",
            "GATEWAY_RATE_LIMIT": "10000",
            "LOG_FORMAT": "json",
            **(settings or {}),
        }
        self.process: CommandProcess
        self.address = ""

    def start(self) -> None:
        """Start it, and wait until it can serve prices."""
        self.process = start_server("gateway", "--simulate", environment=self._environment)
        self.address = self.process.wait_ready().partition("=")[2]
        wait_until(lambda: self.status("/readyz") == 200, what="a worker that answers the gateway")

    def get(self, path: str) -> Any:
        """The document of an answer."""
        return requests.get(self.address + path, timeout=HTTP_SECONDS).json()

    def status(self, path: str) -> int:
        """The status of an answer."""
        return requests.get(self.address + path, timeout=HTTP_SECONDS).status_code

    def price(self, ticker: str) -> dict[str, Any]:
        """The flat document of one price."""
        document: dict[str, Any] = self.get(f"/api/kr/stocks/{ticker}/realtime-price")
        return document

    def wait_price(self, ticker: str, what: str, **wanted: Any) -> dict[str, Any]:
        """The document of one price, once it has these values."""

        def as_wanted() -> dict[str, Any]:
            document = self.price(ticker)
            assert wanted.items() <= document.items(), document
            return document

        return wait_until(as_wanted, what=what)

    @property
    def web_socket(self) -> str:
        """Its WebSocket's address."""
        return self.address.replace("http:", "ws:") + "/ws"

    def close(self) -> None:
        """End everything."""
        with suppress(AttributeError):
            if self.process.process.poll() is None:
                self.process.kill()
        self.proxy.stop()


@contextmanager
def running_gateway(broker_url: str, folder: Path) -> Iterator[str]:
    """The address of a gateway with nothing between it and the broker, whose URL may have many hosts."""
    environment = {
        "BROKER_URL": broker_url,
        "PRICES_URL": f"sqlite:///{folder / 'prices.sqlite3'}",
        "XDG_DATA_HOME": str(folder),
        "GATEWAY_PORT": "0",
        "GATEWAY_VENDORS": "kis",
        "LOG_FORMAT": "json",
    }
    with start_server("gateway", "--simulate", environment=environment) as process:
        yield process.wait_ready().partition("=")[2]
        assert process.terminate() == 0, process.output


@contextmanager
def open_gateway(
    broker_url: str, folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """A gateway that runs."""
    gateway = Gateway(broker_url, folder, settings)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.close()


class Listener:
    """A client of the WebSocket that keeps what comes, while its ``async with`` block lasts.

    Args:
        gateway: Where.
        topics: What it subscribes to.

    Attributes:
        messages: All that came, in order.
    """

    def __init__(self, gateway: Gateway, *topics: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self._gateway = gateway
        self._topics = topics
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Listener:
        self._socket = await connect(self._gateway.web_socket, ping_interval=None, proxy=None, max_queue=None)
        self._reading = asyncio.ensure_future(self._read())
        for topic in self._topics:
            await self._socket.send(json.dumps({"type": "subscribe", "topic": topic}))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._reading

    async def wait(self, *, after: int = 0, **wanted: Any) -> dict[str, Any]:
        """The first message with these values, once it is there.

        Args:
            after: How many messages are not looked at.
        """
        try:
            async with asyncio.timeout(HTTP_SECONDS):
                while True:
                    for message in self.messages[after:]:
                        if wanted.items() <= message.items():
                            return message
                    assert not self._reading.done(), "the connection has ended"
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no message with {wanted}: {self.messages[after:][-5:]}") from None

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self._socket:
                message = json.loads(text)
                if message["type"] == "ping":
                    await self._socket.send('{"type":"pong"}')
                self.messages.append(message)
                self._changed.set()
        self._changed.set()


@dataclass
class Notebook:
    """What both faces said: the document of each ticker and number, and every contradiction.

    Attributes:
        documents: By ticker and ``seq``.
        newest: By ticker, the greatest number that came over the WebSocket.
        by_http: How many prices HTTP gave; ``by_socket`` the WebSocket.
        compared: How many numbers both have told.
        stale: How many of them were marked.
        contradictions: Pairs that cannot both be true.
    """

    documents: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    told_by: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    by_http: int = 0
    by_socket: int = 0
    stale: int = 0
    contradictions: list[Any] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """How many numbers both faces have told."""
        return sum(len(faces) == 2 for faces in self.told_by.values())

    def take(self, face: str, document: dict[str, Any], at_least: int = 0) -> None:
        """One price.

        Args:
            at_least: The number that had come over the WebSocket before it was asked for.
        """
        name = (document["ticker"], document["seq"])
        before = self.documents.setdefault(name, document)
        self.told_by.setdefault(name, set()).add(face)
        self.stale += document["stale"]
        if before != document:
            self.contradictions.append((before, document))
        if document["seq"] < at_least:
            self.contradictions.append((f"{face} fell behind {at_least}", document))
        if face == "http":
            self.by_http += 1
        else:
            self.by_socket += 1
            self.newest[document["ticker"]] = max(document["seq"], self.newest.get(document["ticker"], 0))


def flat(update: Mapping[str, Any]) -> dict[str, Any]:
    """A ``price_update`` as HTTP writes the same."""
    document = {**update, **update["data"]}
    del document["type"], document["data"]
    return document


async def compare_faces(
    gateway: Gateway, tickers: Sequence[str], ended: asyncio.Event, *, clients: int = 10
) -> Notebook:
    """Read HTTP and WebSocket side by side, under load, until told to end.

    Args:
        clients: Of the WebSocket, besides the one that is compared; and half as many of HTTP.
    """
    notebook = Notebook()

    async def hear() -> None:
        async with connect(gateway.web_socket, ping_interval=None, proxy=None, max_queue=None) as client:
            for ticker in tickers:
                await client.send(json.dumps({"type": "subscribe", "topic": f"price:{ticker}"}))
            async for text in client:
                message = json.loads(text)
                if message["type"] == "price_update":
                    notebook.take("socket", flat(message))
                elif message["type"] == "ping":
                    await client.send('{"type":"pong"}')

    async def read(session: aiohttp.ClientSession, number: int) -> None:
        while True:
            known = dict(notebook.newest)
            if number % 2:
                path = f"/api/kr/realtime-prices?tickers={','.join(tickers)}"
            else:
                path = f"/api/kr/stocks/{tickers[0]}/realtime-price"
            async with session.get(gateway.address + path) as answer:
                body = await answer.json()
            assert answer.status in (200, 503), (answer.status, body)
            if answer.status == 200:
                for document in body["prices"].values() if number % 2 else [body]:
                    notebook.take("http", document, known.get(document["ticker"], 0))

    async with aiohttp.ClientSession() as session:
        jobs = [asyncio.ensure_future(hear()) for _ in range(clients + 1)]
        jobs += [asyncio.ensure_future(read(session, number)) for number in range(max(2, clients // 2))]
        ending = asyncio.ensure_future(ended.wait())
        try:
            done, _ = await asyncio.wait([ending, *jobs], return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                if job is not ending:
                    job.result()
                    raise AssertionError("a client of the gateway has ended")
        finally:
            for job in (ending, *jobs):
                job.cancel()
            await asyncio.gather(ending, *jobs, return_exceptions=True)
    return notebook

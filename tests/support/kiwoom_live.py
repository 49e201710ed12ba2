"""A Kiwoom WebSocket that answers from a script, and a feed on it whose pauses take no time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from broker_server.core.stream_requests import Registration
from broker_server.vendors.kiwoom.rest.auth import TokenSource
from broker_server.vendors.kiwoom.rest.feed import TIMING, RestFeed
from broker_server.vendors.live_timing import Timing
from broker_server.vendors.token_cache import TokenCache
from tests.support.fake_time import FakeClock
from tests.support.kis_live import Heard, until
from tests.support.kiwoom_rest import TOKEN, FakeKiwoom, make_config, token

QUICK = replace(
    TIMING,
    between_requests=0.0,
    answer=5.0,
    close=0.5,
    linger=0.05,
    first_retry=0.02,
    longest_retry=0.05,
)
"""Waits that a test can afford; the pauses of the back-off are only written down."""

PING = '{"trnm":"PING"}'


def trade(item: str) -> Registration:
    return Registration("0B", item)


@dataclass
class Peer:
    """One connection, as the server sees it."""

    number: int
    path: str
    socket: ServerConnection
    held: set[tuple[str, str]] = field(default_factory=set)
    heard: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    is_open: bool = True
    close_code: int | None = None

    async def send(self, *messages: dict[str, Any] | str) -> None:
        for message in messages:
            await self.socket.send(message if isinstance(message, str) else orjson.dumps(message).decode())

    def asked(self, kind: str = "REG") -> list[set[tuple[str, str]]]:
        """The pairs of each message of a kind."""
        return [pairs(message) for message in self.heard if message["trnm"] == kind]


Script = Callable[[Peer, dict[str, Any]], dict[str, Any] | str | None]


def pairs(message: dict[str, Any]) -> set[tuple[str, str]]:
    """Every item of an entry with every type of it."""
    return {(code, item) for entry in message["data"] for item in entry["item"] for code in entry["type"]}


def answer(kind: str, number: int | str = 0, text: str = "") -> dict[str, Any]:
    return {"trnm": kind, "return_code": number, "return_msg": text}


def real(code: str, item: str, **values: str) -> dict[str, Any]:
    """A data frame with one record; ``f10="1"`` is FID 10."""
    fields = {name.removeprefix("f"): value for name, value in values.items()}
    return {"trnm": "REAL", "data": [{"type": code, "name": "이름", "item": item, "values": fields}]}


@dataclass
class LiveServer:
    """Keeps the rules of Kiwoom unless its script says otherwise.

    Attributes:
        script: Answers a message; ``None`` leaves it to the rules, "" is no answer.
        limit: Registrations of a connection.
    """

    script: Script = lambda peer, message: None
    limit: int = 200
    peers: list[Peer] = field(default_factory=list)
    port: int = 0

    @property
    def peer(self) -> Peer:
        """The newest connection."""
        return self.peers[-1]

    def open_peers(self) -> list[Peer]:
        return [peer for peer in self.peers if peer.is_open]

    def held(self) -> set[tuple[str, str]]:
        return {one for peer in self.open_peers() for one in peer.held}

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        peer = Peer(len(self.peers), socket.request.path, socket)
        self.peers.append(peer)
        try:
            async for text in socket:
                message = orjson.loads(text)
                peer.heard.append(message)
                peer.times.append(asyncio.get_running_loop().time())
                told = self.script(peer, message)
                if told is None:
                    told = self._answer(peer, message)
                if told:
                    await peer.send(told)
        except ConnectionClosed:
            pass
        finally:
            peer.is_open = False
            peer.close_code = socket.close_code

    def _answer(self, peer: Peer, message: dict[str, Any]) -> dict[str, Any] | str:
        kind = message["trnm"]
        if kind == "PING":
            return ""
        if kind == "LOGIN":
            return {**answer(kind), "sor_yn": "Y"}
        assert peer.heard[0]["trnm"] == "LOGIN", "it spoke before it was logged in"
        assert sum(len(entry["item"]) for entry in message["data"]) <= 100
        if kind == "REMOVE":
            assert "refresh" not in message
            peer.held -= pairs(message)
            return answer(kind)
        assert (kind, message["refresh"]) == ("REG", "1")
        if len(peer.held | pairs(message)) > self.limit:
            return answer(kind, 105115, "over")
        peer.held |= pairs(message)
        return answer(kind)


@dataclass
class Stand:
    """A feed on a scripted server.

    Attributes:
        pauses: How long the feed would have waited before each new connection.
    """

    feed: RestFeed
    heard: Heard
    server: LiveServer
    kiwoom: FakeKiwoom
    clock: FakeClock
    pauses: list[float]
    running: asyncio.Task[None]

    def want(self, *registrations: Registration) -> None:
        # A listener forgets what it does not want any more.
        self.heard.up.intersection_update(registrations)
        self.feed.want(registrations)

    async def holds(self, *registrations: Registration) -> None:
        """Wait until exactly these are held, and confirmed."""
        wanted = set(registrations)
        await until(
            lambda: (
                self.heard.up == wanted and self.server.held() == {(one.code, one.symbol) for one in wanted}
            ),
            what=f"holding {len(wanted)}",
        )


@asynccontextmanager
async def stand(
    folder: Path, *, timing: Timing = QUICK, seed: int = 1, **settings: Any
) -> AsyncIterator[Stand]:
    """A running feed."""
    server, kiwoom, clock, heard = LiveServer(), FakeKiwoom(), FakeClock(), Heard()
    pauses: list[float] = []
    kiwoom.on(TOKEN, token())
    async with serve(server.serve, "127.0.0.1", 0, compression=None, ping_interval=None) as door:
        server.port = next(iter(door.sockets)).getsockname()[1]
        config = make_config(folder, ws_url=f"ws://127.0.0.1:{server.port}", **settings)
        cache = TokenCache(config.cache_folder, vendor="kiwoom", environment="real", identity="key")

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            await asyncio.sleep(0)

        feed = RestFeed(
            config,
            TokenSource(config, kiwoom, cache, clock),
            heard,
            clock=clock,
            chance=random.Random(seed),
            timing=timing,
            pause=pause,
        )
        running = asyncio.get_running_loop().create_task(feed.run())
        yield Stand(feed, heard, server, kiwoom, clock, pauses, running)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

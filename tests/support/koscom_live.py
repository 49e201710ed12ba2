"""A KOSCOM WebSocket that answers from a script, and a feed on it whose pauses take no time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from broker_server.core.stream_requests import Registration
from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.feed import KoscomFeed
from broker_server.vendors.koscom.live_timing import KoscomTiming
from broker_server.vendors.koscom.presets import MARKET, change_of
from tests.support.fake_time import FakeClock
from tests.support.kis_live import Heard, until

KEY = "l7xx0123456789abcdef0123456789abcdef"
MEMBER = "Example Securities"
QUICK = KoscomTiming(
    burst=100_000,
    answer=5.0,
    unclear=0.05,
    heartbeat=60.0,
    close=0.5,
    linger=0.05,
    first_retry=0.02,
    longest_retry=0.05,
    remember=0.0,
    key_again=0.01,
)
"""Waits that a test can afford; the pauses of the back-off are only written down."""

Wire = tuple[str, str]
"""A preset and a short code."""


def tick(code: str) -> Registration:
    """The trades of an issue."""
    return Registration("tick", code)


def change(code: str, *items: str) -> Registration:
    """Some fields of an issue."""
    return change_of(code, items)


def market(name: str) -> Registration:
    """Everything of a market."""
    return Registration(MARKET, name)


@dataclass(frozen=True)
class Asked:
    """One request that came in, apart from the init and heartbeats.

    Attributes:
        peer: The number of the connection, from 0.
        message: As it came.
    """

    peer: int
    message: dict[str, Any]

    @property
    def number(self) -> int:
        return int(self.message["id"])

    @property
    def register(self) -> bool:
        return bool(self.message["method"] == "subscribe")

    @property
    def wire(self) -> Wire:
        params = self.message["params"]
        return params["preset"], params["isuSrtCd"]


@dataclass
class Peer:
    """One connection, as the server sees it."""

    number: int
    path: str
    socket: ServerConnection
    held: dict[Wire, list[str]] = field(default_factory=dict)
    heard: list[dict[str, Any]] = field(default_factory=list)
    is_open: bool = True

    async def send(self, *messages: Any) -> None:
        """Messages as JSON, texts and bytes as they are."""
        for message in messages:
            is_raw = isinstance(message, str | bytes)
            await self.socket.send(message if is_raw else orjson.dumps(message).decode())

    async def push(self, preset: str | None, **params: Any) -> None:
        named = params if preset is None else {"preset": preset, **params}
        await self.send({"jsonrpc": "2.0", "method": "push", "params": named})

    def sent(self, method: str) -> list[dict[str, Any]]:
        """What came of one method."""
        return [message for message in self.heard if message.get("method") == method]


Script = Callable[[Peer, Asked], Any]


def ok(number: Any, **data: Any) -> dict[str, Any]:
    """A success; with the state in it where there is any."""
    return {"jsonrpc": "2.0", "id": number, "result": data or {"message": "ok"}}


def error(code: int | str, number: int | None = None, text: str = "refused") -> dict[str, Any]:
    """A failure; without an id unless there is one."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "error": {"message": text, "code": code}}
    return message if number is None else {**message, "id": number}


@dataclass
class LiveServer:
    """Keeps the rules of KOSCOM's documents unless its script says otherwise.

    Attributes:
        script: Answers a request; ``None`` leaves it to the rules. It may return "" for no answer.
        on_init: Answers the init likewise.
        on_heartbeat: Answers a heartbeat; nothing does by itself, for nobody knows.
        limit: Subscriptions of a connection.
    """

    script: Script = lambda peer, asked: None
    on_init: Callable[[Peer, dict[str, Any]], Any] = lambda peer, message: None
    on_heartbeat: Callable[[Peer, dict[str, Any]], Any] = lambda peer, message: None
    limit: int = 200
    peers: list[Peer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def peer(self) -> Peer:
        """The newest connection."""
        return self.peers[-1]

    def open_peers(self) -> list[Peer]:
        return [peer for peer in self.peers if peer.is_open]

    def held(self) -> dict[Wire, list[str]]:
        """Of all open connections."""
        return {wire: items for peer in self.open_peers() for wire, items in peer.held.items()}

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        peer = Peer(len(self.peers), socket.request.path, socket)
        self.peers.append(peer)
        try:
            async for text in socket:
                message = orjson.loads(text)
                peer.heard.append(message)
                answer = self._answer(peer, message)
                if answer is not None and answer != "":
                    await peer.send(*answer if isinstance(answer, list) else [answer])
        except ConnectionClosed:
            pass
        finally:
            peer.is_open = False

    def _answer(self, peer: Peer, message: dict[str, Any]) -> Any:
        if message["method"] == "init":
            scripted = self.on_init(peer, message)
            return ok(message["id"]) if scripted is None else scripted
        if message["method"] == "heartbeat":
            return self.on_heartbeat(peer, message)
        asked = Asked(peer.number, message)
        self.asked.append(asked)
        scripted = self.script(peer, asked)
        if scripted is not None:
            return scripted
        wire = asked.wire
        if asked.register:
            if len(peer.held) >= self.limit:
                return error(20056, asked.number, "full")
            assert wire not in peer.held, "subscribed twice on one connection"
            peer.held[wire] = message["params"].get("items", [])
        elif peer.held.pop(wire, None) is None:
            return error(20057, asked.number, "not registered")
        return ok(asked.number)


@dataclass
class Stand:
    """A feed on a scripted server.

    Attributes:
        pauses: How long the feed would have waited before each new connection.
    """

    feed: KoscomFeed
    heard: Heard
    server: LiveServer
    clock: FakeClock
    pauses: list[float]

    def want(self, *registrations: Registration) -> None:
        self.heard.up.intersection_update(registrations)
        self.feed.want(registrations)

    async def up(self, *registrations: Registration) -> None:
        """Want these, and wait until they are confirmed."""
        self.want(*registrations)
        await until(lambda: self.heard.up == set(registrations), f"{len(registrations)} up")

    async def got(self, count: int) -> Sequence[tuple[Registration, dict[str, Any]]]:
        """So many records, as events."""
        await until(lambda: len(self.heard.incoming) >= count, f"{count} records")
        return [(registration, incoming.event()) for registration, incoming in self.heard.incoming]

    def keys(self) -> list[str]:
        """Of what came in, as it is published."""
        return [f"{incoming.channel}.{incoming.subject}" for _, incoming in self.heard.incoming]

    def status(self) -> dict[str, Any]:
        """Of the first session."""
        status: dict[str, Any] = self.feed.status()["sessions"][0]
        return status

    def oddities(self) -> dict[str, int]:
        """Of all sessions."""
        found: dict[str, int] = {}
        for session in self.feed.status()["sessions"]:
            for kind, number in session["oddities"].items():
                found[kind] = found.get(kind, 0) + number
        return found


def live_config(url: str | None, **settings: Any) -> KoscomConfig:
    """A configuration of a simulator's key."""
    values: dict[str, Any] = {
        "simulated": True,
        "api_key": SecretStr(KEY),
        "member_name": MEMBER,
        "rest_url": "http://127.0.0.1:1",
        "ws_url": url,
        **settings,
    }
    return KoscomConfig(**values)


@asynccontextmanager
async def stand(timing: KoscomTiming = QUICK, seed: int = 1, **settings: Any) -> AsyncIterator[Stand]:
    """A running feed, and its server."""
    server, clock, heard, pauses = LiveServer(), FakeClock(), Heard(), list[float]()
    async with serve(server.serve, "127.0.0.1", 0, compression=None, ping_interval=None) as door:
        server.port = next(iter(door.sockets)).getsockname()[1]

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            await asyncio.sleep(0)

        feed = KoscomFeed(
            live_config(server.url, **settings),
            heard,
            clock=clock,
            chance=random.Random(seed),
            timing=timing,
            pause=pause,
        )
        running = asyncio.get_running_loop().create_task(feed.run())
        try:
            yield Stand(feed, heard, server, clock, pauses)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

"""A KIS WebSocket that answers from a script, and a feed on it whose pauses take no time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from broker_server.core.feeds import FeedObserver, Incoming
from broker_server.core.stream_requests import Registration
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.realtime_codes import known_codes
from broker_server.vendors.kis.realtime_pool import KisFeed
from broker_server.vendors.live_timing import Timing
from tests.support.fake_time import FakeClock
from tests.support.kis_server import APP_KEY, APP_SECRET, FakeKis, reply
from tests.support.kis_stream import CIPHER
from tests.support.waiting import wait_until_async

HTS_ID = "trader77"
QUICK = Timing(
    between_requests=0.0,
    burst=100_000,
    answer=5.0,
    close=0.5,
    linger=0.05,
    keep=0.0,
    first_retry=0.02,
    longest_retry=0.05,
    remember=0.0,
)
"""Waits that a test can afford; the pauses of the back-off are only written down."""


def trade(ticker: str) -> Registration:
    """Trades of KRX."""
    return Registration("H0STCNT0", ticker)


def notices(hts_id: str = HTS_ID) -> Registration:
    """Notices of domestic orders, of a real account."""
    return Registration("H0STCNI0", hts_id)


@dataclass(frozen=True)
class Asked:
    """One request that came in.

    Attributes:
        peer: The number of the connection, from 0.
        at: When, on the event loop's clock.
    """

    peer: int
    register: bool
    registration: Registration
    approval_key: str
    at: float


@dataclass
class Peer:
    """One connection, as the server sees it."""

    number: int
    path: str
    socket: ServerConnection
    held: set[Registration] = field(default_factory=set)
    heard: list[str] = field(default_factory=list)
    close_code: int | None = None
    is_open: bool = True

    async def send(self, *texts: str) -> None:
        for text in texts:
            await self.socket.send(text)


Reply = str | None
Script = Callable[[Peer, Asked], Reply]


def ack(asked: Asked, code: str | None = None, *, result: str = "0", message: str = "") -> str:
    """A success, or what a code says."""
    code = code or ("OPSP0000" if asked.register else "OPSP0001")
    message = message or ("SUBSCRIBE SUCCESS" if asked.register else "UNSUBSCRIBE SUCCESS")
    output = {"output": {"iv": CIPHER.iv, "key": CIPHER.key}} if asked.register else {}
    return _control(asked.registration, result, code, message, **output)


def refusal(asked: Asked | None, code: str, message: str = "NO", result: str = "1") -> str:
    """An error; of nothing in particular without a request."""
    registration = asked.registration if asked else Registration("(null)", "")
    return _control(registration, result, code, message)


def _control(registration: Registration, result: str, code: str, message: str, **more: Any) -> str:
    header = {"tr_id": registration.code, "tr_key": registration.symbol, "encrypt": "N"}
    body = {"rt_cd": result, "msg_cd": code, "msg1": message, **more}
    return orjson.dumps({"header": header, "body": body}).decode()


@dataclass
class LiveServer:
    """Keeps the rules of KIS unless its script says otherwise.

    Attributes:
        script: Answers a request; ``None`` leaves it to the rules. It may return "" for no answer.
        limit: Registrations of a connection.
    """

    script: Script = lambda peer, asked: None
    limit: int = 41
    peers: list[Peer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
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

    def held(self) -> set[Registration]:
        """Of all open connections."""
        return {one for peer in self.open_peers() for one in peer.held}

    def registered(self) -> list[Registration]:
        """What was asked to be registered, in order."""
        return [one.registration for one in self.asked if one.register]

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        peer = Peer(len(self.peers), socket.request.path, socket)
        self.peers.append(peer)
        self.most_at_once = max(self.most_at_once, len(self.open_peers()))
        try:
            async for text in socket:
                assert isinstance(text, str)
                peer.heard.append(text)
                message = orjson.loads(text)
                if message["header"].get("tr_id") == "PINGPONG":
                    continue
                if answer := self._answer(peer, message):
                    await socket.send(answer)
        except ConnectionClosed:
            pass
        finally:
            peer.is_open = False
            peer.close_code = socket.close_code

    def _answer(self, peer: Peer, message: dict[str, Any]) -> str:
        header, given = message["header"], message["body"]["input"]
        registration = Registration(given["tr_id"], given["tr_key"])
        register = {"1": True, "2": False}[header["tr_type"]]
        now = asyncio.get_running_loop().time()
        asked = Asked(peer.number, register, registration, header["approval_key"], now)
        self.asked.append(asked)
        scripted = self.script(peer, asked)
        if scripted is not None:
            return scripted
        if register and registration in peer.held:
            return refusal(asked, "OPSP0002", "ALREADY IN SUBSCRIBE")
        if not register and registration not in peer.held:
            return refusal(asked, "OPSP0003", "UNSUBSCRIBE ERROR(not found!)")
        if register and len(peer.held) >= self.limit:
            return refusal(asked, "OPSP0008", "MAX SUBSCRIBE OVER")
        (peer.held.add if register else peer.held.discard)(registration)
        return ack(asked)


@dataclass
class Heard:
    """A listener that writes everything down."""

    log: list[tuple[str, Any]] = field(default_factory=list)
    incoming: list[tuple[Registration, Incoming]] = field(default_factory=list)
    errors: dict[Registration, Exception] = field(default_factory=dict)
    up: set[Registration] = field(default_factory=set)
    is_broken: bool = False

    def registered(self, registration: Registration) -> None:
        assert registration not in self.up, "confirmed twice without an interruption"
        self.up.add(registration)
        self.log.append(("registered", registration))

    def refused(self, registration: Registration, error: Exception, *, for_good: bool) -> None:
        self.errors[registration] = error
        self.log.append(("refused for good" if for_good else "refused", registration))

    def received(self, registration: Registration, incoming: Incoming) -> None:
        if self.is_broken:
            raise ZeroDivisionError
        self.incoming.append((registration, incoming))

    def interrupted(self, registrations: Sequence[Registration], reason: str) -> None:
        assert self.up.issuperset(registrations)
        self.up.difference_update(registrations)
        self.log.append(("interrupted", list(registrations)))

    def source_changed(self, channel: str, subject: str) -> None:
        self.log.append(("source changed", f"{channel}.{subject}"))

    def connected(self) -> None:
        self.log.append(("connected", None))

    def failing(self, failures: int, reason: str, *, pause: float = 0.0, connection: Hashable = None) -> None:
        self.log.append(("failing", (failures, reason)))

    def said(self, what: str) -> list[Any]:
        return [about for said, about in self.log if said == what]


@dataclass
class Stand:
    """A feed on scripted servers.

    Attributes:
        pauses: How long the feed would have waited before each new connection.
    """

    feed: KisFeed
    heard: Heard
    servers: list[LiveServer]
    kis: FakeKis
    clock: FakeClock
    pauses: list[float]
    running: asyncio.Task[None]

    @property
    def server(self) -> LiveServer:
        return self.servers[0]

    def want(self, *registrations: Registration) -> None:
        # A listener forgets what it does not want any more.
        self.heard.up.intersection_update(registrations)
        self.feed.want(registrations)

    async def holds(self, *registrations: Registration) -> None:
        """Wait until exactly these are held, and confirmed."""
        wanted = set(registrations)
        await until(
            lambda: self.heard.up == wanted == server_held(self.servers),
            what=f"holding {len(wanted)}",
        )

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


def server_held(servers: Sequence[LiveServer]) -> set[Registration]:
    return {one for server in servers for one in server.held()}


async def until(condition: Callable[[], Any], what: str = "") -> None:
    """Wait for a condition; not as long as a whole suite may."""
    await wait_until_async(condition, 10, what)


def live_config(url: str, folder: Path, **settings: Any) -> KisConfig:
    values: dict[str, Any] = {
        "environment": "real",
        "simulated": True,
        "app_key": SecretStr(APP_KEY),
        "app_secret": SecretStr(APP_SECRET),
        "account": "12345678-01",
        "cache_folder": folder,
        "rest_url": "http://127.0.0.1:1",
        "ws_url": url,
        "hts_id": SecretStr(HTS_ID),
        **settings,
    }
    return KisConfig(**values)


def approval(key: str = "approval-1") -> Any:
    """An issued approval key."""
    return reply({"approval_key": key})


@asynccontextmanager
async def stand(
    folder: Path,
    *keys: dict[str, Any],
    timing: Timing = QUICK,
    seed: int = 1,
    observer: FeedObserver | None = None,
    **settings: Any,
) -> AsyncIterator[Stand]:
    """A running feed; with a server for each app key."""
    servers = [LiveServer() for _ in keys or ({},)]
    doors: list[Server] = []
    kis, clock, pauses, heard = FakeKis(), FakeClock(), [], Heard()
    kis.on("Approval", approval())
    try:
        for server in servers:
            door = await serve(server.serve, "127.0.0.1", 0, compression=None, ping_interval=None)
            doors.append(door)
            server.port = next(iter(door.sockets)).getsockname()[1]

        async def pause(seconds: float) -> None:
            pauses.append(seconds)
            await asyncio.sleep(0)

        feed = KisFeed(
            [
                live_config(server.url, folder, **{**settings, **key})
                for server, key in zip(servers, keys or ({},), strict=True)
            ],
            heard,
            transport=kis,
            clock=clock,
            chance=random.Random(seed),
            timing=timing,
            pause=pause,
            observer=observer,
        )
        running = asyncio.get_running_loop().create_task(feed.run())
        made = Stand(feed, heard, servers, kis, clock, pauses, running)
        yield made
        await made.stop()
    finally:
        for door in doors:
            door.close()
        for door in doors:
            await door.wait_closed()


ALL_CODES = sorted(known_codes())

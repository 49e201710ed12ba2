"""The gateway's faces, really served, over a board that the test fills itself."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from ipaddress import ip_network
from typing import Any

import aiohttp
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from broker_server.gateway.access import Access
from broker_server.gateway.application import GatewayParts, make_application
from broker_server.gateway.serving import server_config
from broker_server.gateway.socket.limits import SocketLimits
from broker_server.prices.board import PriceBoard
from broker_server.prices.demand import Interest
from broker_server.prices.history import DailyCandle, GapReport, TickerGap
from broker_server.prices.model import Price, PriceKey, Source
from tests.support.waiting import PATIENCE

SAMSUNG = PriceKey("005930")
NOON = datetime(2026, 2, 6, 22, 48, 44, 590151, tzinfo=UTC)
KEY = "k" * 16


def a_price(ticker: str = "005930", price: int = 158_600, **more: Any) -> Price:
    """A live price, unless told otherwise."""
    values: dict[str, Any] = {
        "key": PriceKey(ticker),
        "price": price,
        "base_price": 159_300,
        "volume": 36_358_081,
        "bid_price": 158_600,
        "ask_price": 158_600,
        "source": Source.REALTIME,
        "vendor": "kis",
        "as_of": NOON,
    }
    return Price(**values | more)


class FakeDemand:
    """Counts what is wanted; ``on_refresh`` is what asking the workers does."""

    def __init__(self) -> None:
        self.wanted: dict[tuple[PriceKey, Interest], int] = {}
        self.refreshed: list[tuple[PriceKey, bool]] = []
        self.on_refresh: Callable[[PriceKey], Awaitable[None] | None] = lambda key: None

    def want(self, key: PriceKey, interest: Interest) -> Callable[[], None]:
        """See `Demand`."""
        self.wanted[key, interest] = self.wanted.get((key, interest), 0) + 1

        def leave() -> None:
            self.wanted[key, interest] -= 1

        return leave

    async def refresh(self, key: PriceKey, *, fresh: bool = False) -> None:
        """See `Demand`."""
        self.refreshed.append((key, fresh))
        done = self.on_refresh(key)
        if done is not None:
            await done


class FakeHistory:
    """A store of one candle."""

    def candles(
        self, ticker: str, *, venue: str, start: date | None, end: date | None, limit: int
    ) -> Sequence[DailyCandle]:
        """See `History`."""
        day = date(2026, 2, 5)
        if ticker != "005930" or (start and day < start) or (end and end < day):
            return []
        return [a_candle(ticker, day)]

    def last_close(self, ticker: str, *, venue: str) -> tuple[DailyCandle, int | None] | None:
        """See `History`."""
        return (a_candle(ticker, date(2026, 2, 5)), 159_000) if ticker == "005930" else None

    def gaps(self) -> GapReport:
        """See `History`."""
        gap = TickerGap(ticker="000660", name=None, newest=None, age_days=None, missing=())
        return GapReport(
            last_trading_day=date(2026, 2, 5),
            tickers=2,
            complete=1,
            without_data=("000660",),
            newest=date(2026, 2, 5),
            gaps=(gap,),
        )


def a_candle(ticker: str, day: date, close: int = 159_300) -> DailyCandle:
    """A day."""
    return DailyCandle(
        ticker=ticker, day=day, open=close, high=close, low=close, close=close, volume=7, vendor="kis"
    )


class Faces:
    """The application, served.

    Attributes:
        board: What it shows; for the test to fill.
        demand: What is asked of it.
        app: The application.
        url: Where it is.
    """

    def __init__(self, board: PriceBoard, demand: FakeDemand, app: FastAPI) -> None:
        self.board = board
        self.demand = demand
        self.app = app
        self.url = ""
        self.http: aiohttp.ClientSession
        self.server: uvicorn.Server

    async def get(
        self, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, document and headers (in small letters) of an answer."""
        async with self.http.request(method, self.url + path, headers=headers) as answer:
            text = await answer.text()
            document = json.loads(text) if "json" in answer.headers.get("content-type", "") else text
            return answer.status, document, {name.lower(): value for name, value in answer.headers.items()}

    def connect(self, query: str = "", **options: Any) -> connect:
        """A client of the WebSocket, for ``async with``; its first message is not taken yet."""
        options = {"ping_interval": None, "proxy": None, **options}
        return connect(self.url.replace("http:", "ws:") + "/ws" + query, **options)

    @property
    def connections(self) -> int:
        """How many connections the server has, of whatever kind."""
        return len(self.server.server_state.connections)

    @property
    def sessions(self) -> int:
        """How many clients the WebSocket has."""
        return len(self.app.state.socket.sessions)


def make_faces(
    *,
    keys: Sequence[str] = (),
    origins: Sequence[str] = (),
    trusted: Sequence[str] = ("127.0.0.0/8",),
    local: bool = True,
    rate: float = 1000,
    limits: SocketLimits | None = None,
    token_seconds: float = 60,
    troubles: Callable[[], Sequence[str]] = list,
) -> Faces:
    """The application over an empty board."""
    board, demand = PriceBoard(["kis", "kiwoom"]), FakeDemand()
    app = make_application(
        GatewayParts(
            board=board,
            demand=demand,
            history=FakeHistory(),
            access=Access(
                keys=keys,
                origins=origins,
                trusted=[ip_network(each) for each in trusted],
                secret=b"secret",
                token_seconds=token_seconds,
                local=local,
            ),
            rate=rate,
            socket_limits=limits or SocketLimits(),
            epoch=secrets.token_hex(6),
            clock=lambda: NOON,
            troubles=troubles,
            activity=lambda: {
                "events": [],
                "orders": [],
                "workers": [],
                "asked_at": None,
                "answered_at": None,
                "trouble": None,
            },
        )
    )
    return Faces(board, demand, app)


@asynccontextmanager
async def serve_faces(**options: Any) -> AsyncIterator[Faces]:
    """The application over an empty board, served as the product serves it; see `make_faces`."""
    faces = make_faces(**options)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    faces.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = server_config(faces.app)
    config.timeout_graceful_shutdown = 1
    server = faces.server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    async with aiohttp.ClientSession() as faces.http:
        await asyncio.wait_for(server.is_up.wait(), PATIENCE)
        try:
            yield faces
        finally:
            server.should_exit = True
            await asyncio.wait_for(serving, PATIENCE)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    def install_signal_handlers(self) -> None:
        """A server of a test has none."""


async def receive(client: ClientConnection) -> dict[str, Any]:
    """The next message."""
    message = json.loads(await asyncio.wait_for(client.recv(), PATIENCE))
    assert isinstance(message, dict)
    return message


async def receive_until(client: ClientConnection, **wanted: Any) -> dict[str, Any]:
    """The next message with these values; what comes before it is skipped."""
    while True:
        message = await receive(client)
        if wanted.items() <= message.items():
            return message


async def say(client: ClientConnection, **message: Any) -> None:
    """Send a message."""
    await client.send(json.dumps(message))

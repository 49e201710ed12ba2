"""What fans prices out: ``gateway``, or ``bare``, the broadcast of ``websockets`` with the same messages.

Prints ``ready PORT``. A line on its standard input publishes a round of all tickers; it answers with the
time.
``http`` serves the gateway's batch of prices and, at ``/bare``, the same bytes by FastAPI alone.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import orjson
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from websockets.asyncio.server import ServerConnection, broadcast, serve

from broker_server.gateway.access import Access
from broker_server.gateway.application import GatewayParts, make_application
from broker_server.gateway.documents import price_document, price_update
from broker_server.gateway.serving import listen, server_config
from broker_server.gateway.socket.limits import SocketLimits
from broker_server.prices.board import PriceBoard
from broker_server.prices.demand import Interest
from broker_server.prices.history import History
from broker_server.prices.model import Price, PriceKey, Source

TICKERS = tuple(f"{number:06d}" for number in range(50))
FANNED_OUT = TICKERS[:20]


class NoDemand:
    """Everything is there already."""

    def want(self, key: PriceKey, interest: Interest) -> Callable[[], None]:
        """See `Demand`."""
        return lambda: None

    async def refresh(self, key: PriceKey, *, fresh: bool = False) -> None:
        """See `Demand`."""


class NoHistory(History):
    """There is none."""


def a_price(ticker: str, number: int) -> Price:
    """A live price that differs from the one before."""
    return Price(
        key=PriceKey(ticker),
        price=158_600 + number,
        base_price=159_300,
        volume=36_358_081 + number,
        bid_price=158_600,
        ask_price=158_700,
        source=Source.REALTIME,
        vendor="kis",
        as_of=datetime.now(UTC),
        seq=number,
    )


def an_application(board: PriceBoard) -> FastAPI:
    """The whole gateway, except for what fills it."""
    return make_application(
        GatewayParts(
            board=board,
            demand=NoDemand(),
            history=NoHistory(),
            access=Access(
                keys=(),
                origins=(),
                trusted=[ipaddress.ip_network("127.0.0.0/8")],
                secret=b"bench",
                token_seconds=60,
                local=True,
            ),
            rate=1e9,
            socket_limits=SocketLimits(ping_seconds=1e6, messages_per_second=1e6, burst=1_000_000),
            epoch="bench",
            clock=lambda: datetime.now(UTC),
            troubles=lambda: (),
            activity=dict,
        )
    )


async def obey(publish: Callable[[int], None], listener: socket.socket, serving: Awaitable[object]) -> None:
    """Publish a round for each line, until there are no more."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def one_round(number: int) -> None:
        print(time.monotonic(), flush=True)
        publish(number)

    def read() -> None:
        for number, _ in enumerate(sys.stdin, 1):
            loop.call_soon_threadsafe(one_round, number)
        loop.call_soon_threadsafe(ended.set)

    task = asyncio.ensure_future(serving)
    threading.Thread(target=read, daemon=True).start()
    print("ready", listener.getsockname()[1], flush=True)
    await asyncio.wait({task, asyncio.ensure_future(ended.wait())}, return_when=asyncio.FIRST_COMPLETED)


async def gateway(listener: socket.socket, *, with_bare: bool) -> None:
    """The gateway; ``with_bare`` adds what its batch is compared with."""
    board = PriceBoard()
    app = an_application(board)
    for ticker in TICKERS:
        board.put(a_price(ticker, 1))
    if with_bare:
        document = {
            "prices": {each: price_document(a_price(each, 1)) for each in TICKERS},
            "errors": {},
        }
        bare = FastAPI()

        @bare.get("/prices", response_class=JSONResponse)
        async def prices() -> dict[str, object]:
            return document

        app.mount("/bare", bare)

    def publish(number: int) -> None:
        for ticker in FANNED_OUT:
            board.put(a_price(ticker, number))

    server = uvicorn.Server(server_config(app))
    await obey(publish, listener, server.serve(sockets=[listener]))


async def bare(listener: socket.socket) -> None:
    """The broadcast of ``websockets``, and nothing else."""
    clients: set[ServerConnection] = set()
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)  # all clients end without a word

    async def take(client: ServerConnection) -> None:
        clients.add(client)
        async for _ in client:
            pass

    def publish(number: int) -> None:
        for ticker in FANNED_OUT:
            broadcast(clients, orjson.dumps(price_update(a_price(ticker, number))).decode())

    async with serve(take, sock=listener, compression=None, ping_interval=None) as server:
        await obey(publish, listener, server.wait_closed())


def main() -> None:
    """Serve what the first argument names."""
    listener = listen("127.0.0.1", 0)
    kind = sys.argv[1]
    asyncio.run(bare(listener) if kind == "bare" else gateway(listener, with_bare=kind == "http"))


if __name__ == "__main__":
    main()

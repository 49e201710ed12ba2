"""Clients of a WebSocket that subscribe to all tickers and count what comes, and some that never read.

``python -m bench.gateway_clients PORT CLIENTS`` prints ``ready`` when all are connected. A line with a number
waits for so many messages more, and answers with JSON: pairs of a time and the messages that came then.
``settle`` waits until nothing more comes, and counts from there; ``stall N`` has N more clients that do not
read.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import sys

from bench.gateway_server import FANNED_OUT

MARK = b'"price_update"'
_GREETING = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
)


class Counter:
    """What came to all clients together."""

    def __init__(self) -> None:
        self.total = 0
        self.arrivals: list[tuple[float, int]] = []
        self._wanted = 0
        self._waiting: asyncio.Future[None] | None = None

    def add(self, now: float, count: int) -> None:
        """So many messages came."""
        self.total += count
        self.arrivals.append((now, count))
        if self._waiting is not None and self.total >= self._wanted and not self._waiting.done():
            self._waiting.set_result(None)

    async def more(self, count: int) -> list[tuple[float, int]]:
        """Wait for so many, from the last time on; when they came."""
        self._wanted += count
        if self.total < self._wanted:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        arrivals, self.arrivals = self.arrivals, []
        return arrivals

    def settle(self) -> None:
        """Begin to count here."""
        self._wanted = self.total
        self.arrivals.clear()


class Client(asyncio.Protocol):
    """One client, as cheap as it can be: the processor is for the server.

    Args:
        counter: Of all.
        reads: Whether it ever reads after it has subscribed.
    """

    def __init__(self, counter: Counter, *, reads: bool) -> None:
        self._counter = counter
        self._reads = reads
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self.upgraded: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_GREETING + base64.b64encode(os.urandom(16)) + b"\r\n\r\n")

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if not self.upgraded.done():
            self._rest += data
            if b"\r\n\r\n" not in self._rest:
                return
            data = self._rest.partition(b"\r\n\r\n")[2]
            self.upgraded.set_result(None)
            for ticker in FANNED_OUT:
                text = json.dumps({"type": "subscribe", "topic": f"price:{ticker}"}).encode()
                self._transport.write(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
            if not self._reads:
                self._transport.pause_reading()
                return
            self._rest = b""
        text = self._rest + data
        if count := text.count(MARK):
            self._counter.add(self._loop.time(), count)
        self._rest = text[-(len(MARK) - 1) :]


async def connect(port: int, count: int, counter: Counter, *, reads: bool) -> list[asyncio.BaseTransport]:
    """So many clients that have subscribed."""
    loop, transports, clients = asyncio.get_running_loop(), [], []
    for _ in range(count):
        connection = socket.socket()
        if not reads:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", port))
        transport, client = await loop.create_connection(
            lambda: Client(counter, reads=reads), sock=connection
        )
        transports.append(transport)
        clients.append(client)
    await asyncio.gather(*(client.upgraded for client in clients))
    return transports


async def run(port: int, clients: int) -> None:
    """Connect them all, then answer each line."""
    counter = Counter()
    readers = await connect(port, clients, counter, reads=True)
    stalled: list[asyncio.BaseTransport] = []
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == "settle":
            seen = -1
            while seen != counter.total:
                seen = counter.total
                await asyncio.sleep(0.5)
            counter.settle()
            print("settled", flush=True)
        elif line.startswith("stall"):
            for transport in stalled:
                assert isinstance(transport, asyncio.Transport)
                transport.abort()
            stalled = await connect(port, int(line.split()[1]), counter, reads=False)
            print("stalled", flush=True)
        else:
            print(json.dumps(await counter.more(int(line))), flush=True)
    for transport in (*readers, *stalled):
        transport.close()


def main() -> None:
    """See the module."""
    asyncio.run(run(*(int(each) for each in sys.argv[1:3])))


if __name__ == "__main__":
    main()

"""A TCP proxy that can cut, freeze and re-open what goes through it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

_CHUNK = 65_536


class TcpProxy:
    """Forwards a loopback port to a target, on a thread of its own.

    Attributes:
        port: Where clients connect. It stays the same for the proxy's whole life.
        connections_seen: How many connections were accepted so far.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self._target = (target_host, target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections_seen = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._links: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._run, name=f"tcp-proxy-{self.port}", daemon=True)
        self._thread.start()
        self._call(self._serve)

    @property
    def open_connections(self) -> int:
        """How many connections go through the proxy now."""
        return len(self._links)

    def cut(self) -> int:
        """Reset every connection, on both sides; new ones are accepted again. Returns how many."""
        return self._call(self._cut)

    def pause(self) -> None:
        """Swallow nothing and forward nothing: a silent cut, as a pulled cable makes."""
        self._call(self._set, self._flowing.clear)

    def resume(self) -> None:
        """Forward again, what was sent meanwhile included; accept again after `refuse`."""

        def flow() -> None:
            self._refusing = False
            self._flowing.set()

        self._call(self._set, flow)

    def refuse(self) -> None:
        """Cut every connection, and reset new ones until `resume`: a broker that is down."""

        def close() -> None:
            self._refusing = True

        self._call(self._set, close)
        self.cut()

    def stop(self) -> None:
        """Cut everything and stop listening."""
        if self._loop.is_closed():
            return
        self._call(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def __enter__(self) -> Self:
        """Return the proxy itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the proxy."""
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        async def run() -> T:
            return await function(*arguments)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(60)

    async def _set(self, change: Callable[[], None]) -> None:
        change()

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, sock=self._listener)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_seen += 1
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        self._writers.add(writer)
        upstream_writer: asyncio.StreamWriter | None = None
        try:
            if self._refusing:
                return
            await self._flowing.wait()
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._target)
            self._writers.add(upstream_writer)
            pumps = [
                asyncio.create_task(self._pump(reader, upstream_writer)),
                asyncio.create_task(self._pump(upstream_reader, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):  # a cut cancels the link
            return
        finally:
            for end in (writer, upstream_writer):
                if end is not None:
                    self._writers.discard(end)
                    end.close()
            self._links.discard(link)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_CHUNK):
                self._note(data)
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            return

    def _note(self, data: bytes) -> None:
        """Told of everything that goes through, either way."""

    async def _cut(self) -> int:
        links = list(self._links)
        for writer in list(self._writers):
            connection = writer.get_extra_info("socket")
            if connection is not None and connection.fileno() != -1:
                # Closing with a linger time of zero sends a reset instead of an orderly end.
                linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
                with suppress(OSError):  # it has just been closed
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        return len(links)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._cut()

"""A client of the simulated Kiwoom WebSocket that knows the published protocol and nothing more."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

import websockets

PATIENCE = 30.0


class KiwoomStreamClient:
    """One connection. Use as an async context manager.

    Args:
        url: Of the server.
        token: Logs in with it at once; without one the test does what it likes.
        answers_pings: Whether PING is sent back.
    """

    def __init__(self, url: str, token: str | None = None, *, answers_pings: bool = True) -> None:
        self.url = url
        self.token = token
        self.answers_pings = answers_pings
        self.pings = 0
        self.entries: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.system: list[dict[str, Any]] = []
        self._replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.socket = await websockets.connect(
            self.url + "/api/dostk/websocket", ping_interval=None, close_timeout=1, max_queue=None
        )
        self.reading = asyncio.create_task(self._read())
        if self.token is not None:
            await self.send({"trnm": "LOGIN", "token": self.token})
            assert (await self.reply())["return_code"] == 0
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.socket.close()
        await asyncio.wait_for(asyncio.wait({self.reading}), PATIENCE)

    async def _read(self) -> None:
        try:
            async for frame in self.socket:
                message = json.loads(frame)
                if message["trnm"] == "REAL":
                    self.frames.append(message)
                    self.entries += message["data"]
                elif message["trnm"] == "PING":
                    self.pings += 1
                    if self.answers_pings:
                        await self.socket.send(frame)
                elif message["trnm"] == "SYSTEM":
                    self.system.append(message)
                else:
                    self._replies.put_nowait(message)
                self._arrived.set()
        except websockets.ConnectionClosed:
            pass
        finally:
            self._arrived.set()

    async def send(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def reply(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._replies.get(), PATIENCE)

    async def ask(self, message: Any) -> dict[str, Any]:
        await self.send(message)
        return await self.reply()

    async def register(
        self, types: list[str], items: list[str], *, group: str = "1", trnm: str = "REG", **more: Any
    ) -> int:
        """REG or REMOVE; the answer's code."""
        message = {"trnm": trnm, "grp_no": group, "data": [{"item": items, "type": types}], **more}
        return int((await self.ask(message))["return_code"])

    async def of(self, type_: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many entries of a type; those that came earlier count."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = [entry for entry in self.entries if entry["type"] == type_]
                if len(found) >= count:
                    return found
                assert not self.reading.done(), "the connection has ended"
                self._arrived.clear()
                await self._arrived.wait()

    async def ended(self) -> int | None:
        """Wait for the server to end the connection; the close code, or None without a closing frame."""
        await asyncio.wait_for(asyncio.wait({self.reading}), PATIENCE)
        frame = self.socket.protocol.close_rcvd
        return frame.code if frame else None

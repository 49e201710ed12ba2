"""A client of the simulated KOSCOM WebSocket that knows the documented protocol and nothing more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import websockets

PATIENCE = 30.0


class KoscomStreamClient:
    """One connection. Use as an async context manager.

    Args:
        url: Of the server.
        path: ``/ws``, ``/ws_ksp`` or ``/ws_kdq``.
        key: Sends ``init`` with it at once; without one the test does what it likes.
    """

    def __init__(self, url: str, path: str = "/ws", key: str | None = None) -> None:
        self.url = url + path
        self.key = key
        self.pushes: list[dict[str, Any]] = []
        self.arrays: list[list[dict[str, str]]] = []
        self.requests: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.order: list[str] = []
        self.codes: set[str] = set()
        self.told = 0
        self._id = 0
        self._replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.socket = await websockets.connect(
            self.url, ping_interval=None, close_timeout=1, max_queue=None, max_size=None
        )
        self.reading = asyncio.create_task(self._read())
        if self.key is not None:
            assert (await self.init(self.key))["result"] == {"message": "ok"}
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
                assert isinstance(frame, str)
                self.texts.append(frame)
                self._take(json.loads(frame))
                self._arrived.set()
        except websockets.ConnectionClosed:
            pass
        finally:
            self._arrived.set()

    def _take(self, message: Any) -> None:
        if isinstance(message, list):
            self.arrays.append(message)
            self.told += len(message)
            self.codes.update(element["isuSrtCd"] for element in message)
        elif message.get("method") == "push":
            self.order.append("push")
            self.pushes.append(message["params"])
        elif "method" in message:
            self.requests.append(message)
        else:
            self.order.append("reply")
            self._replies.put_nowait(message)

    @property
    def elements(self) -> list[dict[str, str]]:
        """What all arrays hold."""
        return [element for array in self.arrays for element in array]

    async def send(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def reply(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._replies.get(), PATIENCE)

    async def ask(self, message: Any) -> dict[str, Any]:
        await self.send(message)
        return await self.reply()

    async def call(self, method: str, params: Any = None, id: int | None = None) -> dict[str, Any]:
        """A request with the next id, or one of the test's own; the answer."""
        if id is None:
            self._id += 1
            id = self._id
        message = {"jsonrpc": "2.0", "id": id, "method": method}
        answer = await self.ask(message if params is None else {**message, "params": params})
        assert answer["jsonrpc"] == "2.0"
        assert answer.get("id", id) == id
        return answer

    async def init(self, key: str, member: str = "tester") -> dict[str, Any]:
        return await self.call("init", {"key": key, "membername": member})

    async def subscribe(self, preset: str, code: str, id: int | None = None, **more: Any) -> dict[str, Any]:
        return await self.call("subscribe", {"preset": preset, "isuSrtCd": code, **more}, id)

    async def unsubscribe(self, preset: str, code: str) -> dict[str, Any]:
        return await self.call("unsubscribe", {"preset": preset, "isuSrtCd": code})

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something that came makes the condition true."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                assert not self.reading.done(), "the connection has ended"
                self._arrived.clear()
                await self._arrived.wait()

    async def of(self, preset: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for so many pushes of a preset; those that came earlier count."""

        def found() -> list[dict[str, Any]]:
            return [push for push in self.pushes if push.get("preset") == preset]

        await self.until(lambda: len(found()) >= count)
        return found()

    async def ended(self) -> int | None:
        """Wait for the server to end the connection; the close code, or None without a closing frame."""
        await asyncio.wait_for(asyncio.wait({self.reading}), PATIENCE)
        frame = self.socket.protocol.close_rcvd
        return frame.code if frame else None


def code_of(answer: dict[str, Any]) -> int:
    """The code of an error."""
    assert "result" not in answer
    assert answer["error"]["message"]
    return int(answer["error"]["code"])

"""A client of the simulated WebSocket that knows the published protocol and nothing more."""

from __future__ import annotations

import asyncio
import base64
import json
from types import TracebackType
from typing import Any, Self

import websockets
from Crypto.Cipher import AES
from Crypto.Util.Padding import unpad

PATIENCE = 30.0


class StreamClient:
    """One connection. Use as an async context manager.

    Args:
        url: Of the server.
        approval_key: Sent with every request.
        answers_pings: Whether PINGPONG is sent back.
    """

    def __init__(self, url: str, approval_key: str, *, answers_pings: bool = True) -> None:
        self.url = url
        self.approval_key = approval_key
        self.answers_pings = answers_pings
        self.pings: list[str] = []
        self.data: list[str] = []
        self.pairs: dict[str, dict[str, str]] = {}
        self._replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._arrived = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.socket = await websockets.connect(
            self.url + "/tryitout", ping_interval=None, close_timeout=1, max_queue=None
        )
        self.reading = asyncio.create_task(self._read())
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
                text = str(frame)
                if text[0] != "{":
                    self.data.append(text)
                elif "PINGPONG" in text:
                    self.pings.append(text)
                    if self.answers_pings:
                        await self.socket.send(text)
                else:
                    self._replies.put_nowait(json.loads(text))
                self._arrived.set()
        except websockets.ConnectionClosed:
            pass
        finally:
            self._arrived.set()

    async def send(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def request(self, tr_id: str, tr_key: str, tr_type: str = "1", **header: Any) -> dict[str, Any]:
        return {
            "header": {
                "approval_key": self.approval_key,
                "custtype": "P",
                "tr_type": tr_type,
                "content-type": "utf-8",
                **header,
            },
            "body": {"input": {"tr_id": tr_id, "tr_key": tr_key}},
        }

    async def reply(self) -> dict[str, Any]:
        return await asyncio.wait_for(self._replies.get(), PATIENCE)

    async def register(self, tr_id: str, tr_key: str, tr_type: str = "1") -> str:
        """Register, or with "2" unregister; the answer's code."""
        await self.send(self.request(tr_id, tr_key, tr_type))
        reply = await self.reply()
        if "output" in reply["body"]:
            self.pairs[tr_id] = reply["body"]["output"]
        return str(reply["body"]["msg_cd"])

    async def frames(self, tr_id: str, count: int = 1) -> list[str]:
        """Wait for so many data frames of a TR; those that came earlier count."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = [frame for frame in self.data if frame.split("|")[1] == tr_id]
                if len(found) >= count:
                    return found
                assert not self.reading.done(), "the connection has ended"
                self._arrived.clear()
                await self._arrived.wait()

    async def values(self, tr_id: str) -> list[str]:
        """The values of the first frame of a TR."""
        return (await self.frames(tr_id))[0].split("|", 3)[3].split("^")

    async def notices(self, tr_id: str, count: int) -> list[list[str]]:
        """Wait for so many notices, and open them."""
        frames = await self.frames(tr_id, count)
        return [self.open(frame) for frame in frames]

    def open(self, frame: str) -> list[str]:
        flag, tr_id, count, payload = frame.split("|", 3)
        assert (flag, count) == ("1", "001")
        pair = self.pairs[tr_id]
        aes = AES.new(pair["key"].encode(), AES.MODE_CBC, iv=pair["iv"].encode())
        return unpad(aes.decrypt(base64.b64decode(payload)), 16).decode().split("^")

    async def ended(self) -> int | None:
        """Wait for the server to end the connection; the close code, or None without a closing frame."""
        await asyncio.wait_for(asyncio.wait({self.reading}), PATIENCE)
        frame = self.socket.protocol.close_rcvd
        return frame.code if frame else None

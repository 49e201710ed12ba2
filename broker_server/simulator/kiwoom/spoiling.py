"""Carries out the faults that were ordered for a call."""

from __future__ import annotations

import asyncio

from aiohttp import web

from broker_server.simulator.faults import Fault, NoAnswer, SpoiledAnswer
from broker_server.simulator.kiwoom.errors import failure, too_many_requests
from broker_server.simulator.kiwoom.http import JSON
from broker_server.simulator.kiwoom.keys import KeyStore

_BLOCKED = (
    b"<html><head><title>Request Rejected</title></head><body>Request Blocked. "
    b"The requested URL was rejected. Please consult with your administrator.</body></html>"
)
_BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


class Spoiler:
    """Spoils calls as `Fault` says.

    Args:
        keys: Whose tokens a fault ends.
        stopping: Set when the server stops: nobody waits in a black hole any longer.
    """

    def __init__(self, keys: KeyStore, stopping: asyncio.Event) -> None:
        self._keys = keys
        self._stopping = stopping

    async def before(self, fault: Fault, request: web.BaseRequest, limit: int) -> None:
        """Carry out a fault that comes before the call.

        Args:
            fault: What was ordered.
            request: The call.
            limit: Calls per second, as the answer to too many says.

        Raises:
            KiwoomError, SpoiledAnswer, NoAnswer: What the caller gets instead of the service's answer.
        """
        wanted = fault.request
        match wanted.fault:
            case "latency":
                await asyncio.sleep(wanted.seconds)
            case "error" | "business_error":
                raise failure(wanted.code or "", text=wanted.message, dialect=wanted.dialect)
            case "rate_limit":
                raise too_many_requests(request.headers.get("api-id", ""), limit)
            case "expired_token":
                self._keys.drop(request.headers.get("authorization", "").partition(" ")[2])
                raise failure("8005", dialect=wanted.dialect)
            case "unauthorized":
                self._keys.drop(request.headers.get("authorization", "").partition(" ")[2])
                raise failure("8005", dialect="number", status=401)
            case "html":
                raise SpoiledAnswer(web.Response(body=_BLOCKED, status=400, content_type="text/html"))
            case "bad_gateway":
                raise SpoiledAnswer(web.Response(body=_BAD_GATEWAY, status=502, content_type="text/html"))
            case "malformed_body" | "empty_body":
                text = b'{"return_code":0,"return_m' if wanted.fault == "malformed_body" else b""
                raise SpoiledAnswer(web.Response(body=text, content_type=JSON))
            case "reset":
                raise NoAnswer
            case "blackhole":
                await self._stopping.wait()
                raise NoAnswer

    async def after(
        self, fault: Fault, request: web.BaseRequest, response: web.Response, limit: int
    ) -> web.Response:
        """Carry out a fault on the answer of a call that took effect."""
        if fault.request.fault == "malformed_body":
            content = response.body if isinstance(response.body, bytes) else b"{}"
            response.body = content[: max(1, len(content) * 2 // 3)]
            return response
        if fault.request.fault == "empty_body":
            response.body = b""
            return response
        await self.before(fault, request, limit)
        return response

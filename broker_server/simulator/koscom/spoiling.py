"""Carries out the faults that were ordered for a call."""

from __future__ import annotations

import asyncio

from aiohttp import web

from broker_server.simulator.faults import Fault, NoAnswer, SpoiledAnswer
from broker_server.simulator.koscom.errors import (
    INVALID_KEY,
    QUOTA_EXCEEDED,
    gateway_error,
    market_error,
    service_error,
)

_HTML = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n"
_JSON = "application/json"


class Spoiler:
    """Spoils calls as `Fault` says.

    Args:
        stopping: Set when the server stops: nobody waits in a black hole any longer.
    """

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping

    async def before(self, fault: Fault) -> None:
        """Carry out a fault that comes before the call.

        Raises:
            RestError, SpoiledAnswer, NoAnswer: What the caller gets instead of the service's answer.
        """
        wanted = fault.request
        match wanted.fault:
            case "latency":
                await asyncio.sleep(wanted.seconds)
            case "error":
                raise service_error(wanted.message or wanted.code or "")
            case "business_error":
                code = wanted.code or ""
                raise market_error(int(code), wanted.message) if code.isdigit() else service_error(code)
            case "rate_limit":
                raise gateway_error(429, QUOTA_EXCEEDED)
            case "unauthorized":
                raise gateway_error(401, INVALID_KEY)
            case "html" | "bad_gateway":
                raise SpoiledAnswer(web.Response(body=_HTML, status=502, content_type="text/html"))
            case "malformed_body" | "empty_body":
                text = b'{"jsonrpc":"2.0","resu' if wanted.fault == "malformed_body" else b""
                raise SpoiledAnswer(web.Response(body=text, content_type=_JSON))
            case "reset":
                raise NoAnswer
            case "blackhole":
                await self._stopping.wait()
                raise NoAnswer

    async def after(self, fault: Fault, response: web.Response) -> web.Response:
        """Carry out a fault on an answer."""
        if fault.request.fault == "malformed_body":
            content = response.body if isinstance(response.body, bytes) else b"{}"
            response.body = content[: max(1, len(content) * 2 // 3)]
            return response
        if fault.request.fault == "empty_body":
            response.body = b""
            return response
        await self.before(fault)
        return response

"""Carries out the faults that were ordered for a call."""

from __future__ import annotations

import asyncio

from aiohttp import web

from broker_server.simulator.faults import Fault, NoAnswer, SpoiledAnswer
from broker_server.simulator.kis.errors import KisError, business_error, gateway_error, oauth_error
from broker_server.simulator.kis.http import JSON
from broker_server.simulator.kis.keys import KeyStore
from broker_server.simulator.kis.tables import gateway_message

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

    async def before(self, fault: Fault, request: web.BaseRequest) -> None:
        """Carry out a fault that comes before the call.

        Raises:
            KisError, SpoiledAnswer, NoAnswer: What the caller gets instead of the service's answer.
        """
        wanted = fault.request
        match wanted.fault:
            case "latency":
                await asyncio.sleep(wanted.seconds)
            case "error":
                raise _error(request.path, wanted.code or "", wanted.message)
            case "business_error":
                raise business_error(
                    wanted.code or "", wanted.message or "시뮬레이터가 만든 업무 오류입니다."
                )
            case "rate_limit":
                raise gateway_error("EGW00201")
            case "expired_token":
                self._keys.expire(request.headers.get("authorization", ""))
                raise gateway_error("EGW00123")
            case "bad_gateway":
                raise SpoiledAnswer(web.Response(body=_BAD_GATEWAY, status=502, content_type="text/html"))
            case "malformed_body" | "empty_body":
                text = b'{"rt_cd":"0","msg_cd":"MCA0' if wanted.fault == "malformed_body" else b""
                raise SpoiledAnswer(web.Response(body=text, content_type=JSON))
            case "reset":
                raise NoAnswer
            case "blackhole":
                await self._stopping.wait()
                raise NoAnswer

    async def after(self, fault: Fault, request: web.BaseRequest, response: web.Response) -> web.Response:
        """Carry out a fault on the answer of a call that took effect."""
        if fault.request.fault == "malformed_body":
            content = response.body if isinstance(response.body, bytes) else b"{}"
            response.body = content[: max(1, len(content) * 2 // 3)]
            return response
        if fault.request.fault == "empty_body":
            response.body = b""
            return response
        await self.before(fault, request)
        return response


def _error(path: str, code: str, message: str | None) -> KisError:
    if path.startswith("/oauth2/"):
        return oauth_error(code, message)
    if code.startswith("EGW"):
        return gateway_error(code, message)
    return business_error(code, message or gateway_message(code))

"""Stands before every request: origins, keys and rate limits, before anything of the application runs."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from broker_server.gateway.access import Access, Refused
from broker_server.gateway.rate_limits import RateLimits

CLOSED = ("/api/", "/ws")
INTERNAL = "/internal/"
TOKENS = "/api/token"
"""Takes no token: with one that was stolen, whoever has it would get a new one again and again."""
WEB_SOCKET = "/ws"
_PREFLIGHT = [
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"X-API-Key, X-Gateway-Token, Authorization, If-None-Match"),
    (b"access-control-max-age", b"600"),
]


def error_body(code: str, message: str) -> bytes:
    """What every refusal looks like."""
    return orjson.dumps({"error": {"code": code, "message": message}})


class Doorkeeper:
    """Lets requests through, or answers them.

    The page itself, its documents and the probes of health need no key; what they show does.

    Args:
        app: The application.
        access: Who may read.
        limits: How much.
    """

    def __init__(self, app: ASGIApp, *, access: Access, limits: RateLimits) -> None:
        self._app = app
        self._access = access
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        client = scope["client"][0] if scope.get("client") else "unknown"
        try:
            origin = self._access.check_origin(headers, client)
            if origin is not None and scope["type"] == "http":
                send = _readable_by(origin, send)
                if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                    await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
                    await send({"type": "http.response.body", "body": b""})
                    return
            self._check(scope, headers, client)
        except Refused as refused:
            await _refuse(scope, send, refused.status, error_body(refused.code, refused.message))
            return
        except TooFast as error:
            body = error_body("RATE_LIMITED", f"too many requests; try again in {error.seconds} s")
            await _refuse(scope, send, 429, body, {"retry-after": str(error.seconds)})
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: Headers, client: str) -> None:
        path: str = scope["path"]
        if path.startswith(INTERNAL):
            reader = self._access.internal_reader(headers, client)
        elif path.startswith(CLOSED):
            reader = self._access.reader(headers, client, token=_token(scope, headers))
        else:
            return
        wait = self._limits.spend(reader)
        if wait:
            raise TooFast(max(1, math.ceil(wait)))
        scope.setdefault("state", {})["reader"] = reader


class TooFast(Exception):
    """A reader asks for too much.

    Attributes:
        seconds: Until it may ask again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def _token(scope: Scope, headers: Headers) -> str | None:
    """The token of a page; a browser cannot send a header with a WebSocket."""
    if scope["path"] == TOKENS:
        return None
    if scope["path"] == WEB_SOCKET:
        token: str | None = parse_qs(scope["query_string"].decode("latin-1")).get("token", [None])[0]
    else:
        token = headers.get("x-gateway-token")
    return token


def _readable_by(origin: str, send: Send) -> Send:
    """Tell the browser that a page of this origin may read the answer."""
    more = [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-expose-headers", b"ETag, Retry-After"),
        (b"vary", b"Origin"),
    ]

    async def send_readable(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *more]
        await send(message)

    return send_readable


async def _refuse(
    scope: Scope, send: Send, status: int, body: bytes, more: dict[str, str] | None = None
) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *((name.encode(), value.encode()) for name, value in (more or {}).items()),
    ]
    kind = "http.response"
    if scope["type"] == "websocket":
        kind = "websocket.http.response"
        if kind not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
    start: dict[str, Any] = {"type": f"{kind}.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": f"{kind}.body", "body": body})

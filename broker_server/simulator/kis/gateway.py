"""The front door of the simulated KIS REST API: keys, limits, faults, then the service of the path."""

from __future__ import annotations

import asyncio
import hashlib
import math
import socket
import struct
import time
import uuid
from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime
from typing import Any

import orjson
from aiohttp import web

from broker_server.simulator.calls import CallCounts
from broker_server.simulator.clock import KST, SimulatedClock
from broker_server.simulator.faults import Fault, FaultBoard
from broker_server.simulator.kis.calls import Answer, Call
from broker_server.simulator.kis.errors import KisError, business_error, gateway_error, oauth_error
from broker_server.simulator.kis.keys import APP_KEY_LENGTH, TOKEN_LIFETIME, KeyStore, expiry_text
from broker_server.simulator.kis.limits import Limits, SlidingWindow
from broker_server.simulator.kis.tables import (
    Environment,
    Operation,
    Tr,
    gateway_message,
    operations,
)

Service = Callable[[Call], Answer]

_JSON = "application/json"
_BAD_GATEWAY = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
)


class NoAnswer(Exception):
    """The connection ends without an answer."""


class SpoiledAnswer(Exception):
    """A fault's answer takes the place of the service's."""

    def __init__(self, response: web.Response) -> None:
        super().__init__()
        self.response = response


SIGNATURE = "sapi-broker-simulator"
INSTANCE_HEADER = "X-Simulator-Instance"
"""Workers send simulated orders to no server without it."""


class KisGateway:
    """Answers every request of the simulated KIS REST server.

    Args:
        clock: Simulated time.
        keys: Who may call.
        services: The handler of each operation, by its name.
        faults: What goes wrong on order.
        calls: Counts what arrives.
        monotonic: Real seconds, for the rate limit.
        instance: Names this simulator; no other one has the same accounts.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        keys: KeyStore,
        services: dict[str, Service],
        faults: FaultBoard,
        calls: CallCounts,
        monotonic: Callable[[], float] = time.monotonic,
        instance: str | None = None,
    ) -> None:
        self._instance = instance or uuid.uuid4().hex
        self.limits = Limits()
        self.stopping = asyncio.Event()
        self._clock = clock
        self._keys = keys
        self._services = services
        self._faults = faults
        self._calls = calls
        self._window = SlidingWindow(monotonic)
        self._operations = operations()
        self._logins = {
            "/oauth2/tokenP": self._token,
            "/oauth2/revokeP": self._revoke,
            "/oauth2/Approval": self._approval,
            "/uapi/hashkey": self._hashkey,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; ``Date`` is the simulated clock, ``Server`` says that this is no brokerage."""
        response = await self._handle(request)
        response.headers["Date"] = format_datetime(self._clock.now().astimezone(UTC), usegmt=True)
        response.headers["Server"] = SIGNATURE
        response.headers[INSTANCE_HEADER] = self._instance
        return response

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, tr_id = request.path, request.headers.get("tr_id", "")
        self._calls.paths[path] += 1
        if tr_id:
            self._calls.trs[tr_id] += 1
        body = await request.read()
        faults = self._faults.take(path, tr_id)
        try:
            for fault in faults:
                if fault.when == "before":
                    await self._spoil(fault, request)
            response = self._answer(request, body)
            for fault in faults:
                if fault.when == "after":
                    response = await self._spoil_after(fault, request, response)
        except KisError as error:
            self._calls.errors[error.code] += 1
            return _response(error.body, error.status, {"tr_id": tr_id, "tr_cont": ""})
        except SpoiledAnswer as spoiled:
            return spoiled.response
        except NoAnswer:
            _reset(request)
            return web.Response()
        return response

    def _answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        try:
            login = self._logins.get(request.path)
            if login is not None:
                if request.method != "POST":
                    return web.Response(status=405)
                return login(request, body)
            return self._serve(request, body)
        except KisError as error:
            self._calls.errors[error.code] += 1
            headers = {"tr_id": request.headers.get("tr_id", ""), "tr_cont": ""}
            return _response(error.body, error.status, headers)

    def _serve(self, request: web.BaseRequest, body: bytes) -> web.Response:
        headers = request.headers
        operation = self._operations.get(request.path)
        if operation is None:
            return web.Response(status=404)
        if request.method != operation.method:
            return web.Response(status=405)
        app_key = headers.get("appkey", "")
        self._keys.check_call(app_key, headers.get("appsecret", ""), headers.get("authorization", ""))
        tr, environment = self._resolve(operation, headers.get("tr_id", ""), app_key)
        if not self._window.accept(app_key, self.limits.per_second(environment)):
            raise gateway_error("EGW00201")
        if headers.get("custtype", "P") not in ("P", "B"):
            raise gateway_error("EGW00208")
        parameters = _parameters(request, operation, body)
        call = Call(
            operation,
            tr,
            environment,
            parameters,
            continued=headers.get("tr_cont", "") == "N",
            account_allowed=self._keys.may_use(
                app_key, f"{parameters.get('CANO', '')}-{parameters.get('ACNT_PRDT_CD', '')}"
            ),
        )
        call.require()
        answer = self._services[operation.name](call)
        return _response(
            answer.body(), 200, {"tr_id": tr.id, "tr_cont": answer.tr_cont, "gt_uid": self._uid()}
        )

    def _resolve(self, operation: Operation, tr_id: str, app_key: str) -> tuple[Tr, Environment]:
        """Find the TR and its environment; refuse what the key's environment does not have."""
        tr = operation.trs.get(tr_id)
        published = self._keys.is_published(app_key)
        if tr is None:
            real_twins = {"T" + tr_id[1:], "C" + tr_id[1:]} if tr_id.startswith("V") else set()
            if real_twins & operation.trs.keys():
                raise gateway_error("EGW00213")
            raise business_error("OPSQ0002", "없는 서비스 코드 입니다.", "1")
        if tr.environment is not None and not published and tr.id[0] in "VT":
            self._keys.saw_environment(app_key, tr.environment)
        environment = self._keys.environment(app_key)
        if tr.environment is not None and tr.environment != environment:
            if environment == "paper":
                raise gateway_error("EGW00213")
            raise business_error("OPSQ0002", "없는 서비스 코드 입니다.", "1")
        return tr, environment

    def _token(self, request: web.BaseRequest, body: bytes) -> web.Response:
        fields = _login_fields(body)
        token = self._keys.issue_token(
            fields.get("appkey", ""), fields.get("appsecret", ""), fields.get("grant_type", ""), self.limits
        )
        left = math.ceil((token.expires - self._clock.now()).total_seconds())
        return _response(
            {
                "access_token": token.value,
                "access_token_token_expired": expiry_text(token.expires),
                "token_type": "Bearer",
                "expires_in": min(left, int(TOKEN_LIFETIME.total_seconds())),
            }
        )

    def _revoke(self, request: web.BaseRequest, body: bytes) -> web.Response:
        fields = _login_fields(body)
        self._keys.revoke(fields.get("appkey", ""), fields.get("appsecret", ""), fields.get("token", ""))
        return _response({"code": 200, "message": "접근토큰 폐기에 성공하였습니다"})

    def _approval(self, request: web.BaseRequest, body: bytes) -> web.Response:
        fields = _login_fields(body)
        approval = self._keys.approve(
            fields.get("appkey", ""), fields.get("secretkey", ""), fields.get("grant_type", "")
        )
        return _response({"approval_key": approval})

    def _hashkey(self, request: web.BaseRequest, body: bytes) -> web.Response:
        app_key = request.headers.get("appkey", "")
        if not app_key:
            raise gateway_error("EGW00102")
        if len(app_key) != APP_KEY_LENGTH:
            raise gateway_error("EGW00103")
        if not request.headers.get("appsecret"):
            raise gateway_error("EGW00104")
        fields = _json_object(body)
        return _response({"BODY": fields, "HASH": hashlib.sha256(body).hexdigest()})

    async def _spoil(self, fault: Fault, request: web.BaseRequest) -> None:
        """Carry out a fault that comes before the call."""
        wanted = fault.request
        match wanted.fault:
            case "latency":
                await asyncio.sleep(wanted.seconds)
            case "error":
                raise self._error(request.path, wanted.code or "", wanted.message)
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
                raise SpoiledAnswer(_html())
            case "malformed_body" | "empty_body":
                text = b'{"rt_cd":"0","msg_cd":"MCA0' if wanted.fault == "malformed_body" else b""
                raise SpoiledAnswer(web.Response(body=text, content_type=_JSON))
            case "reset":
                raise NoAnswer
            case "blackhole":
                await self.stopping.wait()
                raise NoAnswer

    async def _spoil_after(
        self, fault: Fault, request: web.BaseRequest, response: web.Response
    ) -> web.Response:
        """Carry out a fault on the answer of a call that took effect."""
        if fault.request.fault == "malformed_body":
            content = response.body if isinstance(response.body, bytes) else b"{}"
            response.body = content[: max(1, len(content) * 2 // 3)]
            return response
        if fault.request.fault == "empty_body":
            response.body = b""
            return response
        await self._spoil(fault, request)
        return response

    def _error(self, path: str, code: str, message: str | None) -> KisError:
        if path.startswith("/oauth2/"):
            return oauth_error(code, message)
        if code.startswith("EGW"):
            return gateway_error(code, message)
        return business_error(code, message or gateway_message(code))

    def _uid(self) -> str:
        return self._clock.now().astimezone(KST).strftime("%Y%m%d%H%M%S%f")


def _login_fields(body: bytes) -> dict[str, str]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise oauth_error("EGW00101") from None
    if not isinstance(document, dict):
        raise oauth_error("EGW00101")
    return {key: value for key, value in document.items() if isinstance(value, str)}


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise business_error("OPSQ9995", "JSON BODY 오류 입니다.", "1")
    return document


def _parameters(request: web.BaseRequest, operation: Operation, body: bytes) -> dict[str, str]:
    if operation.method == "GET":
        return {name.upper(): value for name, value in request.query.items()}
    if request.content_type != _JSON:
        raise gateway_error("EGW00132")
    fields = _json_object(body)
    for name, value in fields.items():
        if not isinstance(value, str):
            raise business_error("OPSQ9997", f"JSON BODY FORMAT 오류 입니다. [{name}]", "1")
    return fields


def _response(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type=_JSON, charset="utf-8"
    )


def _html() -> web.Response:
    return web.Response(body=_BAD_GATEWAY, status=502, content_type="text/html")


def _reset(request: web.BaseRequest) -> None:
    """End the connection with a TCP reset, so that the caller sees neither answer nor orderly end."""
    transport = request.transport
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()

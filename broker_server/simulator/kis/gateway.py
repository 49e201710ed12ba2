"""The front door of the simulated KIS REST API: keys, limits, faults, then the service of the path."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime

from aiohttp import web

from broker_server.simulator.calls import CallCounts
from broker_server.simulator.clock import KST, SimulatedClock
from broker_server.simulator.connections import INSTANCE_HEADER, SIGNATURE, reset
from broker_server.simulator.faults import FaultBoard, NoAnswer, SpoiledAnswer
from broker_server.simulator.kis.calls import Answer, Call
from broker_server.simulator.kis.errors import KisError, business_error, gateway_error
from broker_server.simulator.kis.http import json_response, parameters_of
from broker_server.simulator.kis.keys import KeyStore
from broker_server.simulator.kis.limits import Limits
from broker_server.simulator.kis.logins import Logins
from broker_server.simulator.kis.spoiling import Spoiler
from broker_server.simulator.kis.tables import Environment, Operation, Tr, operations
from broker_server.simulator.sliding_window import SlidingWindow

Service = Callable[[Call], Answer]


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
        self.instance = instance or uuid.uuid4().hex
        self.limits = Limits()
        self.stopping = asyncio.Event()
        self._clock = clock
        self._keys = keys
        self._services = services
        self._faults = faults
        self._calls = calls
        self._window = SlidingWindow(monotonic)
        self._operations = operations()
        self._logins = Logins(clock, keys, monotonic)
        self._spoiler = Spoiler(keys, self.stopping)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; ``Date`` is the simulated clock, ``Server`` says that this is no brokerage."""
        response = await self._handle(request)
        response.headers["Date"] = format_datetime(self._clock.now().astimezone(UTC), usegmt=True)
        response.headers["Server"] = SIGNATURE
        response.headers[INSTANCE_HEADER] = self.instance
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
                    await self._spoiler.before(fault, request)
            response = self._answer(request, body)
            for fault in faults:
                if fault.when == "after":
                    response = await self._spoiler.after(fault, request, response)
        except KisError as error:
            self._calls.errors[error.code] += 1
            return json_response(error.body, error.status, {"tr_id": tr_id, "tr_cont": ""})
        except SpoiledAnswer as spoiled:
            return spoiled.response
        except NoAnswer:
            reset(request)
            return web.Response()
        return response

    def _answer(self, request: web.BaseRequest, body: bytes) -> web.Response:
        try:
            login = self._logins.find(request.path)
            if login is not None:
                if request.method != "POST":
                    return web.Response(status=405)
                return login(request, body, self.limits)
            return self._serve(request, body)
        except KisError as error:
            self._calls.errors[error.code] += 1
            headers = {"tr_id": request.headers.get("tr_id", ""), "tr_cont": ""}
            return json_response(error.body, error.status, headers)

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
        parameters = parameters_of(request, operation, body)
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
        return json_response(
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

    def _uid(self) -> str:
        return self._clock.now().astimezone(KST).strftime("%Y%m%d%H%M%S%f")

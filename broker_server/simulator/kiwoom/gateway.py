"""The front door of the simulated Kiwoom REST API: tokens, limits, faults, then the service of the TR."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime

from aiohttp import web

from broker_server.simulator.calls import CallCounts
from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.connections import INSTANCE_HEADER, SIGNATURE, reset
from broker_server.simulator.faults import FaultBoard, NoAnswer, SpoiledAnswer
from broker_server.simulator.kiwoom.calls import DONE, Call, Service
from broker_server.simulator.kiwoom.errors import KiwoomError, failure, too_many_requests
from broker_server.simulator.kiwoom.http import json_response, paging_headers, parameters_of
from broker_server.simulator.kiwoom.keys import Credentials, KeyStore, expiry_text
from broker_server.simulator.kiwoom.limits import KiwoomLimits
from broker_server.simulator.kiwoom.spoiling import Spoiler
from broker_server.simulator.kiwoom.tables import VENDOR, WEBSOCKET_PATH, Api, apis
from broker_server.simulator.sliding_window import SlidingWindow

TOKEN, REVOKE = "au10001", "au10002"
_LOGINS = {apis()[api_id].path: apis()[api_id] for api_id in (TOKEN, REVOKE)}


class KiwoomGateway:
    """Answers every request of the simulated Kiwoom REST server.

    Args:
        clock: Simulated time.
        keys: Who may call.
        services: The handler of each TR, by its id.
        faults: What goes wrong on order.
        calls: Counts what arrives.
        instance: Names this simulator; no other one has the same accounts.
        monotonic: Real seconds, for the limits.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        keys: KeyStore,
        services: dict[str, Service],
        faults: FaultBoard,
        calls: CallCounts,
        instance: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.instance = instance
        self.limits = KiwoomLimits()
        self.stopping = asyncio.Event()
        self._clock = clock
        self._keys = keys
        self._services = services
        self._faults = faults
        self._calls = calls
        self._window = SlidingWindow(monotonic)
        self._spoiler = Spoiler(keys, self.stopping)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; ``Date`` is the simulated clock, ``Server`` says that this is no brokerage."""
        response = await self._handle(request)
        response.headers["Date"] = format_datetime(self._clock.now().astimezone(UTC), usegmt=True)
        response.headers["Server"] = SIGNATURE
        response.headers[INSTANCE_HEADER] = self.instance
        return response

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        login = _LOGINS.get(path)
        api_id = login.id if login is not None else request.headers.get("api-id", "").strip()
        self._calls.paths[path] += 1
        if api_id:
            self._calls.trs[api_id] += 1
        body = await request.read()
        faults = self._faults.take(path, api_id, VENDOR)
        limit = self.limits.real_per_second
        try:
            for fault in faults:
                if fault.when == "before":
                    await self._spoiler.before(fault, request, limit)
            response = self._answer(request, api_id, body)
            for fault in faults:
                if fault.when == "after":
                    response = await self._spoiler.after(fault, request, response, limit)
        except KiwoomError as error:
            return self._error(error, api_id)
        except SpoiledAnswer as spoiled:
            return spoiled.response
        except NoAnswer:
            reset(request)
            return web.Response()
        return response

    def _answer(self, request: web.BaseRequest, api_id: str, body: bytes) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        try:
            if request.path in _LOGINS:
                return self._login(request, api_id, body)
            return self._serve(request, api_id, body)
        except KiwoomError as error:
            return self._error(error, api_id)

    def _error(self, error: KiwoomError, api_id: str) -> web.Response:
        self._calls.errors[error.code] += 1
        return json_response(error.body, error.status, paging_headers(api_id))

    def _login(self, request: web.BaseRequest, api_id: str, body: bytes) -> web.Response:
        """The token service; it has a limit of its own."""
        fields = parameters_of(request, body)
        app_key, secret = fields.get("appkey", "").strip(), fields.get("secretkey", "").strip()
        if not self._window.accept((app_key, api_id), self.limits.real_per_second):
            raise too_many_requests(api_id, self.limits.real_per_second)
        if api_id == REVOKE:
            self._keys.revoke(app_key, secret, fields.get("token", "").strip())
            return json_response({"return_code": 0, "return_msg": DONE}, headers=paging_headers(api_id))
        token = self._keys.issue(app_key, secret, fields.get("grant_type", "").strip())
        answer = {
            "expires_dt": expiry_text(token.expires),
            "token_type": "bearer",
            "token": token.value,
            "return_code": 0,
            "return_msg": DONE,
        }
        return json_response(answer, headers=paging_headers(api_id))

    def _serve(self, request: web.BaseRequest, api_id: str, body: bytes) -> web.Response:
        api = self._find(request.path, api_id)
        owner = self._keys.authorize(request.headers.get("authorization"))
        parameters = parameters_of(request, body)
        self._count(api, owner)
        continued = request.headers.get("cont-yn", "").strip().upper() == "Y"
        next_key = request.headers.get("next-key", "").strip() if continued else ""
        call = Call(api, owner, parameters, next_key)
        call.require()
        answer = self._services[api.id](call)
        return json_response(answer.body(), headers=paging_headers(api_id, answer.next_key))

    def _find(self, path: str, api_id: str) -> Api:
        if not api_id:
            raise failure("1501")
        api = apis().get(api_id)
        if api is None:
            raise failure("1505", f". API ID={api_id}")
        if api.path != path or path == WEBSOCKET_PATH:
            raise failure("1504", f". API ID={api_id}, URI={path}")
        return api

    def _count(self, api: Api, owner: Credentials) -> None:
        """Refuse what is too much of one TR, or of all queries or orders together."""
        limits = self.limits
        limit = limits.per_second(owner.environment)
        orders = api.path.endswith("ordr")
        together = limits.orders_per_second if orders else limits.queries_per_second
        if together and not self._window.accept((owner.app_key, orders), together):
            raise failure("1701", f". 유량={together}")
        if not self._window.accept((owner.app_key, api.id), limit):
            raise too_many_requests(api.id, limit)

"""The front door of the simulated KOSCOM REST API: keys, the quota, faults, then the table's service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from email.utils import format_datetime
from typing import Any

import orjson
from aiohttp import web

from broker_server.simulator.calls import CallCounts
from broker_server.simulator.connections import INSTANCE_HEADER, SIGNATURE, reset
from broker_server.simulator.faults import FaultBoard, NoAnswer, SpoiledAnswer
from broker_server.simulator.koscom.calls import Call, Service
from broker_server.simulator.koscom.endpoints import Table, route
from broker_server.simulator.koscom.errors import (
    INVALID_KEY,
    NO_KEY,
    NO_ROUTE,
    NOT_YET,
    QUOTA_EXCEEDED,
    RestError,
    gateway_error,
    service_error,
)
from broker_server.simulator.koscom.keys import KeyStore
from broker_server.simulator.koscom.quota import KoscomLimits, Quota
from broker_server.simulator.koscom.spoiling import Spoiler
from broker_server.simulator.koscom.tables import VENDOR
from broker_server.simulator.koscom.wording import ValueForm, rewritten
from broker_server.simulator.market import Market

KEY = "apikey"
_OF_THE_CLOSE = time(15, 30)


class KoscomGateway:
    """Answers every request of the simulated KOSCOM REST server.

    Args:
        market: Its clock, and whether hours are kept.
        keys: Who may call.
        services: What answers each table, by its name.
        faults: What goes wrong on order.
        calls: Counts what arrives.
        instance: Names this simulator.
        form: Whether numbers are written as such.
    """

    def __init__(
        self,
        market: Market,
        keys: KeyStore,
        services: Mapping[str, Service],
        faults: FaultBoard,
        calls: CallCounts,
        instance: str,
        form: Callable[[], ValueForm],
    ) -> None:
        self.instance = instance
        self.limits = KoscomLimits()
        self.stopping = asyncio.Event()
        self._market = market
        self._keys = keys
        self._services = services
        self._faults = faults
        self._calls = calls
        self._form = form
        self._quota = Quota(market.clock)
        self._spoiler = Spoiler(self.stopping)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; ``Date`` is the simulated clock, ``Server`` says that this is no KOSCOM."""
        response = await self._handle(request)
        response.headers["Date"] = format_datetime(self._market.clock.now().astimezone(UTC), usegmt=True)
        response.headers["Server"] = SIGNATURE
        response.headers[INSTANCE_HEADER] = self.instance
        return response

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        found = route(path)
        name = found.table.name if found is not None else ""
        self._calls.paths[path] += 1
        if name:
            self._calls.trs[name] += 1
        faults = self._faults.take(path, name, VENDOR)
        try:
            for fault in faults:
                if fault.when == "before":
                    await self._spoiler.before(fault)
            response = self._answer(request)
            for fault in faults:
                if fault.when == "after":
                    response = await self._spoiler.after(fault, response)
        except RestError as error:
            return self._refusal(error, {})
        except SpoiledAnswer as spoiled:
            return spoiled.response
        except NoAnswer:
            reset(request)
            return web.Response()
        return response

    def _answer(self, request: web.BaseRequest) -> web.Response:
        headers: dict[str, str] = {}
        try:
            found = route(request.path)
            if found is None or request.method != "GET":
                raise gateway_error(404, NO_ROUTE)
            headers.update(self._admit(request))
            now = self._market.clock.now()
            self._see_whether_it_is_time(found.table, now)
            query = {name: value for name, value in request.query.items() if name != KEY}
            call = Call(found.table, found.version, found.arguments, query, now)
            call.check()
            body = self._services[found.table.name](call)
            if not found.table.bare:
                body = {"jsonrpc": "2.0", "result": body}
            return _json(rewritten(body, self._form()), 200, headers)
        except RestError as error:
            return self._refusal(error, headers)

    def _refusal(self, error: RestError, headers: Mapping[str, str]) -> web.Response:
        self._calls.errors[error.code] += 1
        return _json(error.body, error.status, headers)

    def _admit(self, request: web.BaseRequest) -> dict[str, str]:
        """Look at the key, in the header or the query, and count the call."""
        key = request.headers.get(KEY) or request.query.get(KEY)
        if not key:
            raise gateway_error(401, NO_KEY)
        if self._keys.owner(key) is None:
            raise gateway_error(401, INVALID_KEY)
        limit = self.limits.per_day
        left = self._quota.take(key, limit)
        headers = {"X-RateLimit-Limit-Day": str(limit), "X-RateLimit-Remaining-Day": str(left or 0)}
        if left is None:
            error = gateway_error(429, QUOTA_EXCEEDED)
            self._calls.errors[error.code] += 1
            raise SpoiledAnswer(_json(error.body, error.status, headers))
        return headers

    def _see_whether_it_is_time(self, table: Table, now: datetime) -> None:
        """Today's close is there after the close; without hours it always is."""
        if not self._market.hours or ":" not in table.available or table.parameters:
            return
        since = time.fromisoformat(table.available)
        if since < _OF_THE_CLOSE or not self._market.calendar("KR").is_business_day(now.date()):
            return
        if now.time() < since:
            raise service_error(NOT_YET)


def _json(body: Any, status: int, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )

"""Reads of KOSCOM's tables: the quota of the day, a slot of the rate limit, the request, what it came to."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from broker_client.errors import VendorUnavailable
from broker_server.core.methods import Lane, TaskContext
from broker_server.vendors.http import ExchangeFailed, HttpRequest, HttpResponse, Transport
from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.endpoints import Address, Argument, Table
from broker_server.vendors.koscom.envelopes import Answer, read_answer
from broker_server.vendors.koscom.errors import VENDOR, Meaning, error_for
from broker_server.vendors.koscom.quota import DailyQuota
from broker_server.vendors.pacing import Pacer

log = structlog.get_logger(__name__)

KEY = "apikey"
_HEADERS = {"accept": "application/json", "user-agent": "sapi-broker"}
_FAULT_RETRIES = 2
_THROTTLE_RETRIES = 3
_THROTTLE_PAUSE = 1.1
"""Seconds; an assumption, for KOSCOM documents no limit per second."""


class KoscomClient:
    """Asks KOSCOM. Safe to use from many threads.

    Args:
        config: Key and host.
        pacer: The rate limit.
        quota: The day's calls.
        transport: Sends one request.
    """

    def __init__(self, config: KoscomConfig, pacer: Pacer, quota: DailyQuota, transport: Transport) -> None:
        self._config = config
        self._pacer = pacer
        self._quota = quota
        self._transport = transport

    def read(
        self, table: Table, arguments: Mapping[str, Argument], *, context: TaskContext, lane: Lane
    ) -> Answer:
        """Ask a table; repeated a few times while KOSCOM is busy or does not answer.

        Args:
            table: Which.
            arguments: By its names.
            context: The task.
            lane: Its place in the rate limit and in the quota.

        Raises:
            InvalidParameters: An argument is wrong, or KOSCOM knows no such issue.
            NoData: It has nothing for what was asked.
            VendorRejected: It refused; its code and text are in the error.
            VendorUnavailable: It does not answer, or not as documented, or has the data only later.
            RateLimited: The quota of the day is used up, or it kept refusing for its rate limit.
            AuthenticationFailed: It refuses the key.
            Unsupported: It has no such path.
        """
        request = self._request(table.address(self._config.api_version, arguments))
        faults, throttled = 0, 0
        while True:
            self._pacer.wait_for_slot(lane, context.ensure_in_time)
            try:
                response = self._exchange(request, lane)
            except ExchangeFailed as error:
                faults += 1
                if faults > _FAULT_RETRIES:
                    raise VendorUnavailable(
                        f"KOSCOM does not answer: {error}; try again later", vendor=VENDOR
                    ) from error
                log.info("koscom_read_repeated", table=table.name, reason=str(error))
                continue
            answer = read_answer(response)
            if isinstance(answer, Answer):
                return answer
            if answer.meaning is Meaning.THROTTLE and self._quota.is_used_up():
                raise self._quota.error()
            if answer.meaning is Meaning.THROTTLE and throttled < _THROTTLE_RETRIES:
                throttled += 1
                self._pacer.hold(_THROTTLE_PAUSE * throttled)
            elif answer.meaning is Meaning.GATEWAY and faults < _FAULT_RETRIES:
                faults += 1
            else:
                raise error_for(answer.code, answer.text, answer.status)
            log.info("koscom_read_repeated", table=table.name, reason=answer.code or f"HTTP {answer.status}")

    def _exchange(self, request: HttpRequest, lane: Lane) -> HttpResponse:
        ticket = self._quota.start(lane)
        response = None
        try:
            response = self._transport.send(request)
        finally:
            self._quota.end(ticket, response.headers if response is not None else None)
        return response

    def _request(self, address: Address) -> HttpRequest:
        headers, query = dict(_HEADERS), dict(address.query)
        carrier = headers if self._config.key_in == "header" else query
        carrier[KEY] = self._config.api_key.get_secret_value()
        return HttpRequest("GET", f"{self._config.base_url}{address.path}", headers, query)

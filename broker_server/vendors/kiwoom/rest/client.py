"""Queries: token, slot of the rate limits, request, and what the answer means."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from broker_client.errors import TaskFailed, VendorUnavailable
from broker_server.core.methods import Lane, TaskContext
from broker_server.vendors.http import ExchangeFailed, HttpResponse, Transport
from broker_server.vendors.kiwoom.rest.answers import Answer, is_unauthorised, read_answer
from broker_server.vendors.kiwoom.rest.auth import TokenSource
from broker_server.vendors.kiwoom.rest.config import RestConfig
from broker_server.vendors.kiwoom.rest.errors import (
    THROTTLED_IN_TOTAL,
    VENDOR,
    Meaning,
    allowed_calls,
    error_for,
    meaning_of,
    unreadable,
)
from broker_server.vendors.kiwoom.rest.pacing import ApiPacer
from broker_server.vendors.kiwoom.rest.wire import THROTTLE_RETRIES, build_request, throttle_pause
from broker_server.vendors.verdicts import UnreadableAnswer

log = structlog.get_logger(__name__)

_FAULT_RETRIES = 2
_UNAUTHORISED = "8005"


class RestClient:
    """Asks Kiwoom. Safe to use from many threads.

    Args:
        config: Key and host.
        tokens: The access token.
        pacer: The limits of queries.
        transport: Sends one request.
    """

    def __init__(
        self, config: RestConfig, tokens: TokenSource, pacer: ApiPacer, transport: Transport
    ) -> None:
        self._config = config
        self._tokens = tokens
        self._pacer = pacer
        self._transport = transport

    def read(
        self,
        path: str,
        api_id: str,
        inputs: Mapping[str, str],
        *,
        context: TaskContext,
        lane: Lane,
        after: str | None = None,
    ) -> Answer:
        """One page of something; repeated a few times while Kiwoom is busy or does not answer.

        Args:
            path: Of the operation.
            api_id: Of the operation.
            inputs: By Kiwoom's keys.
            context: The task.
            lane: Its place in the rate limit.
            after: The key that the page before gave.

        Raises:
            VendorRejected: Kiwoom refused; its code and text are in the error.
            InvalidParameters: It knows no such instrument.
            Unsupported: It does not offer that to this key.
            VendorUnavailable: It does not answer, or not as documented.
            RateLimited: It kept refusing for its rate limit.
            AuthenticationFailed: It refuses the key.
        """
        token_renewed, throttled, faults = False, 0, 0
        while True:
            token = self._tokens.get(context)
            self._pacer.wait_for_slot(api_id, lane, context.ensure_in_time)
            request = build_request(self._config, path, api_id, inputs, token, after=after)
            try:
                response = self._transport.send(request)
                answer = _read(response)
            except ExchangeFailed as error:
                faults += 1
                if faults > _FAULT_RETRIES:
                    raise VendorUnavailable(
                        f"Kiwoom does not answer: {error}; try again later", vendor=VENDOR
                    ) from error
                log.info("kiwoom_read_repeated", api_id=api_id, reason=str(error))
                continue
            if answer.succeeded:
                return answer
            code = _UNAUTHORISED if is_unauthorised(response) else answer.code
            meaning = meaning_of(code)
            if meaning is Meaning.TOKEN and not token_renewed:
                self._tokens.refuse(token)
                token_renewed = True
            elif meaning is Meaning.THROTTLE and throttled < THROTTLE_RETRIES:
                throttled += 1
                obey(self._pacer, api_id, answer, throttled)
            elif meaning is Meaning.GATEWAY and faults < _FAULT_RETRIES:
                faults += 1
            else:
                raise _error(code, answer)
            log.info("kiwoom_read_repeated", api_id=api_id, reason=code)

    def read_page(
        self,
        path: str,
        api_id: str,
        inputs: Mapping[str, str],
        *,
        context: TaskContext,
        lane: Lane,
        after: str | None = None,
    ) -> Answer:
        """One page of a list, with the way to the next one: half a list must not pass for the whole.

        Raises:
            TaskFailed: As for `read`; or there is a next page, and no way to it.
        """
        answer = self.read(path, api_id, inputs, context=context, lane=lane, after=after)
        if answer.cut_short:
            raise unreadable("there is another page, and no key for it")
        if answer.more is not None and answer.more == after:
            raise VendorUnavailable("Kiwoom announces the same page again and again", vendor=VENDOR)
        return answer

    def read_all(
        self,
        path: str,
        api_id: str,
        inputs: Mapping[str, str],
        *,
        context: TaskContext,
        lane: Lane,
        most_pages: int,
        take: Callable[[Answer], None],
    ) -> None:
        """All pages of something.

        Args:
            path: Of the operation.
            api_id: Of the operation.
            inputs: By Kiwoom's keys.
            context: The task; told of every page.
            lane: Its place in the rate limit.
            most_pages: More than that are an error: half a list misleads.
            take: Given every page.

        Raises:
            TaskFailed: As for `read`.
        """
        after: str | None = None
        for page in range(1, most_pages + 1):
            answer = self.read_page(path, api_id, inputs, context=context, lane=lane, after=after)
            take(answer)
            context.report_progress(page, None)
            if answer.more is None:
                return
            after = answer.more
        raise VendorUnavailable(f"Kiwoom announces more than {most_pages} pages", vendor=VENDOR)


def obey(pacer: ApiPacer, api_id: str, answer: Answer, times: int) -> None:
    """Do what a refusal for the rate limit asks for.

    Args:
        pacer: Of the calls.
        api_id: Whose call was refused.
        answer: The refusal.
        times: How many in a row.
    """
    if allowed := allowed_calls(answer.text):
        pacer.allow(api_id, allowed)
    pacer.hold(None if answer.code == THROTTLED_IN_TOTAL else api_id, throttle_pause(times))


def _read(response: HttpResponse) -> Answer:
    try:
        return read_answer(response)
    except UnreadableAnswer:
        if response.status >= 500:
            raise ExchangeFailed(f"HTTP {response.status}", bytes_left=True) from None
        if is_unauthorised(response):
            return Answer(False, _UNAUTHORISED, "", {}, response.status, None)
        raise


def _error(code: str, answer: Answer) -> TaskFailed:
    if answer.status >= 500 and meaning_of(code) is Meaning.UNCLEAR:
        code = answer.code
        return VendorUnavailable(
            f"Kiwoom has an internal fault (HTTP {answer.status}); try again later",
            vendor=VENDOR,
            vendor_code=code or None,
            vendor_message=answer.text or None,
        )
    return error_for(code, answer.text)

"""Measures and traces every call of a vendor, by its own name of the operation and its own code."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Protocol

from broker_server.core.instruments import Instruments
from broker_server.core.measuring import OTHER
from broker_server.vendors.http import ExchangeFailed, HttpRequest, HttpResponse, Transport

OK = "OK"
"""Whatever code of the vendor's says that a call went well: there are many."""
NOT_SENT = "NOT_SENT"
NO_ANSWER = "NO_ANSWER"
_PLAIN = re.compile(r"[\w.-]{1,40}", re.ASCII)
_VALUE = re.compile(rb'\s*:\s*(?:"([^"]{0,200})|([^",}\s]{1,40}))')


class Wire(Protocol):
    """How a vendor writes the two names."""

    operation_header: str
    """The request's header that names the operation. What gets a token has none: its path names it."""

    def code(self, response: HttpResponse) -> str:
        """Of an answer: `OK`, the vendor's code of a failure, or nothing where it says neither.

        The body is not parsed for this: it may be large, and whoever asked parses it anyway.
        """


class ObservedTransport:
    """A transport whose exchanges are measured and traced.

    An answer that says nothing of the kind counts as ``HTTP_<status>``; no answer as ``NO_ANSWER``, or as
    ``NOT_SENT`` when no byte left.

    Args:
        transport: Does the work.
        vendor: The label.
        wire: How it names operations and codes.
        instruments: What measures and traces.
        monotonic: Seconds.
    """

    def __init__(
        self,
        transport: Transport,
        vendor: str,
        wire: Wire,
        instruments: Instruments,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._vendor = vendor
        self._wire = wire
        self._instruments = instruments
        self._monotonic = monotonic

    def send(self, request: HttpRequest) -> HttpResponse:
        named = request.headers.get(self._wire.operation_header) or request.url.rpartition("/")[2]
        operation = _plain(named) or OTHER
        began, code = self._monotonic(), NOT_SENT
        with self._instruments.tracer.call(self._vendor, operation) as ended:
            try:
                response = self._transport.send(request)
                code = _plain(self._wire.code(response)) or f"HTTP_{response.status}"
            except ExchangeFailed as error:
                code = NO_ANSWER if error.bytes_left else NOT_SENT
                ended(code)
                raise
            finally:
                seconds = self._monotonic() - began
                self._instruments.meter.call_done(self._vendor, operation, code, seconds)
            ended(None if code == OK else code)
        return response

    def close(self) -> None:
        self._transport.close()


def value_in(body: bytes, key: bytes) -> str | None:
    """The first number or text of that key in a JSON document, or ``None``."""
    at = body.find(b'"%s"' % key)
    found = _VALUE.match(body, at + len(key) + 2) if at >= 0 else None
    return None if found is None else (found[1] or found[2] or b"").decode(errors="replace")


def _plain(name: str) -> str:
    """A name as a label: what looks like no name of a vendor's is none."""
    return name if _PLAIN.fullmatch(name) else ""

"""HTTP as the adapters need it: one exchange, with a clear word on whether any byte left.

`Transport` is the seam that tests replace. `RequestsTransport` is the real one: a ``requests`` session per
thread, no redirects, no automatic retries, nothing from the environment (a proxy or a ``.netrc`` entry must
not touch an order or replace its authorization header).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.util import Retry

from broker_server.vendors.bounded_http import BoundedHTTPPool, BoundedHTTPSPool, Exchange, begin

ORDER_TIMEOUT = 4.0
"""Seconds; less than a heartbeat of the lease, so that no order of a lost one can still be on its way."""

_LONGEST_IDLE_FOR_ORDERS = 3.0
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request.

    Attributes:
        method: ``GET`` or ``POST``.
        url: Without a query.
        headers: May hold secrets: never shown.
        query: The query's parameters.
        body: What a POST sends.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One complete answer; ``headers`` are looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class ExchangeFailed(Exception):
    """There is no complete answer.

    Attributes:
        bytes_left: Whether any byte of the request may have reached the other side. ``False`` is a promise:
            the name could not be resolved, or the connection or its TLS handshake failed.
    """

    def __init__(self, message: str, *, bytes_left: bool) -> None:
        super().__init__(message)
        self.bytes_left = bytes_left


class Transport(Protocol):
    """Sends one request and returns its answer, whatever its status."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request once.

        Raises:
            ExchangeFailed: There is no complete answer.
        """

    def close(self) -> None:
        """Release the sockets."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each phase of an exchange.

    Attributes:
        connect: For connecting, all addresses and the handshake together; name resolution excluded.
        read: The longest silence while waiting for the answer.
        total: The whole exchange: nothing of the request leaves later than that, and no answer is awaited
            longer. Only a name resolution cannot be cut short; when it takes longer, nothing leaves at all.
    """

    connect: float = 3.05
    read: float = 10.0
    total: float = 20.0


class _BoundedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": BoundedHTTPPool, "https": BoundedHTTPSPool}


class RequestsTransport:
    """A ``requests`` session per thread.

    Args:
        timeouts: Per phase.
        longest_idle: Seconds after which an idle connection is not used again; ``None`` for any age. A
            server that closes idle connections may do so just as the next request leaves, and an order
            would then be of unknown outcome.
        monotonic: The clock for that.
    """

    def __init__(
        self,
        timeouts: Timeouts,
        *,
        longest_idle: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeouts = timeouts
        self._longest_idle = longest_idle
        self._monotonic = monotonic
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def send(self, request: HttpRequest) -> HttpResponse:
        session = self._session()
        times = self._timeouts
        exchange = Exchange(
            self._monotonic() + times.total, times.total, times.connect, times.read, self._monotonic
        )
        begin(exchange)
        try:
            response = session.request(
                request.method,
                request.url,
                params=request.query,
                data=request.body,
                headers=dict(request.headers),
                timeout=(times.connect, times.read),
                allow_redirects=False,
                stream=True,
            )
            body = _read(response)
        except Exception as error:
            # Whatever went wrong, a defect included: the caller must know whether a byte left.
            raise ExchangeFailed(_describe(error, exchange), bytes_left=exchange.bytes_left) from error
        finally:
            self._local.last_used = self._monotonic()
        return HttpResponse(response.status_code, CaseInsensitiveDict(response.headers), body)

    def close(self) -> None:
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            for scheme in ("http://", "https://"):
                session.mount(scheme, _BoundedAdapter(max_retries=Retry(0, read=False, redirect=False)))
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        elif self._longest_idle is not None and (
            self._monotonic() - self._local.last_used > self._longest_idle
        ):
            session.close()  # drops the pooled connections; the session itself stays usable
        return session


def transport_for_orders(timeout: float, monotonic: Callable[[], float]) -> RequestsTransport:
    """What orders leave by, and nothing else.

    Args:
        timeout: Seconds for a whole exchange: nothing of it leaves later.
        monotonic: The clock.
    """
    # Half of it for connecting at most, so that the answer has the other half.
    timeouts = Timeouts(connect=timeout / 2, read=timeout, total=timeout)
    return RequestsTransport(timeouts, longest_idle=_LONGEST_IDLE_FOR_ORDERS, monotonic=monotonic)


def _read(response: requests.Response) -> bytes:
    parts = []
    with response:
        while part := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(part)
    return b"".join(parts)


def _describe(error: Exception, exchange: Exchange) -> str:
    """What failed, without the URL: its query may hold an account number."""
    if exchange.timed_out or isinstance(error, requests.Timeout):
        return f"no {'answer' if exchange.bytes_left else 'connection'} within the time-out"
    if isinstance(error, requests.exceptions.SSLError) and not exchange.bytes_left:
        return "the TLS handshake failed"
    return "the connection broke" if exchange.bytes_left else "the connection failed"

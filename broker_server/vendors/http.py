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
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

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
        connect: Name resolution excluded, for each address.
        read: The longest silence while waiting for the answer.
        total: The longest whole exchange: ``read`` alone would let a dripping answer last for ever.
    """

    connect: float = 3.05
    read: float = 10.0
    total: float = 20.0


class _Progress(threading.local):
    """What the exchange that runs in this thread has come to."""

    bytes_left = False


_progress = _Progress()


class _WatchedHTTPConnection(HTTPConnection):
    """Notes the moment from which a byte may have left: after the connection, before the first write."""

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _progress.bytes_left = True
        super().send(data)


class _WatchedHTTPSConnection(HTTPSConnection):
    """The same over TLS; the handshake belongs to the connection."""

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _progress.bytes_left = True
        super().send(data)


class _WatchedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _WatchedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


class _WatchedAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _WatchedHTTPPool, "https": _WatchedHTTPSPool}


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
        _progress.bytes_left = False
        give_up_at = self._monotonic() + self._timeouts.total
        try:
            response = session.request(
                request.method,
                request.url,
                params=request.query,
                data=request.body,
                headers=dict(request.headers),
                timeout=(self._timeouts.connect, self._timeouts.read),
                allow_redirects=False,
                stream=True,
            )
            body = self._read(response, give_up_at)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise ExchangeFailed(_describe(error), bytes_left=_progress.bytes_left) from error
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
                session.mount(scheme, _WatchedAdapter(max_retries=Retry(0, read=False, redirect=False)))
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        elif self._longest_idle is not None and (
            self._monotonic() - self._local.last_used > self._longest_idle
        ):
            session.close()  # drops the pooled connections; the session itself stays usable
        return session

    def _read(self, response: requests.Response, give_up_at: float) -> bytes:
        parts = []
        with response:
            while part := response.raw.read1(_CHUNK, decode_content=True):
                parts.append(part)
                if self._monotonic() > give_up_at:
                    raise requests.ReadTimeout("the answer did not end in time")
        return b"".join(parts)


def _describe(error: Exception) -> str:
    """What failed, without the URL: its query may hold an account number."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection within the time-out"
    if isinstance(error, requests.Timeout):
        return "no answer within the time-out"
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS handshake failed"
    return "the connection failed" if not _progress.bytes_left else "the connection broke"

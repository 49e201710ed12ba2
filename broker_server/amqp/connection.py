"""One connection that comes back by itself, with jittered back-off, and never twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import Callable, Iterator

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.exceptions import (
    AMQPConnectionError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from broker_client.address import backoff_delay, describe_url
from broker_client.pika_url import pika_parameters
from broker_client.tls import tls_fault
from broker_server.amqp.frames import TolerantConnection

HEARTBEAT_SECONDS = 10
CONNECT_TIMEOUT_SECONDS = 10
GIVE_UP_SECONDS = 1.0
FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 15.0

_REFUSED = re.compile(r"ConnectionClosedByBroker: \((?:403|530)\)")
"""ACCESS_REFUSED and NOT_ALLOWED; a vhost that is not up yet (541) passes."""


class LoginRefused(Exception):
    """The broker answers and refuses the user, the password or the vhost: waiting does not help."""


class TlsRefused(LoginRefused):
    """A certificate or the TLS settings do not fit: somebody has to change them."""


async def connect(
    url: str, *, name: str, heartbeat: int | None = None, patience: float = CONNECT_TIMEOUT_SECONDS
) -> TolerantConnection:
    """Open a connection.

    Args:
        url: ``amqp://`` or ``amqps://``.
        name: Shown in the broker's management pages.
        heartbeat: Seconds; wins over the one in the URL.
        patience: Seconds until a host that does not answer is given up.

    Raises:
        LoginRefused: User, password or vhost are refused.
        TlsRefused: A certificate is.
        AMQPError, OSError: The broker cannot be reached.
    """
    try:
        parameters = pika_parameters(url)
    except ValueError as error:  # a file of certificates is gone
        raise TlsRefused(str(error)) from error
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[TolerantConnection] = loop.create_future()
    ended = asyncio.Event()
    if heartbeat is not None:
        parameters.heartbeat = heartbeat
    elif "heartbeat=" not in url:
        parameters.heartbeat = HEARTBEAT_SECONDS
    parameters.blocked_connection_timeout = None
    parameters.stack_timeout = patience
    parameters.client_properties = {"connection_name": name, "product": "sapi-broker"}

    def on_open(connection: TolerantConnection) -> None:
        if not opened.done():
            opened.set_result(connection)

    def on_open_error(_: AsyncioConnection, error: BaseException | str) -> None:
        ended.set()
        if not opened.done():
            # Some of the library's own connection errors, a silent peer's among them, are not AMQPError.
            known = isinstance(error, (AMQPConnectionError, OSError))
            opened.set_exception(error if known else AMQPConnectionError(error))  # type: ignore[arg-type]

    connection = TolerantConnection(
        parameters,
        on_open_callback=on_open,
        on_open_error_callback=on_open_error,
        on_close_callback=lambda *_: ended.set(),
        custom_ioloop=loop,
    )
    try:
        return await opened
    except AMQPConnectionError as error:
        refusal = _refusal(error)
        if refusal is not None:
            raise LoginRefused(refusal) from error
        _raise_if_tls(url, error)
        raise
    except OSError as error:
        _raise_if_tls(url, error)
        raise
    except asyncio.CancelledError:
        if not (connection.is_closed or connection.is_closing):
            connection.close()
            with contextlib.suppress(TimeoutError):  # whoever gives up leaves no socket behind
                await asyncio.wait_for(ended.wait(), GIVE_UP_SECONDS)
        raise


def closing(connection: AsyncioConnection) -> asyncio.Future[BaseException]:
    """Ends with the reason when the connection does."""
    closed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def on_close(_: AsyncioConnection, reason: BaseException) -> None:
        if not closed.done():
            closed.set_result(reason)

    connection.add_on_close_callback(on_close)
    return closed


def _raise_if_tls(url: str, error: BaseException) -> None:
    """Raise `TlsRefused` for what does not pass by itself."""
    faults = (tls_fault(str(inner)) for inner in _inner_errors(error))
    if fault := next(filter(None, faults), None):
        raise TlsRefused(f"cannot use RabbitMQ at {describe_url(url)}: {fault}") from error


def _refusal(error: BaseException) -> str | None:
    for inner in _inner_errors(error):
        if not _REFUSED.search(str(inner)):
            continue  # pika raises the same two classes for a connection that merely broke while logging in
        if isinstance(inner, ProbableAuthenticationError):
            return "RabbitMQ refuses the user or password of BROKER_URL"
        if isinstance(inner, ProbableAccessDeniedError):
            return "RabbitMQ refuses the vhost of BROKER_URL: it does not exist or the user may not use it"
    return None


def _inner_errors(error: BaseException) -> Iterator[BaseException]:
    """The errors that the library's connection workflow wraps around each other, outermost first."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, BaseException):
            yield current
            pending += [*current.args, current.__cause__, getattr(current, "exception", None)]
        exceptions = getattr(current, "exceptions", None)
        if isinstance(exceptions, (list, tuple)):
            pending += exceptions


class Backoff:
    """Delays that double up to a ceiling, each with jitter; `reset` after a stable connection.

    Args:
        jitter: Gives a number in [0, 1); passed in so that tests are deterministic.
        longest: The ceiling, in seconds.
    """

    def __init__(
        self, jitter: Callable[[], float] = random.random, *, longest: float = LONGEST_DELAY_SECONDS
    ) -> None:
        self._jitter = jitter
        self._longest = longest
        self._failures = 0

    def next_delay(self) -> float:
        """Seconds to wait before the next try."""
        delay = backoff_delay(self._failures, self._jitter, first=FIRST_DELAY_SECONDS, longest=self._longest)
        self._failures += 1
        return delay

    def reset(self) -> None:
        """Start again with the shortest delay."""
        self._failures = 0

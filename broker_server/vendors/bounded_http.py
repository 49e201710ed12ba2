"""HTTP connections that end in time and know whether a byte may have left.

``urllib3`` bounds each wait for itself: every address, the handshake, every silence. Here one `Exchange`
bounds them together, so that nothing of a request leaves after its time is over. What the operating system
still holds of it then is thrown away instead of being delivered later.
"""

from __future__ import annotations

import http.client
import io
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family, create_connection


@dataclass(slots=True)
class Exchange:
    """The request that a thread is carrying out.

    Attributes:
        give_up_at: When it must be over.
        total: Seconds that it was given.
        connect: Seconds for connecting, the addresses and the handshake together.
        read: The longest silence.
        monotonic: The clock of all that.
        bytes_left: Whether a byte of it may have left.
        timed_out: Whether it ended for lack of time.
    """

    give_up_at: float
    total: float
    connect: float
    read: float
    monotonic: Callable[[], float]
    bytes_left: bool = False
    timed_out: bool = False

    def left(self, until: float | None = None) -> float:
        """Seconds that are left, always above zero.

        Args:
            until: An earlier end than that of the whole exchange.

        Raises:
            TimeoutError: None are left.
        """
        end = self.give_up_at if until is None else min(until, self.give_up_at)
        seconds = end - self.monotonic()
        if seconds <= 0:
            self.timed_out = True
            raise TimeoutError("the time of the exchange is over")
        return seconds


class _Running(threading.local):
    exchange: Exchange


_running = _Running()


def begin(exchange: Exchange) -> None:
    """The requests of this thread belong to this exchange from now on."""
    _running.exchange = exchange


class _BoundedReader(io.RawIOBase):
    """What comes from a socket, with the time that is left for each piece."""

    def __init__(self, connection: socket.socket, raw: io.RawIOBase) -> None:
        self._connection = connection
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        exchange = _running.exchange
        try:
            self._connection.settimeout(min(exchange.read, exchange.left()))
            return self._raw.readinto(buffer)
        except TimeoutError:
            exchange.timed_out = True
            _drop_unsent(self._connection)
            raise

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: Any = io.BufferedReader(_BoundedReader(sock, self.fp.detach()))


class BoundedHTTPConnection(HTTPConnection):
    """A plain connection."""

    response_class = _BoundedResponse

    def _new_conn(self) -> socket.socket:
        exchange = _running.exchange
        try:
            # Nothing bounds a name resolution. If it takes too long, the first `left` below says so.
            found = socket.getaddrinfo(self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        until = exchange.monotonic() + exchange.connect
        refused: OSError | None = None
        try:
            for number, (*_, address) in enumerate(found):
                try:
                    # An address that does not answer must leave time for the next one.
                    share = exchange.left(until) / (len(found) - number)
                    connection = self._reach(str(address[0]), share)
                except OSError as error:
                    refused = error
                    continue
                # For the handshake; when no time is left, the first byte of it will say so.
                connection.settimeout(max(0.001, until - exchange.monotonic()))
                _forget_after(connection, exchange.total)
                sys.audit("http.client.connect", self, self.host, self.port)
                return connection
            if isinstance(refused, TimeoutError):
                raise ConnectTimeoutError(self, "no connection in time") from refused
            raise NewConnectionError(self, str(refused)) from refused
        finally:
            del refused  # its traceback holds this frame, and with it the socket

    def _reach(self, address: str, seconds: float) -> socket.socket:
        return create_connection(
            (address, self.port),
            seconds,
            source_address=self.source_address,
            socket_options=self.socket_options,
        )

    def send(self, data: Any) -> None:
        """Send a part of the request; from the first part on a byte may have left."""
        if self.sock is None:
            self.connect()
        exchange = _running.exchange
        try:
            self.sock.settimeout(exchange.left())
            exchange.bytes_left = True
            super().send(data)
        except TimeoutError:
            exchange.timed_out = True
            _drop_unsent(self.sock)
            raise


class BoundedHTTPSConnection(BoundedHTTPConnection, HTTPSConnection):
    """The same over TLS; the handshake belongs to connecting."""


class BoundedHTTPPool(HTTPConnectionPool):
    """Plain connections to one host."""

    ConnectionCls = BoundedHTTPConnection


class BoundedHTTPSPool(HTTPSConnectionPool):
    """TLS connections to one host."""

    ConnectionCls = BoundedHTTPSConnection


def _drop_unsent(connection: socket.socket) -> None:
    """Make closing throw away what was not delivered; it would else be delivered whenever the network can."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _forget_after(connection: socket.socket, seconds: float) -> None:
    """Make the system give up on undelivered bytes after that time, even if this process dies (Linux)."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is not None:
        connection.setsockopt(socket.IPPROTO_TCP, option, max(1, int(seconds * 1000)))

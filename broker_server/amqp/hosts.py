"""The hosts of a broker: one, or the nodes of a cluster. Each connection that comes back has its own turn."""

from __future__ import annotations

import asyncio

import structlog
from pika.exceptions import AMQPConnectionError, AMQPError

from broker_client.address import NEXT_HOST_SECONDS, describe_url, url_list
from broker_client.reasons import reason_of
from broker_client.tls import tls_guess
from broker_server.amqp.connection import Backoff, LoginRefused, TlsRefused, connect
from broker_server.amqp.frames import TolerantConnection

log = structlog.get_logger(__name__)


class NoHostAnswers(AMQPConnectionError):  # type: ignore[misc]  # pika has no types
    """None of several hosts can be used; the message names each, without its password."""

    def __str__(self) -> str:
        """The message alone; the library shows only the class of its own errors."""
        return str(self.args[0])


class BrokerHosts:
    """Connects to whichever host answers, and after a connection has ended to another one first.

    Args:
        url: One URL, or several with commas between them.
    """

    def __init__(self, url: str) -> None:
        self._urls = url_list(url)
        self._next = 0
        self._last = self._urls[0]
        self._worked = False

    async def connect(self, *, name: str, heartbeat: int | None = None) -> TolerantConnection:
        """Ask each host once, beginning behind the one of the last connection.

        Args:
            name: Shown in the broker's management pages.
            heartbeat: Seconds; wins over the one in the URL.

        Raises:
            LoginRefused: No host lets this user in. A host that refuses while others are down is only
                believed when none has let it in before: a node outside its cluster knows no users.
            AMQPError, OSError: No host can be reached; of several, `NoHostAnswers` names each.
        """
        if len(self._urls) == 1:
            return await connect(self._urls[0], name=name, heartbeat=heartbeat)
        troubles: list[str] = []
        refusals: list[LoginRefused] = []
        for _ in self._urls:
            url = self._urls[self._next]
            self._next = (self._next + 1) % len(self._urls)
            try:
                connection = await connect(url, name=name, heartbeat=heartbeat, patience=NEXT_HOST_SECONDS)
            except LoginRefused as error:
                refusals.append(error)
                troubles.append(f"{describe_url(url)}: {error}")
            except (AMQPError, OSError) as error:
                troubles.append(f"{describe_url(url)}: {tls_guess(url, reason_of(error))}")
            else:
                self._last, self._worked = url, True
                if troubles:
                    log.warning("connected to another host", host=describe_url(url), tried=troubles)
                return connection
        if refusals and (len(refusals) == len(self._urls) or not self._worked):
            raise refusals[0]
        raise NoHostAnswers(f"no host of BROKER_URL answers: {'; '.join(troubles)}")

    async def connect_beside(self, *, name: str, heartbeat: int | None = None) -> TolerantConnection:
        """Another connection to the host of the last one; no other host is asked.

        Raises:
            LoginRefused, AMQPError, OSError: As `connect` of one host.
        """
        return await connect(self._last, name=name, heartbeat=heartbeat)

    async def connect_patiently(
        self, *, name: str, backoff: Backoff, worked_before: bool = True
    ) -> TolerantConnection:
        """Ask the hosts again and again, with a pause after all of them have failed.

        Args:
            worked_before: It could be used before, so a certificate that does not fit is renewed some day; at
                the first start the settings are wrong.

        Raises:
            LoginRefused: As `connect` does; waiting does not help.
            TlsRefused: A certificate is refused, at the first start.
        """
        while True:
            try:
                return await self.connect(name=name)
            except (AMQPError, OSError, TlsRefused) as error:
                if isinstance(error, TlsRefused) and not worked_before:
                    raise
                delay = backoff.next_delay()
                plain = isinstance(error, NoHostAnswers)
                reason = str(error) if plain else tls_guess(self._urls[0], reason_of(error))
                log.warning("broker unreachable, trying again", reason=reason, seconds=round(delay, 2))
                await asyncio.sleep(delay)

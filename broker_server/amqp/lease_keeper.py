"""Takes the leases of a worker, holds them and takes them again: the coroutine of the leases' thread."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pika.exceptions import AMQPError
from sqlalchemy.exc import SQLAlchemyError

from broker_client.reasons import reason_of
from broker_server.amqp.channels import RESOURCE_LOCKED, AsyncChannel, is_refusal
from broker_server.amqp.connection import Backoff, LoginRefused, closing
from broker_server.amqp.frames import TolerantConnection
from broker_server.amqp.hosts import BrokerHosts
from broker_server.amqp.lease_claim import AccountClaim
from broker_server.amqp.lease_tenure import Tenure
from broker_server.amqp.lease_timing import awake_and_asleep, patience, probe_interval
from broker_server.orders.ownership import Grant

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
CLAIM_AGAIN_SECONDS = 5.0
CLOSE_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 3.0
"""Without its leases a worker does nothing, and there are never many that ask for them."""
STABLE_SECONDS = 15.0
"""A lease that was held for so long begins with the shortest delay when it is lost."""


class LeaseLost(Exception):
    """The leases are not this worker's any more, or it cannot know whether they are."""


@dataclass(frozen=True, slots=True)
class LeaseEvents:
    """What is told to the worker; called on the leases' thread."""

    taken: Callable[[], None]
    lost: Callable[[str], None]
    waiting: Callable[[str], None]


class LeaseKeeper:
    """Keeps the leases of a worker.

    Args:
        hosts: The broker.
        name: The worker's.
        heartbeat: Of the leases' connection, in seconds.
        claims: One for each account; the leases are taken in one order by all workers, so that two of them
            never wait for each other.
        clock: Monotonic seconds that also count while the machine is suspended.
        monotonic: Monotonic seconds as ``Grant.orders_from`` counts them.
        jitter: Gives a number in [0, 1).
    """

    def __init__(
        self,
        *,
        hosts: BrokerHosts,
        name: str,
        heartbeat: int,
        claims: Sequence[AccountClaim],
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._hosts = hosts
        self._name = name
        self._heartbeat = heartbeat
        self._claims = sorted(claims, key=lambda claim: claim.label)
        self._clock = clock or awake_and_asleep()
        self._monotonic = monotonic
        self._jitter = jitter
        self._tenure: Tenure | None = None

    def grant(self, vendor: str, account: str) -> Grant | None:
        """The lease of an account, or ``None``. Safe from any thread; returns at once."""
        tenure = self._tenure
        return None if tenure is None else tenure.grant((vendor, account), self._clock(), self._heartbeat)

    def adopted(self, vendor: str, account: str) -> bool:
        """Whether the account's pin was replaced by hand lately. Safe from any thread."""
        tenure = self._tenure
        standing = tenure.standings.get((vendor, account)) if tenure is not None else None
        return standing is not None and standing.adopted

    async def run(self, events: LeaseEvents, stopping: asyncio.Future[bool]) -> None:
        """Keep the leases until told to stop.

        Args:
            stopping: Its result says whether no order is on its way any more.
        """
        keeping = asyncio.ensure_future(self._keep(events, stopping))
        await asyncio.wait((keeping, stopping), return_when=asyncio.FIRST_COMPLETED)
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping

    async def _keep(self, events: LeaseEvents, stopping: asyncio.Future[bool]) -> None:
        backoff = Backoff(self._jitter, longest=LONGEST_DELAY_SECONDS)
        while True:
            connection: TolerantConnection | None = None
            held_since = None
            try:
                connection = await self._hosts.connect(name=f"{self._name} lease", heartbeat=self._heartbeat)
                sent = await self._take_all(connection, events)
                held_since = self._clock()
                await self._hold(connection, Tenure(sent, self._monotonic()), events)
            except asyncio.CancelledError:
                await self._give_back(connection, clean=stopping.done() and stopping.result())
                raise
            except (LeaseLost, LoginRefused, AMQPError, OSError) as error:
                reason = reason_of(error)
            except Exception as error:
                log.exception("a defect in the keeping of the lease")
                reason = repr(error)
            if connection is not None:
                connection.abort("the lease is given up")
            if held_since is not None and self._clock() - held_since > STABLE_SECONDS:
                backoff.reset()
            delay = backoff.next_delay()
            log.warning("trying to take the lease again", reason=reason, seconds=round(delay, 2))
            await asyncio.sleep(delay)

    async def _take_all(self, connection: TolerantConnection, events: LeaseEvents) -> float:
        """Get every queue, waiting for those that somebody else has; when the last one was asked for."""
        sent = self._clock()
        for claim in self._claims:
            waiting = False
            while True:
                sent = self._clock()
                try:
                    async with asyncio.timeout(patience(self._heartbeat)):
                        channel = await AsyncChannel.open(connection)
                        await channel.declare_queue(claim.queue, exclusive=True)
                    channel.close()
                    break
                except TimeoutError:
                    raise LeaseLost("the broker does not answer") from None
                except AMQPError as error:
                    if not is_refusal(error, RESOURCE_LOCKED):
                        raise
                if not waiting:
                    waiting = True
                    log.info("standing by: another worker has the lease", account=claim.label)
                    events.waiting(claim.label)
                await asyncio.sleep(RETRY_SECONDS * (0.75 + 0.5 * self._jitter()))
        return sent

    async def _hold(self, connection: TolerantConnection, tenure: Tenure, events: LeaseEvents) -> None:
        """Hold the leases until one is lost.

        Raises:
            LeaseLost: Always, in the end.
        """
        closed = closing(connection)
        duties: list[asyncio.Future[None]] = [
            asyncio.ensure_future(self._probe(connection, tenure)),
            asyncio.ensure_future(self._settle_claims(connection, tenure, events)),
            asyncio.ensure_future(self._watch_epochs(tenure)),
        ]
        ends: list[asyncio.Future[Any]] = [closed, *duties]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            held, self._tenure = self._tenure, None
        finally:
            for duty in duties:
                duty.cancel()
            results = await asyncio.gather(*duties, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if closed.done():
            failures.insert(0, LeaseLost(f"the connection was lost: {reason_of(closed.result())}"))
        if held is not None:
            log.error("lease lost", reason=reason_of(failures[0]))
            events.lost(reason_of(failures[0]))
        raise failures[0]

    async def _probe(self, connection: TolerantConnection, tenure: Tenure) -> None:
        """Ask the broker for our own queues, again and again; nobody else is given an answer."""
        channel = await AsyncChannel.open(connection)
        while True:
            sent = self._clock()
            try:
                async with asyncio.timeout(patience(self._heartbeat)):
                    for claim in self._claims:
                        await channel.declare_queue(claim.queue, passive=True)
            except TimeoutError:
                seconds = patience(self._heartbeat)
                raise LeaseLost(f"the broker has not answered for {seconds:g} s") from None
            except AMQPError as error:
                raise LeaseLost(f"the broker does not show the lease any more: {reason_of(error)}") from None
            tenure.answered = sent
            await asyncio.sleep(max(0.0, sent + probe_interval(self._heartbeat) - self._clock()))

    async def _settle_claims(
        self, connection: TolerantConnection, tenure: Tenure, events: LeaseEvents
    ) -> None:
        """Raise the epochs and read the pins; what fails refuses orders and is tried again."""
        told = False
        while True:
            for claim in self._claims:
                if not tenure.settled(claim.key):
                    tenure.standings[claim.key] = await claim.settle(connection, tenure)
            if not told:
                if not connection.is_open:
                    raise LeaseLost("the connection was lost while the lease was taken")
                told = True
                self._tenure = tenure
                epochs = {claim.label: tenure.standings[claim.key].epoch for claim in self._claims}
                log.info("lease taken", epochs=epochs)
                events.taken()
            await asyncio.sleep(CLAIM_AGAIN_SECONDS)

    async def _watch_epochs(self, tenure: Tenure) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            for claim in self._claims:
                standing = tenure.standings.get(claim.key)
                if standing is None or not standing.epoch:
                    continue
                try:
                    owner = await asyncio.to_thread(claim.current_owner)
                except SQLAlchemyError as error:
                    log.debug("the journal cannot be read", reason=reason_of(error))
                    continue
                if owner is None or owner.epoch != standing.epoch:
                    name = owner.name if owner is not None else "nobody"
                    raise LeaseLost(
                        f"{name} owns {claim.label} in the journal; two brokers or virtual hosts must not "
                        f"share a journal"
                    )

    async def _give_back(self, connection: TolerantConnection | None, *, clean: bool) -> None:
        """Note that nothing more is sent, and only then let the next owner in."""
        held, self._tenure = self._tenure, None
        if held is not None and clean:
            for claim in self._claims:
                await claim.release(held)
        if connection is not None and connection.is_open:
            closed = closing(connection)
            connection.close()
            await asyncio.wait({closed}, timeout=CLOSE_SECONDS)
            connection.abort("the lease is given back")
        log.info("lease given back", clean=clean, held=held is not None)

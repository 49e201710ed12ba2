"""Takes the lease of an account, holds it and takes it again: a coroutine of the leases' thread."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
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
PIN_SECONDS = 15.0
"""So long a new owner waits for its pin before it says that it takes no orders."""
PIN_AGAIN_SECONDS = 0.5
CLAIM_AGAIN_SECONDS = 5.0
CLOSE_SECONDS = 2.0
LONGEST_DELAY_SECONDS = 3.0
"""Without its leases a worker does nothing, and there are never many that ask for them."""
STABLE_SECONDS = 15.0
"""A lease that was held for so long begins with the shortest delay when it is lost."""


class LeaseLost(Exception):
    """The lease is not this worker's any more, or it cannot know whether it is."""


@dataclass(frozen=True, slots=True)
class LeaseEvents:
    """What is told to the worker; called on the leases' thread."""

    taken: Callable[[], None]
    lost: Callable[[str], None]
    waiting: Callable[[str], None]


class LeaseKeeper:
    """Keeps one lease of a worker.

    Args:
        hosts: The broker.
        name: The worker's.
        heartbeat: Of the lease's connection, in seconds.
        claim: On the account.
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
        claim: AccountClaim,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._hosts = hosts
        self._name = name
        self._heartbeat = heartbeat
        self._claim = claim
        self.key = claim.key
        self._clock = clock or awake_and_asleep()
        self._monotonic = monotonic
        self._jitter = jitter
        self._tenure: Tenure | None = None

    def grant(self) -> Grant | None:
        """The lease, or ``None``. Safe from any thread; returns at once."""
        tenure = self._tenure
        return None if tenure is None else tenure.grant(self._clock(), self._heartbeat)

    def adopted(self) -> bool:
        """Whether the account's pin was replaced by hand lately. Safe from any thread."""
        tenure = self._tenure
        return tenure is not None and tenure.standing is not None and tenure.standing.adopted

    async def run(self, events: LeaseEvents, stopping: asyncio.Future[bool]) -> None:
        """Keep the lease until told to stop.

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
                sent = await self._take(connection, events)
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
            log.warning(
                "trying to take the lease again",
                account=self._claim.label,
                reason=reason,
                seconds=round(delay, 2),
            )
            await asyncio.sleep(delay)

    async def _take(self, connection: TolerantConnection, events: LeaseEvents) -> float:
        """Get the queue, waiting while somebody else has it; when it was asked for."""
        claim, waiting = self._claim, False
        while True:
            sent = self._clock()
            try:
                async with asyncio.timeout(patience(self._heartbeat)):
                    channel = await AsyncChannel.open(connection)
                    await channel.declare_queue(claim.queue, exclusive=True)
                channel.close()
                return sent
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

    async def _hold(self, connection: TolerantConnection, tenure: Tenure, events: LeaseEvents) -> None:
        """Hold the lease until it is lost.

        Raises:
            LeaseLost: Always, in the end.
        """
        closed = closing(connection)
        duties: list[asyncio.Future[None]] = [
            asyncio.ensure_future(self._probe(connection, tenure)),
            asyncio.ensure_future(self._settle(connection, tenure, events)),
            asyncio.ensure_future(self._watch_epoch(tenure)),
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
            log.error("lease lost", account=self._claim.label, reason=reason_of(failures[0]))
            events.lost(reason_of(failures[0]))
        raise failures[0]

    async def _probe(self, connection: TolerantConnection, tenure: Tenure) -> None:
        """Ask the broker for our own queue, again and again; nobody else is given an answer."""
        channel = await AsyncChannel.open(connection)
        while True:
            sent = self._clock()
            try:
                async with asyncio.timeout(patience(self._heartbeat)):
                    await channel.declare_queue(self._claim.queue, passive=True)
            except TimeoutError:
                seconds = patience(self._heartbeat)
                raise LeaseLost(f"the broker has not answered for {seconds:g} s") from None
            except AMQPError as error:
                raise LeaseLost(f"the broker does not show the lease any more: {reason_of(error)}") from None
            tenure.answered = sent
            await asyncio.sleep(max(0.0, sent + probe_interval(self._heartbeat) - self._clock()))

    async def _settle(self, connection: TolerantConnection, tenure: Tenure, events: LeaseEvents) -> None:
        """Raise the epoch and read the pin; what fails refuses orders and is tried again.

        A pin whose queue has lost its leader can be read when there is another: until then orders wait in
        their queue.
        """
        told, claim = False, self._claim
        until = self._clock() + PIN_SECONDS
        while True:
            if not tenure.settled:
                tenure.standing = await claim.settle(connection, tenure)
            if tenure.lacks_pin and not told and self._clock() < until:
                await asyncio.sleep(PIN_AGAIN_SECONDS)
                continue
            if not told:
                if not connection.is_open:
                    raise LeaseLost("the connection was lost while the lease was taken")
                told = True
                self._tenure = tenure
                epoch = 0 if tenure.standing is None else tenure.standing.epoch
                log.info("lease taken", account=claim.label, epoch=epoch)
                events.taken()
            await asyncio.sleep(CLAIM_AGAIN_SECONDS)

    async def _watch_epoch(self, tenure: Tenure) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            standing = tenure.standing
            if standing is None or not standing.epoch:
                continue
            try:
                owner = await asyncio.to_thread(self._claim.current_owner)
            except SQLAlchemyError as error:
                log.debug("the journal cannot be read", reason=reason_of(error))
                continue
            if owner is None or owner.epoch != standing.epoch:
                name = owner.name if owner is not None else "nobody"
                raise LeaseLost(
                    f"{name} owns {self._claim.label} in the journal; two brokers or virtual hosts must not "
                    f"share a journal"
                )

    async def _give_back(self, connection: TolerantConnection | None, *, clean: bool) -> None:
        """Note that nothing more is sent, and only then let the next owner in."""
        held, self._tenure = self._tenure, None
        if held is not None and clean:
            await self._claim.release(held)
        if connection is not None and connection.is_open:
            closed = closing(connection)
            connection.close()
            await asyncio.wait({closed}, timeout=CLOSE_SECONDS)
            connection.abort("the lease is given back")
        log.info("lease given back", account=self._claim.label, clean=clean, held=held is not None)

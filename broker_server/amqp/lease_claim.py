"""What makes the holder of a lease an owner: a new epoch in the journal, and that it is the right journal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from pika.exceptions import AMQPError
from sqlalchemy.exc import SQLAlchemyError

from broker_client.reasons import reason_of
from broker_server.amqp.connection import LoginRefused
from broker_server.amqp.frames import TolerantConnection
from broker_server.amqp.journal_pin import ADOPTION, Pin, PinDecision, foreign_journal, moved_alias
from broker_server.amqp.lease_tenure import Standing, Tenure
from broker_server.amqp.lease_timing import LONGEST_HEARTBEAT, patience, takeover_wait
from broker_server.amqp.owner_process import is_gone
from broker_server.amqp.pin_queue import PinNotKept, pin_queue, settle_pin
from broker_server.amqp.topology import QueueRefused, owner_queue
from broker_server.journal.owners import Owner, Owners

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """The worker that claims accounts.

    Attributes:
        name: The worker's.
        host: Names its process table, as ``owner_process.host_identity`` does.
        process: Its process id there.
        environment: simulated, paper or real.
        journal: The id of its journal.
        heartbeat: Of its lease, in seconds.
        adopt: Replace the pin of another journal.
    """

    name: str
    host: str
    process: int
    environment: str
    journal: str
    heartbeat: int
    adopt: bool


class AccountClaim:
    """The claim on one account.

    Args:
        account: The alias.
        identity: Names the brokerage account without its number, for the pin; ``None`` when there is no
            account and so nothing to order with.
        clock: Gives UTC.
        pending: Whether orders on record under the alias are of unknown outcome. May block.
    """

    def __init__(
        self,
        vendor: str,
        account: str,
        *,
        identity: str | None,
        claimant: Claimant,
        owners: Owners,
        open_publisher: Callable[[], Awaitable[TolerantConnection]],
        clock: Callable[[], datetime],
        pending: Callable[[], bool] = lambda: False,
    ) -> None:
        self._pending = pending
        self.key = (vendor, account)
        self.label = f"{vendor}/{account}"
        self.queue = owner_queue(vendor, account)
        self._identity = identity
        self._me = claimant
        self._owners = owners
        self._open_publisher = open_publisher
        self._clock = clock
        self._last_epoch = 0
        self._adopt = claimant.adopt

    def current_owner(self) -> Owner | None:
        """Who owns the account by the journal. Blocks."""
        return self._owners.current(*self.key)

    async def settle(self, connection: TolerantConnection, tenure: Tenure) -> Standing:
        """Raise the epoch, unless this was done, and compare the journals.

        Returns:
            What holds now; not final when the journal or the broker did not do their part.
        """
        standing = tenure.standing
        if standing is None or not standing.epoch:
            standing = await self._raise_epoch(tenure)
        if not standing.epoch or self._identity is None:
            return standing
        try:
            async with asyncio.timeout(patience(self._me.heartbeat)):
                pending = await asyncio.to_thread(self._pending)
                decision = await settle_pin(
                    connection,
                    self._open_publisher,
                    pin_queue(self._me.environment, *self.key),
                    Pin(self._me.journal, self._identity),
                    adopt=self._adopt,
                    now=self._clock,
                    pending=pending,
                )
        except SQLAlchemyError as error:
            refused = f"the journal does not tell whether orders of {self.label} are open: {reason_of(error)}"
            return replace(standing, refused=refused, final=False)
        except (AMQPError, OSError, LoginRefused, PinNotKept, QueueRefused, TimeoutError) as error:
            reason = "no answer in time" if isinstance(error, TimeoutError) else reason_of(error)
            log.error("the pinned journal cannot be read", account=self.label, reason=reason)
            refused = f"RabbitMQ does not tell which journal the orders of {self.label} are in: {reason}"
            return replace(standing, refused=refused, final=False)
        return self._judge(standing, decision, tenure)

    async def release(self, tenure: Tenure) -> None:
        """Note in the journal that nothing more is sent under this lease."""
        standing = tenure.standing
        if standing is None or not standing.epoch:
            return
        try:
            await asyncio.to_thread(self._owners.release, *self.key, standing.epoch)
        except SQLAlchemyError as error:
            log.warning("the journal cannot note the release", account=self.label, reason=reason_of(error))

    async def _raise_epoch(self, tenure: Tenure) -> Standing:
        me = self._me
        try:
            epoch, previous = await asyncio.to_thread(
                self._owners.take,
                *self.key,
                name=me.name,
                host=me.host,
                process=me.process,
                heartbeat=me.heartbeat,
                now=self._clock(),
            )
        except SQLAlchemyError as error:
            reason = reason_of(error)
            log.error("the journal cannot record the owner", account=self.label, reason=reason)
            refused = f"the journal cannot record the owner of {self.label}, so it takes no orders: {reason}"
            return Standing(0, tenure.held_at, refused, final=False)
        wait = self._wait_for(previous)
        self._last_epoch = epoch
        if wait and previous is not None:
            log.warning(
                "the owner before may still be sending: orders wait",
                account=self.label,
                owner=previous.name,
                seconds=wait,
            )
        return Standing(epoch, tenure.held_at + wait, None, final=True)

    def _wait_for(self, previous: Owner | None) -> float:
        """Seconds that an owner before this one may still be sending for."""
        if previous is None or previous.released or previous.epoch == self._last_epoch:
            return 0.0
        known_here = previous.host == self._me.host and previous.process != self._me.process
        if known_here and is_gone(previous.process):
            return 0.0
        return takeover_wait(previous.heartbeat)

    def _judge(self, standing: Standing, decision: PinDecision, tenure: Tenure) -> Standing:
        adopted_at, now = decision.adopted_at, self._clock()
        if decision.moved:
            refused = moved_alias(*self.key)
            log.error("orders are refused", account=self.label, reason=refused)
            return replace(standing, refused=refused, final=True)
        if decision.foreign and adopted_at is None:
            refused = foreign_journal(*self.key)
            log.error("orders are refused", account=self.label, reason=refused)
            return replace(standing, refused=refused, final=True)
        self._adopt = False  # once
        orders_from = standing.orders_from
        if decision.foreign:
            log.warning("the pinned journal was replaced by this one", account=self.label)
            # The owner before is recorded in the other journal, so nothing is known of it.
            orders_from = max(orders_from, tenure.held_at + takeover_wait(LONGEST_HEARTBEAT))
        adopted = adopted_at is not None and now - adopted_at < ADOPTION
        return replace(standing, orders_from=orders_from, refused=None, final=True, adopted=adopted)

"""Owners of an account in the test's own process: the product's leases, with what a test wants to vary."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import Engine

from broker_server.amqp.hosts import BrokerHosts
from broker_server.amqp.lease import Leases
from broker_server.amqp.lease_claim import AccountClaim, Claimant
from broker_server.amqp.lease_keeper import LeaseKeeper
from broker_server.journal.identity import journal_id
from broker_server.journal.owners import Owners
from broker_server.orders.ownership import Grant

ENVIRONMENT = "simulated"
KEY = ("kis", "default")
QUEUE = "broker.owner.kis.default"
PIN_QUEUE = "broker.journal.simulated.kis.default"


class TestOwner:
    """Leases on the test's event loop.

    Attributes:
        waited_for: What it said that it waits for, each time.
        changes: ``True`` for each time that it got the leases, ``False`` for each loss.
    """

    __test__ = False

    def __init__(self, leases: Leases) -> None:
        self.leases = leases
        self.waited_for: list[str] = []
        self.changes: list[bool] = []
        leases.listeners.append(lambda _, held: self.changes.append(held))
        leases.start(self.waited_for.append)

    @property
    def grant(self) -> Grant | None:
        """The grant of the account."""
        return self.leases.grant(*KEY)

    @property
    def owns(self) -> bool:
        """Whether it may go on as the owner: an old one that only has not noticed yet does not count."""
        grant = self.grant
        return grant is not None and grant.fresh

    @property
    def epoch(self) -> int:
        """The epoch of its grant, 0 without one."""
        grant = self.grant
        return 0 if grant is None else grant.epoch

    @property
    def waits(self) -> float:
        """Seconds until it may send orders."""
        grant = self.grant
        assert grant is not None
        return max(0.0, grant.orders_from - time.monotonic())


def make_leases(
    url: str,
    engine: Engine,
    *,
    name: str,
    heartbeat: int = 2,
    host: str = "test",
    process: int | None = None,
    identity: str | None = "account-1",
    adopt: bool = False,
    accounts: tuple[str, ...] = ("default",),
) -> Leases:
    """Leases as ``app.make_leases`` wires them."""
    claimant = Claimant(
        name=name,
        host=host,
        process=os.getpid() if process is None else process,
        environment=ENVIRONMENT,
        journal=journal_id(engine, utc_now()),
        heartbeat=heartbeat,
        adopt=adopt,
    )
    keepers = []
    for account in accounts:
        hosts = BrokerHosts(url)
        claim = AccountClaim(
            "kis",
            account,
            identity=identity,
            claimant=claimant,
            owners=Owners(engine, ENVIRONMENT),
            open_publisher=partial(hosts.connect_beside, name=f"{name} pin", heartbeat=heartbeat),
            clock=utc_now,
        )
        keepers.append(LeaseKeeper(hosts=hosts, name=name, heartbeat=heartbeat, claim=claim))
    return Leases(keepers)


@asynccontextmanager
async def owner(url: str, engine: Engine, *, name: str, **options: Any) -> AsyncIterator[TestOwner]:
    """An owner, which stops uncleanly at the end unless the test has stopped it before."""
    made = TestOwner(make_leases(url, engine, name=name, **options))
    try:
        yield made
    finally:
        await made.leases.stop(clean=False)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)

"""The leases of a worker's accounts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Engine

from broker_client.protocol import Environment
from broker_server.account_settings import AccountSettings
from broker_server.amqp.hosts import BrokerHosts
from broker_server.amqp.lease import Leases
from broker_server.amqp.lease_claim import AccountClaim, Claimant
from broker_server.amqp.lease_keeper import LeaseKeeper
from broker_server.amqp.owner_process import host_identity
from broker_server.core.accounts import AccountKey
from broker_server.core.orders import State
from broker_server.core.vendor import Vendor, key_of
from broker_server.journal.identity import journal_id
from broker_server.journal.order_counts import OrderCounts
from broker_server.journal.owners import Owners
from broker_server.settings import Settings


def account_identities(accounts: Iterable[AccountSettings]) -> dict[AccountKey, str | None]:
    """Names each account to other workers without showing its number; ``None`` without one."""
    return {each.key: hidden(each.identity) for each in accounts}


def hidden(text: str | None) -> str | None:
    """A text that tells accounts apart without showing them.

    Who has it and wants to know can try all numbers: it is for where a number would be read in passing.
    """
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()[:32]


def _has_unknown(counts: OrderCounts, key: AccountKey) -> bool:
    pending = counts.pending(*key)
    return bool(pending[State.SENDING] or pending[State.UNKNOWN])


def make_leases(
    settings: Settings,
    engine: Engine,
    *,
    broker_url: str,
    environment: Environment,
    vendors: Sequence[Vendor],
    name: str,
    identity: Mapping[AccountKey, str | None],
    adopt_journal: bool,
    clock: Callable[[], datetime],
) -> Leases:
    """The leases of a worker's vendors; see `serve` for the arguments."""
    if not vendors:
        return Leases([])
    heartbeat = settings.lease_heartbeat
    claimant = Claimant(
        name=name,
        host=host_identity(),
        process=os.getpid(),
        environment=environment,
        journal=journal_id(engine, clock()),
        heartbeat=heartbeat,
        adopt=adopt_journal,
    )
    keepers = []
    for vendor in vendors:
        hosts, key = BrokerHosts(broker_url), key_of(vendor)
        claim = AccountClaim(
            *key,
            identity=identity.get(key),
            claimant=claimant,
            owners=Owners(engine, environment),
            open_publisher=partial(hosts.connect_beside, name=f"{name} pin", heartbeat=heartbeat),
            clock=clock,
            pending=partial(_has_unknown, OrderCounts(engine, environment), key),
        )
        keepers.append(LeaseKeeper(hosts=hosts, name=name, heartbeat=heartbeat, claim=claim))
    return Leases(keepers)

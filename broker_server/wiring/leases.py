"""The leases of a worker's accounts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine

from broker_client.protocol import Environment
from broker_server.amqp.hosts import BrokerHosts
from broker_server.amqp.lease import Leases
from broker_server.amqp.lease_claim import AccountClaim, Claimant
from broker_server.amqp.lease_keeper import LeaseKeeper
from broker_server.amqp.owner_process import host_identity
from broker_server.core.vendor import Vendor
from broker_server.journal.identity import journal_id
from broker_server.journal.owners import Owners
from broker_server.settings import Settings


def account_identities(settings: Settings) -> dict[str, str | None]:
    """Names each vendor's account to other workers without showing its number; ``None`` without one."""
    kis = kiwoom = koscom = None
    if settings.kis_account is not None:
        kis = f"{settings.kis_environment or 'paper'}/{settings.kis_account}"
    if settings.kiwoom_account is not None:
        digits = settings.kiwoom_account.replace("-", "")
        kiwoom = f"kiwoom/{settings.kiwoom_environment or 'paper'}/{digits}"
    if settings.koscom_api_key is not None:
        koscom = f"koscom/{settings.koscom_api_key.get_secret_value()}"
    return {"kis": _hidden(kis), "kiwoom": _hidden(kiwoom), "koscom": _hidden(koscom)}


def _hidden(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()[:32]


def make_leases(
    settings: Settings,
    engine: Engine,
    *,
    broker_url: str,
    environment: Environment,
    vendors: Sequence[Vendor],
    name: str,
    identity: Mapping[str, str | None],
    adopt_journal: bool,
    clock: Callable[[], datetime],
) -> Leases:
    """The leases of a worker's vendors; see `serve` for the arguments."""
    if not vendors:
        return Leases(None)
    heartbeat = settings.lease_heartbeat
    hosts = BrokerHosts(broker_url)
    claimant = Claimant(
        name=name,
        host=host_identity(),
        process=os.getpid(),
        environment=environment,
        journal=journal_id(engine, clock()),
        heartbeat=heartbeat,
        adopt=adopt_journal,
    )
    claims = [
        AccountClaim(
            vendor.name,
            "default",
            identity=identity.get(vendor.name),
            claimant=claimant,
            owners=Owners(engine, environment),
            open_publisher=lambda: hosts.connect_beside(name=f"{name} pin", heartbeat=heartbeat),
            clock=clock,
        )
        for vendor in vendors
    ]
    return Leases(LeaseKeeper(hosts=hosts, name=name, heartbeat=heartbeat, claims=claims))

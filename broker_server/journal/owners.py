"""Who owns an account, and by which epoch: the fence that stops an owner whose lease is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, ScalarSelect, insert, select, update
from sqlalchemy.exc import IntegrityError

from broker_server.journal.tables import accounts


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner as it is recorded.

    Attributes:
        name: The worker.
        host: Its machine.
        process: Its process id there.
        heartbeat: Of its lease, in seconds; how long it may still send without it follows from that.
        epoch: Higher than that of every owner before.
        released: It gave the lease back by itself.
    """

    name: str
    host: str
    process: int
    heartbeat: int
    epoch: int
    released: bool


Text = str | ColumnElement[str]


def epoch_in_force(environment: Text, vendor: Text, account: Text) -> ScalarSelect[int]:
    """The epoch of an account's owner, for the condition of a write that only this owner may do.

    No new owner can come until that write is committed. Without the lock that this takes, one could on
    PostgreSQL: it would read the account's orders, and the write of the old owner would appear afterwards.
    """
    table = accounts.c
    return (
        select(table.epoch)
        .where(table.environment == environment, table.vendor == vendor, table.account == account)
        .with_for_update(read=True)
        .scalar_subquery()
    )


class Owners:
    """Owners by account. Every method blocks and may raise ``SQLAlchemyError``.

    Args:
        engine: The journal's database.
        environment: The worker's.
    """

    def __init__(self, engine: Engine, environment: str) -> None:
        self._engine = engine
        self._environment = environment

    def current(self, vendor: str, account: str) -> Owner | None:
        """The last owner, or ``None`` when there never was one."""
        with self._engine.connect() as connection:
            row = connection.execute(select(accounts).where(*self._key(vendor, account))).one_or_none()
        return None if row is None else _owner(row)

    def take(
        self, vendor: str, account: str, *, name: str, host: str, process: int, heartbeat: int, now: datetime
    ) -> tuple[int, Owner | None]:
        """Record a new owner, who holds the lease.

        Returns:
            Its epoch, and the owner before it.
        """
        values = {
            "owner": name,
            "host": host,
            "process": process,
            "heartbeat": heartbeat,
            "taken_at": now,
            "released": False,
        }
        while True:
            previous = self.current(vendor, account)
            try:
                with self._engine.begin() as connection:
                    if previous is None:
                        connection.execute(
                            insert(accounts).values(
                                environment=self._environment,
                                vendor=vendor,
                                account=account,
                                epoch=1,
                                **values,
                            )
                        )
                        return 1, None
                    epoch = previous.epoch + 1
                    changed = connection.execute(
                        update(accounts)
                        .where(*self._key(vendor, account), accounts.c.epoch == previous.epoch)
                        .values(epoch=epoch, **values)
                    ).rowcount
            except IntegrityError:
                continue
            if changed:
                return epoch, previous

    def release(self, vendor: str, account: str, epoch: int) -> None:
        """Note that the owner of that epoch will send nothing more."""
        with self._engine.begin() as connection:
            connection.execute(
                update(accounts)
                .where(*self._key(vendor, account), accounts.c.epoch == epoch)
                .values(released=True)
            )

    def all(self) -> dict[tuple[str, str], Owner]:
        """The last owner of every account, by vendor and alias."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(accounts).where(accounts.c.environment == self._environment)
            ).all()
        return {(row.vendor, row.account): _owner(row) for row in rows}

    def _key(self, vendor: str, account: str) -> tuple[ColumnElement[bool], ...]:
        table = accounts.c
        return (
            table.environment == self._environment,
            table.vendor == vendor,
            table.account == account,
        )


def _owner(row: Row[Any]) -> Owner:
    return Owner(row.owner, row.host, row.process, row.heartbeat, row.epoch, row.released)

"""How long the orders of a new owner wait, by who owned the account before."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from broker_server.amqp.lease_claim import AccountClaim, Claimant
from broker_server.amqp.lease_tenure import Standing, Tenure
from broker_server.journal.owners import Owner

HELD_AT = 1000.0


class FakeOwners:
    """A journal that knows one owner."""

    def __init__(self, previous: Owner | None, *, broken: bool = False) -> None:
        self.previous = previous
        self.broken = broken

    def take(self, _: str, __: str, **values: Any) -> tuple[int, Owner | None]:
        if self.broken:
            raise OperationalError("insert", {}, Exception("disk I/O error"))
        previous = self.previous
        epoch = previous.epoch + 1 if previous else 1
        mine = {key: values[key] for key in ("name", "host", "process", "heartbeat")}
        self.previous = Owner(**mine, epoch=epoch, released=False)
        return epoch, previous


async def no_publisher() -> Any:
    raise AssertionError("without an account there is nothing to pin")


def make_claim(owners: FakeOwners, process: int | None = None) -> AccountClaim:
    claimant = Claimant(
        name="me", host="here", process=process or os.getpid(), environment="simulated", journal="j",
        heartbeat=2, adopt=False,
    )  # fmt: skip
    return AccountClaim(
        "kis", "default", identity=None, claimant=claimant, owners=owners, open_publisher=no_publisher,
        clock=lambda: datetime(2026, 11, 20, tzinfo=UTC),
    )  # fmt: skip


async def settle(claim: AccountClaim) -> Standing:
    return await claim.settle(None, Tenure(HELD_AT, HELD_AT))


@pytest.fixture(scope="module")
def dead() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


@pytest.mark.parametrize(
    ("host", "alive", "released", "wait"),
    [
        ("elsewhere", True, False, 16.0),
        ("elsewhere", False, False, 16.0),
        ("elsewhere", True, True, 0.0),
        ("here", True, False, 16.0),
        ("here", False, False, 0.0),
        ("here", True, True, 0.0),
    ],
)
async def test_orders_wait_unless_the_owner_before_cannot_send(
    dead: int, host: str, alive: bool, released: bool, wait: float
) -> None:
    before = Owner("before", host, os.getppid() if alive else dead, 8, 7, released)
    standing = await settle(make_claim(FakeOwners(before)))
    assert standing == Standing(8, HELD_AT + wait, None, final=True)


async def test_nobody_before_means_no_wait() -> None:
    assert await settle(make_claim(FakeOwners(None))) == Standing(1, HELD_AT, None, final=True)


async def test_own_epoch_is_known_again() -> None:
    owners = FakeOwners(None)
    claim = make_claim(owners)
    await settle(claim)
    assert await settle(claim) == Standing(2, HELD_AT, None, final=True)


async def test_own_process_id_of_an_owner_that_is_not_me_is_no_proof() -> None:
    """A container's worker is process 1 each time; the namespace is in the host's name, but be careful."""
    owners = FakeOwners(Owner("before", "here", os.getpid(), 5, 3, False))
    assert (await settle(make_claim(owners))).orders_from == HELD_AT + 10


async def test_journal_that_cannot_be_written_refuses_and_is_tried_again() -> None:
    owners = FakeOwners(None, broken=True)
    claim, tenure = make_claim(owners), Tenure(HELD_AT, HELD_AT)
    standing = tenure.standing = await claim.settle(None, tenure)
    assert standing.refused is not None
    assert "disk I/O error" in standing.refused
    assert not tenure.settled
    owners.broken = False
    assert (await claim.settle(None, tenure)).refused is None

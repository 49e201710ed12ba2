"""Owners of accounts: every one has an epoch of its own, higher than those before."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, insert, select, text, update

from broker_server.journal.owners import Owner, Owners, epoch_in_force
from broker_server.journal.tables import halts
from tests.support.racing import race, race_processes
from tests.support.waiting import wait_until

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def take(owners: Owners, name: str = "first", account: str = "default") -> tuple[int, Owner | None]:
    return owners.take("kis", account, name=name, host="here", process=7, heartbeat=5, now=NOW)


def test_an_account_that_nobody_had_has_no_owner(engine: Engine) -> None:
    owners = Owners(engine, "paper")
    assert owners.current("kis", "default") is None
    assert owners.all() == {}
    assert take(owners) == (1, None)
    assert owners.current("kis", "default") == Owner("first", "here", 7, 5, 1, released=False)


def test_the_next_owner_learns_who_was_before(engine: Engine) -> None:
    owners = Owners(engine, "paper")
    take(owners)
    assert take(owners, "second") == (2, Owner("first", "here", 7, 5, 1, released=False))
    owners.release("kis", "default", 2)
    assert take(owners, "third") == (3, Owner("second", "here", 7, 5, 2, released=True))
    assert owners.current("kis", "default") == Owner("third", "here", 7, 5, 3, released=False)


def test_only_the_owner_of_now_releases(engine: Engine) -> None:
    owners = Owners(engine, "paper")
    take(owners)
    take(owners, "second")
    owners.release("kis", "default", 1)
    assert owners.current("kis", "default") == Owner("second", "here", 7, 5, 2, released=False)


def test_accounts_and_environments_do_not_meet(engine: Engine) -> None:
    paper, real = Owners(engine, "paper"), Owners(engine, "real")
    take(paper)
    take(paper)
    take(paper, "other", account="second")
    assert take(real, "live") == (1, None)
    assert paper.all() == {
        ("kis", "default"): Owner("first", "here", 7, 5, 2, released=False),
        ("kis", "second"): Owner("other", "here", 7, 5, 1, released=False),
    }
    assert real.all() == {("kis", "default"): Owner("live", "here", 7, 5, 1, released=False)}


def test_owners_at_the_same_time_get_different_epochs(engine: Engine) -> None:
    owners = Owners(engine, "paper")
    taken = race(*(partial(take, owners, str(number)) for number in range(8)))
    assert sorted(epoch for epoch, _ in taken) == list(range(1, 9))
    # Each one was told of the owner right before it.
    assert sorted(before.epoch if before else 0 for _, before in taken) == list(range(8))
    assert all(epoch == (before.epoch if before else 0) + 1 for epoch, before in taken)


def test_owners_in_different_processes_get_different_epochs(journal_url: str, engine: Engine) -> None:
    printed = race_processes(
        "from datetime import UTC, datetime\n"
        "from broker_server.journal.database import open_database\n"
        "from broker_server.journal.owners import Owners\n"
        "owners = Owners(open_database(sys.argv[1]), 'paper')\n",
        "for _ in range(20):\n"
        "    print(owners.take('kis', 'default', name=sys.argv[2], host='here', process=7, heartbeat=5,"
        " now=datetime.now(UTC))[0])\n",
        *([journal_url, str(number)] for number in range(2)),
    )
    epochs = [[int(line) for line in each.split()] for each in printed]
    assert all(each == sorted(each) for each in epochs)
    assert sorted(epochs[0] + epochs[1]) == list(range(1, 41))


def write_as_owner(connection: Connection, epoch: int) -> bool:
    """A write that only the owner of that epoch may do; any table will do."""
    condition = epoch_in_force("paper", "kis", "default") == epoch
    return bool(connection.execute(update(halts).where(condition).values(by=f"owner {epoch}")).rowcount)


@pytest.fixture
def something_to_write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(halts).values(environment="paper", halted=False, at=NOW, by="nobody"))


@pytest.mark.usefixtures("something_to_write")
def test_only_the_owner_in_force_writes(engine: Engine) -> None:
    owners = Owners(engine, "paper")
    with engine.begin() as connection:
        assert not write_as_owner(connection, 1)
    take(owners)
    with engine.begin() as connection:
        assert write_as_owner(connection, 1)
    take(owners, "second")
    with engine.begin() as connection:
        assert not write_as_owner(connection, 1)
        assert write_as_owner(connection, 2)


@pytest.mark.usefixtures("something_to_write")
def test_a_new_owner_waits_for_the_old_ones_write_and_sees_it(engine: Engine) -> None:
    owners = Owners(engine, "paper")
    take(owners)
    seen: list[str] = []

    def take_over() -> None:
        take(owners, "second")
        with engine.connect() as connection:
            seen.append(connection.execute(select(halts.c.by)).scalar_one())

    second = threading.Thread(target=take_over)
    with engine.begin() as connection:
        assert write_as_owner(connection, 1)
        second.start()
        if engine.dialect.name == "postgresql":
            wait_until(lambda: someone_waits(engine), what="the new owner, held up by a lock")
        assert seen == []
    second.join(20)
    assert seen == ["owner 1"]


def someone_waits(engine: Engine) -> bool:
    with engine.connect() as connection:
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(connection.execute(waiting).scalar_one())

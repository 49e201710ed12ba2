"""Writers in several processes wait for each other; none fails, and nothing is lost."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from sqlalchemy import Engine, insert, select, update

from broker_server.journal.starts import TaskStarts
from broker_server.journal.tables import halts
from tests.support.racing import race_processes
from tests.support.waiting import wait_until

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
WRITES = 100


def test_two_processes_write_the_same_row_without_losing_a_write(journal_url: str, engine: Engine) -> None:
    race_processes(
        "from datetime import UTC, datetime\n"
        "from broker_server.journal.database import open_database\n"
        "from broker_server.journal.starts import TaskStarts\n"
        "starts = TaskStarts(open_database(sys.argv[1]))\n",
        f"for _ in range({WRITES}):\n"
        "    starts.record('k', 't-1', 'kis.balance', datetime.now(UTC))\n"
        "    starts.count('k')\n",
        *([journal_url] for _ in range(2)),
    )
    assert TaskStarts(engine).count("k") == 2 * WRITES


def test_a_writer_waits_for_one_that_has_not_committed_yet(engine: Engine) -> None:
    """The second one has read before the first one committed, and writes after: no lock is to be upgraded."""
    with engine.begin() as connection:
        connection.execute(insert(halts).values(environment="paper", halted=False, at=NOW, by="0"))
    row = halts.c.environment == "paper"
    has_read = threading.Event()
    changed: list[int] = []

    def change() -> None:
        with engine.connect() as connection:
            version = connection.execute(select(halts.c.by).where(row)).scalar_one()
        has_read.set()
        with engine.begin() as connection:
            statement = update(halts).where(row, halts.c.by == version).values(by="second")
            changed.append(connection.execute(statement).rowcount)

    second = threading.Thread(target=change)
    with engine.begin() as connection:
        connection.execute(update(halts).where(row).values(by="first"))
        second.start()
        assert has_read.wait(10)
    second.join(20)
    wait_until(lambda: changed == [0], what="the second writer, which finds the row changed")
    with engine.connect() as connection:
        assert connection.execute(select(halts.c.by).where(row)).scalar_one() == "first"

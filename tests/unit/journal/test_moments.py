"""Moments come back as they went in, in UTC, from either database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import StatementError

from broker_server.journal.tables import halts

KST = timezone(timedelta(hours=9))


def put(engine: Engine, at: datetime) -> None:
    with engine.begin() as connection:
        connection.execute(insert(halts).values(environment="paper", halted=True, at=at, by="me"))


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 20, 1, 0, tzinfo=UTC),
        datetime(2026, 11, 20, 0, 30, 15, 123456, tzinfo=KST),
        datetime(1987, 5, 10, 12, 0, tzinfo=KST),  # Korea had summer time
    ],
)
def test_a_moment_comes_back_in_utc(engine: Engine, moment: datetime) -> None:
    put(engine, moment)
    with engine.connect() as connection:
        found = connection.execute(select(halts.c.at)).scalar_one()
    assert found == moment
    assert found.tzinfo is UTC


def test_moments_compare_in_the_database_whatever_their_offset(engine: Engine) -> None:
    put(engine, datetime(2026, 11, 20, 9, 0, tzinfo=KST))
    earlier, later = datetime(2026, 11, 19, 23, 59, tzinfo=UTC), datetime(2026, 11, 20, 9, 1, tzinfo=KST)
    with engine.connect() as connection:
        between = select(halts.c.environment).where(halts.c.at > earlier, halts.c.at < later)
        assert connection.execute(between).scalars().all() == ["paper"]


def test_a_moment_without_an_offset_is_not_recorded(engine: Engine) -> None:
    with pytest.raises(StatementError, match="without an offset"):
        put(engine, datetime(2026, 11, 20, 1, 0))  # noqa: DTZ001 - the mistake

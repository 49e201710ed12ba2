"""What others said is recorded on either database, whatever it holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Engine, Integer, MetaData, Table, insert, select

from broker_server.journal.halts import Halts
from broker_server.journal.tables import Quotation

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "recorded"),
    [
        ("주문이 거부되었습니다", "주문이 거부되었습니다"),
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("half a pair \ud800", "half a pair ?"),
        ("", ""),
        (None, None),
    ],
)
def test_a_reason_is_recorded(engine: Engine, said: str | None, recorded: str | None) -> None:
    halts = Halts(engine, "paper")
    halts.set(halted=True, now=NOW, by="me", reason=said)
    current = halts.current()
    assert current is not None
    assert current.reason == recorded


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(said=st.text(st.characters(), max_size=100))
def test_any_text_fits_its_column(engine: Engine, said: str) -> None:
    table = Table(
        "quotations", MetaData(), Column("id", Integer, primary_key=True), Column("t", Quotation(64))
    )
    table.create(engine, checkfirst=True)
    with engine.begin() as connection:
        row = connection.execute(insert(table).values(t=said).returning(table.c.id)).scalar_one()
        found = connection.execute(select(table.c.t).where(table.c.id == row)).scalar_one()
    assert found is not None
    assert len(found) == min(len(said), 64)

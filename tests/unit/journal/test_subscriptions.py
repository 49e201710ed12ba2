"""Subscriptions on record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, text

from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription
from broker_server.journal.database import open_database
from broker_server.journal.subscriptions import KeptSubscription, KeptSubscriptions
from tests.support.racing import race

NOW = datetime(2026, 11, 25, 1, tzinfo=UTC)
FIRST = Subscription(
    task_id="t",
    registration=Registration("H0STCNT0", "005930"),
    family="kis.realtime-price",
    ticker="005930",
    reply_to="replies",
    correlation_id="c",
    raw=True,
    vendor_form=True,
    copies=False,
    polling=False,
    snapshot=False,
    created_at=NOW,
)
SECOND = Subscription(
    task_id="t",
    registration=Registration("H0STASP0", "005930"),
    family="kis.order-book",
    ticker=None,
    reply_to="replies",
    correlation_id=None,
    created_at=NOW + timedelta(seconds=1),
)
NOTICE = replace(SECOND, registration=Registration("H0STCNI0", "my-hts-id"), ticker=None)


def kept_in(engine: Engine, environment: str = "paper") -> KeptSubscriptions:
    return KeptSubscriptions(
        engine, environment, is_personal=lambda registration: registration.code == "H0STCNI0"
    )


def test_subscriptions_survive_a_restart(journal_url: str, engine: Engine) -> None:
    kept_in(engine).save("kis", "default", [SECOND, FIRST])
    engine.dispose()
    again = open_database(journal_url)
    assert kept_in(again).of("kis", "default") == [FIRST, SECOND]
    again.dispose()


def test_a_repeat_replaces_what_is_on_record(engine: Engine) -> None:
    kept = kept_in(engine)
    kept.save("kis", "default", [FIRST, SECOND])
    changed = replace(FIRST, reply_to="elsewhere", correlation_id=None, raw=False, polling=True)
    kept.save("kis", "default", [FIRST, changed])
    assert kept.of("kis", "default") == [changed, SECOND]


def test_only_what_ended_is_forgotten(engine: Engine) -> None:
    kept = kept_in(engine)
    other = replace(FIRST, task_id="other")
    kept.save("kis", "default", [FIRST, SECOND, other])
    kept.save("kis", "second", [FIRST])
    kept.delete("kis", "default", [FIRST])
    kept.delete("kis", "default", [FIRST])
    kept.delete("kis", "default", [])
    assert kept.all() == [
        KeptSubscription("kis", "default", other),
        KeptSubscription("kis", "second", FIRST),
        KeptSubscription("kis", "default", SECOND),
    ]


def test_many_are_saved_and_forgotten(engine: Engine) -> None:
    kept = kept_in(engine)
    many = [replace(FIRST, task_id=f"t{number:04}") for number in range(1001)]
    kept.save("kis", "default", many)
    assert kept.of("kis", "default") == many
    kept.delete("kis", "default", many[1:])
    assert kept.of("kis", "default") == many[:1]


def test_a_personal_symbol_is_not_recorded(engine: Engine) -> None:
    kept = kept_in(engine)
    kept.save("kis", "default", [NOTICE])
    with engine.connect() as connection:
        assert "my-hts-id" not in str(connection.execute(text("SELECT * FROM subscriptions")).all())
    (found,) = kept.of("kis", "default")
    assert found == replace(NOTICE, registration=Registration("H0STCNI0", ""))
    kept.delete("kis", "default", [NOTICE])
    assert kept.all() == []


def test_subscriptions_are_of_one_environment(engine: Engine) -> None:
    kept_in(engine).save("kis", "default", [FIRST])
    real = kept_in(engine, "real")
    assert real.all() == []
    real.delete("kis", "default", [FIRST])
    assert kept_in(engine).all() == [KeptSubscription("kis", "default", FIRST)]


def test_a_moment_needs_an_offset(engine: Engine) -> None:
    naive = replace(FIRST, created_at=NOW.replace(tzinfo=None))
    with pytest.raises(Exception, match="without an offset"):
        kept_in(engine).save("kis", "default", [naive])


def test_workers_that_write_the_same_ones_together_all_succeed(engine: Engine) -> None:
    kept = kept_in(engine)
    both = [FIRST, SECOND]
    race(*(partial(kept.save, "kis", "default", both[:: 1 if number % 2 else -1]) for number in range(8)))
    assert kept.of("kis", "default") == both

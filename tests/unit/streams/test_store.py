"""Subscriptions over a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from broker_server.core.stream_requests import Registration
from broker_server.core.subscription_changes import Subscription
from broker_server.journal.database import open_database
from broker_server.journal.subscriptions import KeptSubscriptions
from broker_server.streams.store import SubscriptionStore
from tests.support.stream_parts import NOTICE, A, FakeStreams, sub


@pytest.fixture
def streams() -> FakeStreams:
    return FakeStreams()


@pytest.fixture
def store(tmp_path: Path, streams: FakeStreams) -> Iterator[SubscriptionStore]:
    engine = open_database(f"sqlite:///{tmp_path / 'journal.db'}")
    made = SubscriptionStore(
        lambda is_personal: KeptSubscriptions(engine, "simulated", is_personal=is_personal),
        {"fake": streams},
    )
    yield made
    made.close()
    engine.dispose()


def test_it_comes_back_as_it_was_and_nothing_personal_is_written(
    store: SubscriptionStore, streams: FakeStreams, tmp_path: Path
) -> None:
    kept = [sub(), sub("e", NOTICE, ticker=None, raw=True, copies=False, polling=False)]
    store.save("fake", kept)
    assert sorted(store.load("fake"), key=lambda each: each.task_id) == [kept[1], kept[0]]
    written = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"queue-e" in written
    assert NOTICE.symbol.encode() not in written
    streams.with_persons = False
    assert store.load("fake") == [kept[0]]
    streams.with_persons = True
    assert len(store.load("fake")) == 2
    store.delete("fake", kept)
    assert store.load("fake") == []


def test_what_is_forgotten_later_is_forgotten_before_what_is_saved_then(store: SubscriptionStore) -> None:
    for _ in range(20):
        store.save("fake", [sub()])
        store.delete_later("fake", [sub()])
        store.save("fake", [sub(raw=True)])
        assert store.load("fake") == [sub(raw=True)]


def test_forgetting_later_waits_for_nobody_and_is_finished_at_the_end() -> None:
    begun, go_on, deleted = threading.Event(), threading.Event(), []

    class Slow:
        def delete(self, vendor: str, account: str, ended: Sequence[Subscription]) -> None:
            begun.set()
            assert go_on.wait(10)
            deleted.extend(ended)

    def make(is_personal: Callable[[Registration], bool]) -> Slow:
        assert is_personal(NOTICE)
        assert not is_personal(A)
        return Slow()

    store = SubscriptionStore(make, {"fake": FakeStreams()})  # type: ignore[arg-type]
    store.delete_later("fake", [])
    store.delete_later("fake", [sub()])
    assert begun.wait(10)
    go_on.set()
    store.close()
    assert deleted == [sub()]

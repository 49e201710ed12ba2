"""Who asked is on record, and success means that everybody who must has acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from broker_client.errors import InternalError, OrderGuard, TaskFailed, TaskTimeout
from broker_server.acknowledgements import ensure_acknowledged, owners_answered
from broker_server.amqp.gathering import ControlReply, Gathered
from broker_server.amqp.neighbours import Neighbours
from broker_server.core.methods import TaskContext
from broker_server.halting import KillSwitch, SwitchOrders, halting_methods
from broker_server.journal.database import open_database
from broker_server.journal.halts import Halts
from broker_server.journal.owners import Owners

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def reply(worker: str, *, error: str | None = None, **told: Any) -> ControlReply:
    return ControlReply(
        worker, "paper", f"amq.gen-{worker}", None if error else {"halted": True} | told, error
    )


def gathered(*replies: ControlReply, expected: int | None = None, unheard: Sequence[str] = ()) -> Gathered:
    return Gathered(replies, len(replies) if expected is None else expected, unheard)


class FakeBus:
    """A bus with this one worker on it; a test decides what the others say."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        self.others: list[ControlReply] = []
        self.failure: TaskFailed | None = None

    def on(self, command: str, handler: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.handlers[command] = handler

    def when_open(self, callback: Callable[[], None]) -> None:
        self.opened = callback

    def ask_everybody(self, command: str, arguments: dict[str, Any], **_: object) -> Gathered:
        if self.failure is not None:
            raise self.failure
        own = ControlReply("me", "paper", "amq.gen-me", self.handlers[command](arguments))
        return gathered(own, *self.others)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'journal.sqlite3'}")
    yield opened
    opened.dispose()


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def events() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def switch(engine: Engine, bus: FakeBus, events: list[tuple[str, dict[str, Any]]]) -> KillSwitch:
    return KillSwitch(
        name="me",
        halts=Halts(engine, "paper"),
        owners=Owners(engine, "paper"),
        bus=bus,  # type: ignore[arg-type]
        clock=lambda: NOW,
        neighbours=Neighbours(),
        announce=lambda key, body: events.append((key, body)),
    )


def context(user: str | None) -> TaskContext:
    return TaskContext(
        task_id="t", received_at=NOW, ensure_in_time=lambda: None, report_progress=lambda *_: None, user=user
    )


@pytest.mark.parametrize(("user", "by"), [("trader", "trader"), (None, "a client of me")])
def test_who_asked_is_on_record(switch: KillSwitch, engine: Engine, user: str | None, by: str) -> None:
    halt, resume = halting_methods(switch)
    (row,) = halt.handler(SwitchOrders(reason="test"), context(user)).rows
    assert row.model_dump() == {
        "halted": True,
        "since": "2026-11-20T09:00:00.000Z",
        "by": by,
        "reason": "test",
        "acknowledged": ["me"],
        "away": [],
    }
    current = Halts(engine, "paper").current()
    assert current is not None
    assert (current.at, current.by, current.reason) == (NOW, by, "test")
    (row,) = resume.handler(SwitchOrders(reason="over"), context(user)).rows
    assert (row.halted, row.by, row.reason, row.acknowledged) == (False, by, "over", ["me"])
    assert switch.state() is None


def test_both_are_events_and_a_halt_is_one_even_if_nobody_acknowledges(
    switch: KillSwitch, bus: FakeBus, events: list[tuple[str, dict[str, Any]]]
) -> None:
    told = {"type": "orders", "since": "2026-11-20T09:00:00.000Z", "by": "trader"}
    bus.failure = TaskTimeout("nobody answers")
    for halted in (True, False):
        with pytest.raises(TaskFailed):
            switch.switch(halted=halted, reason="why", by="trader")
    assert events == [("orders.halted", told | {"state": "halted", "reason": "why"})]
    bus.failure = None
    switch.switch(halted=False, reason="over", by="trader")
    assert events[1:] == [("orders.resumed", told | {"state": "resumed", "reason": "over"})]


@pytest.mark.parametrize(
    ("user", "who"), [("stranger", "the AMQP user stranger"), (None, "without the user_id")]
)
def test_anybody_halts_but_only_the_named_users_resume(
    switch: KillSwitch, user: str | None, who: str
) -> None:
    halt, resume = halting_methods(switch, frozenset({"trader"}))
    halt.handler(SwitchOrders(reason="test"), context(user))
    with pytest.raises(OrderGuard, match=rf"{who}.* may not resume orders; ORDER_USERS"):
        resume.handler(SwitchOrders(reason="over"), context(user))
    assert switch.state() is not None
    resume.handler(SwitchOrders(reason="over"), context("trader"))
    assert switch.state() is None


def test_a_worker_that_cannot_ask_the_others_halts_itself_and_says_so(
    switch: KillSwitch, bus: FakeBus
) -> None:
    bus.failure = InternalError("no connection", retryable=True)
    with pytest.raises(InternalError, match="halted on me only: no connection"):
        switch.switch(halted=True, reason="test", by=None)
    assert switch.state() is not None
    with pytest.raises(InternalError, match="no connection"):
        switch.switch(halted=False, reason="test", by=None)
    assert switch.state() is not None


def test_a_journal_that_cannot_be_read_halts_and_says_why(switch: KillSwitch, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE halts")
    state = switch.state()
    assert state is not None
    assert state.reason is not None
    assert "journal cannot be read" in state.reason
    with pytest.raises(InternalError, match="journal cannot be written"):
        switch.switch(halted=True, reason="test", by=None)
    switch.catch_up()


def test_a_halt_of_the_others_is_learnt_unless_there_was_a_later_word(
    switch: KillSwitch, bus: FakeBus, engine: Engine
) -> None:
    told = {"at": "2026-11-20T08:00:00Z", "by": "trader", "reason": "early"}
    bus.others = [reply("other", **told), reply("resumed", halted=False), reply("broken", error="no journal")]
    bus.opened()
    state = switch.state()
    assert state is not None
    assert (state.since, state.by, state.reason) == ("2026-11-20T08:00:00.000Z", "trader", "early")
    Halts(engine, "paper").set(halted=False, now=NOW, by="later")
    bus.opened()
    assert switch.state() is None


def test_success_names_everybody() -> None:
    done = ensure_acknowledged(gathered(reply("b"), reply("a")), halted=True, seconds=2)
    assert done == ["a", "b"]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (gathered(reply("a"), expected=2, unheard=["b"]), TaskTimeout, "no answer within 2 s from b;"),
        (gathered(reply("a"), expected=3, unheard=["b"]), TaskTimeout, "from b, 1 of unknown name;"),
        (gathered(reply("a"), expected=2, unheard=["b", "c"]), TaskTimeout, "from 1 of b, c;"),
        (gathered(expected=1), TaskTimeout, "halted on no worker only"),
        (gathered(reply("a"), reply("b", error="disk full")), InternalError, "not done by b \\(disk full\\)"),
        (gathered(reply("a"), reply("b", halted="?")), InternalError, "b \\(its answer cannot be read\\)"),
        (
            gathered(reply("a"), reply("b", halted=False)),
            InternalError,
            "not done by b",
        ),
        (
            gathered(reply("a", owners={"kis/default": "gone", "kis/pension": "a"})),
            TaskTimeout,
            "from gone \\(owner of kis/default\\);",
        ),
        (
            gathered(reply("a", owners={"kis/default": "b"}), expected=2, unheard=["b"]),
            TaskTimeout,
            "from b \\(owner of kis/default\\);",
        ),
    ],
)
def test_failure_names_who_did_not(given: Gathered, error: type[TaskFailed], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        ensure_acknowledged(given, halted=True, seconds=2)
    assert caught.value.retryable


def test_two_workers_of_one_name_are_two() -> None:
    one = reply("same")
    other = ControlReply("same", "paper", "amq.gen-other", None, "disk full")
    with pytest.raises(InternalError, match="disk full"):
        ensure_acknowledged(gathered(one, other), halted=True, seconds=2)


def test_a_later_halt_is_not_lifted_silently() -> None:
    told = reply("b", by="trader", reason="newer")
    with pytest.raises(InternalError, match="a later halt by trader is in force: newer"):
        ensure_acknowledged(gathered(told), halted=False, seconds=2)


def test_it_waits_for_every_owner_that_any_journal_knows() -> None:
    assert owners_answered([])
    first = reply("a", owners={"kis/default": "a", "kiwoom/default": "b"})
    assert not owners_answered([first])
    assert owners_answered([first, reply("b")])

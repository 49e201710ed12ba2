"""The record of orders, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from sqlalchemy import Engine

from broker_server.core.orders import (
    Accepted,
    IllegalTransition,
    Lost,
    Order,
    OrderDetails,
    Progress,
    Refused,
    Sending,
    State,
    Status,
    Stuck,
)
from broker_server.journal.order_rows import trading_day
from broker_server.journal.orders import OrderJournal, RecordChanged, StaleEpoch
from broker_server.journal.owners import Owners
from tests.support.racing import race
from tests.support.sample_orders import BUY as PLAIN_BUY
from tests.support.sample_orders import NOW, sample_order

BUY = replace(PLAIN_BUY, quantity=3_000_000_000, price=Decimal("75000.50"))


@pytest.fixture
def journal(engine: Engine) -> OrderJournal:
    take(engine)
    return OrderJournal(engine, "paper")


def take(engine: Engine) -> int:
    owners = Owners(engine, "paper")
    return owners.take("kis", "default", name="w", host="h", process=1, heartbeat=5, now=NOW)[0]


def order(task_id: str = "t-1", **changes: object) -> Order:
    return sample_order(task_id, **({"details": BUY} | changes))


def accepted(journal: OrderJournal, task_id: str, order_no: str, **changes: object) -> None:
    made = order(task_id, **changes)
    journal.insert(made, event="Received", reply_to="replies")
    journal.change(task_id, Sending(made.details, 7), now=NOW, by="w")
    journal.change(task_id, Accepted(order_no), now=NOW, by="w", outcome=b"{}")


def test_an_order_comes_back_as_it_was_written(journal: OrderJournal) -> None:
    assert journal.find("t-1") is None
    assert journal.insert(order(user="trader"), event="Received", reply_to="replies", correlation_id="c")
    record = journal.find("t-1")
    assert record is not None
    assert record.order == order(user="trader")
    assert (record.outcome, record.reply_to, record.correlation_id, record.replied) == (
        None, "replies", "c", False,
    )  # fmt: skip


def test_only_one_of_many_claims_a_task_id(journal: OrderJournal) -> None:
    won: list[int] = []

    def claim(number: int) -> None:
        if journal.insert(order(owner=f"w-{number}"), event="Received"):
            won.append(number)

    race(*(partial(claim, number) for number in range(8)))
    assert len(won) == 1
    record = journal.find("t-1")
    assert record is not None
    assert record.order.owner == f"w-{won[0]}"


def test_a_change_is_written_with_its_step(journal: OrderJournal) -> None:
    journal.insert(order(), event="Received")
    before, sending = journal.change("t-1", Sending(BUY, 1006), now=NOW, by="w")
    assert before == order()
    later = NOW + timedelta(seconds=1)
    _, done = journal.change(
        "t-1", Accepted("0000001007"), now=later, by="w", outcome=b'{"a": 1}', known=sending
    )
    record = journal.find("t-1")
    assert record is not None
    assert record.order == done
    assert (done.state, done.order_no, done.floor, done.settled_at) == (
        State.ACCEPTED, "0000001007", 1006, later,
    )  # fmt: skip
    assert record.outcome == b'{"a": 1}'
    steps = [(each.event, each.state, each.by) for each in journal.transitions("t-1")]
    assert steps == [
        ("Received", "RECEIVED", "w"),
        ("Sending", "SENDING", "w"),
        ("Accepted", "ACCEPTED", "w"),
    ]


def test_a_change_of_what_somebody_else_changed_starts_from_what_is_there(journal: OrderJournal) -> None:
    journal.insert(order(), event="Received")
    _, sending = journal.change("t-1", Sending(BUY), now=NOW, by="w")
    journal.change("t-1", Lost("time-out"), now=NOW, by="w")
    before, after = journal.change("t-1", Accepted("1"), now=NOW, by="keeper", known=sending)
    assert (before.state, after.state) == (State.UNKNOWN, State.ACCEPTED)
    with pytest.raises(IllegalTransition):
        journal.change("t-1", Refused("late"), now=NOW, by="w", known=order())
    with pytest.raises(LookupError):
        journal.change("nobody", Refused("late"), now=NOW, by="w")


def test_changes_at_the_same_time_are_all_kept(journal: OrderJournal) -> None:
    accepted(journal, "t-1", "1", details=replace(BUY, quantity=8))
    race(
        *(
            partial(journal.change, "t-1", Progress(filled, Status.PARTIALLY_FILLED), now=NOW, by="w")
            for filled in range(1, 8)
        )
    )
    record = journal.find("t-1")
    assert record is not None
    assert (record.order.filled, record.order.remaining) == (7, 1)
    versions = [each.version for each in journal.transitions("t-1")]
    assert versions == sorted(set(versions))


def test_an_owner_of_an_older_epoch_cannot_send(journal: OrderJournal, engine: Engine) -> None:
    journal.insert(order(), event="Received")
    assert take(engine) == 2
    with pytest.raises(StaleEpoch):
        journal.change("t-1", Sending(BUY), now=NOW, by="old", known=order())
    assert journal.adopt(order(), owner="new", epoch=2, account="default")
    assert not journal.adopt(order(), owner="other", epoch=2, account="default")
    _, sending = journal.change("t-1", Sending(BUY), now=NOW, by="new")
    assert (sending.state, sending.owner, sending.epoch) == (State.SENDING, "new", 2)


def test_only_who_knows_the_record_as_it_is_can_send(journal: OrderJournal) -> None:
    journal.insert(order(), event="Received")
    journal.readdress("t-1", "replies", None)
    _, sending = journal.change("t-1", Sending(BUY), now=NOW, by="w", known=order())
    with pytest.raises(RecordChanged):
        journal.change("t-1", Sending(BUY), now=NOW, by="w", known=order())
    later = NOW + timedelta(seconds=1)
    _, again = journal.change("t-1", Sending(BUY), now=later, by="w", known=sending)
    assert (again.state, again.version) == (State.SENDING, sending.version + 1)


def test_an_unsettled_order_is_an_obstacle_for_an_equal_one(journal: OrderJournal) -> None:
    journal.insert(order(), event="Received")
    assert journal.obstacle("kis", "default", BUY) is None
    journal.change("t-1", Sending(BUY), now=NOW, by="w")
    same_ticker = replace(BUY, quantity=2)
    obstacle = journal.obstacle("kis", "default", replace(BUY, price=Decimal("75000.5")))
    assert obstacle is not None
    assert obstacle.task_id == "t-1"
    assert journal.obstacle("kis", "default", same_ticker) is None
    assert journal.obstacle("kis", "other", BUY) is None
    journal.change("t-1", Lost("time-out"), now=NOW, by="w")
    journal.change("t-1", Stuck("two candidates"), now=NOW, by="w")
    assert journal.obstacle("kis", "default", same_ticker) is not None
    assert journal.obstacle("kis", "default", replace(same_ticker, ticker="000660")) is None


def test_orders_are_found_by_what_they_are(journal: OrderJournal) -> None:
    accepted(journal, "a", "0000001001")
    accepted(journal, "b", "0000001002", received_at=NOW - timedelta(days=1))
    accepted(journal, "c", "0000001001", received_at=NOW - timedelta(days=1))
    journal.insert(order("d"), event="Received")
    cancel = OrderDetails(action="cancel", market="domestic", original="0000001001")
    accepted(journal, "e", "0000001009", details=cancel)
    today = trading_day(NOW)
    assert journal.sent_on("kis", "default", today) == 1
    numbered = journal.numbered("kis", "default", "domestic", since=trading_day(NOW - timedelta(days=1)))
    assert [each.task_id for each in numbered["1001"]] == ["c", "a"]
    for numbers in (["1001"], [*map(str, range(900, 1002))], []):
        some = journal.numbered("kis", "default", "domestic", since="2026-01-01", numbers=numbers)
        assert some == ({"1001": numbered["1001"]} if numbers else {})
    (found,) = journal.by_number("1001", account="default")
    assert found.order.task_id == "a"
    assert journal.by_number("01001", account="default", vendor="kis", market="domestic") == [found]
    assert journal.by_number("1001", account="default", vendor="kiwoom") == []
    assert journal.by_number("1001", account="default", market="overseas") == []
    assert {each.order.task_id for each in journal.open("kis", "default")} == {"a", "b", "c"}
    assert [each.order.task_id for each in journal.unsent("kis", "default")] == ["d"]
    assert [each.order.task_id for each in journal.listed(day=today, limit=2)] == ["a", "d"]
    assert {each.order.task_id for each in journal.listed(only_open=True)} == {"a", "b", "c", "d"}
    assert [each.order.task_id for each in journal.listed(states=["RECEIVED"])] == ["d"]


def test_replies_are_owed_until_they_are_confirmed(journal: OrderJournal) -> None:
    accepted(journal, "a", "1")
    accepted(journal, "b", "2")
    assert {each.order.task_id for each in journal.unreplied("kis", "default")} == {"a", "b"}
    (told, _) = (record.outcome for record in journal.unreplied("kis", "default"))
    assert told is not None
    journal.mark_replied([("a", told), ("b", b"what it was before")])
    assert {each.order.task_id for each in journal.unreplied("kis", "default")} == {"b"}
    journal.readdress("b", "elsewhere", "c-2")
    (record,) = journal.unreplied("kis", "default")
    assert (record.reply_to, record.correlation_id) == ("elsewhere", "c-2")


def test_environments_do_not_meet(journal: OrderJournal, engine: Engine) -> None:
    accepted(journal, "a", "1")
    other = OrderJournal(engine, "real")
    assert other.find("a") is None
    assert other.insert(order("a"), event="Received")

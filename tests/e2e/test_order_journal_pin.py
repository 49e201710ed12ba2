"""A worker whose journal is not the account's: it reads, and takes no orders until it is told to adopt it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.brokerage import LIST, PRICE
from tests.support.order_floor import Floor
from tests.support.postgres import fresh_database
from tests.support.waiting import PATIENCE, wait_until

REASON = "this worker's journal is not the one that the orders of kis/default are recorded in"
ORDER = {"ticker": "005930", "quantity": 101, "order_type": "market"}


@pytest.fixture
def other_journal(journal_url: str, tmp_path: Path, postgres_url: str) -> Iterator[dict[str, str]]:
    """The setting of a second journal, of the other kind."""
    if journal_url.startswith("sqlite"):
        with fresh_database(postgres_url) as url:
            yield {"JOURNAL_URL": url}
    else:
        yield {"JOURNAL_URL": f"sqlite:///{tmp_path / 'other.sqlite3'}"}


def test_worker_with_a_journal_of_its_own_takes_no_orders(
    new_floor: Floor, other_journal: dict[str, str]
) -> None:
    first = new_floor.start()
    placed = new_floor.send("kis.buy-order", ORDER)
    receipt = new_floor.wire.wait(placed).json["result"][0]
    second = new_floor.start(ready=False, settings=other_journal)
    second.wait_for_line("standby")
    first.kill()
    second.wait_ready()
    second.wait_for_log("orders are refused", REASON)
    assert new_floor.call("kis.get-current-price", {"ticker": "005930"}, to="tasks")["price"] > 0
    assert new_floor.brokerage.calls(PRICE)
    for queue in ("tasks.orders", "tasks"):
        error = new_floor.refusal("kis.buy-order", ORDER | {"quantity": 102}, to=queue)
        assert error["code"] == "ORDERS_DISABLED"
        assert REASON in error["message"]
        assert "--adopt-journal" in error["message"]
    # What the other journal knows is unknown here, so not even a copy of the order may run.
    new_floor.wire.send("kis.buy-order", ORDER, task_id=placed, to="tasks.orders")
    assert new_floor.error(placed, count=2)["code"] == "ORDERS_DISABLED"
    assert [each["order_no"] for each in new_floor.brokerage.orders()] == [receipt["order_no"]]
    assert second.terminate() == 0

    new_floor.start()
    new_floor.wire.send("kis.buy-order", ORDER, task_id=placed, to="tasks.orders")
    reply = new_floor.wire.wait(placed, count=3).json
    assert (reply["result"], reply["replayed"]) == ([receipt], True)
    assert len(new_floor.brokerage.orders()) == 1


@pytest.mark.parametrize("journal_url", ["sqlite"], indirect=True)
def test_adopted_journal_takes_orders_once_the_whole_day_was_read(
    new_floor: Floor, other_journal: dict[str, str]
) -> None:
    new_floor.start()
    low = new_floor.low_price("000660")
    of_the_first = new_floor.call("kis.buy-order", {"ticker": "000660", "quantity": 103, "price": low})
    assert new_floor.worker.terminate() == 0

    new_floor.brokerage.fault("bad_gateway", tr=LIST, count=None)
    worker = new_floor.start("--adopt-journal", settings=other_journal)
    worker.wait_for_log("the pinned journal was replaced by this one")
    waiting = new_floor.send("kis.buy-order", ORDER)
    # No work of the start holds up a cancel, not even of an order that this journal does not know.
    cancelled = new_floor.call("kis.cancel-order", {"order_no": of_the_first["order_no"]})
    assert cancelled["already_done"] is False
    calls = new_floor.brokerage.calls(LIST)
    wait_until(lambda: new_floor.brokerage.calls(LIST) > calls + 1, 2 * PATIENCE, "attempts to read the day")
    assert not new_floor.wire.replies[waiting]
    assert new_floor.brokerage.orders("005930") == []
    new_floor.brokerage.calm()
    worker.wait_for_log("the day's orders were read for the adopted journal")
    reply = new_floor.wire.wait(waiting, 2 * PATIENCE).json
    assert reply["status"] == "TASK_SUCCEED", (reply, worker.output[-2000:])
    assert len(new_floor.brokerage.orders("005930", 101)) == 1
    assert worker.terminate() == 0

    new_floor.start()
    error = new_floor.refusal("kis.buy-order", ORDER | {"quantity": 104})
    assert (error["code"], REASON in error["message"]) == ("ORDERS_DISABLED", True), (
        "now the first is foreign"
    )

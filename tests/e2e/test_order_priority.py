"""Orders before everything: counted in calls that the brokerage saw, not in seconds."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support.brokerage import PRICE
from tests.support.order_floor import Floor
from tests.support.waiting import PATIENCE, wait_until
from tests.support.wiretap import Wiretap

pytestmark = pytest.mark.parametrize("journal_url", ["sqlite"], indirect=True)
PREFETCH = 50
A_FEW = 10
"""Calls that may slip in between publishing and the moment that the worker has the order in its hands."""


def publish_reads(floor: Floor, count: int) -> None:
    """Fill ``tasks`` with reads whose replies nobody looks at.

    The channel stays open: what it published without confirms may be lost when it closes.
    """
    channel = floor.wire.connection.channel()
    queue = channel.queue_declare("test.replies-of-reads", exclusive=True).method.queue
    document = {"method": "kis.get-current-price", "parameters": {"ticker": "005930"}, "reply_queue": queue}
    for number in range(count):
        body = json.dumps(document | {"task_id": f"read-{number}"})
        channel.basic_publish("", "tasks", body.encode())


def calls_before_the_order(floor: Floor, tap: Wiretap, to: str, quantity: int) -> Callable[[], int]:
    """Publish an order now; the result tells how many reads went out between now and the order."""
    price = floor.low_price("000660")
    before = tap.count(PRICE)
    task_id = floor.send("kis.buy-order", {"ticker": "000660", "quantity": quantity, "price": price}, to=to)

    def count() -> int:
        reply = floor.wire.wait(task_id, 4 * PATIENCE).json
        assert reply["status"] == "TASK_SUCCEED", reply
        return tap.count_before_orders(PRICE) - before

    return count


@pytest.mark.timeout(900)
def test_order_overtakes_five_thousand_reads_at_a_full_rate_limit(new_floor: Floor) -> None:
    with Wiretap(new_floor.brokerage) as tap:
        settings = {"KIS_RATE_LIMIT": "4", "TASK_PREFETCH": str(PREFETCH), **tap.settings}
        worker = new_floor.start(settings=settings)
        publish_reads(new_floor, 5_000)
        wait_until(lambda: tap.count(PRICE) >= 8, what="the limiter to be saturated")
        assert (new_floor.wire.depth("tasks") or 0) > 4_000
        count = calls_before_the_order(new_floor, tap, "tasks.orders", 111)
        assert count() <= A_FEW
        cancelled = new_floor.wire.send("broker.cancel-all-orders", task_id="stop", to="tasks.orders")
        (row,) = new_floor.wire.wait(cancelled, 2 * PATIENCE).json["result"]
        assert row["cancelled"] is True
        assert (new_floor.wire.depth("tasks") or 0) > 4_000, "and most of the reads still wait"
        worker.kill()


@pytest.mark.timeout(900)
def test_order_of_an_old_client_waits_until_the_prefetch_reaches_it(new_floor: Floor) -> None:
    reads = 300
    with Wiretap(new_floor.brokerage) as tap:
        settings = {"KIS_RATE_LIMIT": "30", "TASK_PREFETCH": str(PREFETCH), **tap.settings}
        worker = new_floor.start(settings=settings)
        publish_reads(new_floor, PREFETCH - 10)
        wait_until(lambda: tap.count(PRICE) >= 1, what="the first read")
        # Within the window it goes out at once.
        assert calls_before_the_order(new_floor, tap, "tasks", 112)() <= A_FEW + PREFETCH // 2
        wait_until(lambda: tap.count(PRICE) >= PREFETCH - 10, 2 * PATIENCE, "the reads before it")

        publish_reads(new_floor, reads)
        passed = calls_before_the_order(new_floor, tap, "tasks", 113)()
        # Deeper, it waits for the reads before it but those in the window with it: the broker hands it out
        # when it has been acked for all but PREFETCH of what came first.
        assert reads - 2 * PREFETCH <= passed <= reads - PREFETCH + 2 * A_FEW, passed
        worker.kill()

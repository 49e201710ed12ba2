"""An owner that was cut off in silence, with orders in its memory, sends none of them after the takeover."""

from __future__ import annotations

import socket

import pytest

from tests.support.order_floor import Floor
from tests.support.waiting import PATIENCE, wait_until
from tests.support.wiretap import Wiretap

ORDERS = 6
TICKER = "005930"
SETTINGS = {"LEASE_HEARTBEAT": "2", "KIS_RATE_LIMIT": "1"}
"""One call a second: of several orders, most wait in the owner's memory."""


@pytest.mark.timeout(400)
def test_owner_behind_a_black_hole_sends_nothing_after_the_takeover(new_floor: Floor) -> None:
    brokerage, wire = new_floor.brokerage, new_floor.wire
    proxy, url = new_floor.proxied()
    with Wiretap(brokerage) as old_tap, Wiretap(brokerage) as new_tap:
        old = new_floor.start(settings=SETTINGS | old_tap.settings | {"BROKER_URL": f"{url}?heartbeat=2"})
        new = new_floor.start(ready=False, settings=SETTINGS | new_tap.settings)
        new.wait_for_line("standby")
        price = new_floor.low_price(TICKER)
        sent = [
            new_floor.send("kis.buy-order", {"ticker": TICKER, "quantity": number, "price": price})
            for number in range(1, ORDERS + 1)
        ]
        wait_until(lambda: old_tap.orders >= 2, what="the owner's second order")
        proxy.pause()
        new.wait_ready()
        of_the_old_owner = old_tap.orders
        assert 2 <= of_the_old_owner < ORDERS, "some waited in its memory when it lost the lease"
        wire.wait_all(sent, 4 * PATIENCE)
        proxy.resume()
        old.wait_for_line("standby")
        old.wait_for_log("standing by")
        wait_until(lambda: wire.consumers("broker.environment.simulated") == 2, what="the old owner's return")

        assert old_tap.orders == of_the_old_owner
        assert old_tap.orders + new_tap.orders == ORDERS
        booked = brokerage.orders(TICKER)
        assert sorted(each["quantity"] for each in booked) == list(range(1, ORDERS + 1))
        assert [each["quantity"] for each in booked] == list(range(1, ORDERS + 1)), "in order of arrival"
        numbers = {each["quantity"]: each["order_no"] for each in booked}
        for number, task_id in enumerate(sent, 1):
            record = new_floor.record(task_id)
            assert (record.order.state, record.order.order_no) == ("ACCEPTED", numbers[number])
            replies = [message.json for message in wire.replies[task_id]]
            assert {reply["status"] for reply in replies} == {"TASK_SUCCEED"}, replies
            assert {reply["result"][0]["order_no"] for reply in replies} == {numbers[number]}
        senders = [_sender(new_floor, task_id) for task_id in sent]
        name = socket.gethostname()
        assert senders == [f"{name}-{old.process.pid}"] * of_the_old_owner + [f"{name}-{new.process.pid}"] * (
            ORDERS - of_the_old_owner
        )


def _sender(floor: Floor, task_id: str) -> str:
    """The only worker that wrote down that it sends this order."""
    (sending,) = [each for each in floor.journal.transitions(task_id) if each.event == "Sending"]
    return sending.by

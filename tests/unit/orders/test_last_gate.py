"""What holds at the moment of the send, although something slow came before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from broker_server.core.orders import Refused, State
from broker_server.results import Later
from tests.support.order_office import Clock, Desk, FakeVendor


def looked_up(vendor: FakeVendor) -> None:
    """Make the gate see more of an order than the first checks did, as it does with a change."""
    details = vendor.buy_details
    vendor.buy_details = lambda given: replace(details(given), original="1")  # type: ignore[method-assign]


def test_price_of_a_market_order_is_asked_for_once(desk: Desk, vendor: FakeVendor) -> None:
    assert desk.office.desk.run(desk.task(price=None)).error is None
    assert (vendor.ceilings, vendor.calls) == (1, 1)


@pytest.mark.parametrize("what", ["halt", "deadline", "lease"])
def test_what_changed_while_the_vendor_was_asked_for_a_price_stops_the_order(
    desk: Desk, vendor: FakeVendor, clock: Clock, what: str
) -> None:
    looked_up(vendor)

    def change() -> None:
        if vendor.ceilings < 2:
            return
        if what == "halt":
            desk.office.halts.set(halted=True, now=clock(), by="me")
        elif what == "deadline":
            clock.pass_(30)
        else:
            desk.lease.fresh = False
            clock.pass_(1)
            desk.pause = lambda seconds: clock.pass_(30)

    vendor.while_asked = change
    task = desk.task(price=None, deadline=clock() + timedelta(seconds=20))
    result = desk.office.desk.run(task)
    assert vendor.ceilings == 2
    assert result.error is not None
    assert result.error.code == ("ORDERS_DISABLED" if what == "halt" else "TASK_EXPIRED")
    assert vendor.calls == 0
    assert desk.record().order.state is State.REFUSED


def test_an_order_whose_record_changed_on_the_way_is_looked_at_again(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    vendor.before = lambda context: desk.office.journal.change(  # type: ignore[assignment]
        "t-1", Refused("somebody was faster"), now=clock(), by="w-2", outcome=b"{}"
    )
    with pytest.raises(Later):
        desk.office.desk.run(desk.task())
    result = desk.office.desk.run(desk.task())
    assert (result.replay, vendor.calls) == (b"{}", 0)

"""An order leaves only from the worker that owns its account, and into the account's own journal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from broker_client.errors import (
    OrdersDisabled,
    VendorUnavailable,
)
from broker_server.results import Elsewhere, Later
from tests.support.desk_tasks import code, run
from tests.support.order_office import Clock, Desk, FakeVendor, journal


def test_a_worker_without_the_lease_leaves_the_order_alone(desk: Desk, vendor: FakeVendor) -> None:
    desk.lease.held = False
    with pytest.raises(Elsewhere):
        run(desk)
    assert desk.office.journal.find("t-1") is None
    assert vendor.calls == 0


@pytest.mark.parametrize("account", ["foo", None, 5, "default "], ids=repr)
@pytest.mark.parametrize("held", [True, False])
def test_an_account_that_nobody_serves_is_answered(
    desk: Desk, vendor: FakeVendor, account: object, held: bool
) -> None:
    desk.lease.held = held
    assert code(run(desk, account=account)) == "INVALID_PARAMETERS"
    assert code(run(desk, "c", "fake.cancel-order", order_no="1", account=account)) == "INVALID_PARAMETERS"
    every = "broker.cancel-all-orders"
    if account is not None:  # which means every account
        assert code(run(desk, "a", every, vendor="fake", account=account)) == "INVALID_PARAMETERS"
    assert vendor.calls == 0


def test_a_vendor_that_this_worker_does_not_serve_is_answered(desk: Desk) -> None:
    assert code(run(desk, "a", "broker.cancel-all-orders", vendor="kiwoom")) == "VENDOR_NOT_CONFIGURED"
    assert code(run(desk, "b", "broker.cancel-all-orders", vendor=["fake"])) == "INVALID_PARAMETERS"


def test_an_order_waits_while_the_broker_does_not_answer(
    desk: Desk, vendor: FakeVendor, clock: Clock
) -> None:
    desk.lease.fresh = False
    started = clock()

    def pause(seconds: float) -> None:
        clock.pass_(seconds)
        desk.lease.fresh = clock() - started > timedelta(seconds=3)

    desk.pause = pause
    assert run(desk).error is None
    assert clock() - started > timedelta(seconds=3)


def test_the_first_order_after_a_takeover_waits_out_the_old_owner(desk: Desk, clock: Clock) -> None:
    desk.lease.orders_from = clock.monotonic() + 10
    started = clock()
    run(desk)
    assert clock() - started >= timedelta(seconds=10)


def test_an_owner_of_an_older_epoch_cannot_send(tmp_path: Path, vendor: FakeVendor, clock: Clock) -> None:
    engine = journal(tmp_path)
    old = Desk(engine, vendor, clock, name="old")
    vendor.before = lambda context: setattr(vendor, "new", Desk(engine, vendor, clock, name="new"))
    with pytest.raises(Elsewhere):
        run(old)
    assert vendor.calls == 0
    vendor.before = lambda context: None
    new: Desk = vendor.new  # type: ignore[attr-defined]
    assert run(new).rows == [{"order_no": "0000001001"}]
    with pytest.raises(Elsewhere):
        run(old, "t-2")
    assert vendor.calls == 1


def test_a_journal_that_is_not_the_accounts_own_takes_no_orders(desk: Desk, vendor: FakeVendor) -> None:
    desk.lease.refused = "another journal"
    with pytest.raises(OrdersDisabled, match="another journal"):
        run(desk)
    assert desk.office.journal.find("t-1") is None


def test_an_adopted_journal_reads_the_whole_day_before_its_first_order(
    tmp_path: Path, vendor: FakeVendor, clock: Clock
) -> None:
    desk = Desk(journal(tmp_path), vendor, clock, settled_start=False)
    desk.lease.is_adopted = True
    vendor.incomplete = "a page is missing"
    with pytest.raises(VendorUnavailable):
        desk.look()
    with pytest.raises(Later):
        run(desk)
    vendor.incomplete = None
    desk.look()
    assert run(desk).error is None

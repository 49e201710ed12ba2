"""What the vendor's list says of orders whose answer was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from broker_server.core.listed_orders import ListedOrder, OrderList
from broker_server.core.orders import Accepted, Missed, NotSent, Order, OrderDetails, State, Status, Stuck
from broker_server.core.reconciliation import Finding, ours, reconcile
from tests.support.sample_orders import BUY, sample_order

SENT = datetime(2026, 11, 25, 1, 0, 0, 400_000, tzinfo=UTC)
SETTLE = timedelta(seconds=60)
CANCEL = OrderDetails(action="cancel", market="domestic", ticker="005930", original="0000000123", venue="KRX")


def unknown(task_id: str = "t-1", details: OrderDetails = BUY, **changes: object) -> Order:
    lost = {"received_at": SENT, "state": State.UNKNOWN, "sent_at": SENT, "floor": 1000}
    return sample_order(task_id, details=details, **(lost | changes))


def listed(order_no: str = "0000001001", **changes: object) -> ListedOrder:
    made = ListedOrder(
        order_no=order_no,
        original=None,
        action="new",
        ticker="005930",
        side="buy",
        quantity=10,
        price=Decimal(75_000),
        order_type="limit",
        venue="KRX",
        received_at=SENT.replace(microsecond=0),
        filled=0,
        remaining=10,
        average_price=None,
        cancelled=0,
        status=Status.WORKING,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def look(
    orders: list[Order],
    *rows: ListedOrder,
    claimed: set[ListedOrder] | None = None,
    since: datetime | None = None,
    resent: dict[str, datetime] | None = None,
    after: float = 5,
    offset: float = 0,
    incomplete: str | None = None,
) -> dict[str, list[str]]:
    findings: list[Finding] = reconcile(
        orders,
        OrderList(rows, incomplete, since),
        claimed or set(),
        asked_at=SENT + timedelta(seconds=after),
        clock_offset=timedelta(seconds=offset),
        settle=SETTLE,
        resent=resent,
    )
    return {each.task_id: [type(event).__name__ for event in each.events] for each in findings}


def test_the_order_that_looks_like_it_is_it() -> None:
    finding = reconcile(
        [unknown()],
        OrderList([listed(filled=4, remaining=6, status=Status.PARTIALLY_FILLED)]),
        set(),
        asked_at=SENT + timedelta(seconds=5),
        clock_offset=timedelta(),
        settle=SETTLE,
    )[0]
    assert finding.events[0] == Accepted(
        "0000001001", by="reconciliation", reason="found in the vendor's list of orders"
    )
    assert getattr(finding.events[1], "filled", None) == 4


def test_what_differs_is_not_it() -> None:
    for difference in (
        {"ticker": "000660"},
        {"side": "sell"},
        {"quantity": 11},
        {"price": Decimal(75_100)},
        {"venue": "NXT"},
        {"action": "modify", "original": "0000000123"},
        {"received_at": SENT - timedelta(minutes=16)},
        {"received_at": SENT + timedelta(minutes=16)},
    ):
        assert look([unknown()], listed(**difference)) == {"t-1": ["Missed"]}, difference


def test_what_asks_for_the_same_with_another_time_or_number_neither_settles_nor_denies_it() -> None:
    for difference in (
        {"order_no": "0000001000"},
        {"received_at": SENT - timedelta(seconds=30)},
        {"received_at": SENT + timedelta(minutes=3)},
    ):
        assert look([unknown(missed=5)], listed(**difference), after=120) == {"t-1": ["Stuck"]}, difference


def test_an_incomplete_list_settles_nothing() -> None:
    assert look([unknown()], listed(), incomplete="page 2 could not be read") == {}


def test_an_order_of_another_task_is_not_it() -> None:
    assert look([unknown()], listed(), claimed={listed()}) == {"t-1": ["Missed"]}


def test_the_vendor_clock_counts() -> None:
    row = listed(received_at=SENT + timedelta(seconds=-120))
    assert look([unknown()], row) == {"t-1": ["Stuck"]}
    assert look([unknown()], row, offset=-120) == {"t-1": ["Accepted", "Progress"]}


def test_two_equal_orders_with_two_candidates_settle() -> None:
    twins = [unknown("t-1"), unknown("t-2", sent_at=SENT + timedelta(seconds=1))]
    assert look(twins, listed("0000001001"), listed("0000001002")) == {
        "t-1": ["Accepted", "Progress"],
        "t-2": ["Accepted", "Progress"],
    }


def test_two_equal_orders_with_another_number_of_candidates_stay_unknown() -> None:
    twins = [unknown("t-1"), unknown("t-2")]
    assert look(twins, listed("0000001001")) == {"t-1": ["Stuck"], "t-2": ["Stuck"]}
    assert look([unknown()], listed("0000001001"), listed("0000001002")) == {"t-1": ["Stuck"]}


def test_stuck_says_why_once() -> None:
    (finding,) = reconcile(
        [unknown()],
        OrderList([listed("1001"), listed("1002")]),
        set(),
        asked_at=SENT + timedelta(seconds=5),
        clock_offset=timedelta(),
        settle=SETTLE,
    )
    event = finding.events[0]
    assert isinstance(event, Stuck)
    assert "1001" in event.reason
    assert look([unknown(stuck=True, reason=event.reason)], listed("1001"), listed("1002")) == {}


def test_not_sent_needs_two_complete_lists_and_time() -> None:
    assert look([unknown()], after=120) == {"t-1": ["Missed"]}
    assert look([unknown(missed=1)], after=59) == {"t-1": ["Missed"]}
    assert look([unknown(missed=1)], after=61) == {"t-1": ["Missed", "NotSent"]}
    assert look([unknown(missed=5)], after=120, incomplete="stopped after 100 pages") == {}


def test_a_list_from_before_the_send_says_nothing() -> None:
    assert look([unknown(missed=5)], after=-1) == {}


def test_a_cancel_is_known_by_the_order_it_cancels() -> None:
    row = listed("0000001005", action="modify_or_cancel", original="123", quantity=10, price=None)
    assert look([unknown(details=CANCEL)], row) == {"t-1": ["Accepted"]}
    assert look([unknown(details=CANCEL)], replace(row, original="124")) == {"t-1": ["Missed"]}
    assert look([unknown(details=CANCEL)], replace(row, action="modify")) == {"t-1": ["Missed"]}


def test_a_market_order_is_known_by_its_type() -> None:
    details = replace(BUY, price=None, order_type="market")
    assert look([unknown(details=details)], listed(price=None, order_type="market")) == {
        "t-1": ["Accepted", "Progress"]
    }
    assert look([unknown(details=details)], listed(price=None, order_type="best")) == {"t-1": ["Missed"]}


def test_numbers_begin_anew_each_day() -> None:
    yesterday = unknown("old", state=State.ACCEPTED, order_no="0000001001", sent_at=SENT - timedelta(days=1))
    today = unknown("new", state=State.ACCEPTED, order_no="1001")
    named = {"1001": [yesterday, today]}
    assert ours(listed(), named) is today
    assert ours(listed(received_at=SENT - timedelta(days=1)), named) is yesterday
    assert ours(listed(received_at=None), named) is today
    assert ours(listed(), {"1001": [yesterday]}) is None
    assert ours(listed("0000001002"), named) is None


def test_an_order_for_the_router_is_known_by_whatever_venue_took_it() -> None:
    routed = replace(BUY, venue="SOR")
    assert look([unknown(details=routed)], listed(venue="NXT")) == {"t-1": ["Accepted", "Progress"]}


def test_an_order_that_does_not_say_its_venue_is_known_by_the_rest() -> None:
    silent = replace(BUY, venue=None)
    assert look([unknown(details=silent)], listed()) == {"t-1": ["Accepted", "Progress"]}


def test_an_etn_is_one_instrument_with_its_letter_and_without() -> None:
    etn = replace(BUY, ticker="Q500001")
    assert look([unknown(details=etn)], listed(ticker="500001")) == {"t-1": ["Accepted", "Progress"]}
    symbol = replace(BUY, ticker="QQQ")
    assert look([unknown(details=symbol)], listed(ticker="QQ")) == {"t-1": ["Missed"]}


def test_a_list_that_begins_after_the_send_denies_nothing() -> None:
    midnight = SENT + timedelta(seconds=30)
    assert look([unknown(missed=5)], after=120, since=midnight) == {"t-1": ["Stuck"]}
    assert look([unknown(missed=5)], after=120, since=SENT) == {"t-1": ["Stuck"]}, "the clocks may differ"
    assert look([unknown(missed=5)], after=120, since=SENT - timedelta(seconds=4)) == {
        "t-1": ["Missed", "NotSent"]
    }
    assert look([unknown(missed=5)], after=120, since=SENT, offset=10) == {"t-1": ["Missed", "NotSent"]}


def test_a_number_of_the_next_day_may_be_low() -> None:
    order = unknown(floor=90_000, sent_at=datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC))
    row = listed("0000000001", received_at=datetime(2026, 11, 26, 0, 0, 0, tzinfo=UTC))
    assert look([order], row, after=86_400) == {"t-1": ["Accepted", "Progress"]}


def test_a_candidate_of_a_stricter_and_a_looser_order_settles_neither() -> None:
    routed = unknown("routed", details=replace(BUY, venue="SOR"))
    assert look([routed, unknown()], listed()) == {"routed": ["Stuck"], "t-1": ["Stuck"]}
    assert look([routed, unknown()], listed(venue="NXT")) == {
        "routed": ["Accepted", "Progress"],
        "t-1": ["Missed"],
    }
    assert look([routed, unknown(state=State.SENDING)], listed()) == {}, "it is that order's, perhaps"


def test_a_change_and_a_cancel_of_one_order_are_not_guessed() -> None:
    modify = replace(CANCEL, action="modify", quantity=10, price=None)
    rows = [unknown("c", details=CANCEL), unknown("m", details=modify)]
    row = listed(action="modify_or_cancel", original="123", price=None)
    assert look(rows, row) == {"c": ["Stuck"], "m": ["Stuck"]}


def test_partial_cancels_are_told_apart_by_quantity() -> None:
    rows = [unknown(f"c-{shares}", details=replace(CANCEL, quantity=shares)) for shares in (3, 5)]
    three = listed("0000001005", action="cancel", original="123", quantity=3)
    five = replace(three, order_no="0000001006", quantity=5)
    assert look(rows, three, five) == {"c-3": ["Accepted"], "c-5": ["Accepted"]}
    assert look(rows[1:], three) == {"c-5": ["Stuck"]}, "of how many shares it became is not sure"


def test_one_of_ours_asks_for_the_same() -> None:
    order = unknown(state=State.ACCEPTED, order_no="0000001001")
    named = {"1001": [order]}
    assert ours(listed(), named) is order
    for difference in (
        {"ticker": "000660"},
        {"side": "sell"},
        {"action": "modify", "original": "0000000123"},
        {"received_at": SENT - timedelta(seconds=30), "quantity": 11},
        {"received_at": SENT + timedelta(minutes=3), "quantity": 11},
        {"received_at": SENT + timedelta(hours=11), "quantity": 11},
        {"received_at": SENT - timedelta(hours=2)},
    ):
        assert ours(listed(**difference), named) is None, difference
    late = replace(order, settled_at=SENT + timedelta(minutes=4))
    row = listed(received_at=SENT + timedelta(minutes=3), quantity=11)
    assert ours(row, {"1001": [late]}) is late
    assert ours(row, named, timedelta(minutes=3)) is order
    assert ours(replace(row, quantity=10), named) is order, "a clock was set since"


def test_a_denied_order_is_found_unless_it_may_be_another() -> None:
    denied = unknown("old", state=State.NOT_SENT, missed=2)
    assert look([denied], listed()) == {"old": ["Accepted", "Progress"]}
    assert look([denied]) == {}
    assert look([denied], listed("0000001001"), listed("0000001002")) == {}
    resent = {"old": SENT + timedelta(seconds=20)}
    row = listed(received_at=SENT + timedelta(seconds=20))
    assert look([denied], row, resent=resent) == {}
    assert look([denied], listed(), resent=resent) == {"old": ["Accepted", "Progress"]}
    assert look([denied, unknown()], listed()) == {"t-1": ["Stuck"]}
    assert look([denied, unknown(state=State.SENDING)], listed()) == {}
    later = unknown(sent_at=SENT + timedelta(minutes=4), details=replace(BUY, quantity=11))
    assert look([denied, later], listed(), after=300) == {"t-1": ["Missed"]}


numbers = st.integers(990, 1012).map(lambda value: f"{value:010}")


@given(
    st.lists(numbers, max_size=6, unique=True),
    st.sets(numbers, max_size=4),
    st.integers(1, 3),
)
def test_no_order_number_settles_two_tasks(numbers: list[str], claimed: set[str], count: int) -> None:
    orders = [unknown(f"t-{n}") for n in range(count)]
    findings = reconcile(
        orders,
        OrderList([listed(each) for each in numbers]),
        {listed(each) for each in claimed},
        asked_at=SENT + timedelta(seconds=5),
        clock_offset=timedelta(),
        settle=SETTLE,
    )
    found = [event.order_no for each in findings for event in each.events if isinstance(event, Accepted)]
    assert len(found) == len(set(found))
    assert len(found) in (0, count)
    for order_no in found:
        assert order_no is not None
        assert order_no not in claimed
        assert int(order_no) > 1000
    assert not any(isinstance(event, NotSent) for each in findings for event in each.events)
    assert all(
        isinstance(event, (Accepted, Missed, Stuck)) or found for each in findings for event in each.events
    )

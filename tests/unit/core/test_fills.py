"""The ledger of published fills: what is lost is made up for, and nothing counts twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker_server.core.fills import Baseline, FillLedger, Noticed, Published, Recovered
from broker_server.core.listed_orders import ListedOrder
from broker_server.core.orders import Status

DAY = datetime(2026, 11, 25, 1, tzinfo=UTC)
WON = Decimal(1)
CENT = Decimal("0.0001")


def at(seconds: float) -> datetime:
    return DAY + timedelta(seconds=seconds)


def order(order_no: str, filled: int, average: str | Decimal | None = "100") -> ListedOrder:
    return ListedOrder(
        order_no=order_no,
        original=None,
        action="new",
        ticker="005930",
        side="buy",
        quantity=1000,
        price=Decimal(100),
        order_type="limit",
        venue="KRX",
        received_at=DAY,
        filled=filled,
        remaining=1000 - filled,
        average_price=None if average is None else Decimal(average),
        cancelled=0,
        status=Status.WORKING,
    )


def ledger(
    published: Mapping[str, Published] | None = None, *, has_baseline: bool = True, unit: Decimal = WON
) -> FillLedger:
    return FillLedger(published, has_baseline=has_baseline, unit=unit)


def notice(
    kept: FillLedger,
    quantity: int,
    *,
    filled_at: float | None,
    price: int | None = 100,
    now: float | None = None,
) -> Noticed:
    moment = filled_at if now is None else now
    return kept.noticed(
        "1",
        quantity=quantity,
        price=None if price is None else Decimal(price),
        time=None if filled_at is None else at(filled_at),
        now=0.0 if moment is None else moment,
    )


def compare(kept: FillLedger, orders: Sequence[ListedOrder], now: float) -> list[Baseline | Recovered]:
    kept.listed(orders, asked_at=at(now), answered_at=at(now), now=now)
    assert kept.due(now + 1.9) == []
    return kept.due(now + 2.0)


def recovered(kept: FillLedger, orders: Sequence[ListedOrder], now: float) -> Recovered:
    (found,) = compare(kept, orders, now)
    assert isinstance(found, Recovered)
    return found


def test_notices_are_published_and_a_list_that_agrees_changes_nothing() -> None:
    kept = ledger()
    assert notice(kept, 3, filled_at=1) == Noticed(3, 0, Published(3, Decimal(300)))
    assert notice(kept, 3, filled_at=1) == Noticed(3, 0, Published(6, Decimal(600))), "equal fills are two"
    assert compare(kept, [order("1", 6)], 10) == []


def test_what_notices_did_not_bring_is_recovered_as_one() -> None:
    kept = ledger()
    notice(kept, 2, filled_at=1, price=100)
    listed = order("0001", 5, "106")
    assert recovered(kept, [listed], 10) == Recovered(
        listed, 3, Decimal(330), Decimal(110), Published(5, Decimal(530), 3)
    )
    assert compare(kept, [listed], 20) == []


def test_a_notice_that_was_on_its_way_is_waited_for() -> None:
    kept = ledger()
    kept.listed([order("1", 5)], asked_at=at(10), answered_at=at(10.5), now=10.5)
    assert notice(kept, 5, filled_at=9, now=11).publish == 5
    assert kept.due(12.5) == []


def test_a_notice_after_its_recovery_is_swallowed() -> None:
    kept = ledger()
    recovered(kept, [order("1", 5)], 10)
    assert notice(kept, 3, filled_at=9, now=30) == Noticed(0, 3, Published(5, Decimal(500), 5))
    assert notice(kept, 2, filled_at=None, now=31).publish == 0
    assert notice(kept, 4, filled_at=30).publish == 4
    assert compare(kept, [order("1", 9)], 40) == []


def test_a_notice_larger_than_the_debt_is_published_in_part() -> None:
    kept = ledger()
    recovered(kept, [order("1", 5)], 10)
    assert notice(kept, 7, filled_at=11, now=15) == Noticed(2, 5, Published(7, Decimal(700), 5))


def test_the_time_that_a_list_takes_is_within_its_doubt() -> None:
    kept = ledger()
    kept.listed([order("1", 5)], asked_at=at(10), answered_at=at(20), now=20)
    assert len(kept.due(22)) == 1
    assert notice(kept, 5, filled_at=19, now=25).publish == 0


def test_a_new_fill_soon_after_a_list_is_published_at_once() -> None:
    kept = ledger()
    notice(kept, 5, filled_at=1)
    compare(kept, [order("1", 5)], 10)
    for filled_at in (8, 10, 12):
        assert notice(kept, 1, filled_at=filled_at, now=13).publish == 1


def test_an_old_notice_that_exceeds_the_list_is_a_duplicate() -> None:
    kept = ledger()
    notice(kept, 5, filled_at=1)
    compare(kept, [order("1", 5)], 10)
    assert notice(kept, 5, filled_at=1, now=13) == Noticed(0, 5, Published(5, Decimal(500)))


def test_the_first_list_of_a_day_without_a_record_is_the_baseline() -> None:
    kept = ledger(has_baseline=False)
    notice(kept, 2, filled_at=1)
    found = compare(kept, [order("1", 5), order("2", 0, None), order("3", 4, None)], 10)
    assert found == [Baseline({"1": Published(5, Decimal(500)), "3": Published(4, None)})]
    assert recovered(kept, [order("1", 6)], 20).quantity == 1


def test_a_record_of_an_earlier_run_is_gone_on_with() -> None:
    kept = ledger({"0001": Published(2, Decimal(200), 1)})
    assert recovered(kept, [order("1", 5)], 10).published == Published(5, Decimal(500), 4)


def test_lists_are_compared_in_turn_however_quickly_they_follow() -> None:
    kept = ledger()
    for number in range(10):
        kept.listed([order("1", number)], asked_at=at(number), answered_at=at(number), now=number)
    found = kept.due(100)
    assert [each.quantity for each in found if isinstance(each, Recovered)] == [1] * 9


def test_an_older_list_takes_nothing_back() -> None:
    kept = ledger()
    recovered(kept, [order("1", 5)], 10)
    assert compare(kept, [order("1", 3)], 8) == []
    assert kept.published("01").quantity == 5
    assert kept.published("other") == Published()


def test_an_order_in_several_rows_is_one() -> None:
    found = recovered(ledger(), [order("1", 2, "100"), order("01", 3, "100")], 10)
    assert (found.quantity, found.price) == (5, 100)
    found = recovered(ledger(), [order("1", 2, "100"), order("1", 3, "101")], 10)
    assert (found.quantity, found.price) == (5, None)
    found = recovered(ledger(), [order("1", 0, None), order("1", 3, "101")], 10)
    assert (found.quantity, found.price) == (3, 101)


@pytest.mark.parametrize(
    ("average", "filled", "unit", "amount", "price"),
    [
        ("100", 4, WON, 400, 100),
        ("66.6667", 3, WON, 200, None),
        ("33.3333", 4, WON, None, None),  # 133.3332 is no amount of won, not even rounded
        ("150.25", 4, WON, 601, "150.25"),
        ("150.2533", 3, CENT, None, None),  # rounded or not: the step is too small to tell
        ("150.25", 4, CENT, 601, "150.25"),
        ("70000", 20_000, WON, 1_400_000_000, 70_000),
        ("70000.0001", 20_000, WON, None, None),
        (None, 4, WON, None, None),
        ("NaN", 4, WON, None, None),
        ("0", 4, WON, None, None),
    ],
)
def test_an_amount_is_exact_or_none(
    average: str | None, filled: int, unit: Decimal, amount: int | None, price: str | int | None
) -> None:
    found = recovered(ledger(unit=unit), [order("1", filled, average)], 10)
    assert (found.amount, found.price) == (amount, None if price is None else Decimal(price))


def test_the_price_is_none_when_what_was_published_has_none() -> None:
    kept = ledger()
    notice(kept, 2, filled_at=1, price=None)
    found = recovered(kept, [order("1", 5)], 10)
    assert (found.quantity, found.amount, found.price) == (3, None, None)
    assert found.published.amount == 500, "the total is known again"


def test_no_price_is_derived_while_fills_come_in() -> None:
    """The list has a lost fill, and a later one that it has not was published before the comparison."""
    kept = ledger()
    kept.listed([order("1", 5, "100")], asked_at=at(10), answered_at=at(10), now=10)
    notice(kept, 2, filled_at=11, price=110)
    (found,) = kept.due(12)
    assert isinstance(found, Recovered)
    assert (found.quantity, found.amount, found.price) == (3, None, None)
    found = recovered(kept, [order("1", 7, "102.8571")], 20)
    assert found.published == Published(7, Decimal(720), 5)


def test_a_total_without_an_amount_gets_it_from_the_next_list() -> None:
    kept = ledger()
    notice(kept, 2, filled_at=1, price=None)
    assert compare(kept, [order("1", 2)], 10) == []
    assert kept.published("1") == Published(2, Decimal(200))


@dataclass
class Fill:
    order_no: str
    quantity: int
    price: int
    time: datetime | None


ORDERS = st.sampled_from(["1", "2"])


class FillMachine(RuleBasedStateMachine):
    """Notices are late, lost, out of order; clocks differ: totals are right in the end, and never over."""

    @initialize(has_baseline=st.booleans(), skew=st.floats(-1, 1))
    def begin(self, has_baseline: bool, skew: float) -> None:
        self.kept = ledger(has_baseline=has_baseline)
        self.skew = skew
        self.now = 100.0
        self.total = {"1": 0, "2": 0}
        self.amount = {"1": 0, "2": 0}
        self.told = {"1": 0, "2": 0}
        self.silent = not has_baseline
        self.on_the_way: list[Fill] = []
        if not has_baseline:
            self.trade("1", 7, 100)
            self.on_the_way.clear()

    def trade(self, order_no: str, quantity: int, price: int) -> None:
        self.total[order_no] += quantity
        self.amount[order_no] += quantity * price
        whole = at(int(self.now))
        self.on_the_way.append(Fill(order_no, quantity, price, None if price == 99 else whole))

    @rule(order_no=ORDERS, quantity=st.integers(1, 5), price=st.integers(98, 102))
    def fill(self, order_no: str, quantity: int, price: int) -> None:
        self.trade(order_no, quantity, price)

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        self.hand_over(self.on_the_way.pop(data.draw(st.integers(0, len(self.on_the_way) - 1))))

    @precondition(lambda self: self.on_the_way)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.on_the_way.pop(data.draw(st.integers(0, len(self.on_the_way) - 1)))

    def hand_over(self, fill: Fill) -> None:
        result = self.kept.noticed(
            fill.order_no, quantity=fill.quantity, price=Decimal(fill.price), time=fill.time, now=self.now
        )
        assert result.publish + result.duplicate == fill.quantity
        assert result.published == self.kept.published(fill.order_no)
        self.told[fill.order_no] += result.publish

    @rule(took=st.sampled_from([0.0, 0.4, 5.0]), lag=st.booleans(), meanwhile=st.booleans())
    def list_orders(self, took: float, lag: bool, meanwhile: bool = False) -> None:
        """A list is of some moment between question and answer."""
        asked = self.now
        before = self.rows()
        self.now += took
        if meanwhile:
            self.trade("1", 3, 101)
        self.kept.listed(
            before if lag else self.rows(),
            asked_at=at(asked + self.skew),
            answered_at=at(self.now + self.skew),
            now=self.now,
        )

    def rows(self) -> list[ListedOrder]:
        rows = []
        for order_no, filled in self.total.items():
            mean = Decimal(self.amount[order_no]) / filled if filled else Decimal(0)
            rows.append(order(order_no, filled, mean.quantize(CENT, ROUND_HALF_UP)))
        return rows

    @rule(seconds=st.sampled_from([0.3, 1.0, 2.0, 5.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for each in self.kept.due(self.now):
            if isinstance(each, Baseline):
                assert self.silent
                self.silent = False
                for order_no, published in each.published.items():
                    self.told[order_no] = published.quantity
            else:
                assert each.quantity > 0
                assert each.price is None or each.price * each.quantity == each.amount
                assert each.price is None or 98 <= each.price <= 102
                self.told[each.order.order_no] += each.quantity

    @invariant()
    def never_over(self) -> None:
        for order_no, total in self.total.items():
            assert self.told[order_no] == self.kept.published(order_no).quantity <= total

    def teardown(self) -> None:
        if not hasattr(self, "kept"):
            return
        for _ in range(2):
            self.time_passes(5.0)
            self.list_orders(0.4, lag=False)
            self.time_passes(2.0)
            for order_no, total in self.total.items():
                assert self.kept.published(order_no).quantity == total
                assert self.kept.published(order_no).amount == self.amount[order_no]
            while self.on_the_way:
                self.hand_over(self.on_the_way.pop())
                self.never_over()


TestFillMachine = FillMachine.TestCase
TestFillMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5), st.floats(0, 1.9)), max_size=12))
def test_when_nothing_is_lost_nothing_is_recovered_and_nothing_swallowed(
    fills: list[tuple[int, int, float]],
) -> None:
    """Lists every five seconds, notices up to two seconds late."""
    kept = ledger()
    arrivals = sorted((second + 0.5 + late, second, quantity) for second, quantity, late in fills)
    for tenth in range(400):
        now = tenth / 10
        while arrivals and arrivals[0][0] <= now:
            _, second, quantity = arrivals.pop(0)
            assert notice(kept, quantity, filled_at=second, now=now).duplicate == 0
        if tenth % 50 == 0:
            total = sum(quantity for second, quantity, _ in fills if second + 0.5 <= now)
            kept.listed([order("1", total)], asked_at=at(now), answered_at=at(now), now=now)
        assert kept.due(now) == []

"""What a terminal shows of orders."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType

from broker_client.order_display import OrdersTable, order_page
from broker_client.order_records import OrderRecord
from tests.support.order_rows import order_row

LONG_ID = "my-strategy-0b3c5d7e-1111-2222-3333-444455556666"


def shown(what: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def record(task_id: str = "t-1", **fields: Any) -> OrderRecord:
    return OrderRecord.model_validate(order_row(task_id, **fields))


def table(*orders: OrderRecord, width: int = 80, **options: Any) -> str:
    return shown(OrdersTable(orders, **options), width)


UNSETTLED = {
    "state": "UNKNOWN",
    "status": None,
    "order_no": None,
    "filled_quantity": 0,
    "average_price": None,
}


def test_a_filled_order_in_two_lines() -> None:
    heading, _, first, second, notes = table(record(LONG_ID), environment="paper").splitlines()
    assert heading.split() == ["time", "state", "status", "order", "filled", "price", "average", "order_no"]
    assert first == "02:37:00  ACCEPTED  filled  buy 005930   10/10  market   74,900  0000001007"
    assert second == f"  {LONG_ID}"
    assert notes == "1 order · 0 open · times in Korea (KST), 2026-11-26 · paper"


def test_a_wide_terminal_shows_an_order_in_one_line() -> None:
    heading, _, first, _ = table(record(LONG_ID), width=140).splitlines()
    assert heading.split()[-2:] == ["order_no", "task_id"]
    assert first.endswith(f"0000001007  {LONG_ID}")


def test_open_orders_come_first_and_each_group_keeps_its_order() -> None:
    text = table(
        record("done-new"),
        record("working", status="working"),
        record("unknown", **UNSETTLED),
        record("done-old"),
    )
    places = [text.index(name) for name in ("working", "unknown", "done-new", "done-old")]
    assert places == sorted(places)
    assert "4 orders · 2 open · 1 not settled" in text
    assert text.count("─\n") == 2


def test_why_an_order_was_not_accepted_stands_below_it() -> None:
    words = "주문단가가 상하한가를 벗어났습니다."
    refused = {"state": "REJECTED", "status": None, "average_price": None, "order_no": None}
    text = table(
        record("r-1", **refused, reason=f"KIS refused: APBK0506 {words}", vendor_code="APBK0506",
               vendor_message=words),
        record("r-2", **refused, reason="refused", vendor_code="APBK0506", vendor_message=words),
        record("fine", reason="found in the list"),
    )  # fmt: skip
    assert text.count("APBK0506") == 2
    assert f"  KIS refused: APBK0506 {words}\n" in text
    assert f"  refused · APBK0506 · {words}\n" in text
    assert "found in the list" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = table(
        record(LONG_ID, quantity=1_000_000, filled_quantity=250_000, status="partially_filled",
               price="1234567.25", average_price="1234567.125", currency="USD"),
        record("u" * 36, **UNSETTLED, reason="같은 주문이 둘이라 어느 쪽인지 알 수 없습니다. " * 4),
        record("x", status="rejected_by_exchange", received_at="2025-01-02T00:00:00Z", reason="거래정지"),
        width=width,
        truncated="only the newest 3 are shown",
    )  # fmt: skip
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert "".join(LONG_ID.split()) in "".join(text.split())


def test_amounts_are_grouped_and_name_a_foreign_currency() -> None:
    text = table(record(price="1234567", order_type="limit"), record(price="240.50", currency="USD"))
    assert "1,234,567" in text
    assert "240.50 USD" in text


def test_days_are_shown_when_there_are_several() -> None:
    text = table(record("a"), record("b", received_at="2026-11-24T00:00:00Z"))
    assert "11-26 02:37:00" in text
    assert "11-24 09:00:00" in text
    assert "2026-11-26" not in text
    older = table(record("a"), record("b", received_at="2025-11-24T00:00:00Z"))
    assert "2025-11-24 09:00:00" in older


def test_a_cancel_names_the_order_that_it_takes_back() -> None:
    cancel = record(
        action="cancel", status=None, quantity=None, original_order_no="0000000999", order_type=None
    )
    text = table(cancel)
    assert "cancel 005930" in text
    assert "of 0000000999" in text
    assert " all " in text


def test_no_order_and_more_orders_are_said() -> None:
    assert table() == "no such order on record\n"
    assert "only the newest 1 are shown: --limit" in table(record(), truncated="only the newest 1 are shown")


HISTORY = [
    {"at": "2026-11-25T14:59:59.910Z", "event": "Received", "by": "w-1", "state": "RECEIVED", "status": None,
     "filled_quantity": 0, "reason": None},
    {"at": "2026-11-25T14:59:59.930Z", "event": "Lost", "by": "w-1", "state": "UNKNOWN", "status": None,
     "filled_quantity": 0, "reason": "the connection broke"},
    {"at": "2026-11-25T15:00:00.500Z", "event": "Accepted", "by": "hand (t-9)", "state": "ACCEPTED",
     "status": "working", "filled_quantity": 0, "reason": None},
    {"at": "2026-11-25T15:00:02.000Z", "event": "Progress", "by": "w-1", "state": "ACCEPTED",
     "status": "filled", "filled_quantity": 1000, "reason": None},
]  # fmt: skip


def test_one_order_is_shown_with_its_history() -> None:
    text = shown(order_page(record(LONG_ID, history=HISTORY)))
    assert "order     buy 005930, 10 at market (KRX)" in text
    assert "filled    10/10 at 74,900" in text
    assert "asked by  guest" in text
    lines = text.splitlines()
    start = lines.index("2026-11-25 KST")
    assert lines[start:] == [
        "2026-11-25 KST",
        "23:59:59.910 ● Received   RECEIVED  by w-1",
        "23:59:59.930 ● Lost       UNKNOWN",
        "               the connection broke",
        "2026-11-26 KST",
        "00:00:00.500 ● Accepted   ACCEPTED working  by hand (t-9)",
        "00:00:02.000 ● Progress   ACCEPTED filled, 1,000 filled  by w-1",
    ]


def test_what_can_be_done_now_is_the_last_line() -> None:
    def advice(**fields: Any) -> str:
        return " ".join(shown(order_page(record(**fields)), 200).splitlines()[-1:])

    assert advice(status="working").endswith("broker-client call kis.cancel-order order_no=0000001007")
    overseas = advice(status="working", method="kis.sell-overseas-order", action="sell")
    assert "kis.cancel-overseas-order" in overseas
    assert "Do not send it again" in advice(**UNSETTLED)
    assert "broker.resolve-order task_id='a b'" in advice(**UNSETTLED, stuck=True, task_id="a b")
    assert "asked by" in advice()

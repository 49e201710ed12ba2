from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType

from broker_client.display import (
    ProgressBar,
    failure_line,
    failure_panel,
    matching_methods,
    method_page,
    methods_table,
    object_table,
    result_view,
    rows_table,
    status_view,
)
from broker_client.errors import InvalidParameters, VendorRejected
from broker_client.protocol import TaskReply
from broker_client.results import TaskResult

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def shown(what: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def result_of(*rows: Any, **options: Any) -> TaskResult:
    return TaskResult.from_reply(
        TaskReply(task_id="t", result=list(rows), response_time=NOW, status="TASK_SUCCEED", **options)
    )


def view(*rows: Any, **options: Any) -> RenderableType:
    return result_view(result_of(*rows, **options))


def test_numbers_are_grouped_and_right_aligned_and_a_ticker_keeps_its_zeros() -> None:
    text = shown(
        rows_table(
            [
                {"ticker": "005930", "price": 71500, "rate": -0.34, "average": "1234567.50"},
                {"ticker": "000660", "price": 1234567, "rate": 1.5, "average": "-2.25"},
            ]
        )
    )
    assert "│ 005930 │    71,500 │ -0.34 │ 1,234,567.50 │" in text
    assert "│ 000660 │ 1,234,567 │   1.5 │        -2.25 │" in text


def test_korean_names_keep_the_columns_straight() -> None:
    text = shown(rows_table([{"name": "삼성전자", "n": 1}, {"name": "LG", "n": 22}]))
    widths = {cell_len(line) for line in text.splitlines()}
    assert len(widths) == 1


def test_rows_with_different_keys_show_every_column() -> None:
    text = shown(rows_table([{"a": 1}, {"b": None, "d": "x"}, {"c": True}]))
    assert all(f" {name} " in text for name in "acd")
    assert "no b" in text
    assert "yes" in text


def test_one_object_is_names_and_values_with_inner_tables() -> None:
    text = shown(
        object_table(
            {"ticker": "005930", "price": 71500, "asks": [{"price": 71600, "quantity": 5}], "inner": {"x": 1}}
        )
    )
    assert "71,500" in text
    assert "71,600" in text
    assert "quantity" in text
    assert "x" in text


def test_a_vendors_square_brackets_are_not_markup() -> None:
    assert "[bold]주문[/bold]" in shown(object_table({"text": "[bold]주문[/bold]"}))
    assert "[red]" in shown(failure_panel(VendorRejected("[red] refused")))


def test_a_result_says_how_many_rows_where_from_and_whether_complete() -> None:
    text = shown(view({"a": 1}, {"a": 2}, environment="paper", truncated="page limit"))
    assert "2 rows · paper" in text
    assert "truncated: page limit" in text
    assert "no rows" in shown(view())
    assert "replayed" in shown(view({"order_no": "1"}, replayed=True))
    assert shown(view("한국전력")).splitlines()[0] == "한국전력"


def test_a_failure_shows_code_reason_the_vendors_words_and_the_next_step() -> None:
    error = VendorRejected(
        "refused", vendor="kis", vendor_code="40310000", vendor_message="주문 수량 초과", task_id="t-1"
    )
    panel, line = shown(failure_panel(error)), failure_line(error)
    for part in ("VENDOR_REJECTED", "refused", "kis", "40310000 주문 수량 초과", "call again"):
        assert part in panel
        assert part in line
    assert "t-1" in panel
    assert "\n" not in line


def test_a_failure_line_says_nothing_twice() -> None:
    assert failure_line(InvalidParameters("ticker: field required")).startswith(
        "TASK_FAILED INVALID_PARAMETERS: ticker: field required - next: "
    )
    assert failure_line(InvalidParameters("x"), "kis.buy-order").endswith(
        "broker-client methods kis.buy-order"
    )
    told = VendorRejected("KIS: E1 거부", vendor="kis", vendor_code="E1", vendor_message="거부")
    assert failure_line(told).count("거부") == 1


def test_empty_objects_and_lists_are_shown_as_nothing() -> None:
    assert "{}" not in shown(object_table({"failed": {}, "rows": []}))


def test_a_method_is_found_by_part_of_its_name_or_by_a_glob() -> None:
    rows = [{"name": "kis.get-current-price"}, {"name": "kis.buy-order"}, {"name": "broker.ping"}]
    assert matching_methods(rows, None) == rows
    assert [row["name"] for row in matching_methods(rows, "order")] == ["kis.buy-order"]
    assert [row["name"] for row in matching_methods(rows, "kis.*")] == [row["name"] for row in rows[:2]]
    assert matching_methods(rows, "nothing") == []


def test_the_catalogue_and_the_page_of_a_method() -> None:
    row = {
        "name": "kis.buy-order",
        "kind": "order",
        "summary": "Buy.",
        "parameters": {
            "properties": {
                "ticker": {"type": "string", "description": "``KRX`` short code"},
                "price": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
                "order_type": {"$ref": "#/$defs/OrderType", "default": "limit"},
            },
            "required": ["ticker"],
            "$defs": {"OrderType": {"enum": ["limit", "market"], "type": "string"}},
        },
        "example": {"ticker": "005930", "raw": True, "arguments": {"a": 1}},
    }
    assert "kis.buy-order" in shown(methods_table([row]))
    page = shown(method_page(row))
    assert "limit | market" in page
    assert "integer" in page
    assert "KRX short code" in page
    assert "broker-client call kis.buy-order ticker=005930 raw=true arguments='{\"a\":1}'" in page


def test_the_bar_follows_progress_messages_and_ignores_others() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    bar = ProgressBar(console, "kis.get-daily-candles")

    def status(*events: object) -> TaskReply:
        return TaskReply(
            task_id="t", result=list(events), response_time=NOW, status="TASK_SUCCEED", kind="status"
        )

    bar(status({"type": "other"}))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""
    bar(status({"type": "progress", "done": 3, "total": None}))
    bar(status({"type": "progress", "done": 4, "total": 9}))
    bar.stop()
    assert "kis.get-daily-candles" in console.file.getvalue()
    assert "4/9" in console.file.getvalue()


def test_a_bar_that_never_started_stops_silently() -> None:
    console = Console(file=io.StringIO())
    ProgressBar(console, "x").stop()
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""


def test_status_shows_each_worker_who_is_silent_and_who_halted_orders() -> None:
    halt = {"since": "2026-11-20T00:00:00.000Z", "by": "trader", "reason": "[test]"}
    text = shown(
        status_view(
            [
                {"worker": "host-1", "halted": halt, "tasks": {"received": 1234}},
                {"worker": "host-2", "halted": None},
                {"worker": "host-3", "error": "no journal"},
                {"worker": None, "error": "1 of 4 workers did not answer within 1 s: host-4"},
            ]
        )
    )
    assert "1,234" in text
    assert re.search(r"\norders are halted since 2026-11-20.* by trader: \[test\]\n", text)
    assert text.count("orders are halted") == 1
    assert "host-2" in text
    assert "host-3: no journal" in text
    assert "\n1 of 4 workers did not answer within 1 s: host-4" in text

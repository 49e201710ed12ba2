"""What ``broker-client watch`` shows."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from broker_client.streams import StreamEvent, StreamStatus
from broker_client.watch_lines import event_line, status_line
from broker_client.watch_view import WatchView

NOW = datetime(2026, 11, 20, 0, 0, 10, tzinfo=UTC)


def event(data: dict[str, Any], **options: Any) -> StreamEvent:
    values: dict[str, Any] = {
        "key": f"{data.get('type')}.{data.get('ticker')}",
        "epoch": "e",
        "sequence": 1,
        "missed": 0,
        "snapshot": False,
        "mode": "realtime",
        "recovered": False,
        "received_at": NOW - timedelta(seconds=3),
        "message": b"{}",
    }
    return StreamEvent(data=data, **values | options)


def status(state: str, reason: str | None = None, **options: Any) -> StreamStatus:
    values: dict[str, Any] = {"key": None, "data": {}, "received_at": NOW, "message": b"{}"}
    return StreamStatus(state=state, reason=reason, **values | options)


def shown(*items: StreamEvent | StreamStatus, width: int = 100, height: int = 40) -> str:
    stream: Any = SimpleNamespace(method="kis.subscribe", ack=SimpleNamespace(environment="paper"))
    view = WatchView(stream, clock=lambda: NOW)
    for item in items:
        view.add(item)
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None, legacy_windows=False)
    console.print(view.render())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def trade(ticker: str = "005930", **more: Any) -> dict[str, Any]:
    fields = {"price": 71_500, "change": -500, "change_rate": -0.69, "volume": 1_234_567, "quantity": 3}
    return {"type": "trade", "vendor": "kis", "ticker": ticker, "venue": "KRX", **fields, **more}


def test_prices_have_one_row_per_key() -> None:
    text = shown(
        event(trade(price=1)),
        event(trade(time="2026-11-20T09:00:07+09:00")),
        event(trade("AAPL", venue="NASD", price="227.1500", change="1.20", change_rate=0.53)),
        event(trade("삼성", mode="polling"), mode="polling", missed=4),
    )
    assert text.count("005930") == 1
    for part in ("71,500", "-500", "1,234,567", "09:00:07", "3 s", "AAPL NASD", "227.1500", "+1.20", "+0.53"):
        assert part in text
    assert "polling" in text
    assert "kis.subscribe · paper · 4 events · missed 4" in text
    lines = [line for line in text.splitlines() if line.startswith("│")]
    assert len(lines) == 3


def test_the_state_of_a_key_is_its_newest_news() -> None:
    stale = status("stale", "조용함", key="trade.005930", data={"ticker": "005930"})
    text = shown(event(trade()), stale)
    assert "│ stale" in text
    assert "status: stale 005930: 조용함" in text
    assert "│ realtime" in shown(stale, event(trade(), received_at=NOW))


def test_a_lost_connection_is_told_until_it_is_back() -> None:
    lost = status("disconnected", "reset", message=None)
    assert "no connection to RabbitMQ: reset" in shown(lost)
    assert "no connection" not in shown(lost, status("connected", message=None))


def test_a_worker_that_does_not_answer_is_told_until_one_does() -> None:
    silent = status("unanswered", "no answer within 30 s", message=None)
    text = shown(event(trade()), silent, status("stale", key="trade.005930"))
    assert "no worker confirms the subscription: no answer within 30 s" in text
    text = shown(silent, status("answered", message=None))
    assert "no worker" not in text
    assert "status: answered" in text
    assert status_line(silent) == "status: unanswered: no answer within 30 s"


def test_an_unknown_gap_is_told() -> None:
    assert "missed 2 or more" in shown(event(trade(), missed=2), event(trade(), missed=None))


def test_an_order_book_shows_all_levels() -> None:
    book = {
        "type": "order_book",
        "ticker": "005930",
        "asks": [{"price": 71_600 + 100 * n, "quantity": 10 + n} for n in range(10)],
        "bids": [{"price": 71_500 - 100 * n, "quantity": 30 + n} for n in range(10)],
        "total_ask_quantity": 1000,
        "total_bid_quantity": 2000,
    }
    text = shown(event(book))
    for level in (*book["asks"], *book["bids"]):  # type: ignore[misc]
        assert f"{level['price']:,}" in text
    assert "005930 · 3 s · realtime" in text
    line = event_line(event(book))
    assert line == "order_book 005930 ask=71,600x10 bid=71,500x30"


def execution(number: int) -> dict[str, Any]:
    return {
        "type": "execution",
        "ticker": "005930",
        "event": "fill",
        "action": "new",
        "side": "buy",
        "quantity": 1,
        "price": 71_500,
        "order_no": f"{number:010}",
    }


def test_executions_grow_downwards_and_the_newest_fit_the_terminal() -> None:
    text = shown(*(event(execution(n), recovered=n == 59) for n in range(60)), height=20)
    assert "0000000059" in text
    assert "recovered" in text
    assert "0000000045" not in text
    assert len(text.splitlines()) <= 22


def test_events_without_a_common_model_show_their_fields() -> None:
    raw = {"type": "raw", "vendor": "kis", "key": "H0STCNT0.005930", "fields": {"STCK_PRPR": "71500"}}
    text = shown(event(raw, key="H0STCNT0.005930"))
    assert "STCK_PRPR" in text
    assert "71500" in text
    assert event_line(event(raw)) == "raw H0STCNT0.005930 key=H0STCNT0.005930 fields=STCK_PRPR:71500"


def test_lines_say_what_is_special() -> None:
    line = event_line(event(trade(), snapshot=True, mode="polling", recovered=True, missed=None))
    assert line.endswith("snapshot polling recovered missed=?")
    assert event_line(event(trade(change=0, change_rate=0.0))).split()[3:5] == ["change=0", "change_rate=0.0"]
    assert (
        status_line(status("gap", "two\nlines", data={"ticker": "005930"})) == "status: gap 005930: two lines"
    )
    assert status_line(status("connected", message=None)) == "status: connected"

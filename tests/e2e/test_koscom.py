"""KOSCOM as a program sees it: tables, quotes, subscriptions and a whole market, beside KIS on one market."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from broker_server.vendors.values import KST
from tests.support.broker_cleaning import clean
from tests.support.live_data import Subscriber
from tests.support.processes import run_client, start_server
from tests.support.waiting import wait_until

SAMSUNG = {"ticker": "005930"}


@pytest.fixture(scope="module")
def broker_url(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker with one worker, which has simulators of its own."""
    clean(_test_broker.url, _test_broker.management)
    folder = tmp_path_factory.mktemp("data")
    environment = {"BROKER_URL": _test_broker.url, "XDG_DATA_HOME": str(folder)}
    command = ("run", "--simulate", "--vendors", "kis,koscom", "--seed", "3")
    with start_server(*command, environment=environment) as worker:
        assert "vendors=kis,koscom" in worker.wait_ready()
        yield _test_broker.url
        assert worker.terminate() == 0, worker.output
        assert "Traceback" not in worker.output
    clean(_test_broker.url, _test_broker.management)


@pytest.fixture
def client(broker_url: str) -> Iterator[Subscriber]:
    with Subscriber(broker_url) as wire:
        yield wire


def test_typed_reads_are_those_of_the_other_vendors(client: Subscriber) -> None:
    for vendor in ("kis", "koscom"):
        reply = client.call(f"{vendor}.get-current-price", SAMSUNG)
        assert reply["status"] == "TASK_SUCCEED", reply
        assert reply["result"][0].keys() >= {"price", "change", "change_rate", "venue"}
    ours, theirs = (
        client.call(f"{vendor}.get-daily-candles", {**SAMSUNG, "start": "2026-01-02", "end": "2026-10-30"})
        for vendor in ("koscom", "kis")
    )
    days = [row["date"] for row in ours["result"]]
    assert days == [row["date"] for row in theirs["result"]]
    assert days == sorted(set(days))
    assert len(days) > 150
    book = client.call("koscom.get-order-book", SAMSUNG)["result"][0]
    assert len(book["asks"]) == len(book["bids"]) == 10
    bars = client.call("koscom.get-intraday-candles", {**SAMSUNG, "interval": "10m"})
    assert bars["status"] == "TASK_SUCCEED", bars


def test_any_table_by_its_name(client: Subscriber) -> None:
    end = datetime.now(KST).date() - timedelta(days=1)
    period = {"trnsmCycleTpCd": "D", "inqStrtDd": "20250102", "inqEndDd": f"{end:%Y%m%d}"}
    query = {"table": "history", "arguments": {"code": "005930", **period}, "all_pages": True}
    (page,) = client.call("koscom.query", query)["result"]
    listed = [row["trdDd"] for row in page["rows"]]
    assert (page["market"], listed) == ("kospi", sorted(set(listed), reverse=True))
    assert len(listed) > 200
    (whole,) = client.call("koscom.query", {"table": "market-prices", "arguments": {"market": "kosdaq"}})[
        "result"
    ]
    assert len(whole["rows"]) > 5

    wrong = client.error("koscom.query", {"table": "histroy"})
    assert (wrong["code"], "did you mean history" in wrong["message"]) == ("INVALID_PARAMETERS", True)
    assert client.error("koscom.get-current-price", {"ticker": "999999"})["code"] == "INVALID_PARAMETERS"

    status = client.call("broker.get-status")["result"][0]["vendors"]["koscom"]
    assert 0 < status["quota"]["remaining"] < status["quota"]["limit_per_day"]


def test_live_data_of_an_issue(client: Subscriber) -> None:
    trades = client.subscribe("koscom.subscribe", {"preset": "tick10", **SAMSUNG})
    events = client.wait_events(trades, 4, type="trade")
    assert {event["result"][0]["ticker"] for event in events} == {"005930"}
    assert all(event["result"][0]["vendor"] == "koscom" for event in events)
    books = client.subscribe("koscom.subscribe", {"preset": "quote10", "ticker": "000660"})
    assert client.wait_events(books, 2, type="order_book")
    ended = client.send("koscom.unsubscribe", {}, task_id=books)
    assert client.wait(ended, count=len(client.replies[books]) + 1)


def test_the_command_line(broker_url: str) -> None:
    environment = {"BROKER_URL": broker_url}
    shown = run_client("call", "koscom.get-current-price", "ticker=005930", "--json", environment=environment)
    assert json.loads(shown.stdout)["result"][0]["ticker"] == "005930"
    watched = run_client(
        "watch", "koscom.subscribe", "preset=tick", "ticker=005930", "--json", "--count", "2",
        environment=environment,
    )  # fmt: skip
    kinds = [json.loads(line)["kind"] for line in watched.stdout.splitlines()]
    assert (watched.returncode, kinds) == (0, ["ack", "event", "event"]), watched.stderr


def test_a_whole_market_is_published_once_per_issue(client: Subscriber) -> None:
    client.channel.queue_declare("market", exclusive=True)
    client.channel.queue_bind("market", "broker.realtime", "koscom.trade.*")
    task = client.subscribe("koscom.subscribe-market", {"market": "kospi"})
    codes: set[str] = set()

    def several() -> bool:
        event = client.take("market").json["result"][0]
        codes.add(event["ticker"])
        assert event["type"] == "trade"
        return len(codes) >= 5

    wait_until(several, what="trades of five issues")
    assert client.events(task) == [], "copies of a whole market go to nobody"
    refused = client.error("koscom.subscribe-market", {"market": "futures"})
    assert refused["code"] == "UNSUPPORTED"

"""Two workers of different vendors on one broker, each with its own record of orders: who answers what."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker_client import Client, OrderOutcomeIsUnknown, TaskExpired
from broker_server.settings import load_settings
from broker_server.supervise import run_supervisor
from broker_server.vendors.kiwoom.openapi_plus.maintenance import Maintenance
from broker_server.vendors.kiwoom.openapi_plus.states import HostState, Notice, notice_line
from broker_server.vendors.kiwoom.openapi_plus.supervisor import Policy
from tests.support.kiwoom_brokerage import KiwoomBrokerage
from tests.support.live_data import Subscriber
from tests.support.order_events import Listener
from tests.support.processes import CommandProcess, start_server
from tests.support.waiting import wait_until

StartWorker = Callable[[str], CommandProcess]
NAME = ("get-stock-name", {"stock_code": "005930"})
MISSING = ("get-stock-name", {"stock_code": "000001"})
BOOK = ("request-offer-price-info", {"stock_code": "005930"})
PRICE = ("kiwoom.get-current-price", {"ticker": "005930"})
BUY = {"ticker": "005930", "quantity": 1, "order_type": "market"}


@pytest.fixture(scope="module")
def brokerage() -> Iterator[KiwoomBrokerage]:
    with KiwoomBrokerage() as running:
        running.control("POST", "/faults", {"limits": {"token_interval": 0, "rest_per_second": 1000}})
        yield running


@pytest.fixture
def settings_of(
    brokerage: KiwoomBrokerage, clean_broker: str, tmp_path: Path
) -> Callable[[str], dict[str, str]]:
    """The settings of the worker of a vendor, whose journal is in a folder of its own."""

    def settings(vendor: str) -> dict[str, str]:
        folder = tmp_path / vendor
        folder.mkdir(exist_ok=True)
        return {
            "BROKER_URL": clean_broker,
            "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
            "XDG_DATA_HOME": str(folder),
            "ORDER_POLL_SECONDS": "0.5",
            "KIS_REST_URL": brokerage.simulator.kis_rest_url,
            "KIS_WS_URL": brokerage.simulator.kis_ws_url,
            **brokerage.settings(),
        }

    return settings


@pytest.fixture
def start(settings_of: Callable[[str], dict[str, str]]) -> Iterator[StartWorker]:
    """Starts the worker of a vendor."""
    with ExitStack() as running:

        def worker(vendor: str) -> CommandProcess:
            command = start_server("run", "--simulate", "--vendors", vendor, environment=settings_of(vendor))
            running.enter_context(command)
            command.wait_ready()
            return command

        yield worker


@pytest.fixture
def client(clean_broker: str) -> Iterator[Subscriber]:
    with Subscriber(clean_broker) as wire:
        yield wire


def in_seconds(seconds: float) -> dict[str, str]:
    return {"deadline": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()}


def test_the_bare_names_are_kiwoom_s_wherever_it_serves_or_has_served(
    start: StartWorker, client: Subscriber
) -> None:
    start("kis")
    assert client.call(*NAME)["result"] == ["삼성전자"], "KIS stands in where no Kiwoom was ever seen"
    assert client.error(*BOOK)["code"] == "VENDOR_NOT_CONFIGURED"

    host = start("kiwoom")
    own_words = client.error(*MISSING)
    for _ in range(6):  # whichever worker takes it
        assert client.call(*NAME)["result"] == ["삼성전자"]
        assert client.error(*MISSING) == own_words
    counts = {row["worker"]: row["tasks"] for row in client.call("broker.get-status")["result"]}
    assert sum(each["forwarded"] for each in counts.values()) > 0

    assert host.terminate() == 0, host.output
    waits = client.send(*NAME, keys=in_seconds(3))
    assert client.wait(waits).json["error"]["code"] == "TASK_EXPIRED", "KIS does not stand in for a moment"


def test_a_task_of_an_absent_vendor_ends_at_its_deadline_and_the_others_wait(
    start: StartWorker, client: Subscriber, clean_broker: str
) -> None:
    host, caretaker = start("kiwoom"), start("kis")
    assert host.terminate() == 0, host.output
    patient = [client.send(*PRICE) for _ in range(3)]  # without a deadline, and ahead of the others
    later = client.send(*PRICE, keys=in_seconds(600))
    hurried = client.send(*PRICE, keys=in_seconds(2))
    expiring = client.send(*PRICE, expiration="2000")
    error = client.wait(hurried).json["error"]
    assert error["code"] == "TASK_EXPIRED"
    assert "nothing was done" in error["message"]
    assert client.wait(expiring).json["error"]["code"] == "TASK_EXPIRED"
    with Client(clean_broker, timeout=2) as ours:  # hears it too, although it waits no longer than that
        with pytest.raises(TaskExpired):
            ours.call(*PRICE[:1], **PRICE[1])
        with pytest.raises(OrderOutcomeIsUnknown, match="kiwoom"):
            ours.call("kiwoom.buy-order", **BUY)
    assert not any(client.replies[each] for each in (*patient, later))
    # Each time that they went back to their queue would count as a delivery, of which there is a limit.
    assert "has a worker again" not in caretaker.output
    assert client.call("broker.get-status")["result"][0]["away"].keys() == {"kiwoom"}

    start("kiwoom")
    for each in (*patient, later):
        assert client.wait(each).json["status"] == "TASK_SUCCEED"
    assert all(len(client.replies[each]) == 1 for each in (*patient, later, hurried, expiring))


def test_an_order_for_an_absent_vendor_is_never_sent_late_and_is_answered(
    start: StartWorker, client: Subscriber, brokerage: KiwoomBrokerage
) -> None:
    host, _ = start("kiwoom"), start("kis")
    sent = client.call("kiwoom.buy-order", BUY, to="tasks.orders", task_id="sent")
    taken = brokerage.orders(vendor="kiwoom")
    assert host.terminate() == 0, host.output
    again = client.send("kiwoom.buy-order", BUY, to="tasks.orders", task_id="sent", keys=in_seconds(1))
    late = client.send("kiwoom.buy-order", BUY, to="tasks.orders", keys=in_seconds(1))
    for each, count in ((again, 2), (late, 1)):
        error = client.wait(each, count=count).json["error"]
        assert error["code"] == "ORDER_OUTCOME_UNKNOWN", "only its own worker can tell"
        assert "kiwoom" in error["message"]

    start("kiwoom")
    assert client.wait(again, count=3).json["result"] == sent["result"]
    error = client.wait(late, count=2).json["error"]
    assert error["code"] == "TASK_EXPIRED"
    assert brokerage.orders(vendor="kiwoom") == taken, "nothing more was sent"


def test_what_shows_and_settles_orders_reaches_every_record(
    start: StartWorker, client: Subscriber, brokerage: KiwoomBrokerage
) -> None:
    workers = {vendor: start(vendor) for vendor in ("kis", "kiwoom")}
    price = client.call(*PRICE)["result"][0]["price"]
    limit = {"ticker": "005930", "quantity": 1, "price": price * 9 // 10 // 500 * 500}  # it rests
    numbers = {}
    for vendor in workers:
        placed = client.call(f"{vendor}.buy-order", limit, to="tasks.orders", task_id=f"of-{vendor}")
        assert placed["status"] == "TASK_SUCCEED", placed
        numbers[vendor] = placed["result"][0]["order_no"]

    for _ in range(4):  # whichever worker takes the task
        for vendor, order_no in numbers.items():
            (found,) = client.call("broker.get-order", {"task_id": f"of-{vendor}"})["result"]
            assert (found["vendor"], found["order_no"]) == (vendor, order_no)
            assert found["history"]
            wanted = {"order_no": order_no, "vendor": vendor, "market": found["market"]}
            (found,) = client.call("broker.get-order", wanted)["result"]
            assert found["task_id"] == f"of-{vendor}"
        listed = client.call("broker.list-orders", {"open": True})
        assert [row["task_id"] for row in listed["result"]] == ["of-kiwoom", "of-kis"], "newest first"
        assert "truncated" not in listed
        assert client.error("broker.get-order", {"task_id": "never"})["code"] == "INVALID_PARAMETERS"
        settle = {"task_id": "of-kiwoom", "state": "NOT_SENT", "reason": "a test"}
        assert "is ACCEPTED" in client.error("broker.resolve-order", settle)["message"]

    for vendor in ("kiwoom", "kis"):
        reply = client.call("broker.cancel-all-orders", {"vendor": vendor}, to="tasks.orders")
        assert reply["status"] == "TASK_SUCCEED", reply
        assert [row["order_no"] for row in reply["result"]] == [numbers[vendor]]
        assert [row["cancelled"] for row in reply["result"]] == [True]

    assert workers["kiwoom"].terminate() == 0
    missing = client.call("broker.list-orders")
    assert "worker for kiwoom is away" in missing["truncated"]
    assert {row["vendor"] for row in missing["result"]} == {"kis"}
    assert "truncated" not in client.call("broker.list-orders", {"vendor": "kis"})
    error = client.error("broker.get-order", {"task_id": "of-kiwoom"})
    assert (error["code"], error["retryable"]) == ("VENDOR_UNAVAILABLE", True)
    assert "worker for kiwoom is away" in error["message"]
    (found,) = client.call("broker.get-order", {"task_id": "of-kis"})["result"]
    assert found["vendor"] == "kis"


def test_subscriptions_and_the_kill_switch_reach_both(start: StartWorker, client: Subscriber) -> None:
    workers = {vendor: start(vendor) for vendor in ("kis", "kiwoom")}
    ids = {
        vendor: client.subscribe(f"{vendor}.subscribe-realtime-price", {"ticker": "005930"})
        for vendor in workers
    }
    for _ in range(3):
        listed = client.call("broker.list-subscriptions")["result"]
        assert {(row["vendor"], row["subscription"]) for row in listed} == set(ids.items())
    for vendor, task_id in ids.items():
        (ended,) = client.call("broker.drop-subscription", {"task_id": task_id})["result"]
        assert ended["subscription"] == task_id, vendor
    assert client.call("broker.list-subscriptions")["result"] == []
    assert client.error("broker.drop-subscription", {"task_id": ids["kis"]})["code"] == "NOT_SUBSCRIBED"

    (halted,) = client.call("broker.halt-orders", {"reason": "a test"})["result"]
    assert (len(halted["acknowledged"]), halted["away"]) == (2, [])
    for vendor in workers:
        assert client.error(f"{vendor}.buy-order", BUY, to="tasks.orders")["code"] == "ORDERS_DISABLED"
    assert len(client.call("broker.resume-orders", {"reason": "over"})["result"][0]["acknowledged"]) == 2

    assert workers["kiwoom"].terminate() == 0
    (halted,) = client.call("broker.halt-orders", {"reason": "while one is away"})["result"]
    assert (len(halted["acknowledged"]), halted["away"]) == (1, ["kiwoom"])
    start("kiwoom")
    assert client.error("kiwoom.buy-order", BUY, to="tasks.orders")["code"] == "ORDERS_DISABLED"
    assert "truncated" not in client.call("broker.list-subscriptions")


class NightAtWill(Maintenance):
    """A maintenance that begins and ends when the test says so."""

    def __init__(self) -> None:
        self.ends: datetime | None = None

    def until(self, now: datetime) -> datetime | None:
        return self.ends


def test_the_states_of_an_absent_kiwoom_host_are_known_to_the_others(
    start: StartWorker,
    settings_of: Callable[[str], dict[str, str]],
    client: Subscriber,
    clean_broker: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The supervisor tells them; the worker under it is a real one, whose login is told of by the test."""
    start("kis")
    for name, value in settings_of("kiwoom").items():
        monkeypatch.setenv(name, value)
    told = notice_line(Notice(HostState.READY, "logged in")) + "\n"
    program = f"import sys; sys.stdout.write({told!r}); from broker_server.entry import main; main()"
    command = [sys.executable, "-c", program, "run", "--simulate", "--vendors", "kiwoom"]
    night, stop = NightAtWill(), threading.Event()

    def absent() -> dict[str, Any]:
        rows = client.call("broker.get-status")["result"]
        away: dict[str, Any] = next(row for row in rows if "kis" in row["vendors"])["away"]
        return away

    def is_told(state: str) -> bool:
        return absent().get("kiwoom", {}).get("state") == state

    with ThreadPoolExecutor() as pool, Listener(clean_broker, "host.kiwoom.*") as events:
        supervisor = pool.submit(
            run_supervisor,
            load_settings(env_file=None),
            command,
            maintenance=night,
            policy=Policy(first=120.0),
            stop=stop,
        )
        try:
            ready = events.wait("host.kiwoom.ready")
            assert ready["worker"].endswith("-supervisor")
            wait_until(lambda: client.call(*PRICE, keys=in_seconds(5))["status"] == "TASK_SUCCEED")
            assert absent() == {}

            night.ends = datetime.now(UTC) + timedelta(hours=2)
            stopped = events.wait("host.kiwoom.stopped")
            assert "maintenance" in stopped["reason"]
            wait_until(lambda: is_told("STOPPED"))
            row = absent()["kiwoom"]
            assert (row["told_at"], row["told_by"]) == (stopped["time"], stopped["worker"])
            assert row["age"] >= 0
            assert len(events.of(state="READY")) == 1, "the supervised worker leaves it to its supervisor"

            night.ends = None
            wait_until(lambda: absent() == {} and len(events.of(state="READY")) == 2, 120.0)
        finally:
            stop.set()
            assert supervisor.result(60) == 0
        wait_until(lambda: is_told("STOPPED"))
        assert "supervisor was ended" in absent()["kiwoom"]["reason"]

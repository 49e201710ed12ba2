"""What live data promise, whoever the vendor is: one class of tests, and a subclass for each vendor.

The fixtures are the module's: ``scene``, with one worker that has room for two streams of each vendor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from broker_server.simulator.process import SimulatorProcess
from tests.support.live_data import BRISK, Subscriber, check_sequences
from tests.support.processes import CommandProcess
from tests.support.waiting import PATIENCE, wait_until

FIRST, SECOND, THIRD = "005930", "000660", "035420"


class Scene:
    """The simulators, a worker on them, and somebody who asks. A context manager.

    Args:
        url: The broker.
        folder: For what the worker keeps.

    Attributes:
        simulator: The process.
        worker: The one that was started last.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._open = ExitStack()
        self.simulator = self._open.enter_context(SimulatorProcess.start())
        kis, kiwoom, koscom = (
            self.simulator.credentials[vendor]["real"] for vendor in ("kis", "kiwoom", "koscom")
        )
        self._environment = {
            "BROKER_URL": url,
            "XDG_DATA_HOME": str(folder),
            "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
            "VENDORS": "kis,kiwoom,koscom",
            "STALE_AFTER": "2",
            "POLLING_INTERVAL": "1",
            "KIS_ENVIRONMENT": "real",
            "KIS_REST_URL": self.simulator.kis_rest_url,
            "KIS_WS_URL": self.simulator.kis_ws_url,
            "KIS_APP_KEY": kis["app_key"],
            "KIS_APP_SECRET": kis["app_secret"],
            "KIS_WS_MAX_REGISTRATIONS": "3",
            "KIWOOM_BACKEND": "rest",
            "KIWOOM_ENVIRONMENT": "real",
            "KIWOOM_REST_URL": self.simulator.kiwoom_rest_url,
            "KIWOOM_WS_URL": self.simulator.kiwoom_ws_url,
            "KIWOOM_APP_KEY": kiwoom["app_key"],
            "KIWOOM_APP_SECRET": kiwoom["app_secret"],
            "KIWOOM_WS_MAX_REGISTRATIONS": "3",
            "KOSCOM_REST_URL": self.simulator.koscom_rest_url,
            "KOSCOM_WS_URL": self.simulator.koscom_ws_url,
            "KOSCOM_API_KEY": koscom["api_key"],
            "KOSCOM_MEMBER_NAME": koscom["member_name"],
            "KOSCOM_WS_MAX_SUBSCRIPTIONS": "2",
        }
        self.control("POST", "/faults", {"limits": {"rest_per_second": 1000, "token_interval": 0}})
        self.start()

    def start(self) -> None:
        """Start a worker, the first or the next."""
        self.worker: CommandProcess = self._open.enter_context(
            CommandProcess(("run",), environment=self._environment, program=BRISK)
        )
        self.worker.wait_ready()

    def control(self, verb: str, path: str, body: Any = None) -> Any:
        """Ask the simulators' control server."""
        url = self.simulator.control_url + path
        answer = requests.request(verb, url, json=body, timeout=PATIENCE)
        assert answer.ok, answer.text
        return answer.json()

    def held(self, vendor: str) -> list[str]:
        """The tickers that are registered at a vendor, without what the worker wants for itself."""
        rows = self.control("GET", "/subscriptions")
        return sorted(row["symbol"] for row in rows if row["vendor"] == vendor and row["symbol"].isdecimal())

    def close(self) -> None:
        """End everything."""
        self._open.close()


class StreamSuite:
    """The promises. A subclass names its vendor.

    Attributes:
        vendor: As in the names of methods.
        subscribe: The method that subscribes to the trades of a ticker.
        unsubscribe: The method that ends it.
        more: Its other parameters.
    """

    vendor: ClassVar[str]
    subscribe: ClassVar[str]
    unsubscribe: ClassVar[str]
    more: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def consumer(self, scene: Scene) -> Iterator[Subscriber]:
        """A client; nothing is subscribed and nothing wrong afterwards."""
        with Subscriber(scene.url) as consumer:
            yield consumer
            scene.control("DELETE", "/faults")
            for row in consumer.call("broker.list-subscriptions")["result"]:
                consumer.call("broker.drop-subscription", {"task_id": row["subscription"]})
            wait_until(lambda: scene.held(self.vendor) == [], what="nothing to be registered any more")

    def start(self, consumer: Subscriber, ticker: str, **options: Any) -> str:
        return consumer.subscribe(self.subscribe, {"ticker": ticker, **self.more, **options})

    def test_events_come_in_order_after_the_acknowledgement(self, scene: Scene, consumer: Subscriber) -> None:
        task_id = self.start(consumer, FIRST)
        ack = consumer.messages(task_id)[0]
        assert (ack["kind"], ack["result"][0]["mode"]) == ("ack", "realtime")
        assert ack["result"][0]["key"] == f"trade.{FIRST}"
        events = consumer.wait_events(task_id, 4, type="trade")
        assert {event["key"] for event in events} == {f"trade.{FIRST}"}
        assert {event["result"][0]["vendor"] for event in events} == {self.vendor}
        assert {event["result"][0]["ticker"] for event in events} == {FIRST}
        assert len(check_sequences(consumer.messages(task_id))) == 1
        assert scene.held(self.vendor) == [FIRST]

    def test_many_subscriptions_are_one_registration(self, scene: Scene, consumer: Subscriber) -> None:
        tasks = [self.start(consumer, FIRST) for _ in range(3)]
        consumer.wait_new_events_of(tasks, 2)
        assert scene.held(self.vendor) == [FIRST]
        for task_id in tasks[:2]:
            consumer.send(self.unsubscribe, {}, task_id=task_id)
        consumer.wait_new_events(tasks[2], 2)
        assert scene.held(self.vendor) == [FIRST]

    def test_no_event_comes_after_the_end(self, scene: Scene, consumer: Subscriber) -> None:
        ended, goes_on = self.start(consumer, FIRST), self.start(consumer, SECOND)
        consumer.wait_events(ended, 2)
        consumer.send(self.unsubscribe, {"ticker": FIRST, **self.more}, task_id=ended)
        wait_until(lambda: consumer.messages(ended, "reply"), what="the reply to the end")
        wait_until(lambda: scene.held(self.vendor) == [SECOND], what="its registration to end")
        consumer.wait_new_events(goes_on, 3)
        assert consumer.messages(ended)[-1]["kind"] == "reply"

    def test_over_the_limit_it_is_refused_or_polled(self, scene: Scene, consumer: Subscriber) -> None:
        for ticker in (FIRST, SECOND):
            self.start(consumer, ticker, polling=False)
        error = consumer.error(self.subscribe, {"ticker": THIRD, **self.more, "polling": False})
        assert error["code"] == "SUBSCRIPTION_LIMIT"
        polled = self.start(consumer, THIRD)
        assert consumer.messages(polled)[0]["result"][0]["mode"] == "polling"
        assert consumer.wait_events(polled, 1, mode="polling")
        assert scene.held(self.vendor) == sorted((FIRST, SECOND))

    def test_a_lost_connection_is_told_and_made_again(self, scene: Scene, consumer: Subscriber) -> None:
        task_id = self.start(consumer, FIRST)
        consumer.wait_events(task_id, 2)
        scene.control("POST", "/faults", {"fault": "drop", "vendor": self.vendor})
        consumer.wait_state(task_id, "reconnecting")
        consumer.wait_state(task_id, "live")
        consumer.wait_new_events(task_id, 2)
        assert len(check_sequences(consumer.messages(task_id))) == 2
        assert scene.held(self.vendor) == [FIRST]

    def test_a_mute_registration_is_told_and_healed(self, scene: Scene, consumer: Subscriber) -> None:
        mute, other = self.start(consumer, FIRST), self.start(consumer, SECOND)
        consumer.wait_events(mute, 2)
        seen = len(consumer.messages(mute))
        scene.control("POST", "/faults", {"fault": "mute", "vendor": self.vendor, "symbol": FIRST})
        consumer.wait_state(mute, "stale", after=seen)
        consumer.wait_new_events(other, 2)
        assert consumer.states(other) == []
        scene.control("DELETE", "/faults")
        consumer.wait_state(mute, "live", after=seen)
        consumer.wait_new_events(mute, 2)
        assert len(check_sequences(consumer.messages(mute))) >= 2

    def test_it_goes_on_in_the_next_worker(self, scene: Scene, consumer: Subscriber) -> None:
        task_id = self.start(consumer, FIRST)
        consumer.wait_events(task_id, 2)
        seen = len(consumer.messages(task_id))
        assert scene.worker.terminate() == 0
        scene.start()
        consumer.wait_state(task_id, "live", after=seen)
        consumer.wait_new_events(task_id, 2)
        assert len(check_sequences(consumer.messages(task_id))) == 2
        assert scene.held(self.vendor) == [FIRST]
        assert [each["kind"] for each in consumer.messages(task_id)].count("ack") == 1

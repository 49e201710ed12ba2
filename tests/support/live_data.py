"""Live data end to end: a worker with a simulated WebSocket, and what a consumer makes of its messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.broker_cleaning import clean
from tests.support.brokerage import Brokerage
from tests.support.order_floor import Floor
from tests.support.processes import CommandProcess
from tests.support.simulated_brokerage import SimulatedBrokerage
from tests.support.task_wire import TaskWire
from tests.support.waiting import PATIENCE, wait_until

PRICE, BOOK = "kis.subscribe-realtime-price", "kis.subscribe-order-book"
END_PRICE = "kis.unsubscribe-realtime-price"
NOTICES = Brokerage.own_streams
"""What the worker registers for itself."""
APPROVAL_KEY = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
BRISK = "from tests.support.brisk_worker import main"


class Exchange:
    """The simulated WebSocket server, as its control server shows and changes it.

    Args:
        brokerage: Whose.
    """

    def __init__(self, brokerage: SimulatedBrokerage) -> None:
        self._brokerage = brokerage
        self._ask = brokerage.control

    def registrations(self, *, own: bool = False) -> list[tuple[str, str]]:
        """Code and key of everything that is registered; the worker's own only if ``own``."""
        return [
            (each["tr_id"], each["symbol"])
            for each in self._ask("GET", "/subscriptions")
            if each["vendor"] == self._brokerage.vendor
            and (own or each["tr_id"] not in self._brokerage.own_streams)
        ]

    def counts(self) -> dict[str, Any]:
        """Of the app key's sessions and requests."""
        sessions = self._ask("GET", "/sessions")
        counts: dict[str, Any] = sessions.get(self._brokerage.vendor, sessions)["keys"].get("real", {})
        return counts

    def clear_counts(self) -> None:
        """Start the counts anew."""
        self._ask("DELETE", "/sessions")

    def change(self, **settings: Any) -> None:
        """Change how it behaves."""
        vendor = self._brokerage.vendor
        self._ask("POST", "/stream", settings if vendor == "kis" else {vendor: settings})

    def restore(self) -> None:
        """As in the beginning."""
        self._ask("DELETE", "/stream")

    def wait_registered(self, *wanted: tuple[str, str], what: str = "registrations") -> None:
        """Wait until exactly these are registered, besides the worker's own."""

        def same() -> bool:
            found = sorted(self.registrations())
            assert found == sorted(wanted), found
            return True

        wait_until(same, what=what)


@dataclass(frozen=True)
class Gap:
    """Two events of one key between which shares were traded that no event told of."""

    before: dict[str, Any]
    after: dict[str, Any]
    is_visible: bool


class Subscriber(TaskWire):
    """A consumer of live data; its reply queue is exclusive unless a task names another."""

    def subscribe(self, method: str, parameters: Mapping[str, Any], **options: Any) -> str:
        """Subscribe, and wait for the acknowledgement; returns the task_id."""
        task_id = self.send(method, dict(parameters), **options)
        reply = self.wait(task_id).json
        first = self.replies[task_id][0].json
        assert (first["kind"], first["status"]) == ("ack", "TASK_SUCCEED"), (first, reply)
        return task_id

    def messages(self, task_id: str, kind: str | None = None) -> list[dict[str, Any]]:
        """What came for a task so far, in order."""
        self.connection.process_data_events(0)
        found = [message.json for message in self.replies[task_id]]
        return [each for each in found if kind in (None, each.get("kind"))]

    def events(self, task_id: str) -> list[dict[str, Any]]:
        """The events that came for a task so far."""
        return self.messages(task_id, "event")

    def states(self, task_id: str) -> list[str]:
        """The states that the status messages told so far."""
        return [each["result"][0]["state"] for each in self.messages(task_id, "status")]

    def wait_events(self, task_id: str, count: int, **wanted: Any) -> list[dict[str, Any]]:
        """The events of a task whose single result has these values, once there are so many."""

        def enough() -> list[dict[str, Any]]:
            found = [
                each
                for each in self.events(task_id)
                if all(each["result"][0].get(name) == value for name, value in wanted.items())
            ]
            assert len(found) >= count, (len(found), self.messages(task_id)[-2:])
            return found

        return wait_until(enough, what=f"{count} events of {task_id} with {wanted}")

    def wait_new_events(self, task_id: str, count: int = 2) -> list[dict[str, Any]]:
        """The events that come from now on, once there are so many."""
        before = len(self.events(task_id))
        return self.wait_events(task_id, before + count)[before:]

    def wait_new_events_of(self, tasks: Iterable[str], count: int) -> None:
        """Wait until so many more events came for each of several tasks."""
        seen = {task_id: len(self.events(task_id)) + count for task_id in tasks}

        def enough() -> bool:
            behind = {each: (len(self.events(each)), wanted) for each, wanted in seen.items()}
            assert all(have >= wanted for have, wanted in behind.values()), behind
            return True

        wait_until(enough, what=f"{count} more events of {len(seen)} tasks")

    def wait_state(self, task_id: str, state: str, *, after: int = 0) -> dict[str, Any]:
        """The status message with that state, once it came.

        Args:
            after: How many messages of the task are not looked at.
        """

        def told() -> dict[str, Any]:
            rest = self.messages(task_id)[after:]
            found = [
                each for each in rest if each["kind"] == "status" and each["result"][0]["state"] == state
            ]
            assert found, self.states(task_id)
            return found[-1]

        return wait_until(told, 2 * PATIENCE, f"the state {state} of {task_id}")


def gaps(messages: Sequence[Mapping[str, Any]]) -> list[Gap]:
    """Where trades of one key were missed, by their volume; and whether a consumer could tell.

    Args:
        messages: All of one task and key, in order.
    """
    found = []
    last: dict[str, Any] | None = None
    told = False
    for message in messages:
        if message["kind"] == "status":
            told = True
        if message["kind"] != "event":
            continue
        trade = message["result"][0]
        # A state by REST shows too that something was missed before it; between polls that is no news.
        if last is not None and (trade["quantity"] is not None or "snapshot" in trade):
            before = last["result"][0]
            if trade["volume"] - (trade["quantity"] or 0) > before["volume"]:
                counted = (last["epoch"], last["sequence"] + 1)
                jumped = counted != (message["epoch"], message["sequence"])
                found.append(Gap(last, dict(message), told or jumped))
        last, told = dict(message), False
    return found


def check_sequences(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Check that each epoch counts 1, 2, 3 … and never comes back; returns the epochs in order."""
    epochs: list[str] = []
    sequence = 0
    for message in messages:
        if message["kind"] != "event":
            continue
        if not epochs or message["epoch"] != epochs[-1]:
            assert message["epoch"] not in epochs, message
            epochs.append(message["epoch"])
            sequence = 0
        sequence += 1
        assert message["sequence"] == sequence, message
    return epochs


class LiveFloor(Floor):
    """A floor whose workers have live data.

    Attributes:
        exchange: The simulated WebSocket server.
        workers: All that were started.
    """

    def __init__(
        self,
        url: str,
        folder: Path,
        brokerage: SimulatedBrokerage,
        settings: Mapping[str, str],
        open_exchange: Callable[[Any], Exchange] = Exchange,
    ) -> None:
        super().__init__(url, folder, f"sqlite:///{folder / 'journal.sqlite3'}", brokerage, settings)
        self.exchange = open_exchange(brokerage)
        self.workers: list[CommandProcess] = []

    def start(self, *arguments: str, **options: Any) -> CommandProcess:
        """Start a worker; see `Floor.start`."""
        self.workers.append(super().start(*arguments, **options))
        return self.worker

    def wait_own(self) -> None:
        """Wait until the worker has registered its own notices."""
        own = set(self.brokerage.own_streams)
        wait_until(
            lambda: {code for code, _ in self.exchange.registrations(own=True)} >= own,
            what="the worker's own registrations",
        )

    def end_subscriptions(self) -> None:
        """End every subscription, and wait until nothing is registered any more."""
        for task_id in {each["subscription"] for each in self.rows("broker.list-subscriptions")}:
            self.rows("broker.drop-subscription", {"task_id": task_id})
        self.exchange.wait_registered(what="nothing to be registered any more")

    def feed(self) -> dict[str, Any]:
        """The vendor's live data in ``broker.get-status``."""
        status: dict[str, Any] = self.call("broker.get-status")["streams"][self.brokerage.vendor]
        return status

    def assert_discreet(self) -> None:
        """Check that the logs of all workers tell nothing personal or secret, and no defect."""
        keys = self.brokerage.simulator.credentials[self.brokerage.vendor]["real"]
        secrets = [value.partition("-")[0] if name == "account" else value for name, value in keys.items()]
        for worker in self.workers:
            assert not [secret for secret in secrets if secret in worker.output]
            assert not APPROVAL_KEY.search(worker.output)
            assert "Traceback" not in worker.output, worker.output[-5000:]


@contextmanager
def open_live_floor(
    url: str,
    folder: Path,
    *,
    notices: bool = True,
    settings: Mapping[str, str] | None = None,
    open_brokerage: Callable[[], SimulatedBrokerage] = Brokerage,
    open_exchange: Callable[[Any], Exchange] = Exchange,
) -> Iterator[LiveFloor]:
    """A floor with a brokerage of its own and live data; no worker is started yet.

    Args:
        notices: The workers of KIS know the HTS ID.
        settings: More environment variables of every worker.
        open_brokerage: Starts the brokerage.
        open_exchange: Shows its live data.
    """
    with open_brokerage() as brokerage:
        live = {**brokerage.live_settings(), **(settings or {})}
        if not notices:
            live.pop("KIS_HTS_ID")
        with LiveFloor(url, folder, brokerage, live, open_exchange) as floor:
            yield floor


@contextmanager
def running_live_floor(
    broker: Any,
    folder: Path,
    *,
    exchange: Mapping[str, Any] | None = None,
    notices: bool = True,
    **options: Any,
) -> Iterator[LiveFloor]:
    """A floor with one worker, whose live connection waits for nothing long; the broker is clean around it.

    Args:
        broker: The test broker.
        exchange: How the simulated WebSocket server behaves.
        notices: As for `open_live_floor`, whose other options may follow.
    """
    clean(broker.url, broker.management)
    with open_live_floor(broker.url, folder, notices=notices, **options) as floor:
        if exchange:
            floor.exchange.change(**exchange)
        floor.start(program=BRISK)
        if notices:
            floor.wait_own()
        yield floor
        assert floor.worker.terminate() == 0, floor.logs()
        floor.assert_discreet()
    clean(broker.url, broker.management)

"""Checks streams through the worker that holds the key: a second session would cost it its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from broker_client import Client
from broker_client.errors import BrokerError, BrokerUnreachable, TaskFailed
from broker_client.protocol import Environment
from broker_client.stream import Stream
from broker_client.streams import StreamStatus
from broker_server.stream_check.report import Report, Wanted
from broker_server.stream_check.texts import Sight, feed_line, feed_of, is_explained, short_form

ANSWER_SECONDS = 15.0
_SLICE_SECONDS = 0.5
"""A thread waits no longer in one go, so that Ctrl-C ends it soon."""


def ask_worker(
    url: str, environment: Environment, vendor: str, wanted: Sequence[Wanted], seconds: float, report: Report
) -> None:
    """Subscribe, look on for a while, and unsubscribe.

    Args:
        url: The broker.
        environment: Another worker's answer does not count.
        vendor: Whose key the worker holds.
        wanted: What to look at.
        seconds: How long.
        report: Where the steps go.
    """
    try:
        client = Client(
            url, timeout=ANSWER_SECONDS, expected_environment=environment, name="broker-server check"
        )
    except BrokerUnreachable as error:
        for each in wanted:
            each.sight.failure = str(error)
        return
    with client, ThreadPoolExecutor(len(wanted)) as threads:
        worker, feed = _status(client, vendor)
        report.step(f"the worker {worker} holds the {vendor} key and is asked; its feed: {feed_line(feed)}")
        watches = [_Watch(client, each, worker, report.elapsed() + seconds, report) for each in wanted]
        try:
            list(threads.map(_Watch.run, watches))
        except BaseException:
            for watch in watches:
                watch.deadline = 0.0  # each still unsubscribes
            raise
        missing = [
            each.sight for each in wanted if each.sight.first_at is None and not is_explained(each.sight)
        ]
        if missing:
            _, feed = _status(client, vendor)
            report.step(f"the worker's feed: {feed_line(feed)}")
        for sight in missing:
            sight.registered = (feed.get("registered", 0), feed.get("capacity", 0))
            if not sight.acknowledged and sight.failure is None:
                sight.failure = next(
                    filter(None, (each["last_failure"] for each in feed.get("sessions", ()))), None
                )


def _status(client: Client, vendor: str) -> tuple[str, Mapping[str, Any]]:
    """The worker that serves a vendor, and how its feed is."""
    try:
        rows = client.call("broker.get-status").rows
    except BrokerError as error:
        return f"(which does not tell how it is: {error})", {}
    row = next((row for row in rows if feed_of(row, vendor)), rows[0])
    return str(row.get("worker")), feed_of(row, vendor)


class _Watch:
    """Looks at one stream."""

    def __init__(self, client: Client, wanted: Wanted, worker: str, deadline: float, report: Report) -> None:
        self._client = client
        self._name = wanted.name
        self._sight: Sight = wanted.sight
        self._sight.worker = worker
        self.deadline = deadline
        self._report = report

    def run(self) -> None:
        """Look on until the deadline, or until enough has come."""
        parameters: dict[str, Any] = {"tr_id": self._name.tr_id}
        if self._name.tr_key is not None:
            parameters["tr_key"] = self._name.tr_key
        sight = self._sight
        sight.asked = True
        self._report.step(f"{self._name.vendor}.subscribe sent", sight)
        try:
            with self._client.stream(
                f"{self._name.vendor}.subscribe", on_status=self._told, **parameters
            ) as stream:
                self._acknowledged(stream)
                self._take(stream)
        except TaskFailed as error:
            sight.refused = error
            code = f"{error.code} {error.vendor_code or ''}".rstrip()
            self._report.step(f"refused by way of the worker: {code}", sight)
        except BrokerError as error:
            sight.failure = str(error)
            self._report.step(f"ended: {error}", sight)

    def _acknowledged(self, stream: Stream) -> None:
        row = stream.ack.first if stream.ack is not None else {}
        mode = row.get("mode")
        if mode == "realtime":
            self._sight.acknowledged = True
        self._report.step(f"acknowledged by the worker, mode {mode}", self._sight)

    def _take(self, stream: Stream) -> None:
        sight = self._sight
        while not sight.is_done:
            left = self.deadline - self._report.elapsed()
            if left <= 0:
                return
            try:
                event = stream.get(min(left, _SLICE_SECONDS))
            except TimeoutError:
                continue
            sight.frames += 1
            sight.last_at = self._report.elapsed()
            if sight.first_at is None:
                sight.first_at = sight.last_at
            self._report.step(f"event: {short_form(event.data)}", sight)

    def _told(self, status: StreamStatus) -> None:
        reason = f": {status.reason}" if status.reason else ""
        self._report.step(f"the worker says {status.state}{reason}", self._sight)
        if status.state == "live":
            self._sight.acknowledged, self._sight.failure = True, None
        elif status.state == "reconnecting":
            self._sight.acknowledged, self._sight.failure = False, status.reason
        elif status.state == "stale":
            self._sight.noticed = f"the worker has noticed it ({status.reason or status.state})"
        else:
            self._sight.failure = f"the worker says {status.state}{reason}"

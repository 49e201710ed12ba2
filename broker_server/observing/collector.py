"""Turns what a worker knows of itself into metrics, whenever somebody asks. Runs on the endpoint's thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from broker_client import __version__
from broker_server.core.accounts import AccountKey
from broker_server.core.measuring import Timings
from broker_server.observing.families import FAMILIES
from broker_server.observing.sources import Sources

_MESSAGES = {
    "received": "received",
    "redelivered": "redelivered",
    "forwarded": "forwarded",
    "rejected": "rejected",
    "unroutable": "unroutable",
    "replies_lost": "lost",
}
_TICKS = ("published", "conflated", "dropped", "returned", "nacked", "refused")
_SUBSCRIPTIONS = {
    "subscriptions": "asked",
    "wanted": "wanted",
    "confirmed": "confirmed",
    "polled": "polled",
    "stale": "stale",
}
Rows = Iterable[tuple[Sequence[str], float]]


class WorkerCollector(Collector):
    """The metrics of one worker.

    Args:
        sources: Where everything is known.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Every metric, as it is now."""
        sources = self._sources
        yield _info({"worker": sources.name, "version": __version__, "environment": sources.environment})
        yield from self._of_health()
        yield from self._of_tasks()
        yield from self._of_vendors()
        yield from self._of_live_data()
        yield from self._of_the_journal()

    def _of_health(self) -> Iterator[Metric]:
        health = self._sources.health()
        yield _plain("ready", float(health.ready))
        up = [(AccountKey.of(place), float(each.up)) for place, each in health.vendors.items()]
        yield _gauge("vendor_up", up)
        accounts = [(key, self._sources.grant(key)) for key in self._sources.accounts]
        yield _gauge("owner", [(labels, float(grant is not None)) for labels, grant in accounts])
        yield _gauge(
            "owner_fresh", [(labels, float(grant is not None and grant.fresh)) for labels, grant in accounts]
        )
        yield _gauge(
            "owner_epoch", [(labels, float(grant.epoch)) for labels, grant in accounts if grant is not None]
        )

    def _of_tasks(self) -> Iterator[Metric]:
        meter, source = self._sources.meter, self._sources.counts
        yield _histogram("task_seconds", meter.tasks)
        yield _histogram("task_delivery_seconds", meter.deliveries)
        yield _histogram("task_wait_seconds", meter.waits)
        lanes = source.lanes()
        yield _gauge("tasks_waiting", [((pool,), each["waiting"]) for pool, each in lanes.items()])
        yield _gauge("tasks_running", [((pool,), each["running"]) for pool, each in lanes.items()])
        tasks = source.tasks()
        yield _counter("messages", [((fate,), tasks.get(key, 0)) for key, fate in _MESSAGES.items()])
        events = source.events()
        yield _counter(
            "events", [((fate,), events.get(fate, 0)) for fate in ("published", "dropped", "refused")]
        )
        yield _plain("events_waiting", events.get("waiting", 0))

    def _of_vendors(self) -> Iterator[Metric]:
        meter = self._sources.meter
        yield _histogram("vendor_call_seconds", meter.calls)
        yield _histogram("vendor_slot_wait_seconds", meter.slots)
        told = {key: status for key in self._sources.accounts if (status := self._sources.status(key))}
        limits = {key: status["rate_limit"] for key, status in told.items() if "rate_limit" in status}
        tokens = {key: status["token"] for key, status in told.items() if "token" in status}
        yield _gauge(
            "vendor_slots_waiting",
            [((*key, lane), n) for key, each in limits.items() for lane, n in each["waiting"].items()],
        )
        left = [(key, each["remaining"]) for key, each in limits.items() if "remaining" in each]
        yield _gauge("vendor_slots_left", left)
        yield _gauge(
            "vendor_token_valid",
            [(key, float(each["state"] == "valid")) for key, each in tokens.items()],
        )
        yield _gauge(
            "vendor_token_age_seconds",
            [(key, each["age_seconds"]) for key, each in tokens.items() if each["age_seconds"] is not None],
        )

    def _of_live_data(self) -> Iterator[Metric]:
        streams = self._sources.counts.streams()
        ticks: Mapping[str, int] = streams.get("ticks") or {}
        tasks = self._sources.counts.tasks()
        yield _counter(
            "reconnects",
            [(("tasks",), tasks.get("reconnects", 0)), (("ticks",), ticks.get("reconnects", 0))],
        )
        yield _histogram("tick_seconds", self._sources.meter.ticks)
        yield _counter("ticks", [((fate,), ticks.get(fate, 0)) for fate in _TICKS])
        yield _gauge(
            "ticks_pending", [((state,), ticks.get(state, 0)) for state in ("outstanding", "waiting")]
        )
        served = {
            key: each for key in self._sources.accounts if isinstance(each := streams.get(key.place), dict)
        }
        yield _gauge(
            "subscriptions",
            [
                ((*key, state), each.get(name, 0))
                for key, each in served.items()
                for name, state in _SUBSCRIPTIONS.items()
            ],
        )
        sessions: list[tuple[tuple[str, ...], dict[str, Any]]] = [
            ((*key, str(number)), session)
            for key, each in served.items()
            for number, session in enumerate(each.get("feed", {}).get("sessions", ()))
        ]
        yield _gauge(
            "live_connected", [(labels, float(each.get("state") == "connected")) for labels, each in sessions]
        )
        yield _counter(
            "live_connections", [(labels, each.get("connections", 0)) for labels, each in sessions]
        )

    def _of_the_journal(self) -> Iterator[Metric]:
        reading = self._sources.journal()
        yield _plain("orders_halted", float(reading.halted))
        yield _plain("journal_up", float(reading.up))
        yield _gauge("journal_orders", reading.today)
        yield _gauge("journal_pending", reading.pending)


def _info(labels: dict[str, str]) -> Metric:
    family = FAMILIES["worker"]
    return InfoMetricFamily(family.name, family.help, labels)


def _plain(name: str, value: float) -> Metric:
    return _gauge(name, [((), value)])


def _gauge(name: str, rows: Rows) -> Metric:
    family = FAMILIES[name]
    metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in rows:
        metric.add_metric(labels, value)
    return metric


def _counter(name: str, rows: Rows) -> Metric:
    family = FAMILIES[name]
    metric = CounterMetricFamily(family.name, family.help, labels=family.labels)
    for labels, value in rows:
        metric.add_metric(labels, value)
    return metric


def _histogram(name: str, timings: Timings) -> Metric:
    family = FAMILIES[name]
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    bounds = [*(str(float(bound)) for bound in timings.bounds), "+Inf"]
    for series in timings.read():
        buckets = list(zip(bounds, (float(count) for count in series.buckets), strict=True))
        metric.add_metric(series.labels, buckets, series.total)
    return metric

"""Every metric of a worker: its name, its kind, its labels and what it means. Nothing else has a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram", "info"]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric.

    Attributes:
        name: Without the endings that Prometheus gives it (``_total``, ``_bucket`` …).
        labels: Their names.
        help: What it means, one sentence.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The names of its samples, as queries write them."""
        endings = {
            "counter": ("_total",),
            "gauge": ("",),
            "histogram": ("_bucket", "_count", "_sum"),
            "info": ("_info",),
        }
        return tuple(f"{self.name}{ending}" for ending in endings[self.kind])


def _family(name: str, kind: Kind, labels: str, help_text: str) -> Family:
    return Family(f"sapi_{name}", kind, tuple(labels.split()), help_text)


FAMILIES: Mapping[str, Family] = {
    family.name.removeprefix("sapi_"): family
    for family in (
        _family("worker", "info", "worker version environment", "Who answers here; always 1."),
        _family("ready", "gauge", "", "1 when the worker is ready, as /readyz says it."),
        _family("owner", "gauge", "vendor account", "1 while this worker owns the account."),
        _family(
            "owner_fresh",
            "gauge",
            "vendor account",
            "1 while the broker confirms that in time: orders may go.",
        ),
        _family("owner_epoch", "gauge", "vendor account", "The epoch of that ownership."),
        _family("orders_halted", "gauge", "", "1 while the kill switch is on, or cannot be read."),
        _family(
            "task_seconds", "histogram", "method status", "From a task's arrival to its reply, in seconds."
        ),
        _family(
            "task_delivery_seconds",
            "histogram",
            "",
            "From a task's request_time to its arrival, by the clocks of two machines.",
        ),
        _family("task_wait_seconds", "histogram", "lane", "From a task's arrival until a thread took it up."),
        _family("tasks_waiting", "gauge", "pool", "Tasks that wait for a thread."),
        _family("tasks_running", "gauge", "pool", "Tasks that a thread works on."),
        _family(
            "messages",
            "counter",
            "fate",
            "Tasks received, redelivered, forwarded, rejected; replies unroutable, lost.",
        ),
        _family(
            "reconnects", "counter", "connection", "Connections to RabbitMQ beyond the first: tasks, ticks."
        ),
        _family("events", "counter", "fate", "Events for broker.events: published, dropped, refused."),
        _family("events_waiting", "gauge", "", "Events that RabbitMQ has not confirmed."),
        _family(
            "vendor_call_seconds",
            "histogram",
            "vendor operation code",
            "Calls by TR id; code is OK, the vendor's own, NO_ANSWER, NOT_SENT or HTTP_<status>.",
        ),
        _family(
            "vendor_slot_wait_seconds",
            "histogram",
            "vendor lane",
            "How long calls waited for the vendor's rate limit.",
        ),
        _family(
            "vendor_slots_waiting", "gauge", "vendor account lane", "Calls that wait for the rate limit."
        ),
        _family(
            "vendor_slots_left",
            "gauge",
            "vendor account",
            "Calls that could start right now; not told by OpenAPI+.",
        ),
        _family(
            "vendor_token_valid",
            "gauge",
            "vendor account",
            "1 while there is an access token that has not expired.",
        ),
        _family(
            "vendor_token_age_seconds",
            "gauge",
            "vendor account",
            "Seconds since the access token was issued.",
        ),
        _family(
            "vendor_up", "gauge", "vendor account", "1 while the vendor's session is up, as /readyz says it."
        ),
        _family(
            "live_connected",
            "gauge",
            "vendor account session",
            "1 while a connection for live data is logged in.",
        ),
        _family(
            "live_connections",
            "counter",
            "vendor account session",
            "Connections for live data that were made.",
        ),
        _family(
            "subscriptions",
            "gauge",
            "vendor account state",
            "Subscriptions of clients (asked), and registrations: wanted, confirmed, polled, stale.",
        ),
        _family(
            "tick_seconds", "histogram", "vendor", "From an event's arrival until it is sent to RabbitMQ."
        ),
        _family(
            "ticks",
            "counter",
            "fate",
            "Messages of live data: published, conflated, dropped, returned, nacked, refused.",
        ),
        _family(
            "ticks_pending", "gauge", "state", "Messages of live data: outstanding (unconfirmed), waiting."
        ),
        _family("journal_up", "gauge", "", "1 when the journal could be read for this answer."),
        _family(
            "journal_orders", "gauge", "vendor account state", "Orders received today in Korea, by state."
        ),
        _family(
            "journal_pending",
            "gauge",
            "vendor account state",
            "Orders of any day that are RECEIVED, SENDING, UNKNOWN, or OPEN in the market.",
        ),
    )
}

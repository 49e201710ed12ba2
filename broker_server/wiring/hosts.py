"""What happens to the programs that adapters live in, on ``broker.events``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from broker_server.amqp.events import event_key
from broker_server.core.vendor import HasHost, Vendor


class Bus(Protocol):
    """Where events are published, from any thread."""

    def publish(self, key: str, body: dict[str, Any]) -> None: ...


def announce_hosts(vendors: Sequence[Vendor], bus: Bus) -> None:
    """Publish the state of every adapter's host, now and whenever it changes."""
    for vendor in vendors:
        if isinstance(vendor, HasHost):
            vendor.announce_to(partial(_publish, bus, vendor.name))


def _publish(bus: Bus, vendor: str, told: Mapping[str, Any]) -> None:
    state = str(told["state"])
    bus.publish(event_key("host", vendor, state.lower()), {"type": "host", "vendor": vendor, **told})

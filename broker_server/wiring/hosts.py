"""What happens to the programs that adapters live in, on ``broker.events``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from broker_server.amqp.host_voice import host_event, host_key
from broker_server.core.vendor import HasHost, Vendor
from broker_server.vendors.kiwoom.openapi_plus.host import SUPERVISED


class Bus(Protocol):
    """Where events are published, from any thread."""

    def publish(self, key: str, body: dict[str, Any]) -> None: ...


def is_supervised() -> bool:
    """Whether a supervisor, which outlives this process, tells of the host's states."""
    return os.environ.get(SUPERVISED) == "1"


def announce_hosts(vendors: Sequence[Vendor], bus: Bus) -> None:
    """Publish the state of every adapter's host, now and whenever it changes."""
    for vendor in vendors:
        if isinstance(vendor, HasHost):
            vendor.announce_to(partial(_publish, bus, vendor.name))


def _publish(bus: Bus, vendor: str, told: Mapping[str, Any]) -> None:
    bus.publish(host_key(vendor, str(told["state"])), host_event(vendor, told))

"""The product's worker with a live connection of short waits: thirty faults must not take half an hour."""

from __future__ import annotations

from functools import partial
from typing import Any

from broker_server import entry
from broker_server.vendors.kis import vendor
from broker_server.vendors.kis.realtime_pool import KisFeed
from broker_server.vendors.kiwoom.rest import backend
from broker_server.vendors.kiwoom.rest.feed import RestFeed
from broker_server.vendors.koscom import streams as koscom
from broker_server.vendors.koscom.feed import KoscomFeed
from broker_server.vendors.koscom.live_timing import KoscomTiming
from broker_server.vendors.live_timing import Timing

WAITS: dict[str, Any] = {
    "burst": 1000,
    "silence": 2.0,
    "stable": 2.0,
    "first_pause": 0.2,
    "longest_pause": 1.0,
    "first_retry": 0.5,
    "answer": 2.0,
    "in_use": 2.0,
}
TIMING = Timing(keep=0.2, **WAITS)
KOSCOM_TIMING = KoscomTiming(heartbeat=0.5, **WAITS)


def main() -> None:
    """Run ``broker-server``."""
    vendor.KisFeed = partial(KisFeed, timing=TIMING)  # type: ignore[assignment,misc]
    backend.RestFeed = partial(RestFeed, timing=TIMING)  # type: ignore[assignment,misc]
    koscom.KoscomFeed = partial(KoscomFeed, timing=KOSCOM_TIMING)  # type: ignore[assignment,misc]
    entry.main()

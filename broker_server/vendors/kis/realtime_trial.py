"""Whether live data can be had, without taking any: for ``broker-server check``."""

from __future__ import annotations

from collections.abc import Sequence

from broker_client.errors import Unsupported
from broker_server.vendors.clock import Clock
from broker_server.vendors.http import Transport
from broker_server.vendors.kis.approval import ApprovalKeys
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import VENDOR
from broker_server.vendors.live_link import try_connections


def try_live_data(configs: Sequence[KisConfig], transport: Transport, clock: Clock) -> str:
    """Get an approval key for each app key, and connect to each server. Blocking.

    Nothing is registered, so KIS does not count the connection as the key's.

    Args:
        configs: Those that have a server of live data.
        transport: For the approval keys.
        clock: The time.

    Returns:
        What was seen, in words.

    Raises:
        TaskFailed: An approval key cannot be had, or a server does not answer.
    """
    if not configs:
        raise Unsupported("there is no server of live data; set KIS_WS_URL", vendor=VENDOR)
    for config in configs:
        ApprovalKeys(config, transport, clock).get()
    urls = list(dict.fromkeys(config.live_url for config in configs if config.live_url is not None))
    try_connections(VENDOR, "KIS", urls)
    keys = "an approval key" if len(configs) == 1 else f"{len(configs)} approval keys"
    return f"got {keys}; the server of live data takes connections"

"""A look whether there would be live data."""

from __future__ import annotations

from websockets.exceptions import WebSocketException

from broker_client.errors import TaskFailed, VendorUnavailable
from broker_server.vendors.koscom.config import KoscomConfig
from broker_server.vendors.koscom.errors import VENDOR
from broker_server.vendors.koscom.live_timing import KoscomTiming
from broker_server.vendors.koscom.presets import ISSUES_PATH
from broker_server.vendors.koscom.realtime_entry import Pass, introduce
from broker_server.vendors.live_link import (
    close_connection,
    host_of,
    open_connection,
    why_not_open,
)


async def try_init(config: KoscomConfig, timing: KoscomTiming | None = None) -> str:
    """Connect, send the init, and close.

    Args:
        config: It has a ``live_url``.
        timing: The waits.

    Raises:
        TaskFailed: There is no connection, or KOSCOM refuses the init.
    """
    timing = timing or KoscomTiming()
    url = f"{config.live_url}{ISSUES_PATH}"
    try:
        connection = await open_connection(url, timing)
    except (OSError, EOFError, WebSocketException) as error:
        raise _failed(url, why_not_open("KOSCOM", error)) from error
    try:
        entry = Pass(config.api_key.get_secret_value(), config.member_name)
        ending = await introduce(connection, entry, 1, timing.answer)
    finally:
        await close_connection(connection, timing)
    if ending is not None:
        raise ending.error or _failed(url, ending.reason)
    return f"init accepted by {host_of(url)}"


def _failed(url: str, reason: str) -> TaskFailed:
    return VendorUnavailable(f"{host_of(url)}: {reason}", vendor=VENDOR)

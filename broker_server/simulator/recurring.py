"""What a simulated live server does again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MATCHING_SECONDS = 1.0
"""Resting orders are matched that often while somebody waits for notices."""

_FAILED_SECONDS = 1.0
_CHANGE_SECONDS = 0.1
"""A changed interval takes effect within it."""


async def every(interval: Callable[[], float], work: Callable[[], None]) -> None:
    """Work for ever; one failure must not end all live data.

    Args:
        interval: Seconds from one beginning to the next; it may change meanwhile.
        work: What to do.
    """
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        while (left := started + interval() - loop.time()) > 0:  # noqa: ASYNC110 - it may change meanwhile
            await asyncio.sleep(min(left, _CHANGE_SECONDS))
        try:
            work()
        except Exception as error:
            loop.call_exception_handler({"message": "the simulated WebSocket", "exception": error})
            await asyncio.sleep(_FAILED_SECONDS)

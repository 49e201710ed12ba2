"""Work that a simulated server does again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_FAILED_SECONDS = 1.0
_CHANGE_SECONDS = 0.1
"""A changed interval takes effect within it."""


async def every(interval: Callable[[], float], work: Callable[[], None]) -> None:
    """Do the work until cancelled; a failure is reported and does not end it.

    Args:
        interval: Real seconds from one beginning to the next, read anew all the time.
        work: What is done.
    """
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        while (left := started + interval() - loop.time()) > 0:  # noqa: ASYNC110 - it may change meanwhile
            await asyncio.sleep(min(left, _CHANGE_SECONDS))
        try:
            work()
        except Exception as error:  # one failure must not end all live data
            loop.call_exception_handler({"message": "the simulated WebSocket", "exception": error})
            await asyncio.sleep(_FAILED_SECONDS)

"""Waiting for a condition with a deadline, instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_POLL = 0.02

PATIENCE = 60.0
"""Seconds that a condition may take on a slow and busy machine; a healthy run waits for milliseconds."""


def wait_until(condition: Callable[[], T], timeout: float = PATIENCE, what: str = "") -> T:
    """Call ``condition`` until it returns something true, and return that.

    Args:
        condition: Called every 20 ms. An `AssertionError` counts as "not yet".
        timeout: Seconds until `AssertionError` is raised.
        what: Named in that error.
    """
    deadline = time.monotonic() + timeout
    reason: object = "it stayed false"
    while True:
        try:
            if value := condition():
                return value
        except AssertionError as error:
            reason = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what or condition}: {reason}")
        time.sleep(_POLL)


async def wait_until_async(
    condition: Callable[[], T | Awaitable[T]],
    timeout: float = PATIENCE,  # noqa: ASYNC109 - the deadline of the assertion, not a cancellation
    what: str = "",
) -> T:
    """The same for a running event loop; the condition may be a coroutine function."""
    deadline = time.monotonic() + timeout
    reason: object = "it stayed false"
    while True:
        try:
            value = condition()
            if isinstance(value, Awaitable):
                value = await value
            if value:
                return value
        except AssertionError as error:
            reason = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what or condition}: {reason}")
        await asyncio.sleep(_POLL)

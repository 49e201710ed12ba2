"""The waits and limits of the OpenAPI+ way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker_server.core.composite_limiter import CompositeLimiter
from broker_server.core.limiter import SlidingWindowLimiter
from broker_server.core.methods import TaskContext
from broker_server.vendors.clock import Clock

QUERY_WINDOWS = ((5, 18.0), (25, 90.0), (50, 180.0), (1000, 3600.0))
"""Queries and seconds. Kiwoom publishes five a second and a notice of hidden limits on top; these windows,
which koapy has run with for years, stay below what those are believed to be."""

ORDERS_PER_SECOND = 5
"""Kiwoom's guide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds.

    Attributes:
        login: A login that takes longer waits for somebody at the login window.
        ready: A task waits so long for a login under way.
        request: An answer to a query.
        message: Behind a text that came instead of an answer.
        order: An answer to an order.
        order_message: The text of a refused order, behind its answer.
        chain: Between two pages of one query.
        look: Between two looks at the connection.
        held_up: So long the control's thread may be kept from its work; then only a new process helps.
        queries: How many in how many seconds.
        holds: Pauses after each refusal for the number of queries in a row; after the last only a new login
            helps. Kiwoom's own advice has these steps.
    """

    login: float = 90.0
    ready: float = 30.0
    request: float = 15.0
    message: float = 3.0
    order: float = 10.0
    order_message: float = 1.0
    chain: float = 120.0
    look: float = 10.0
    held_up: float = 60.0
    queries: tuple[tuple[int, float], ...] = QUERY_WINDOWS
    holds: tuple[float, ...] = (17.0, 90.0, 180.0)


def query_limiter(windows: Sequence[tuple[int, float]] = QUERY_WINDOWS) -> CompositeLimiter:
    """The windows of queries. Some of each are left to what an order needs to be looked up for."""
    return CompositeLimiter(
        [SlidingWindowLimiter(limit, window=seconds, spaced=False) for limit, seconds in windows]
    )


def order_limiter() -> SlidingWindowLimiter:
    """The window of orders, which Kiwoom counts apart."""
    return SlidingWindowLimiter(ORDERS_PER_SECOND)


def deadline_of(context: TaskContext, clock: Clock) -> float | None:
    """A task's deadline by the monotonic clock; ``None`` if it has none."""
    if context.deadline is None:
        return None
    return clock.monotonic() + (context.deadline - clock.now()).total_seconds()
